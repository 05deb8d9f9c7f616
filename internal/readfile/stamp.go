package readfile

import (
	"io/fs"
	"time"
)

// A Stamp tells whether a file may have changed, without reading it: it differs
// if the file was written to or replaced. Two writes within one tick of the file
// system's clock that leave the size as it is can have one stamp.
type Stamp struct {
	size     int64
	modified time.Time
	changed  [2]int64 // when the file's entry was changed last, which no user can set
	file     [2]uint64
}

// StampOf returns the stamp of a file.
func StampOf(info fs.FileInfo) Stamp {
	s := Stamp{size: info.Size(), modified: info.ModTime()}
	s.fill(info.Sys())
	return s
}
