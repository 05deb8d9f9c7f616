package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// Each row's text stands once in its file, and its test exists.
func TestRows(t *testing.T) {
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	if err := checkRows(root); err != nil {
		t.Error(err)
	}
}

func TestMutate(t *testing.T) {
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	r := &row{file: "test/mutants/testdata/text", old: "one", new: "two", nth: 2}
	b, err := r.mutate(root)
	if want := "one and two and one\n"; err != nil || string(b) != want {
		t.Errorf("got %q, %v, want %q", b, err, want)
	}
	for _, r := range []*row{
		{file: r.file, old: "one"},
		{file: r.file, old: "one", nth: 4},
		{file: r.file, old: "three"},
		{file: "test/mutants/testdata/none", old: "one"},
	} {
		if b, err := r.mutate(root); err == nil {
			t.Errorf("%v: got %q", r, b)
		}
	}
}

// A row that claims what is not so is found.
func TestCheck(t *testing.T) {
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	good := row{
		doc: own, section: "1", must: "a rule",
		file: "test/mutants/testdata/text", old: "and one", new: "x", nth: 2,
		pkg: "test/mutants", test: "TestCheck/x",
	}
	tests := func(string) map[string]bool { return map[string]bool{"TestCheck": true} }
	if err := good.check(root, tests); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*row){
		"no document":           func(r *row) { r.doc = "RFC 1" },
		"section and must":      func(r *row) { r.must = "a | b" },
		"no file":               func(r *row) { r.file = "none" },
		"nothing is known of":   func(r *row) { r.needs = "luck" },
		"no test":               func(r *row) { r.test = "TestNone" },
		"changes nothing":       func(r *row) { r.new = r.old },
		"names a Go test":       func(r *row) { r.test = "" },
		"needs a reason":        func(r *row) { r.old, r.new = "", "" },
		"not there any more":    func(r *row) { r.old = "nowhere" },
		"stands there 2 times":  func(r *row) { r.nth = 0 },
		"no reason for having":  func(r *row) { r.bogo = "Name" },
		"a reason and no chang": func(r *row) { r.old, r.why = "", "because" },
	} {
		bad := good
		change(&bad)
		if err := bad.check(root, tests); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestParsePart(t *testing.T) {
	for s, want := range map[string][2]int{"": {0, 1}, "1/1": {0, 1}, "3/7": {2, 7}} {
		part, parts, err := parsePart(s)
		if err != nil || part != want[0] || parts != want[1] {
			t.Errorf("%q: %d of %d, %v", s, part, parts, err)
		}
	}
	for _, s := range []string{"1", "0/3", "4/3", "a/b", "1/"} {
		if _, _, err := parsePart(s); err == nil {
			t.Errorf("%q was taken", s)
		}
	}
}

// A test that does not run, or is skipped, does not count as passing.
func TestRan(t *testing.T) {
	passed := "--- PASS: TestA (0.00s)\n    --- PASS: TestA/a_b (0.00s)\nPASS\n"
	for test, ok := range map[string]bool{
		"TestA": true, "TestA/a b": true, "TestA/a": false, "TestB": false,
	} {
		if err := ran(passed, test); (err == nil) != ok {
			t.Errorf("%s: %v", test, err)
		}
	}
	if ran("--- SKIP: TestA (0.00s)\nPASS\n", "TestA") == nil {
		t.Error("a skipped test counts as run")
	}
}

// docs/requirements.md is what the tables have.
func TestRequirements(t *testing.T) {
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(requirementsFile)))
	if err != nil {
		t.Fatal(err)
	}
	want, err := requirements()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(page, want) {
		t.Errorf("%s is out of date: run go run ./test/mutants -requirements", requirementsFile)
	}
}

func TestCompareSections(t *testing.T) {
	sorted := []string{
		"4", "4.1.1", "4.1.2", "4.2", "4.2.8.2", "4.2.10", "7.1", "7.1, step 2", "10", "D.4", "all",
	}
	shuffled := slices.Clone(sorted)
	slices.Reverse(shuffled)
	slices.SortFunc(shuffled, compareSections)
	if !slices.Equal(shuffled, sorted) {
		t.Errorf("got %q", shuffled)
	}
}

// The mutants of a file are put in front of the bodies that they change.
func TestGenerate(t *testing.T) {
	root := t.TempDir()
	source := "package p\n\nconst c = 1\n\nfunc f() int {\n\treturn 1\n}\n\nfunc g() { f() }\n"
	if err := os.WriteFile(filepath.Join(root, "f.go"), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	out := map[int]bool{}
	g, err := generate(root, "f.go", map[int]*row{
		3: {old: "return 1", new: "return 2"},
		4: {old: "f()", new: "", nth: 2},
		5: {old: "c = 1", new: "c = 2"},
	}, out)
	if err != nil {
		t.Fatal(err)
	}
	want := "package p\n\nconst c = 1\n\nfunc f() int {\n" +
		"if sealsockMutant == \"3\" {\n\n\treturn 2\n\n}\n" +
		"\n\treturn 1\n}\n\nfunc g() {\nif sealsockMutant == \"4\" {\n  \nreturn\n}\n f() }\n"
	if got := g.text.String(); got != want || g.pkg != "p" || len(out) != 1 || !out[5] {
		t.Errorf("package %s, out %v:\n%s\nwant\n%s", g.pkg, out, got, want)
	}
	b, places := &batch{out: out}, map[string][]body{"f.go": g.bodies}
	if !b.leaveOut("/tmp/f.go:8:3: undefined", places) || !out[3] || out[4] {
		t.Errorf("left out: %v", out)
	}
}

// TestByChance is what TestTimes runs: it misses each second time, and passes without a mutant.
func TestByChance(t *testing.T) {
	name := os.Getenv(chosen)
	if name == "" {
		return
	}
	before, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, append(before, 'x'), 0o600); err != nil {
		t.Fatal(err)
	}
	if len(before)%2 == 0 {
		t.Error("killed")
	}
}

// With -count a mutant that is missed once has survived.
func TestTimes(t *testing.T) {
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r := &row{file: "test/mutants/run.go", test: "TestByChance"}
	for count, missed := range map[int]int{1: 0, 2: 1, 5: 2} {
		name := filepath.Join(t.TempDir(), "runs")
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		l := &lab{root: root, timeout: time.Minute, count: count}
		n, out, detail := l.times(binary, r, name)
		want := ""
		if missed > 0 {
			want = fmt.Sprintf(": missed %d of %d times", missed, count)
		}
		if n != missed || (out == killed) != (missed == 0) || detail != want {
			t.Errorf("%d runs: missed %d, %v%s", count, n, out, detail)
		}
	}
}

// A mutant that fails is tried up to three times in all.
func TestAgain(t *testing.T) {
	l := &lab{rows: []*row{{must: "a rule"}}}
	for kills, want := range []struct {
		ran int
		out outcome
	}{{2, broken}, {1, killed}, {2, killed}} {
		ran := 0
		out, line := l.again(0, func(int, *row) (outcome, string) {
			if ran++; ran == kills {
				return killed, ""
			}
			return broken, ": why"
		})
		if ran != want.ran || out != want.out || !strings.HasPrefix(line, out.String()) {
			t.Errorf("killed in the run %d: ran %d times, %q", kills, ran, line)
		}
	}
}

// What a test printed that fails on the code as it is belongs to the error.
func TestPassed(t *testing.T) {
	r := &row{test: "TestA"}
	if err := passed(r, "--- PASS: TestA (0.00s)\nPASS\n", nil); err != nil {
		t.Error(err)
	}
	text := "a_test.go:1: the reason\n" + strings.Repeat("a line\n", 30) + "--- FAIL: TestA (0.00s)\n"
	for _, err := range []error{nil, errTimeout} {
		if err := passed(r, text, err); err == nil || !strings.Contains(err.Error(), "the reason") {
			t.Errorf("got %v", err)
		}
	}
}
