package transfer

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
)

// TestLateFile: who agrees that the files that are there are replaced has not agreed to replace one
// that appears while the files are received.
func TestLateFile(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	write(t, from, map[string][]byte{"asked": []byte("new"), "late": []byte("new")})
	write(t, to, map[string][]byte{"asked": []byte("old")})
	a, b := net.Pipe()
	sent := make(chan struct{})
	files := scan(t, from, "asked", "late")
	go func() {
		defer close(sent)
		SendTo(context.Background(), a, files, nil)
	}()
	late := filepath.Join(to, "late")
	_, err := ReceiveFrom(within(t), b, ReceiveOptions{Dir: to,
		Accept: func(_ context.Context, o *Offer) (bool, error) {
			if len(o.Existing) != 1 || o.Existing[0] != "asked" {
				t.Error(o.Existing)
			}
			return true, os.WriteFile(late, []byte("precious"), 0o600)
		}})
	b.Close()
	<-sent
	if content, _ := os.ReadFile(late); !errors.Is(err, ErrExists) || string(content) != "precious" {
		t.Errorf("%v, and the file has %q", err, content)
	}
	if content, err := os.ReadFile(filepath.Join(to, "asked")); string(content) != "new" {
		t.Errorf("%q was not replaced: %v", content, err)
	}
}

// TestLateFileOnTheWay: nor one that has appeared when another connection carries the rest.
func TestLateFileOnTheWay(t *testing.T) {
	l := &list{entries: []entry{{name: "asked", kind: entryFile}, {name: "late", kind: entryFile}}}
	before := &store{list: l, replaced: map[int]bool{0: true}}
	now := &store{list: l, replaced: map[int]bool{0: true}}
	if name := now.unasked(before); name != "" {
		t.Errorf("%s was asked about", name)
	}
	now.replaced[1] = true
	if name := now.unasked(before); name != "late" {
		t.Errorf("%q was not asked about", name)
	}
	before.late = true
	if name := now.unasked(before); name != "" {
		t.Errorf("%s may be replaced", name)
	}
}
