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

	mu    sync.Mutex
	whole map[string]func() error // by folder and test: the result on the code as it is
	built map[string]func() error // by folder: the test binary of the code as it is
}

// try runs the mutants of rows and prints a line for each, and the totals.
func try(root string, rows []*row, o *options) (ok bool, err error) {
	temp, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(temp)
	l := &lab{
		root: root, temp: temp, timeout: o.timeout,
		whole: map[string]func() error{}, built: map[string]func() error{},
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

// one tries one mutant. detail tells what went wrong.
func (l *lab) one(i int, r *row) (out outcome, detail string) {
	if r.needs != "" && !needs[r.needs]() {
		return notHere, ": this machine lacks " + r.needs
	}
	if err := l.passesWhole(r); err != nil {
		return broken, "\n\t" + err.Error()
	}
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
	text, err := l.test(binary, r)
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
	replace := map[string]string{filepath.Join(l.root, filepath.FromSlash(r.file)): with}
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, b, 0o600)
}

// passesWhole checks, once for each test, that it passes on the code as it is.
func (l *lab) passesWhole(r *row) error {
	l.mu.Lock()
	name := strings.ReplaceAll(r.dir(), "/", "_") + ".whole.exe"
	binary := filepath.Join(l.temp, name)
	built := l.built[r.dir()]
	if built == nil {
		built = sync.OnceValue(func() error { return l.build(r.dir(), binary) })
		l.built[r.dir()] = built
	}
	key := r.dir() + " " + r.test
	whole := l.whole[key]
	if whole == nil {
		whole = sync.OnceValue(func() error {
			if err := built(); err != nil {
				return err
			}
			text, err := l.test(binary, r)
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

// test runs the row's test in a binary and returns what it printed.
func (l *lab) test(binary string, r *row) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), l.timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary,
		"-test.short", "-test.v", "-test.count=1", "-test.run="+pattern(r.test))
	cmd.Dir = filepath.Join(l.root, filepath.FromSlash(r.dir()))
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
