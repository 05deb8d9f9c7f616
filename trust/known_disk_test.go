//go:build linux

package trust

import (
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestKnownDiskIsFull: a line that the disk has room for in part leaves the file as it was.
func TestKnownDiskIsFull(t *testing.T) {
	file := filepath.Join(t.TempDir(), "known")
	before := "box.lan " + Pin{1}.String() + "\n" + strings.Repeat("# remark\n", 4096)
	write(t, file, []byte(before))
	k, err := OpenKnownPeers(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	// A limit of the process, which the system holds files against as a full disk does.
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	limit := unix.Rlimit{Cur: uint64(len(before)) + 20, Max: old.Max}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	err = k.Add("new.lan", Pin{2})
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	if err == nil {
		t.Fatal("the line was written")
	}
	if data, err := os.ReadFile(file); err != nil || string(data) != before {
		t.Errorf("the file has %d bytes and not %d: %v", len(data), len(before), err)
	}
	if pins, err := k.Pins("box.lan"); err != nil || len(pins) != 1 {
		t.Errorf("the file cannot be used any more: %v, %v", pins, err)
	}
}
