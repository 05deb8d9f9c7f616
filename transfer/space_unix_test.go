//go:build linux || darwin || freebsd

package transfer

import (
	"errors"
	"io/fs"
	"syscall"
	"testing"
)

// TestFullDisk: a disk that becomes full while a file is written is reported as such.
func TestFullDisk(t *testing.T) {
	for _, cause := range []error{syscall.ENOSPC, syscall.EDQUOT} {
		err := fileError(&fs.PathError{Op: "write", Path: "x", Err: cause})
		if !errors.Is(err, ErrSpace) || failing(err) {
			t.Errorf("%v: %v", cause, err)
		}
	}
	err := fileError(&fs.PathError{Op: "write", Path: "x", Err: syscall.EIO})
	if errors.Is(err, ErrSpace) || failing(err) {
		t.Error(err)
	}
}
