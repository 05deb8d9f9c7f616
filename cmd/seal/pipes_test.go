//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestPipes gives a pipe without a writer in place of every file that a flag or
// an argument can name. The first interrupt ends the command.
func TestPipes(t *testing.T) {
	home := t.TempDir()
	run := func(args ...string) {
		t.Helper()
		cmd := exec.Command("seal", args...)
		cmd.Dir, cmd.Env = home, append(os.Environ(), "SEALSOCK_HOME="+filepath.Join(home, "own"))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("seal %v: %v\n%s", args, err, out)
		}
	}
	run("ca", "create")
	run("ca", "issue", "localhost")
	if err := os.WriteFile(filepath.Join(home, "password"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	run("ca", "issue", "--p12", "sealed.p12", "--key-password-file", "password", "localhost")
	for _, command := range []string{
		"cert PIPE", "cert --key-password-file PIPE sealed.p12",
		"ca issue --csr PIPE x.local", "ca issue --p12 new.p12 --key-password-file PIPE x.local",
		"ca renew PIPE", "ca renew --keep-key --key PIPE --cert out.pem localhost.pem",
		"ca revoke PIPE", "ca repair PIPE", "ca repair --revoked PIPE", "ech show PIPE",
		"connect --ca PIPE localhost:1", "connect --crl PIPE localhost:1",
		"connect --known-peers PIPE localhost:1",
		"connect --cert PIPE localhost:1", "connect --cert localhost.pem --key PIPE localhost:1",
		"connect --p12 PIPE localhost:1", "connect --raw-key --insecure --key PIPE localhost:1",
		"connect --psk-file PIPE localhost:1", "connect --ech-config PIPE localhost:1",
		"connect --session PIPE localhost:1", "connect --session none --early-data PIPE localhost:1",
		"listen --cert PIPE localhost:0", "listen --psk-file PIPE localhost:0", "listen --ech-keys PIPE localhost:0",
		"listen --ca PIPE localhost:0", "listen --crl PIPE --ca localhost.pem localhost:0",
		"listen --known-peers PIPE localhost:0",
		"inspect PIPE", "inspect --list PIPE", "inspect --keylog PIPE localhost.pem",
		"inspect --key-password-file PIPE sealed.p12",
		"inspect --proxy http://127.0.0.1:1 --proxy-user-file PIPE localhost:1",
		"connect --proxy http://127.0.0.1:1 --proxy-user-file PIPE localhost:1",
		"relay --cert PIPE localhost:0", "relay --nats nats://127.0.0.1:1 --nats-auth PIPE localhost:0",
		"relay --nats tls://127.0.0.1:1 --nats-ca PIPE localhost:0",
		"send --ca PIPE --relay localhost:1 localhost.pem",
		"receive --ca PIPE --relay localhost:1 --code 1-a-b",
		"receive --code-file PIPE --relay localhost:1",
		"listen --client-ca PIPE --client-auth require localhost:0",
		"listen --key-password-file PIPE --p12 sealed.p12 localhost:0",
		"listen --ticket-keys PIPE localhost:0",
		"listen --nats nats://127.0.0.1:1 --fleet-secret PIPE localhost:0",
		"bench --ca PIPE localhost:1",
		"tunnel --listen 127.0.0.1:0 --to 127.0.0.1:1 --cert PIPE",
		"tunnel --listen 127.0.0.1:0 --to 127.0.0.1:1 --psk-file PIPE",
		"tunnel PIPE", "tunnel --check PIPE", "tunnel reload PIPE", "tunnel upgrade PIPE",
	} {
		t.Run(strings.ReplaceAll(command, " ", "_"), func(t *testing.T) {
			t.Parallel()
			interruptAtPipe(t, home, command)
		})
	}
}

// TestPipesWithoutReader gives a pipe that is not read in place of every file that a
// command writes. The first interrupt ends the command.
func TestPipesWithoutReader(t *testing.T) {
	for _, command := range []string{
		"listen --log PIPE localhost:0", "connect --log PIPE localhost:1",
		"listen --keylog PIPE localhost:0", "connect --keylog PIPE localhost:1",
		"inspect --html PIPE --dns off localhost:1",
	} {
		t.Run(strings.ReplaceAll(command, " ", "_"), func(t *testing.T) {
			t.Parallel()
			home := t.TempDir()
			pipe := filepath.Join(home, "pipe")
			if err := syscall.Mkfifo(pipe, 0o600); err != nil {
				t.Fatal(err)
			}
			args := strings.Fields(strings.Replace(command, "PIPE", pipe, 1))
			for wait := 200 * time.Millisecond; ; wait *= 2 {
				s := runSeal(t, filepath.Join(home, "own"), nil, args...)
				time.Sleep(wait)
				if err := s.Process.Signal(os.Interrupt); err != nil {
					t.Fatalf("%v: %s", err, s.errors.text())
				}
				code := s.exit(t)
				if code == exitInterrupted {
					return
				}
				// The signal may have come before the program was ready for it.
				if wait > 5*time.Second || !killedBy(s, syscall.SIGINT) {
					t.Fatalf("exit code %d: %s", code, s.errors.text())
				}
			}
		})
	}
}

// killedBy reports whether a signal that a program did not await ended it.
func killedBy(s *sealProcess, sig syscall.Signal) bool {
	status, ok := s.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == sig
}

// interruptAtPipe runs a command and interrupts it when it has opened the pipe.
// A command may also refuse pipes without waiting.
func interruptAtPipe(t *testing.T, home, command string) {
	t.Helper()
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("seal", strings.Fields(strings.Replace(command, "PIPE", pipe, 1))...)
	cmd.Dir, cmd.Env = home, append(os.Environ(), "SEALSOCK_HOME="+filepath.Join(home, "own"))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	timeout := time.After(time.Minute)
	for opened := false; ; {
		select {
		case err := <-ended:
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != exitInterrupted &&
				exit.ExitCode() != exitFailure ||
				exit.ExitCode() == exitFailure && !strings.Contains(out.String(), "regular file") &&
					!strings.Contains(out.String(), " is not a file") {
				t.Errorf("%v\n%s", err, out.String())
			}
			return
		case <-timeout:
			cmd.Process.Kill()
			t.Fatalf("still there a minute after the interrupt (pipe opened: %v)\n%s", opened, out.String())
		case <-time.After(5 * time.Millisecond):
		}
		if opened {
			continue
		}
		w, err := os.OpenFile(pipe, os.O_WRONLY|syscall.O_NONBLOCK, 0) // fails until there is a reader
		if err != nil {
			continue
		}
		defer w.Close()
		opened = true
		if err := cmd.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Fatal(err)
		}
	}
}

// TestEndlessFiles gives a file without an end.
func TestEndlessFiles(t *testing.T) {
	home := t.TempDir()
	for _, command := range []string{
		"cert FILE", "ca issue --csr FILE x.local", "ech show FILE", "connect --ca FILE localhost:1",
		"connect --crl FILE localhost:1", "connect --known-peers FILE localhost:1",
		"connect --cert FILE localhost:1",
		"connect --psk-file FILE localhost:1", "connect --session FILE localhost:1",
		"listen --ech-keys FILE localhost:0",
		"listen --known-peers FILE localhost:0",
	} {
		t.Run(strings.ReplaceAll(command, " ", "_"), func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel() // and kills it
			args := strings.Fields(strings.Replace(command, "FILE", "/dev/zero", 1))
			cmd := exec.CommandContext(ctx, "seal", args...)
			cmd.Dir, cmd.Env = home, append(os.Environ(), "SEALSOCK_HOME="+filepath.Join(home, "own"))
			out, err := cmd.CombinedOutput()
			if cmd.ProcessState.ExitCode() != exitFailure || !bytes.Contains(out, []byte("\nhint: ")) {
				t.Errorf("%v\n%.300s", err, out)
			}
		})
	}
}
