// Package printable makes text from strangers safe to show: on a terminal it can
// move no cursor, change no colour, hide nothing and turn no line around.
package printable

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Line returns text as one line. Each control character, line and paragraph
// separators, the characters that change the direction of text (U+202A to U+202E,
// U+2066 to U+2069 and the marks), and bytes that are no UTF-8 become U+FFFD; a
// tab becomes a space. Text that is clean already is returned as it is.
func Line(text string) string {
	if clean(text) {
		return text
	}
	return strings.Map(replace, strings.ToValidUTF8(text, "\uFFFD"))
}

// Block is Line for text of several lines: it keeps line feeds and tabs, and drops
// the carriage return of a line that ends in CRLF.
func Block(text string) string {
	if clean(text) {
		return text
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if i < len(lines)-1 {
			line = strings.TrimSuffix(line, "\r")
		}
		parts := strings.Split(line, "\t")
		for j, part := range parts {
			parts[j] = Line(part)
		}
		lines[i] = strings.Join(parts, "\t")
	}
	return strings.Join(lines, "\n")
}

// Safe reports whether r may be shown as it is.
func Safe(r rune) bool {
	switch {
	case r < ' ', r == 0x7f, 0x80 <= r && r < 0xa0, r == utf8.RuneError:
		return false
	case r < 0x2000:
		return r != 0x061c && r != 0x180e && r != 0x00ad
	case unicode.Is(unicode.Zl, r), unicode.Is(unicode.Zp, r):
		return false
	case unicode.Is(unicode.Cf, r):
		// Joiners are part of how some scripts and emoji are written.
		return r == 0x200c || r == 0x200d
	}
	return !unicode.Is(unicode.Co, r) && !unicode.Is(unicode.Noncharacter_Code_Point, r)
}

// Blank reports whether r is a character that Unicode counts as a letter or a sign and that
// leaves no mark where it is shown: the fillers of Hangul and others
// (Other_Default_Ignorable_Code_Point), and blank signs of scripts.
func Blank(r rune) bool {
	switch r {
	case 0x2800, // the Braille pattern without dots
		0x13441, 0x13442, // full and half blank among Egyptian hieroglyphs
		0x16fe4, // the filler of Khitan small script
		0x1d159: // the note head that is none
		return true
	}
	return unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r)
}

func clean(text string) bool {
	for _, r := range text {
		if !Safe(r) {
			return false
		}
	}
	return true
}

func replace(r rune) rune {
	switch {
	case r == '\t':
		return ' '
	case Safe(r):
		return r
	}
	return utf8.RuneError
}
