package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/sealsock/sealsock/tunnel"
)

// TestPIDFile: a process removes its own file with the number of the process, that of another
// one never, and none once it has begun to hand over.
func TestPIDFile(t *testing.T) {
	r := &tunnelRun{cfg: &tunnel.Config{PID: filepath.Join(t.TempDir(), "pid")}}
	exists := func() bool {
		_, err := os.Stat(r.cfg.PID)
		return err == nil
	}
	if err := r.writePID(); err != nil || !exists() {
		t.Fatal("not written: ", err)
	}
	r.handing.Store(true)
	if r.removePID(); !exists() {
		t.Error("removed after a hand-over")
	}
	r.handing.Store(false)
	if r.removePID(); exists() {
		t.Error("not removed")
	}
	if err := os.WriteFile(r.cfg.PID, []byte("1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r.removePID(); !exists() {
		t.Error("removed that of another process")
	}
}
