// Package safename decides which names of files that another program chose may be created.
package safename

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/sealsock/sealsock/internal/printable"
)

const (
	maxName  = 4096 // bytes of a name with its folders
	maxPart  = 255  // bytes of a part of it
	maxDepth = 64   // parts
	// PartialPrefix begins the names of folders with unfinished files, which no other has.
	PartialPrefix = ".seal-partial-"
)

// Check reports why a receiver must not create a file of this name. A name is relative and has
// '/' between its parts.
func Check(name string) error { return CheckOn(runtime.GOOS, name) }

// CheckPart is Check for a name without folders.
func CheckPart(name string) error {
	if strings.Contains(name, "/") {
		return fmt.Errorf("%q: it has a folder", name[:min(len(name), 100)])
	}
	return Check(name)
}

// CheckOn is Check on another system.
func CheckOn(system, name string) error {
	refuse := func(why string) error {
		return fmt.Errorf("%q: %s", name[:min(len(name), 100)], why)
	}
	switch {
	case name == "":
		return refuse("it is empty")
	case len(name) > maxName:
		return refuse("it is too long")
	case !utf8.ValidString(name):
		return refuse("it is no UTF-8")
	case strings.HasPrefix(name, "/"):
		return refuse("it is absolute")
	case strings.Count(name, "/") >= maxDepth:
		return refuse("it has too many folders")
	}
	if strings.ContainsFunc(name, invisible) {
		return refuse("it has a character that does not print")
	}
	for part := range strings.SplitSeq(name, "/") {
		if why := checkPart(system, part); why != "" {
			return refuse(why)
		}
	}
	if system == runtime.GOOS && !filepath.IsLocal(filepath.FromSlash(name)) {
		return refuse("it leads out of the folder")
	}
	return nil
}

// invisible reports whether a character does not print. Direction marks, blank letters and the
// like would show another name than the one that is meant. A variation selector, which is a part
// of many emoji, changes only how the character before it looks.
func invisible(c rune) bool {
	return unicode.IsControl(c) || unicode.In(c, unicode.Cf, unicode.Zl, unicode.Zp) ||
		printable.Blank(c) || c == utf8.RuneError
}

// checkPart reports why a part of a name cannot be one, or "".
func checkPart(system, part string) string {
	switch {
	case part == "" || part == "." || part == "..":
		return "it leads out of the folder, or has an empty part"
	case len(part) > maxPart:
		return "a part of it is too long"
	case strings.HasPrefix(strings.ToLower(part), PartialPrefix):
		return "it is that of a folder for unfinished files"
	case system == "windows" && !windowsPart(part):
		return "Windows has another meaning for it"
	}
	return ""
}

// Portable returns a name without folders for a system that is not known, such as that of a
// browser. It replaces characters that have another meaning somewhere; a name that some system
// cannot have becomes "file".
func Portable(name string) string {
	name = strings.Map(func(c rune) rune {
		if invisible(c) || strings.ContainsRune(`/\:*?"<>|`, c) {
			return '_'
		}
		return c
	}, name)
	name = strings.TrimRight(name, ". ")
	if CheckOn("windows", name) != nil {
		return "file"
	}
	return name
}

// windowsPart reports whether a part of a name is one on Windows: no device, stream or drive.
func windowsPart(part string) bool {
	if strings.ContainsAny(part, `\:*?"<>|`) || strings.HasSuffix(part, ".") ||
		strings.HasSuffix(part, " ") {
		return false
	}
	base, _, _ := strings.Cut(strings.ToUpper(part), ".")
	base = strings.TrimRight(base, " ")
	switch base {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$":
		return false
	}
	port, isPort := strings.CutPrefix(base, "COM")
	if !isPort {
		port, isPort = strings.CutPrefix(base, "LPT")
	}
	return !isPort || !strings.Contains("0123456789¹²³", port) || port == ""
}

// Fold returns what is equal for two names of one file on this system.
func Fold(name string) string { return FoldOn(runtime.GOOS, name) }

// FoldOn is Fold on another system. Where small and capital letters make no difference, all that
// Unicode folds are equal; those that are equal for no file system only make a pair of names
// impossible. macOS also takes a letter with its accent and the two after each other as one.
func FoldOn(system, name string) string {
	switch system {
	case "windows":
		return strings.Map(folded, name)
	case "darwin", "ios":
		return norm.NFD.String(strings.Map(folded, norm.NFD.String(name)))
	}
	return name
}

// folded returns the same letter for all that differ in case alone, which is the lowest.
func folded(c rune) rune {
	least := c
	for next := unicode.SimpleFold(c); next != c; next = unicode.SimpleFold(next) {
		least = min(least, next)
	}
	return least
}
