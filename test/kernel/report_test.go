//go:build linux

package kernel

import (
	"slices"
	"strings"
	"testing"

	"github.com/sealsock/sealsock/internal/sockettest"
)

// said is the output of a machine: two packages, of which the second skips,
// fails and exits with an error.
const said = `@@ begin socket/good
=== RUN   TestTrip
--- PASS: TestTrip (0.10s)
    --- PASS: TestTrip/part (0.10s)

@@ shows vsock: round trip
@@ notes vsock: it ran over the loopback device
@@ notes vsock: it ran over the loopback device
ok
@@ end socket/good 0
@@ problem module x: not found
@@ begin socket/bad
--- SKIP: TestAllowed (0.00s)
--- SKIP: TestForgotten (0.00s)
--- FAIL: TestBroken (0.00s)
@@ end socket/bad 1
@@ begin socket/hung
@@ over
`

// TestReport checks that every problem in the machine is reported, including a
// skip that is not on the list and a package that did not end.
func TestReport(t *testing.T) {
	results, problems, shown := parse([]byte(strings.ReplaceAll(said, "\n", "\r\n")))
	if len(results) != 3 || len(problems) != 1 || shown.of("vsock", sockettest.Trip) != 1 {
		t.Fatalf("%+v, %v, %v", results, problems, shown)
	}
	want := []string{"vsock: it ran over the loopback device"}
	notes := noted([]byte(strings.ReplaceAll(said, "\n", "\r\n")))
	if !slices.Equal(notes, want) || !strings.Contains(shown.table(notes),
		"\n\nSeen in the machine: "+want[0]+".") {
		t.Errorf("notes: %q", notes)
	}
	allowed, err := skips("# comment\n\nsocket/bad TestAllowed for a reason of its own\n")
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for i, want := range [][]string{
		nil,
		{"exit status 1", "TestForgotten skipped, and is not in skips.txt", "nothing passed"},
		{"exit status none", "nothing passed"},
	} {
		if got := results[i].problems(allowed, used); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", results[i].name, got, want)
		}
	}
	if !used["socket/bad TestAllowed"] || results[0].passed() != 2 {
		t.Errorf("%v, %d passed", used, results[0].passed())
	}
	if _, err := skips("socket/bad TestAllowed"); err == nil {
		t.Error("a skip without a reason")
	}
	if _, err := skips(skipsText); err != nil {
		t.Error(err)
	}
}

// TestTable compares the rows and columns of the document with the tables; the
// figures need the machine.
func TestTable(t *testing.T) {
	p := passes{}
	for _, f := range families {
		for _, a := range sockettest.Aspects {
			if f.none[a] == "" {
				p[f.name+": "+string(a)]++
			}
		}
	}
	p.complete(t)
	lines := strings.Split(strings.TrimSpace(p.table(nil)), "\n")
	if rows := lines[2 : 2+len(families)]; !strings.HasPrefix(rows[0], "| TCP | 1 |") || strings.Count(lines[0], "|") != len(sockettest.Aspects)+2 {
		t.Errorf("%q", lines[:3])
	}
}
