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
		root: root, temp: temp, timeout: o.timeout, rows: rows,
		whole: map[string]func() error{}, batches: map[string]func() *batch{},
	}
	start := time.Now()
	work := make(chan int)
	var wg sync.WaitGroup
	var print sync.Mutex
	total := map[outcome]int{}
	for range max(1, o.jobs) {
		wg.Go(func() {
			for i := range work {
				start := time.Now()
				out, detail := l.one(i, rows[i])
				print.Lock()
				total[out]++
				fmt.Printf("%s (%.1fs) %s%s\n", out, time.Since(start).Seconds(), rows[i], detail)
				print.Unlock()
			}
		})
	}
	for i := range rows {
		work <- i
	}
	close(work)
	wg.Wait()
	failed := total[survived] + total[broken]
	fmt.Printf("%d passed, %d failed, %d not run here, in %.0fs: "+
		"a mutant passes when its test fails\n",
		total[killed], failed, total[notHere], time.Since(start).Seconds())
	return failed == 0, nil
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
		text, err := l.test(b.binary, r, strconv.Itoa(i))
		if out, detail := verdict(text, err); out == killed {
			return out, detail
		}
	}
	return l.alone(i, r)
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
	text, err := l.test(binary, r, "")
	return verdict(text, err)
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
			text, err := l.test(b.binary, r, "")
			if err != nil {
				return fmt.Errorf("%s fails on the code as it is: %w: %s", r.test, err, last(text))
			}
			return ran(text, r.test)
		})
		l.whole[key] = whole
	}
	l.mu.Unlock()
	return whole()
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

// last returns the end of an output, indented.
func last(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	const most = 12
	return "\n\t\t" + strings.Join(lines[max(0, len(lines)-most):], "\n\t\t")
}
