//go:build !windows

package main

import (
	"io/fs"
	"os"
	"syscall"
)

// ownedByOther reports whether a user other than this one and the administrator may have
// written a file. A group is passed over: on many systems it has one member.
func ownedByOther(info fs.FileInfo) bool {
	if info.Mode().Perm()&0o002 != 0 {
		return true
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Uid != 0 && int(stat.Uid) != os.Geteuid()
}

// keepOwner gives a new file the owner and the group of an old one, if they differ from
// those of this user.
func keepOwner(f *os.File, old fs.FileInfo) error {
	stat, ok := old.Sys().(*syscall.Stat_t)
	if !ok || int(stat.Uid) == os.Geteuid() && int(stat.Gid) == os.Getegid() {
		return nil
	}
	return f.Chown(int(stat.Uid), int(stat.Gid))
}
