package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// spareDescriptors sets a process's limit so that it can open a number of files more.
func spareDescriptors(t *testing.T, pid, spare int) {
	t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	open := make(map[string]bool)
	for _, e := range entries {
		open[e.Name()] = true
	}
	limit := 0
	for ; spare > 0; limit++ {
		if !open[fmt.Sprint(limit)] {
			spare--
		}
	}
	old := new(unix.Rlimit)
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, old); err != nil {
		t.Fatal(err)
	}
	new := unix.Rlimit{Cur: uint64(limit), Max: old.Max}
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &new, nil); err != nil {
		t.Fatal(err)
	}
}

// TestExecNoDescriptors leaves a listener one descriptor beside the connection. The
// client must be sent an alert, the log must have a line with a hint, and the next
// client must be served once there are descriptors.
func TestExecNoDescriptors(t *testing.T) {
	s, addr := limited(t, ":", "listen", "--keep", "--exec", "cat", "localhost:0")
	if answer, err := askLine(addr); answer != "hello\n" || err != nil {
		t.Fatalf("the first client got %q, %v", answer, err)
	}
	s.await(t, &s.errors, `(has ended)\n`)
	spareDescriptors(t, s.Process.Pid, 2)
	answer, err := askLine(addr)
	if answer != "" || err == nil || !strings.Contains(err.Error(), "internal_error") {
		t.Errorf("the client got %q, %v, want internal_error", answer, err)
	}
	s.await(t, &s.errors, `has ended: (--exec "cat" cannot be started: too many open files)\n`)
	s.await(t, &s.errors, `(lower --clients, or raise the limits of this user)`)
	spareDescriptors(t, s.Process.Pid, 64)
	if answer, err := askLine(addr); answer != "hello\n" || err != nil {
		t.Errorf("the next client got %q, %v: %s", answer, err, s.errors.text())
	}
}
