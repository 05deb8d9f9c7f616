// Package nickname makes names of what people call themselves, and tells which of them look
// alike.
package nickname

import (
	"strings"
	"unicode"

	"github.com/mtibben/confusables"
	"golang.org/x/text/unicode/norm"

	"github.com/sealsock/sealsock/internal/printable"
)

// Max is the longest name, in characters.
const Max = 32

// Of makes a name of what was sent as one. It reports false for a text with a
// character that cannot be seen, of which no name is made.
func Of(line string) (name string, ok bool) {
	if strings.ContainsFunc(line, unseen) {
		return "", false
	}
	name = strings.Map(func(c rune) rune {
		if unicode.IsLetter(c) || unicode.IsDigit(c) || c == '-' || c == '_' || c == '.' {
			return c
		}
		return '_'
	}, norm.NFC.String(strings.TrimSpace(printable.Line(line))))
	if runes := []rune(name); len(runes) > Max {
		name = string(runes[:Max])
	}
	if strings.Trim(name, "_") == "" {
		return "guest", true
	}
	return name, true
}

// unseen reports whether a character leaves no mark where it is shown: what Unicode
// ignores by default (Default_Ignorable_Code_Point, with the Hangul fillers and the
// variation selectors), format characters, and the empty Braille pattern.
func unseen(c rune) bool {
	const emptyBraille = 0x2800
	return c == emptyBraille || unicode.In(c, unicode.Cf,
		unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// Keys returns what a name must not have in common with another: the skeleton of
// UTS #39, Section 4, of the name as it is and in lower case. They differ for a letter
// like capital I, which looks like l as it is and is i in lower case.
func Keys(name string) [2]string {
	name = norm.NFKC.String(name)
	return [2]string{
		strings.ToLower(confusables.Skeleton(name)),
		strings.ToLower(confusables.Skeleton(strings.ToLower(name))),
	}
}
