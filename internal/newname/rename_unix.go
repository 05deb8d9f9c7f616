//go:build linux || darwin

package newname

import (
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// renameNew renames, unless the new name is there.
func renameNew(root *os.Root, from, to string) error {
	old, err := root.Open(filepath.Dir(from))
	if err != nil {
		return errors.ErrUnsupported // of a folder that may be searched, and not read
	}
	defer old.Close()
	folder, err := root.Open(filepath.Dir(to))
	if err != nil {
		return errors.ErrUnsupported
	}
	defer folder.Close()
	err = renameExclusively(int(old.Fd()), filepath.Base(from), int(folder.Fd()), filepath.Base(to))
	switch err {
	case nil:
		return nil
	case unix.EINVAL, unix.ENOSYS, unix.ENOTSUP: // of the file system, or of the system
		return errors.ErrUnsupported
	}
	return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
}
