package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
)

const (
	// mostAgain is how many tests may run again: many failures have one cause.
	mostAgain = 3
	// times is how often each of them has to pass then.
	times = 5
)

// again runs the tests that failed once more, alone, and returns the exit code: 0 if all
// pass each time.
func (s *summary) again(args []string) (int, error) {
	tests := s.chances()
	for _, pkg := range slices.Sorted(maps.Keys(tests)) {
		names := strings.Join(tests[pkg], "|")
		fmt.Fprintf(s.out, "\nonce more, %d times: %s %s\n", times, pkg, names)
		// The last of two equal flags counts.
		alone := append(flags(args), "-count="+strconv.Itoa(times), "-run=^("+names+")$", pkg)
		results, code, err := goTest(alone, s.out)
		if code != 0 || err != nil {
			return code, err
		}
		for _, test := range tests[pkg] { // one that was skipped now has shown nothing
			if n := results.passes[key{pkg, test}]; n != times {
				fmt.Fprintf(s.out, "\n%s passed %d times of %d\n", name(key{pkg, test}), n, times)
				return 1, nil
			}
		}
	}
	if len(tests) == 0 {
		return 1, nil
	}
	io.WriteString(s.out, "\nfailed by chance, which is a defect to mend, see above:")
	for _, f := range s.failed {
		fmt.Fprintf(s.out, " %s", name(f.key))
	}
	io.WriteString(s.out, "\n")
	return 0, nil
}

// chances returns the names of the failed tests by package, or nil if one of the failures
// is not to be passed over: a package that failed as a whole, a process that ended before its
// tests, a data race, or too many.
func (s *summary) chances() map[string][]string {
	tests, n := map[string][]string{}, 0
	for _, f := range s.failed {
		test, _, _ := strings.Cut(f.key.test, "/")
		if test == "" || f.cut || slices.ContainsFunc(f.lines, isFault) {
			return nil
		}
		if !slices.Contains(tests[f.key.pkg], test) {
			tests[f.key.pkg] = append(tests[f.key.pkg], test)
			n++
		}
	}
	if n > mostAgain {
		return nil
	}
	return tests
}

// isFault reports whether a line is about a fault that ends the process, or about a race, which may
// be described in the output of another test.
func isFault(line string) bool {
	return strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ") ||
		strings.Contains(line, "DATA RACE") || strings.Contains(line, "race detected during execution")
}

// flags returns the arguments of go test without the packages, which begin with "./".
func flags(args []string) []string {
	return slices.DeleteFunc(slices.Clone(args), func(arg string) bool {
		return strings.HasPrefix(arg, "./")
	})
}
