//go:build !windows

package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock/tunnel"
)

// TestReloadOutcome: seal tunnel reload ends with the outcome of a reload that began after it, and
// not with that of one that may have read the files before.
func TestReloadOutcome(t *testing.T) {
	pid := filepath.Join(t.TempDir(), "pid")
	r := &tunnelRun{cfg: &tunnel.Config{PID: pid}}
	if err := r.writePID(); err != nil {
		t.Fatal(err)
	}
	await := func(before int) error {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		return awaitReload(ctx, pid, os.Getpid(), before, 20*time.Second)
	}
	var verb chan error
	reload := func(during func(), result error) {
		if err, fileErr := r.outcome.reload(func() error {
			during()
			return result
		}); err != result || fileErr != nil {
			t.Fatal(err, fileErr)
		}
	}
	reload(func() {
		before, err := readOutcome(pid, os.Getpid())
		if err != nil || before.Begun != 1 || before.Done != 0 {
			t.Errorf("during a reload, %+v, %v", before, err)
		}
		verb = make(chan error, 1)
		go func() { verb <- await(before.Begun) }()
	}, errors.New("an old mistake"))
	select {
	case err := <-verb:
		t.Fatal("the outcome of a reload that began before the verb: ", err)
	case <-time.After(100 * time.Millisecond): // several looks
	}
	reload(func() {}, errors.New("a \x00 new mistake"+strings.Repeat("\x00", 2*maxOutcome)))
	if err := <-verb; err == nil || !strings.Contains(err.Error(), "a \x00 new mistake") {
		t.Error(err)
	}
	reload(func() {}, nil)
	if err := await(2); err != nil {
		t.Error("a reload without a mistake: ", err)
	}
}

// TestOutcomeOfOthers: a half of what is written, and what another process wrote, is no outcome.
func TestOutcomeOfOthers(t *testing.T) {
	pid := filepath.Join(t.TempDir(), "pid")
	r := &tunnelRun{cfg: &tunnel.Config{PID: pid}}
	if err := r.writePID(); err != nil {
		t.Fatal(err)
	}
	if _, err := readOutcome(pid, os.Getpid()); err != nil {
		t.Fatal("nothing was written at the start")
	}
	if _, err := readOutcome(pid, os.Getpid()+1); err == nil {
		t.Error("what another process wrote is an outcome")
	}
	file := pid + outcomeSuffix
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	torn := strings.Replace(string(text), `"Done":0`, `"Done":7`, 1)
	if err := os.WriteFile(file, []byte(torn), 0o600); err != nil {
		t.Fatal(err)
	}
	if o, err := readOutcome(pid, os.Getpid()); err == nil {
		t.Errorf("a half of what is written is an outcome: %+v", o)
	}
	if err := os.WriteFile(pid, []byte("1234567\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	err = awaitReload(t.Context(), pid, os.Getpid(), 0, time.Minute)
	if err == nil || !strings.Contains(err.Error(), "has ended or was replaced") {
		t.Error("another process runs: ", err)
	}
}

// TestBegunReloads: a half of what the process writes is not taken for no reload at all.
func TestBegunReloads(t *testing.T) {
	pid := filepath.Join(t.TempDir(), "pid")
	if n, err := begunReloads(pid, os.Getpid(), time.Second); n != 0 || err != nil {
		t.Errorf("of an older seal, %d, %v", n, err)
	}
	r := &tunnelRun{cfg: &tunnel.Config{PID: pid}}
	err := r.writePID()
	if err == nil {
		_, err = r.outcome.reload(func() error { return nil })
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := r.outcome.f.Truncate(20); err != nil {
		t.Fatal(err)
	}
	if n, err := begunReloads(pid, os.Getpid(), time.Second); err == nil {
		t.Errorf("a half is %d", n)
	}
	written := make(chan error)
	go func() {
		time.Sleep(50 * time.Millisecond)
		written <- r.outcome.write()
	}()
	if n, err := begunReloads(pid, os.Getpid(), time.Minute); n != 1 || err != nil {
		t.Errorf("a whole is %d, %v", n, err)
	}
	if err := <-written; err != nil {
		t.Fatal(err)
	}
}

// TestSignalProblem: a process of another user is told apart.
func TestSignalProblem(t *testing.T) {
	for err, hint := range map[error]string{os.ErrPermission: "another user", os.ErrClosed: ""} {
		p := explain(signalProblem(7, "reload", err))
		if !strings.Contains(p.hint, hint) || hint == "" && p.hint != "" ||
			!strings.HasPrefix(p.text, "process 7 cannot be told to reload") {
			t.Errorf("%q, hint %q", p.text, p.hint)
		}
	}
}
