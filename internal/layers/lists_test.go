package layers

import (
	"bufio"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "lower the numbers of the lists in testdata")

// A limit is one line of a list: a number that a count must not exceed, and
// the reason why it is not zero.
type limit struct {
	max    int
	reason string
}

// readLimits reads a list of testdata. A line is a key that may contain
// blanks, a tab, a number, and optionally a tab and a reason. A line that
// begins with # is a comment.
func readLimits(t *testing.T, name string) map[string]limit {
	t.Helper()
	f, err := os.Open("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	limits := map[string]limit{}
	for s := bufio.NewScanner(f); s.Scan(); {
		if s.Text() == "" || strings.HasPrefix(s.Text(), "#") {
			continue
		}
		cells := strings.Split(s.Text(), "\t")
		if len(cells) < 2 {
			t.Fatalf("testdata/%s: no tab in %q", name, s.Text())
		}
		n, err := strconv.Atoi(cells[1])
		if err != nil {
			t.Fatalf("testdata/%s: %v", name, err)
		}
		if _, twice := limits[cells[0]]; twice {
			t.Errorf("testdata/%s: %s stands twice", name, cells[0])
		}
		limits[cells[0]] = limit{n, strings.Join(cells[2:], " ")}
	}
	return limits
}

// lowerLimits rewrites a list. It lowers a number that exceeds its count by more
// than slack, and removes a line whose count is zero. It keeps the comments at
// the top.
func lowerLimits(t *testing.T, name string, slack int, counts map[string]int) {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			out.WriteString(line)
		}
	}
	limits := readLimits(t, name)
	for _, key := range slices.Sorted(maps.Keys(limits)) {
		l := limits[key]
		if l.max > counts[key]+slack {
			l.max = counts[key]
		}
		if counts[key] > 0 {
			fmt.Fprintln(&out, strings.TrimRight(fmt.Sprintf("%s\t%d\t%s", key, l.max, l.reason), "\t"))
		}
	}
	if err := os.WriteFile("testdata/"+name, []byte(out.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// A ratchet compares counts with a list that may only shrink.
type ratchet struct {
	list  string
	what  string
	slack int    // how far a count may fall below its number before that number must be lowered
	find  string // a pattern for git grep that finds new offenders among added lines
}

func (r ratchet) check(t *testing.T, counts map[string]int) {
	t.Helper()
	if *update {
		lowerLimits(t, r.list, r.slack, counts)
	}
	limits := readLimits(t, r.list)
	for _, key := range slices.Sorted(maps.Keys(counts)) {
		if n, most := counts[key], limits[key].max; n > most {
			t.Errorf("%s: %d %s, at most %d allowed. Added ones: git diff -U0 main -- %s | grep -E '%s'",
				key, n, r.what, most, key, r.find)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(limits)) {
		if most, n := limits[key].max, counts[key]; most > n+r.slack || n == 0 {
			t.Errorf("%s: %d %s, but testdata/%s allows %d. Lower it: go test ./internal/layers -update",
				key, n, r.what, r.list, most)
		}
	}
}
