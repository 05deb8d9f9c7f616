package authority_test

import (
	"errors"
	"os"
	"testing"

	"github.com/sealsock/sealsock/authority"
)

// TestUnmadeAuthority: a nil or a zero Authority has no folder, and in particular not
// the working directory.
func TestUnmadeAuthority(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, a := range []*authority.Authority{nil, new(authority.Authority)} {
		if err := a.Check(); !errors.Is(err, os.ErrInvalid) {
			t.Errorf("Check: %v", err)
		}
		if dir := a.Dir(); dir != "" {
			t.Errorf("its folder is %q", dir)
		}
		if root := a.RootPEM(); root != nil {
			t.Errorf("its root is %q", root)
		}
	}
	if files, err := os.ReadDir("."); err != nil || len(files) > 0 {
		t.Errorf("files were made: %v, %v", files, err)
	}
}
