package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// An outcome is what became of a mutant.
type outcome int

const (
	killed outcome = iota
	survived
	broken // the row is wrong, or the run went wrong
	notHere
)

func (o outcome) String() string {
	return [...]string{"killed", "SURVIVED", "BROKEN", "not run here"}[o]
}

// A lab builds and runs tests in a temporary folder.
type lab struct {
	root, temp string
	timeout    time.Duration
	count      int    // how often each test runs
	rows       []*row // all that are tried; a mutant's number is its place

	mu      sync.Mutex
	whole   map[string]func() error  // by folder and test: the result on the code as it is
	batches map[string]func() *batch // by folder
}

// try runs the mutants of rows and prints a line for each, and the totals.
func try(root string, rows []*row, o *options) (ok bool, err error) {
	temp, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(temp)
	l := &lab{
		root: root, temp: temp, timeout: o.timeout, count: max(1, o.count), rows: rows,
		whole: map[string]func() error{}, batches: map[string]func() *batch{},
	}
	start := time.Now()
	work := make(chan int)
	var wg sync.WaitGroup
	var mu sync.Mutex
	total := map[outcome]int{}
	var again []int
	var failed []string
	for range max(1, o.jobs) {
		wg.Go(func() {
			for i := range work {
				out, line := l.report(i, l.one)
				mu.Lock()
				fmt.Println(line)
				switch {
				case out == killed || out == notHere:
					total[out]++
				case l.count > 1:
					failed = append(failed, line)
				default:
					again = append(again, i)
				}
				mu.Unlock()
			}
		})
	}
	for i := range rows {
		work <- i
	}
	close(work)
	wg.Wait()
	for _, i := range again {
		out, line := l.again(i, l.second)
		if out == killed {
			total[killed]++
		} else {
			failed = append(failed, line)
		}
	}
	fmt.Printf("%d passed, %d failed, %d not run here, in %.0fs: "+
		"a mutant passes when its test fails\n",
		total[killed], len(failed), total[notHere], time.Since(start).Seconds())
	for _, line := range failed {
		fmt.Println(line)
	}
	return len(failed) == 0, nil
}

// report tries one mutant and returns the line about it.
func (l *lab) report(i int, try func(int, *row) (outcome, string)) (outcome, string) {
	start := time.Now()
	out, detail := try(i, l.rows[i])
	return out, fmt.Sprintf("%s (%.1fs) %s%s", out, time.Since(start).Seconds(), l.rows[i], detail)
}

// tries is how often a mutant that fails is tried in all.
const tries = 3

// again tries a mutant that failed again, with nothing beside it, until it is killed or has
// been tried three times in all: a test whose outcome depends on the order of goroutines may
// miss a mutant once, and a busy machine may exceed the time of a test. It prints each try, and
// returns what became of the last one.
func (l *lab) again(i int, try func(int, *row) (outcome, string)) (out outcome, line string) {
	for n := 2; n <= tries; n++ {
		fmt.Printf("try %d of %d: %s\n", n, tries, l.rows[i])
		out, line = l.report(i, try)
		fmt.Println(line)
		if out == killed {
			break
		}
	}
	return out, line
}

// second checks that the test passes on the code as it is, and tries the mutant alone.
func (l *lab) second(i int, r *row) (outcome, string) {
	b := l.batch(r.dir())
	if b.err != nil {
		return broken, "\n\t" + b.err.Error()
	}
	text, err := l.test(b.binary, r, "")
	if err := passed(r, text, err); err != nil {
		return broken, "\n\t" + err.Error()
	}
	return l.alone(i, r)
}

// one tries one mutant. detail tells what went wrong. A mutant that survives in a batch
// is tried again alone.
func (l *lab) one(i int, r *row) (out outcome, detail string) {
	if r.needs != "" && !needs[r.needs]() {
		return notHere, ": this machine lacks " + r.needs
	}
	b := l.batch(r.dir())
	if b.err != nil {
		return broken, "\n\t" + b.err.Error()
	}
	if err := l.passesWhole(b, r); err != nil {
		return broken, "\n\t" + err.Error()
	}
	if !b.out[i] {
		missed, out, detail := l.times(b.binary, r, strconv.Itoa(i))
		if missed < l.count {
			return out, detail
		}
	}
	return l.alone(i, r)
}

// times runs the row's test as often as l.count tells, in a binary with the mutant, and returns
// how often it was missed. The outcome is that of the last run that missed it.
func (l *lab) times(binary string, r *row, mutant string) (missed int, out outcome, detail string) {
	for range l.count {
		text, err := l.test(binary, r, mutant)
		if o, d := verdict(text, err); o != killed {
			missed++
			out, detail = o, d
		}
	}
	if missed > 0 && l.count > 1 {
		detail = fmt.Sprintf(": missed %d of %d times%s", missed, l.count, detail)
	}
	return missed, out, detail
}

// alone builds a binary with nothing but one mutant, and tries it.
func (l *lab) alone(i int, r *row) (out outcome, detail string) {
	mutated, err := r.mutate(l.root)
	if err != nil {
		return broken, "\n\t" + err.Error()
	}
	dir := filepath.Join(l.temp, fmt.Sprint(i))
	defer os.RemoveAll(dir)
	overlay, err := l.overlay(dir, r, mutated)
	if err != nil {
		return broken, "\n\t" + err.Error()
	}
	binary := filepath.Join(dir, "test.exe")
	if err := l.build(r.dir(), binary, "-overlay="+overlay); err != nil {
		return broken, "\n\t" + err.Error()
	}
	_, out, detail = l.times(binary, r, "")
	return out, detail
}

// verdict judges the run of a mutant's test.
func verdict(text string, err error) (outcome, string) {
	switch {
	case err == nil:
		return survived, ""
	case errors.Is(err, errTimeout):
		return broken, "\n\t" + err.Error()
	case !failure.MatchString(text):
		return broken, "\n\tthe test ended without a failure that it reported: " + last(text)
	}
	return killed, ""
}

// failure matches what a test binary prints when a test fails or panics.
var failure = regexp.MustCompile(`(?m)^\s*--- FAIL|^panic:|^fatal error:|^unexpected fault address`)

// overlay writes the mutated file and the file that lays it over the source.
func (l *lab) overlay(dir string, r *row, text []byte) (string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	_, base := splitPath(r.file)
	with := filepath.Join(dir, base)
	if err := os.WriteFile(with, text, 0o600); err != nil {
		return "", err
	}
	overlay := filepath.Join(dir, "overlay.json")
	replace := map[string]string{filepath.Join(l.root, filepath.FromSlash(r.file)): with}
	return overlay, writeOverlay(overlay, replace)
}

// writeOverlay writes a file for the go command's -overlay flag.
func writeOverlay(name string, replace map[string]string) error {
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return err
	}
	return os.WriteFile(name, b, 0o600)
}

// batch returns the batch of a folder, which it builds the first time.
func (l *lab) batch(dir string) *batch {
	l.mu.Lock()
	b := l.batches[dir]
	if b == nil {
		rows := map[int]*row{}
		for i, r := range l.rows {
			if r.dir() == dir && (r.needs == "" || needs[r.needs]()) {
				rows[i] = r
			}
		}
		b = sync.OnceValue(func() *batch { return l.newBatch(dir, rows) })
		l.batches[dir] = b
	}
	l.mu.Unlock()
	return b()
}

// passesWhole checks, once for each test, that it passes on the code as it is: in the
// batch with no mutant chosen.
func (l *lab) passesWhole(b *batch, r *row) error {
	l.mu.Lock()
	key := r.dir() + " " + r.test
	whole := l.whole[key]
	if whole == nil {
		whole = sync.OnceValue(func() error {
			for range l.count {
				text, err := l.test(b.binary, r, "")
				if err := passed(r, text, err); err != nil {
					return err
				}
			}
			return nil
		})
		l.whole[key] = whole
	}
	l.mu.Unlock()
	return whole()
}

// passed judges the run of a row's test on the code as it is. The error has what it printed.
func passed(r *row, text string, err error) error {
	if err == nil {
		err = ran(text, r.test)
	}
	if err != nil {
		return fmt.Errorf("%s fails on the code as it is: %w: %s", r.test, err, end(text, 60))
	}
	return nil
}

// ran checks by its output that a test ran and was not skipped.
func ran(text, test string) error {
	name := strings.ReplaceAll(test, " ", "_")
	if !strings.Contains(text, "--- PASS: "+name+" (") {
		return fmt.Errorf("%s did not run to its end: no such test, or it was skipped", test)
	}
	return nil
}

// build builds the test binary of a folder.
func (l *lab) build(dir, binary string, flags ...string) error {
	args := append([]string{"test", "-c", "-vet=off", "-ldflags=-s -w", "-o", binary}, flags...)
	cmd := exec.Command("go", append(args, "./"+dir)...)
	cmd.Dir = l.root
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s does not compile: %w: %s", dir, err, last(string(text)))
	}
	if _, err := os.Stat(binary); err != nil {
		return fmt.Errorf("%s has no tests", dir)
	}
	return nil
}

// errTimeout marks a test that did not end.
var errTimeout = errors.New("the test ran out of time, which proves nothing")

// test runs the row's test in a binary, with a mutant of its batch or none, and returns
// what it printed.
func (l *lab) test(binary string, r *row, mutant string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), l.timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary,
		"-test.short", "-test.v", "-test.count=1", "-test.run="+pattern(r.test))
	cmd.Dir = filepath.Join(l.root, filepath.FromSlash(r.dir()))
	cmd.Env = append(os.Environ(), chosen+"="+mutant)
	cmd.WaitDelay = 10 * time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if ctx.Err() != nil {
		err = errTimeout
	}
	return out.String(), err
}

// pattern makes -test.run's expression of a test's name.
func pattern(test string) string {
	parts := strings.Split(test, "/")
	for i, p := range parts {
		parts[i] = "^" + regexp.QuoteMeta(strings.ReplaceAll(p, " ", "_")) + "$"
	}
	return strings.Join(parts, "/")
}

// last returns the last lines of an output, indented.
func last(text string) string { return end(text, 12) }

// end returns at most so many of the last lines of an output, indented.
func end(text string, most int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return "\n\t\t" + strings.Join(lines[max(0, len(lines)-most):], "\n\t\t")
}
