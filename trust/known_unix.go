//go:build unix

package trust

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// private refuses a file that other users may change or replace, as OpenSSH does for
// the files of a user. A folder with the sticky bit, such as /tmp, prevents users from
// replacing the files of others.
func private(path string, info fs.FileInfo) error {
	if err := owned(path, info, 0); err != nil {
		return err
	}
	dir := filepath.Dir(path)
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	return owned(dir, info, fs.ModeSticky)
}

func owned(path string, info fs.FileInfo, excuse fs.FileMode) error {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	self := os.Geteuid()
	if int(st.Uid) != self && st.Uid != 0 {
		return fmt.Errorf("%s belongs to another user (%d), who can change it: use a file of your own",
			path, st.Uid)
	}
	if info.Mode()&excuse == 0 && othersWrite(info.Mode(), int(st.Gid), self) {
		return fmt.Errorf("%s can be changed by other users: run chmod go-w on it", path)
	}
	return nil
}

// othersWrite reports whether a file of a user and a group may be written by
// other users. A group with the number of the user is, by custom, that user's
// alone.
func othersWrite(mode fs.FileMode, group, user int) bool {
	others := fs.FileMode(0o022)
	if group == user {
		others = 0o002
	}
	return mode.Perm()&others != 0
}
