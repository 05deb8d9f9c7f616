package newname

import "golang.org/x/sys/unix"

func renameExclusively(oldFolder int, from string, folder int, to string) error {
	return unix.Renameat2(oldFolder, from, folder, to, unix.RENAME_NOREPLACE)
}
