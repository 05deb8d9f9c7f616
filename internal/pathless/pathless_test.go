package pathless

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestText(t *testing.T) {
	secret := filepath.Join(string(filepath.Separator)+"home", "alice", "secret")
	at := &fs.PathError{Op: "open", Path: filepath.Join(secret, "x"), Err: fs.ErrPermission}
	link := &os.LinkError{Op: "link", Old: filepath.Join(secret, "a"),
		New: filepath.Join(secret, "b"), Err: fs.ErrExist}
	folder := &fs.PathError{Op: "open", Path: secret, Err: fs.ErrPermission}
	for want, err := range map[string]error{
		"":                                  nil,
		"plain":                             errors.New("plain"),
		"open x: permission denied":         at,
		"cannot: open x: permission denied": fmt.Errorf("cannot: %w", at),
		"link a b: file already exists":     link,
		"open secret: permission denied":    folder,
		"open : permission denied":          &fs.PathError{Op: "open", Err: fs.ErrPermission},
		"open x: permission denied\nplain":  errors.Join(at, errors.New("plain")),
		"both: link a b: file already exists, open x: permission denied": fmt.Errorf(
			"both: %w, %w", link, at),
	} {
		if got := Text(err); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func ExampleText() {
	fmt.Println(Text(&fs.PathError{Op: "open", Path: "/home/alice/x", Err: fs.ErrNotExist}))
	// Output: open x: file does not exist
}
