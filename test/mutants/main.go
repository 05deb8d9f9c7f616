// Command mutants proves that the tests hold what they claim to hold. A mutant
// is a small change to the code that breaks one requirement: a check left out,
// a bound moved, a wrong alert. For each one this program runs the one test
// that is named beside it, in a test binary with the change in it, and fails if
// that test passes. No file is changed: what is built is laid over the source
// by the go command's -overlay flag.
//
//	go run ./test/mutants                      # all of them
//	go run ./test/mutants -area engine         # those of one table
//	go run ./test/mutants -run 'cookie'        # those whose line matches
//	go run ./test/mutants -part 2/7            # the second of seven parts
//	go run ./test/mutants -count 5             # each five times: a miss by chance is found
//	go run ./test/mutants -list                # what there is, without running it
//	go run ./test/mutants -check               # whether the rows fit the code
//	go run ./test/mutants -requirements        # writes docs/requirements.md
//
// Before a mutant is tried its test must pass on the code as it is, and must
// not be skipped. A mutant that does not compile, a text that is not found, and
// a test that runs out of time are failures, not kills. A mutant that fails is
// tried up to twice more at the end, with nothing beside it, and the output
// shows each try; those that fail three times are printed last.
//
// A test must kill its mutant each time, whatever the order of its goroutines.
// With -count each test runs so many times, on the code as it is and with the
// mutant; what fails to pass or to kill once is a failure, and is not tried
// again. GOMAXPROCS in the environment is that of the tests, too.
//
// # Adding a row
//
// The tables are in files of this package, one for each area: engine_*.go,
// wire.go, trust.go and so on. Add a row to the table of the area:
//
//	{
//		doc: rfc9846, section: "4.1.3", must: "the suite was offered, else illegal_parameter",
//		file: "engine/client13.go",
//		old:  "suite == nil || !slices.Contains(",
//		new:  "suite == nil || false && !slices.Contains(",
//		test: "TestClientRefuses13/a_suite_that_was_not_offered",
//	},
//
// The text old must stand exactly once in the file; where it cannot, nth
// gives the number of the occurrence, from 1. Keep it short, so that other
// changes of the file do not touch it. The text new must compile. test is a
// test or a subtest of the package in file's folder; pkg names another folder.
// Two rows with the same doc, section and must are two mutants of one
// requirement. A requirement that is not the text of an RFC has the doc own.
//
// A requirement that no mutant proves has a row too: with bogo, the name of a
// test of BoringSSL's suite, or without, and with why, which gives the reason.
// `go test ./test/mutants` checks all of this without running a mutant, and
// that docs/requirements.md is what the tables make; after a change of the
// tables write it again with -requirements, also to settle a merge. The file
// musts.tsv traces each MUST of some documents to rows: when the text of a row
// changes, it changes there too.
package main

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// options are the flags of the command.
type options struct {
	area, run, part string
	list, check     bool
	requirements    bool
	jobs, count     int
	timeout         time.Duration
}

func main() {
	var o options
	flag.StringVar(&o.area, "area", "", "only the rows of this `table`")
	flag.StringVar(&o.run, "run", "", "only rows whose line in -list matches this `expression`")
	flag.StringVar(&o.part, "part", "", "only the i-th of n parts, as `i/n`, counted from 1")
	flag.BoolVar(&o.list, "list", false, "print the rows and run nothing")
	flag.BoolVar(&o.check, "check", false, "check that the rows fit the code and run nothing")
	flag.BoolVar(&o.requirements, "requirements", false,
		"write docs/requirements.md and run nothing")
	flag.IntVar(&o.jobs, "j", max(1, runtime.NumCPU()), "mutants to try at the same time")
	flag.IntVar(&o.count, "count", 1, "how `often` each test must kill its mutant")
	flag.DurationVar(&o.timeout, "timeout", 6*time.Minute, "time for one test")
	flag.Parse()
	ok, err := command(&o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
	}
	if !ok || err != nil {
		os.Exit(1)
	}
}

func command(o *options) (ok bool, err error) {
	root, err := moduleRoot()
	if err != nil {
		return false, err
	}
	if o.check {
		return true, checkRows(root)
	}
	if o.requirements {
		page, err := requirements()
		if err != nil {
			return false, err
		}
		return true, os.WriteFile(filepath.Join(root, requirementsFile), page, 0o644)
	}
	rows, err := o.choose()
	if err != nil {
		return false, err
	}
	if o.list {
		for _, r := range rows {
			fmt.Println(r)
		}
		return true, nil
	}
	return try(root, rows, o)
}

// choose returns the mutants that the flags ask for.
func (o *options) choose() ([]*row, error) {
	only, err := regexp.Compile(o.run)
	if err != nil {
		return nil, err
	}
	if o.area != "" && !slices.ContainsFunc(areas, func(a area) bool { return a.name == o.area }) {
		return nil, fmt.Errorf("there is no table %q", o.area)
	}
	part, parts, err := parsePart(o.part)
	if err != nil {
		return nil, err
	}
	var chosen []*row
	for i, r := range mutants() {
		if (o.area == "" || r.area == o.area) && only.MatchString(r.String()) && i%parts == part {
			chosen = append(chosen, r)
		}
	}
	// Rows of one package stand together, so that the build cache is warm.
	slices.SortStableFunc(chosen, func(a, b *row) int { return cmp.Compare(a.dir(), b.dir()) })
	if len(chosen) == 0 {
		return nil, fmt.Errorf("no row matches")
	}
	return chosen, nil
}

// parsePart reads i/n; an empty string is all of it.
func parsePart(s string) (part, parts int, err error) {
	if s == "" {
		return 0, 1, nil
	}
	first, second, _ := strings.Cut(s, "/")
	part, err1 := strconv.Atoi(first)
	parts, err2 := strconv.Atoi(second)
	if err1 != nil || err2 != nil || part < 1 || part > parts {
		return 0, 0, fmt.Errorf("-part %s: use i/n, with i from 1 to n", s)
	}
	return part - 1, parts, nil
}

// moduleRoot returns the folder with go.mod, at or above the working directory.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for d := dir; ; d = filepath.Dir(d) {
		if _, err := os.Stat(filepath.Join(d, "go.mod")); err == nil {
			return d, nil
		}
		if d == filepath.Dir(d) {
			return "", fmt.Errorf("%s is in no module", dir)
		}
	}
}
