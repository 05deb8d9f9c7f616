package main

// An area is a table of rows about one part of the module.
type area struct {
	name string
	rows []row
}

// areas lists the tables. A new table goes into a file of its own.
var areas = []area{
	{"authority", authorityRows},
	{"engine", engineRows},
	{"gcm", gcmRows},
	{"identity", identityRows},
	{"record", recordRows},
	{"sealsock", sealsockRows},
	{"stream", streamRows},
	{"trust", trustRows},
	{"untraced", untracedRows},
	{"untraced 1.2", untracedRows12},
}
