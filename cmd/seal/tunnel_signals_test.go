//go:build !windows

package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/sealsock/sealsock/tunnel"
)

// TestSignalsWait: a signal of one kind that waits while the process is at work does not make it
// lose one of the other kind.
func TestSignalsWait(t *testing.T) {
	if signal.Ignored(syscall.SIGHUP) { // as nohup has it, which seal leaves so
		signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	}
	signals := catchSignals()
	for _, s := range []syscall.Signal{syscall.SIGHUP, syscall.SIGHUP, syscall.SIGUSR2} {
		if err := syscall.Kill(os.Getpid(), s); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond) // until it has been passed on
	}
	for name, c := range map[string]chan os.Signal{
		"SIGHUP": signals.reload, "SIGUSR2": signals.upgrade} {
		select {
		case <-c:
		case <-time.After(10 * time.Second):
			t.Errorf("%s is lost", name)
		}
	}
	(&tunnelRun{}).onSignals(t.Context(), signals)()
}

// TestWatchDuringReload: a file that changes while it is read is read again, as is one that
// changes before the first look.
func TestWatchDuringReload(t *testing.T) {
	file := filepath.Join(t.TempDir(), "seal.toml")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Error(err)
		}
	}
	write("1")
	ctx, cancel := context.WithCancel(t.Context())
	loads := make(chan string, 10)
	cfg := &tunnel.Config{Watch: tunnel.Duration(5 * time.Millisecond), Tunnels: []tunnel.Tunnel{{
		Name: "t", Listen: []string{"127.0.0.1:0"}, Client: &tunnel.TLS{},
		Backends: []tunnel.Backend{{Address: "127.0.0.1:1"}},
	}}}
	log := slog.New(slog.DiscardHandler)
	server, err := tunnel.New(cfg, tunnel.Options{Log: log})
	if err == nil {
		err = server.Listen(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
	r := &tunnelRun{file: file, cfg: cfg, server: server, log: &tunnelLog{Logger: log}}
	watched := make(chan struct{})
	defer func() {
		cancel()
		<-watched
		server.Serve(ctx) // closes the listeners
	}()
	r.load = func() (*tunnel.Config, error) {
		text, err := os.ReadFile(file)
		if string(text) == "22" {
			write("333")
		}
		loads <- string(text)
		return cfg, err
	}
	loaded := r.watched()
	write("22")
	go func() {
		defer close(watched)
		r.watch(ctx, loaded)
	}()
	for _, want := range []string{"22", "333"} {
		select {
		case got := <-loads:
			if got != want {
				t.Fatalf("%q was loaded, not %q", got, want)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("%q was not loaded", want)
		}
	}
}
