package newname

import "golang.org/x/sys/unix"

func renameExclusively(oldFolder int, from string, folder int, to string) error {
	return unix.RenameatxNp(oldFolder, from, folder, to, unix.RENAME_EXCL)
}
