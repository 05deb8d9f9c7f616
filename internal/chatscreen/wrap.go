package chatscreen

import (
	"strings"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

// maxCluster is the most bytes that are taken as one character: more than those of any emoji. A
// text may combine all that it has into one, which would be looked at again for each row.
const maxCluster = 64

// next returns the first character of a text, with what is combined with it, and the most columns
// that a terminal takes for it. Terminals differ: some show an emoji of several characters as one,
// and others show each. What would not fit in a row is divided.
func next(text string, width int) (cluster string, columns int) {
	if len(text) > maxCluster {
		end := maxCluster
		for !utf8.RuneStart(text[end]) {
			end--
		}
		text = text[:end]
	}
	cluster, columns = ansi.FirstGraphemeCluster(text, ansi.GraphemeWidth)
	_, others := ansi.FirstGraphemeCluster(text, ansi.WcWidth)
	if columns = max(columns, others); columns > width {
		_, size := utf8.DecodeRuneInString(text)
		return text[:size], cells(text[:size])
	}
	return cluster, columns
}

// cells is the most columns that a terminal takes for a text with styles.
func cells(text string) int { return max(ansi.StringWidth(text), ansi.StringWidthWc(text)) }

// wrap divides a line into rows of at most width columns: behind spaces, which end no row, or
// hyphens where there are some, and elsewhere within words. Each row fits, whatever the line has: a
// row that does not would lie over what is beside it, and its end would be hidden. ansi.Wrap makes
// such rows of many hyphens.
func wrap(line string, width int) (rows []string) {
	start, used := 0, 0   // of the row: its first byte, and its columns
	split, before := 0, 0 // behind the last space or hyphen, and the columns up to there
	for at := 0; at < len(line); {
		cluster, columns := next(line[at:], width)
		if used+columns > width && at > start && cluster != " " {
			if split <= start {
				split, before = at, used
			}
			rows = append(rows, strings.TrimRight(line[start:split], " "))
			start, used = split, used-before
			continue
		}
		at += len(cluster)
		used += columns
		if cluster == " " || cluster == "-" && used <= width {
			split, before = at, used
		}
	}
	return append(rows, strings.TrimRight(line[start:], " "))
}
