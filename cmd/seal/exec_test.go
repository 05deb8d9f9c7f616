//go:build !windows

package main

import (
	"context"
	"io"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/trust"
)

// limited runs a listener under limits of the shell.
func limited(t *testing.T, limits string, args ...string) (s *sealProcess, addr string) {
	t.Helper()
	path, err := exec.LookPath("seal")
	if err != nil {
		t.Fatal(err)
	}
	shellArgs := append([]string{"-c", limits + `; exec "$0" "$@"`, path}, args...)
	s = startProgram(t, filepath.Join(t.TempDir(), "home"), nil, "/bin/sh", shellArgs...)
	port := s.await(t, &s.errors, `listening on 127\.0\.0\.1:(\d+) `)
	return s, "localhost:" + port
}

// askLine sends a line to a server and reads the answer to its end.
func askLine(addr string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*testTimeout)
	defer cancel()
	// The test is about descriptors, so any server will do.
	cfg := &sealsock.Config{Trust: &trust.Policy{Insecure: true}, HandshakeTimeout: 3 * testTimeout}
	c, err := sealsock.Dial(ctx, addr, cfg)
	if err != nil {
		return "", err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(3 * testTimeout))
	if _, err := io.WriteString(c, "hello\n"); err != nil {
		return "", err
	}
	if err := c.CloseWrite(); err != nil {
		return "", err
	}
	answer, err := io.ReadAll(c)
	return string(answer), err
}

// TestExecFewDescriptors serves far more clients at once than there are descriptors.
func TestExecFewDescriptors(t *testing.T) {
	s, addr := limited(t, "ulimit -n 64", "listen", "--keep", "--exec", "cat", "localhost:0")
	var served atomic.Int32
	var group sync.WaitGroup
	const clients = 100
	for range clients {
		group.Go(func() {
			if answer, err := askLine(addr); answer == "hello\n" && err == nil {
				served.Add(1)
			} else {
				t.Logf("got %q, %v", answer, err)
			}
		})
	}
	group.Wait()
	if n := served.Load(); n != clients {
		t.Errorf("%d of %d clients were served: %s", n, clients, s.errors.text())
	}
}
