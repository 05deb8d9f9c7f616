package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// An event is one of the events of go test -json: see go doc test2json and go help
// buildjson.
type event struct {
	Action      string
	ImportPath  string // of a package that is built
	Package     string
	Test        string
	Output      string
	FailedBuild string
}

// A key names a test, or with an empty test the rest of a package.
type key struct{ pkg, test string }

// A summary collects what is printed after the last test.
type summary struct {
	out     io.Writer
	output  map[key][]string // lines, until the test or the package has passed
	builds  map[string][]string
	open    []key // tests that have begun and not ended, in the order of their beginning
	skipped []string
	failed  []failure
	passed  int
	passes  map[key]int // of each test
}

// A failure is a test or a package that failed, with its whole output.
type failure struct {
	key   key
	lines []string
	cut   bool // the process ended before the test
}

func newSummary(out io.Writer) *summary {
	return &summary{out: out, output: map[key][]string{}, builds: map[string][]string{},
		passes: map[key]int{}}
}

// read reads the events of a run, and prints the results of the packages.
func (s *summary) read(events *bufio.Reader) error {
	for {
		line, err := events.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) == nil {
				s.add(&e)
			} else {
				fmt.Fprintf(s.out, "%s", line)
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (s *summary) add(e *event) {
	k := key{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		s.builds[e.ImportPath] = append(s.builds[e.ImportPath], e.Output)
	case "run":
		s.open = append(s.open, k)
	case "output":
		s.output[k] = append(s.output[k], e.Output)
	case "pass", "skip", "fail":
		if e.Test == "" {
			s.endPackage(e)
		} else {
			s.endTest(k, e.Action)
		}
	}
}

// endTest records the result of a test: an action of test2json, or "end" if its process
// ended first.
func (s *summary) endTest(k key, action string) {
	s.open = slices.DeleteFunc(s.open, func(o key) bool { return o == k })
	switch action {
	case "pass":
		s.passed++
		s.passes[k]++
	case "skip":
		s.skipped = append(s.skipped, name(k)+": "+reason(s.output[k]))
	case "fail", "end":
		s.failed = append(s.failed, failure{key: k, lines: s.output[k], cut: action == "end"})
	}
	delete(s.output, k)
}

// endPackage records the result of a package and prints it. A test that did not end
// failed: its process did.
func (s *summary) endPackage(e *event) {
	for _, k := range slices.Clone(s.open) {
		if k.pkg == e.Package {
			s.endTest(k, "end")
		}
	}
	var rest []string
	for _, line := range s.output[key{e.Package, ""}] {
		if isResult(line, e.Package) {
			io.WriteString(s.out, line)
		} else if line != "FAIL\n" && line != "PASS\n" {
			rest = append(rest, line)
		}
	}
	delete(s.output, key{e.Package, ""})
	rest = append(s.builds[e.FailedBuild], rest...)
	if e.Action == "fail" && (len(rest) > 0 || !s.failedIn(e.Package)) {
		s.failed = append(s.failed, failure{key: key{e.Package, ""}, lines: rest})
	}
}

// failedIn reports whether a test of the package has failed.
func (s *summary) failedIn(pkg string) bool {
	return slices.ContainsFunc(s.failed, func(f failure) bool {
		return f.key.pkg == pkg && f.key.test != ""
	})
}

// isResult reports whether a line is the result of a package: "ok", "FAIL" or "?", a tab
// and the path.
func isResult(line, pkg string) bool {
	fields := strings.Fields(line)
	return strings.Contains(line, "\t") && len(fields) > 1 && fields[1] == pkg
}

func name(k key) string { return strings.TrimSuffix(k.pkg+"."+k.test, ".") }

// reason is what a test printed, without the lines about its progress.
func reason(lines []string) string {
	var words []string
	for _, line := range lines {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "=== ") && !strings.HasPrefix(line, "--- ") {
			words = append(words, line)
		}
	}
	if len(words) == 0 {
		return "no reason was given"
	}
	return strings.Join(words, " ")
}

// mostNames is how many lines the names of failed tests may take, so that the end of a
// log has all of them.
const mostNames = 20

func (s *summary) print() {
	if len(s.skipped) > 0 {
		fmt.Fprintf(s.out, "\nskipped tests: %d\n", len(s.skipped))
		for _, line := range s.skipped {
			fmt.Fprintf(s.out, "  %s\n", line)
		}
	}
	for _, f := range s.failed {
		fmt.Fprintf(s.out, "\nfailed: %s\n%s", name(f.key), strings.Join(f.lines, ""))
	}
	fmt.Fprintf(s.out, "\n%d passed, %d skipped, %d failed\n", s.passed, len(s.skipped),
		len(s.failed))
	perLine := (len(s.failed) + mostNames - 1) / mostNames
	for i, f := range s.failed {
		if i%perLine == 0 {
			io.WriteString(s.out, "FAIL")
		}
		io.WriteString(s.out, " "+name(f.key))
		if i%perLine == perLine-1 || i == len(s.failed)-1 {
			io.WriteString(s.out, "\n")
		}
	}
}
