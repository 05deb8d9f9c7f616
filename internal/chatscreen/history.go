package chatscreen

import (
	"slices"
	"strings"

	"github.com/sealsock/sealsock/internal/printable"
)

// The bounds of the history.
const (
	maxEntries = 2000
	maxNotices = 500 // of these entries, those that are no texts: a relay can cause many
	maxBytes   = 1 << 20
)

// A kind is the kind of an entry.
type kind int

const (
	spoken kind = iota // by another member
	own
	notice
	answer // to a command, of several lines
	alarm
)

// An entry is what happened in the room, as one or more rows.
type entry struct {
	kind kind
	at   string // the time of the day
	name string
	text string // printable, with line feeds in answers alone

	rows  []string // for width
	width int
}

// isNotice reports whether the entry is no text of a member.
func (e *entry) isNotice() bool { return e.kind != spoken && e.kind != own }

// wrapped returns the rows of the entry for a width. They are kept until the width changes.
func (e *entry) wrapped(width int) []string {
	if e.width == width {
		return e.rows
	}
	head := e.at + " "
	if e.name != "" {
		head += e.name + ": "
	}
	text := head + e.text
	if e.kind == alarm {
		text = "WARNING: " + e.text
	}
	// Only the first row of an entry begins at the margin, so that no text looks like another
	// member's.
	e.rows = nil
	for i, line := range strings.Split(text, "\n") {
		for j, part := range wrap(line, max(width-len(indent), 8)) {
			if i+j > 0 {
				part = indent + part
			}
			e.rows = append(e.rows, part)
		}
	}
	e.width = width
	return e.rows
}

// indent is in front of the further rows of an entry: the width of the time and a space.
const indent = "      "

// A history is the entries of a room, the oldest first.
type history struct {
	entries []*entry
	notices int // of the entries
	bytes   int
	offset  int // rows between the end and the last row that is shown
}

// add adds an entry for a width and removes old ones beyond the bounds. If the user looks at
// older rows, these stay where they are.
func (h *history) add(e *entry, width int) {
	if e.kind == answer {
		e.text = printable.Block(e.text)
	} else {
		e.text = printable.Line(e.text)
	}
	h.entries = append(h.entries, e)
	h.bytes += len(e.text)
	if e.isNotice() {
		h.notices++
	}
	if h.notices > maxNotices {
		h.remove(slices.IndexFunc(h.entries, (*entry).isNotice))
	}
	for len(h.entries) > 1 && (len(h.entries) > maxEntries || h.bytes > maxBytes) {
		h.remove(0)
	}
	if h.offset > 0 {
		h.offset += len(e.wrapped(width))
	}
}

// remove removes the entry with an index.
func (h *history) remove(i int) {
	h.bytes -= len(h.entries[i].text)
	if h.entries[i].isNotice() {
		h.notices--
	}
	if i > 0 {
		h.entries = slices.Delete(h.entries, i, i+1)
		return
	}
	h.entries[0] = nil
	h.entries = h.entries[1:]
}

// A row is one row of an entry.
type row struct {
	kind  kind
	first bool // of the entry
	entry *entry
	text  string
}

// view returns the rows that are shown at a size, at most height of them.
func (h *history) view(width, height int) []row {
	var all []row // the last first
	for i := len(h.entries) - 1; i >= 0 && len(all) < height+h.offset; i-- {
		e := h.entries[i]
		rows := e.wrapped(width)
		for j := len(rows) - 1; j >= 0; j-- {
			all = append(all, row{e.kind, j == 0, e, rows[j]})
		}
	}
	h.offset = max(0, min(h.offset, len(all)-height))
	all = all[min(h.offset, len(all)):]
	all = all[:min(height, len(all))]
	for i, j := 0, len(all)-1; i < j; i, j = i+1, j-1 {
		all[i], all[j] = all[j], all[i]
	}
	return all
}
