package layers

import (
	"go/ast"
	"go/token"
	"regexp"
	"strings"
	"testing"
)

// flagInText matches a flag of the command in a text: " --ca" and "(--ca".
var flagInText = regexp.MustCompile("[ (`]--[a-z]")

// odd matches identifiers that describe a program as a play.
var odd = regexp.MustCompile(`(?i)^(talkers?|doors?|frontdoor|visitors?|ownership|troubles?|` +
	`nobody|whoever|goodbye)$`)

// texts calls f for each string of a source outside of tests.
func texts(s source, f func(text string)) {
	ast.Inspect(s.file, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			f(lit.Value)
		}
		return true
	})
}

// TestTextsArePlain finds playful words in the strings and identifiers of the code.
func TestTextsArePlain(t *testing.T) {
	for _, s := range sources(t) {
		if s.dir() == "internal/layers" {
			continue
		}
		if s.isTest() || s.dir() == "internal/sockettest" || strings.HasPrefix(s.name, "test/") ||
			strings.HasPrefix(s.name, "bench/") {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok && odd.MatchString(id.Name) {
				t.Errorf("%v: %s: name it for what it is", s.fset.Position(id.Pos()), id.Name)
			}
			return true
		})
		texts(s, func(text string) {
			if word := playful.FindString(text); word != "" {
				t.Errorf("%s: %q in %.100s", s.name, word, text)
			}
		})
	}
}

// TestLibrariesNameNoFlags finds flags of the command in the strings of other packages:
// the command adds them to the hints (cmd/seal/hints.go).
func TestLibrariesNameNoFlags(t *testing.T) {
	for _, s := range sources(t) {
		if s.isTest() || !library(s.name) {
			continue
		}
		texts(s, func(text string) {
			if flagInText.MatchString(text) {
				t.Errorf("%s: a flag in %.100s", s.name, text)
			}
		})
	}
}

func library(name string) bool {
	for _, dir := range []string{"cmd/", "test/", "bench/", "scripts/", "internal/peers/"} {
		if strings.HasPrefix(name, dir) {
			return false
		}
	}
	return true
}
