// Package pathless makes texts of errors for other machines, without the paths of this one.
package pathless

import (
	"cmp"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Text returns the text of an error. Of the paths that errors of the file system in it name, the
// last part alone remains: the others tell the names of users and folders.
func Text(err error) string {
	if err == nil {
		return ""
	}
	paths := pathsOf(err, nil)
	slices.SortFunc(paths, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	text := err.Error()
	for _, path := range paths {
		if last := filepath.Base(path); last != path && path != "" {
			text = strings.ReplaceAll(text, path, last)
		}
	}
	return text
}

// pathsOf appends the paths that an error and those within it name.
func pathsOf(err error, paths []string) []string {
	switch e := err.(type) {
	case *fs.PathError:
		paths = append(paths, e.Path)
	case *os.LinkError:
		paths = append(paths, e.Old, e.New)
	}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != nil {
			return pathsOf(inner, paths)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			paths = pathsOf(inner, paths)
		}
	}
	return paths
}
