package main

import "io/fs"

// foreign is not known: the mode of a file does not tell here.
func foreign(fs.FileInfo) bool { return false }
