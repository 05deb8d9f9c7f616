//go:build unix

package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/sealsock/sealsock/tunnel"
)

// TestTunnelLogPipe: a pipe is a log while a program reads it. Nothing waits for that program.
func TestTunnelLogPipe(t *testing.T) {
	name := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	out, cfg := newOutput(os.Stderr), &tunnel.Config{Log: tunnel.Log{File: name}}
	for what, open := range map[string]func() (*tunnelLog, error){
		"openTunnelLog":  func() (*tunnelLog, error) { return openTunnelLog(out, cfg, io.Discard) },
		"checkTunnelLog": func() (*tunnelLog, error) { return checkTunnelLog(out, cfg, io.Discard) },
	} {
		if _, err := open(); !errors.Is(err, syscall.ENXIO) {
			t.Errorf("%s, without a reader: %v", what, err)
		}
	}
	reader, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	log, err := openTunnelLog(out, cfg, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	defer log.close()
	log.Info("listening")
	if n, err := reader.Read(make([]byte, 1000)); n == 0 || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
}
