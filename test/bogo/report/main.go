// Command report counts the results of BoringSSL's tests by reason. scripts/bogo.sh
// runs it.
package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

func main() {
	all := flag.String("all", "", "output of the runner with a shim that knows nothing: the names of all tests")
	results := flag.String("results", "", "results of the runner, JSON")
	missing := flag.String("missing", "", "what the shim lacks, a line for each test")
	config := flag.String("config", "", "the runner's configuration, JSON")
	commit := flag.String("commit", "", "which BoringSSL it is")
	update := flag.String("update", "", "a file to write the totals into, between its marks; may be empty")
	flag.Parse()
	if err := report(*all, *results, *missing, *config, *commit, *update); err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(1)
	}
}

// totals holds the results of a run.
type totals struct {
	passed, failed, left int
	disabled, missing    map[string]int // by reason
	failures             []string
}

func report(all, results, missing, config, commit, update string) error {
	t := &totals{disabled: map[string]int{}, missing: map[string]int{}}
	if err := t.results(results); err != nil {
		return err
	}
	if err := t.leftOut(all, config); err != nil {
		return err
	}
	if err := t.lacks(missing); err != nil {
		return err
	}
	text := t.markdown(commit, time.Now())
	fmt.Print(text)
	for _, name := range t.failures {
		fmt.Println("failed:", name)
	}
	if update == "" {
		return nil
	}
	return replace(update, text)
}

// results reads the results of the runner.
func (t *totals) results(name string) error {
	var got struct {
		Tests map[string]struct {
			Actual string `json:"actual"`
		} `json:"tests"`
	}
	if err := readJSON(name, &got); err != nil {
		return err
	}
	for test, r := range got.Tests {
		switch r.Actual {
		case "PASS":
			t.passed++
		case "FAIL":
			t.failed++
			t.failures = append(t.failures, test)
		}
	}
	slices.Sort(t.failures)
	return nil
}

var testName = regexp.MustCompile(`(?m)^(?:UNIMPLEMENTED|PASSED|FAILED) \((.*)\)$`)

// leftOut counts the excluded tests by reason. The reason is that of the
// shortest matching pattern, which is the broadest decision.
func (t *totals) leftOut(all, config string) error {
	var c struct{ DisabledTests map[string]string }
	if err := readJSON(config, &c); err != nil {
		return err
	}
	text, err := os.ReadFile(all)
	if err != nil {
		return err
	}
	patterns := slices.SortedFunc(maps.Keys(c.DisabledTests), func(a, b string) int {
		return cmp.Or(len(a)-len(b), strings.Compare(a, b))
	})
	for _, m := range testName.FindAllSubmatch(text, -1) {
		for _, p := range patterns {
			fits, err := filepath.Match(p, string(m[1]))
			if err != nil {
				return fmt.Errorf("%s: %w", p, err)
			}
			if fits {
				t.disabled[c.DisabledTests[p]]++
				t.left++
				break
			}
		}
	}
	return nil
}

// lacks counts the flags that the shim does not implement.
func (t *totals) lacks(name string) error {
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for line := range bytes.Lines(text) {
		what, _, _ := strings.Cut(strings.TrimSpace(string(line)), " [") // without values
		t.missing[what]++
	}
	return err
}

func (t *totals) markdown(commit string, now time.Time) string {
	var b strings.Builder
	unimplemented := 0
	for _, n := range t.missing {
		unimplemented += n
	}
	fmt.Fprintf(&b, "BoringSSL %s, run on %s, alerts enforced, error strings not compared:\n\n", commit, now.Format(time.DateOnly))
	fmt.Fprintf(&b, "| passed | failed | unimplemented | left out |\n|---|---|---|---|\n| %d | %d | %d | %d |\n\n", t.passed, t.failed, unimplemented, t.left)
	table(&b, "Left out by decision", t.disabled)
	table(&b, "Unimplemented: what the engine has nothing for", t.missing)
	return b.String()
}

// table writes counts by reason, the largest first.
func table(b *strings.Builder, title string, counts map[string]int) {
	fmt.Fprintf(b, "| %s | tests |\n|---|---|\n", title)
	for _, reason := range slices.SortedFunc(maps.Keys(counts), func(x, y string) int {
		return cmp.Or(counts[y]-counts[x], strings.Compare(x, y))
	}) {
		fmt.Fprintf(b, "| %s | %d |\n", strings.ReplaceAll(reason, "|", "\\|"), counts[reason])
	}
	b.WriteString("\n")
}

// The marks between which a file's totals stand.
const begin, end = "<!-- bogo -->\n", "<!-- /bogo -->"

// replace puts text between the marks of a file.
func replace(name, text string) error {
	old, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	head, rest, ok1 := bytes.Cut(old, []byte(begin))
	_, tail, ok2 := bytes.Cut(rest, []byte(end))
	if !ok1 || !ok2 {
		return fmt.Errorf("%s has not the marks %q and %q", name, begin, end)
	}
	return os.WriteFile(name, slices.Concat(head, []byte(begin), []byte(text), []byte(end), tail), 0o644)
}

func readJSON(name string, into any) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
