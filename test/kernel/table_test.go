//go:build linux

package kernel

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/sealsock/sealsock/internal/sockettest"
)

var update = flag.Bool("update", false, "write the table of passes into docs/sockets.md")

// A family is a row of the table of passes.
type family struct {
	name string

	// none lists the aspects that do not apply, with the reasons.
	none map[sockettest.Aspect]string
}

// Reasons why an aspect does not apply to a family. The table shows a letter
// for each.
const (
	messages   = "a: it carries messages; `net.Conn`'s conformance test is for streams"
	unreliable = "b: its messages can be lost, or have no connection; TLS needs a stream, or messages that can carry one"
	noControl  = "c: the kernel gives its messages no ancillary data"
	noOptions  = "d: it has none of its own"
	noWaiting  = "e: it answers at once"
	noEnd      = "f: it has no end of a connection, which the conformance test asks for"
)

// families are the rows, in order. A passed test must cover every aspect that
// is not excused.
var families = []family{
	{"TCP", nil},
	{"UDP", datagrams()},
	{"UNIX stream", nil},
	{"UNIX seqpacket", nil},
	{"UNIX datagram", datagrams()},
	{"vsock", except(noControl, sockettest.Ancillary)},
	{"TIPC", nil},
	{"SCTP", nil},
	{"MPTCP", nil},
	{"SMC", except(noControl, sockettest.Ancillary)},
	{"RFCOMM", except(noControl, sockettest.Ancillary)},
	{"L2CAP", nil},
	{"ISO-TP", except(noEnd, sockettest.IsConn)},
	{"UDP-Lite", datagrams()},
	{"CAN raw", datagrams()},
	{"CAN broadcast manager", datagrams(noControl, sockettest.Ancillary, noOptions, sockettest.Options)},
	{"J1939", datagrams()},
	{"SCO", datagrams()},
	{"HCI", datagrams()},
	{"RDS", datagrams(noControl, sockettest.Ancillary)},
	{"QRTR", datagrams(noControl, sockettest.Ancillary, noOptions, sockettest.Options)},
	{"packet", datagrams()},
	{"netlink", datagrams()},
	{"alg", datagrams(noWaiting, sockettest.Waiting)},
}

// datagrams excuses the aspects that do not apply to lossy message families,
// and more.
func datagrams(more ...any) map[sockettest.Aspect]string {
	return except(append([]any{messages, sockettest.IsConn, unreliable, sockettest.Sealed, unreliable, sockettest.Command}, more...)...)
}

// except makes a map of pairs of a reason and an aspect.
func except(pairs ...any) map[sockettest.Aspect]string {
	none := map[sockettest.Aspect]string{}
	for pair := range slices.Chunk(pairs, 2) {
		reason := fmt.Sprint(pair[0])
		none[pair[1].(sockettest.Aspect)] = reason
	}
	return none
}

// passes counts the tests that showed an aspect of a family, by "row: aspect".
type passes map[string]int

func (p passes) of(row string, a sockettest.Aspect) int { return p[fmt.Sprintf("%s: %s", row, a)] }

// complete fails for each aspect of a family that no test covers, for each that
// is both excused and covered, and for rows that are not in the table.
func (p passes) complete(t *testing.T) {
	t.Helper()
	known := map[string]bool{}
	for _, f := range families {
		for _, a := range sockettest.Aspects {
			known[fmt.Sprintf("%s: %s", f.name, a)] = true
			switch shown, excuse := p.of(f.name, a), f.none[a]; {
			case shown == 0 && excuse == "":
				t.Errorf("%s: no test showed %q", f.name, a)
			case shown > 0 && excuse != "":
				t.Errorf("%s: %d tests showed %q, which has the excuse %q", f.name, shown, a, excuse)
			}
		}
	}
	for key := range p {
		if !known[key] {
			t.Errorf("a test showed %q, which is not in the table", key)
		}
	}
}

// noted returns what the tests saw in the machine, each "row: text", once and sorted.
func noted(out []byte) []string {
	var notes []string
	for line := range strings.Lines(string(out)) {
		if note, ok := strings.CutPrefix(strings.TrimSpace(line), sockettest.Noted); ok {
			notes = append(notes, note)
		}
	}
	slices.Sort(notes)
	return slices.Compact(notes)
}

// table writes the passes, and below them the notes, as Markdown.
func (p passes) table(notes []string) string {
	var b strings.Builder
	b.WriteString("| family |")
	for _, a := range sockettest.Aspects {
		fmt.Fprintf(&b, " %s |", a)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(sockettest.Aspects)) + "\n")
	var reasons []string
	for _, f := range families {
		fmt.Fprintf(&b, "| %s |", f.name)
		for _, a := range sockettest.Aspects {
			cell := fmt.Sprint(p.of(f.name, a))
			if reason := f.none[a]; reason != "" {
				cell = reason[:1]
				if !slices.Contains(reasons, reason) {
					reasons = append(reasons, reason)
				}
			}
			fmt.Fprintf(&b, " %s |", cell)
		}
		b.WriteString("\n")
	}
	slices.Sort(reasons)
	for _, r := range reasons {
		fmt.Fprintf(&b, "\n%s.  ", r)
	}
	text := strings.TrimRight(b.String(), " ") + "\n"
	for _, note := range notes {
		text += "\nSeen in the machine: " + note + ".\n"
	}
	return text
}

// The document that has the table, and the lines around it.
const (
	document    = "../../docs/sockets.md"
	tableBegins = "<!-- The passes by family: go test ./test/kernel -update writes them. -->\n"
	tableEnds   = "<!-- End of the passes. -->\n"
)

// compare compares the table in the document with the passes, or writes it.
func (p passes) compare(t *testing.T, notes []string) {
	t.Helper()
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := bytes.Cut(text, []byte(tableBegins))
	old, after, both := bytes.Cut(rest, []byte(tableEnds))
	if !ok || !both {
		t.Fatalf("%s has no place for the table", document)
	}
	table := "\n" + p.table(notes) + "\n"
	switch {
	case string(old) == table:
	case *update && !t.Failed():
		all := slices.Concat(before, []byte(tableBegins+table+tableEnds), after)
		if err := os.WriteFile(document, all, 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("the table of passes in docs/sockets.md is not what was seen; -update writes it:\n%s", table)
	}
}
