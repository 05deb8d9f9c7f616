// Package nickname makes names of what people call themselves, and tells which of them look
// alike.
package nickname

import (
	"strings"
	"unicode"
	"unicode/utf8"

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

// unseen reports whether a character leaves no mark of its own where it is shown: a blank one, a
// format character, or a variation selector.
func unseen(c rune) bool {
	return printable.Blank(c) || unicode.In(c, unicode.Cf, unicode.Variation_Selector)
}

// Keys returns what a name must not have in common with another: the skeleton of UTS #39,
// Section 4, of the name as it is, in lower case, and with each letter read as the Latin one that
// it looks like. The first two differ for a letter like capital I, which looks like l as it is and
// is i in lower case, and for a Cyrillic capital Ve, which looks like B while its small letter
// looks like none. The third is for a name with letters of both kinds.
func Keys(name string) [3]string {
	name = norm.NFKC.String(name)
	skeleton := func(text string) string { return strings.ToLower(confusables.Skeleton(text)) }
	return [3]string{
		skeleton(name), skeleton(strings.ToLower(name)), skeleton(strings.Map(latin, name)),
	}
}

// latin returns the small Latin letter as which a letter is read.
func latin(c rune) rune {
	like := []rune(confusables.Skeleton(string(c)))
	switch {
	case unicode.IsUpper(c) && string(like) == "l":
		return 'i'
	case len(like) == 1 && like[0] < utf8.RuneSelf:
		return unicode.ToLower(like[0])
	}
	return unicode.ToLower(c)
}
