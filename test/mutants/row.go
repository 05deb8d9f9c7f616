package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/sealsock/sealsock/internal/gcm"
	"github.com/sealsock/sealsock/internal/hmac256"
	"github.com/sealsock/sealsock/internal/x25519"
)

// A row is a requirement, and a mutant that breaks it where there can be one.
type row struct {
	doc     string // one of documents
	section string // "4.1.3"
	must    string // the requirement in plain English; with doc and section, its identity

	file     string // where it is kept, with slashes, from the module's root
	old, new string // the change; old is empty where there is no mutant
	nth      int    // which occurrence of old, from 1; 0 if there is only one

	pkg  string // the folder of the test; empty for that of file
	test string // the test that must fail: "TestX" or "TestX/subtest"

	needs string // what the machine must have: one of needs, or empty
	bogo  string // a test of BoringSSL's suite, where no Go test shows it
	why   string // why there is no mutant

	area string // the table, filled in by mutants
}

// What the two variants of the assembly of internal/gcm need, and those of internal/x25519 and
// internal/hmac256.
const (
	avx512 = "AVX-512, VAES and VPCLMULQDQ"
	vaes   = "AVX2, VAES and VPCLMULQDQ"
	ifma   = "AVX-512 IFMA"
	sha    = "the SHA extensions"
)

// needs maps what a row may need to whether this machine has it.
var needs = map[string]func() bool{
	avx512: gcm.AVX512, vaes: gcm.Accelerated, ifma: x25519.Accelerated, sha: hmac256.Accelerated,
}

// mutants returns the rows that have a mutant, in the order of the tables.
func mutants() []*row {
	var list []*row
	for _, r := range rows() {
		if r.old != "" {
			list = append(list, r)
		}
	}
	return list
}

// rows returns all rows in the order of the tables.
func rows() []*row {
	var list []*row
	for _, a := range areas {
		for _, r := range a.rows {
			r.area = a.name
			list = append(list, &r)
		}
	}
	return list
}

// dir returns the folder of the test.
func (r *row) dir() string {
	if r.pkg != "" {
		return r.pkg
	}
	dir, _ := splitPath(r.file)
	return dir
}

func splitPath(name string) (dir, file string) {
	i := strings.LastIndexByte(name, '/')
	if i < 0 {
		return ".", name
	}
	return name[:i], name[i+1:]
}

func (r *row) String() string {
	return fmt.Sprintf("%s: %s, %s: %s: %s: %s: %s",
		r.area, r.doc, r.section, r.must, r.file, change(r), r.test)
}

// change prints what the mutant does, on one line.
func change(r *row) string {
	flat := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	return fmt.Sprintf("%q -> %q", flat(r.old), flat(r.new))
}

// mutate returns the file's text with the change made.
func (r *row) mutate(root string) ([]byte, error) {
	b, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(r.file)))
	if err != nil {
		return nil, err
	}
	text := string(b)
	n := strings.Count(text, r.old)
	switch {
	case n == 0:
		return nil, fmt.Errorf("%s: the text %q is not there any more", r.file, r.old)
	case r.nth == 0 && n > 1:
		return nil, fmt.Errorf("%s: the text %q stands there %d times: make it longer, or use nth",
			r.file, r.old, n)
	case r.nth > n:
		return nil, fmt.Errorf("%s: the text %q stands there %d times, the row means number %d",
			r.file, r.old, n, r.nth)
	}
	at := r.place(text)
	return []byte(text[:at] + r.new + text[at+len(r.old):]), nil
}

// place returns where in a file's text the change begins, or -1.
func (r *row) place(text string) int {
	at := 0
	for i := range max(1, r.nth) {
		if i > 0 {
			at += len(r.old)
		}
		next := strings.Index(text[at:], r.old)
		if next < 0 {
			return -1
		}
		at += next
	}
	return at
}

// checkRows checks all rows, and that no mutant is there twice.
func checkRows(root string) error {
	known := map[string]map[string]bool{}
	var errs []error
	tests := func(dir string) map[string]bool {
		if known[dir] == nil {
			found, err := testsIn(root, dir)
			if err != nil {
				errs = append(errs, err)
			}
			known[dir] = found
		}
		return known[dir]
	}
	seen := map[string]bool{}
	for _, r := range rows() {
		if err := r.check(root, tests); err != nil {
			errs = append(errs, fmt.Errorf("%v\n\t%w", r, err))
		}
		key := fmt.Sprintf("%s %q %q %d", r.file, r.old, r.new, r.nth)
		if r.old != "" && seen[key] {
			errs = append(errs, fmt.Errorf("%v\n\tis there twice", r))
		}
		seen[key] = true
	}
	return errors.Join(errs...)
}

// check reports what is wrong with a row, without running anything. tests holds
// the names of the tests in a folder.
func (r *row) check(root string, tests func(dir string) map[string]bool) error {
	var errs []error
	say := func(format string, a ...any) { errs = append(errs, fmt.Errorf(format, a...)) }
	if documentFor(r.doc) == nil {
		say("there is no document %q", r.doc)
	}
	if r.section == "" || r.must == "" || strings.ContainsAny(r.section+r.must+r.why, "|\n") {
		say("section and must are texts without a line break and without |")
	}
	if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(r.file))); err != nil {
		say("there is no file %q", r.file)
	}
	if r.needs != "" && needs[r.needs] == nil {
		say("nothing is known of %q", r.needs)
	}
	if name, _, _ := strings.Cut(r.test, "/"); name != "" && !tests(r.dir())[name] {
		say("%s has no test %s", r.dir(), name)
	}
	return errors.Join(errors.Join(errs...), r.checkChange(root))
}

// checkChange reports what is wrong with a row's mutant, or with its lack.
func (r *row) checkChange(root string) error {
	if r.old == "" {
		if r.why == "" || r.new != "" {
			return errors.New("a row without a mutant needs a reason and no change")
		}
		return nil
	}
	if r.test == "" || r.why != "" || r.bogo != "" {
		return errors.New("a row with a mutant names a Go test, and no reason for having none")
	}
	if r.old == r.new {
		return errors.New("the change changes nothing")
	}
	_, err := r.mutate(root)
	return err
}

var testName = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Example)\w*)\(`)

// testsIn returns the names of the tests, fuzz targets and examples in a folder.
func testsIn(root, dir string) (map[string]bool, error) {
	names, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(dir), "*_test.go"))
	if err != nil {
		return nil, err
	}
	found := map[string]bool{}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		for _, m := range testName.FindAllSubmatch(b, -1) {
			found[string(m[1])] = true
		}
	}
	return found, nil
}
