package main

import "io/fs"

// foreign is not known: on Windows the mode of a file does not show it.
func foreign(fs.FileInfo) bool { return false }
