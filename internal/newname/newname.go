// Package newname gives a file a name that nothing else has.
package newname

import (
	"errors"
	"io/fs"
	"os"
)

// Move renames a file. Nothing is replaced, also if it appears in the same moment: the error wraps
// fs.ErrExist then. Without hard links, an exclusive renaming is used, or an empty file, which
// stays there if the process is killed in that moment.
func Move(root *os.Root, from, to string) error {
	return move(root, from, to, link, renameNew, renameOver)
}

// A way moves a file. With an error that wraps errors.ErrUnsupported the next way is tried.
type way func(root *os.Root, from, to string) error

func move(root *os.Root, from, to string, ways ...way) (err error) {
	for _, w := range ways {
		if err = w(root, from, to); !errors.Is(err, errors.ErrUnsupported) {
			break
		}
	}
	return err
}

// link adds a name and removes the old one. Systems have different errors for file systems
// without hard links.
func link(root *os.Root, from, to string) error {
	err := root.Link(from, to)
	switch {
	case err == nil:
		return root.Remove(from)
	case errors.Is(err, fs.ErrExist):
		return err
	}
	return errors.ErrUnsupported
}

// renameOver has the name first, as an empty file, and then renames over that.
func renameOver(root *os.Root, from, to string) error {
	empty, err := root.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	own, statErr := empty.Stat()
	empty.Close()
	if err = root.Rename(from, to); err != nil {
		if now, lost := root.Lstat(to); lost == nil && statErr == nil && os.SameFile(own, now) {
			root.Remove(to)
		}
	}
	return err
}
