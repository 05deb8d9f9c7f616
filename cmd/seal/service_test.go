//go:build !windows

package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestStdioEnds gives a listener its one client, which is refused or served. The
// listener must end.
func TestStdioEnds(t *testing.T) {
	for _, test := range []struct {
		name, client string
		code         int
		args         []string
	}{
		{"refused", "no TLS at all\r\n\r\n", exitFailure, []string{"--echo"}},
		{"refused, keep", "no TLS at all\r\n\r\n", exitFailure, []string{"--echo", "--keep"}},
		{"silent, keep", "", exitFailure, []string{"--exec", "cat", "--keep"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			args := append(append([]string{"listen"}, test.args...), "stdio:")
			s := runSeal(t, filepath.Join(t.TempDir(), "home"), strings.NewReader(test.client), args...)
			if code := s.exit(t); code != test.code {
				t.Errorf("it ended with %d, want %d: %s", code, test.code, s.errors.text())
			}
			if !strings.Contains(s.errors.text(), "no connection with ") {
				t.Errorf("the refusal was not reported: %s", s.errors.text())
			}
		})
	}
}

// TestStdioKeepServed serves one client with --keep.
func TestStdioKeepServed(t *testing.T) {
	home := filepath.Join(t.TempDir(), "home")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	// The first use makes the authority, which the client needs too.
	if out, err := sealCommand(home, "ca", "create").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	client := runSeal(t, home, strings.NewReader("hello\n"), "connect", "localhost:"+port)
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	file, err := conn.(*net.TCPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	server := sealCommand(home, "listen", "--keep", "--echo", "stdio:")
	var errors words
	server.Stdin, server.Stdout, server.Stderr = file, file, &errors
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	file.Close()
	kill := time.AfterFunc(testTimeout, func() { server.Process.Kill() })
	defer kill.Stop()
	if err := server.Wait(); err != nil {
		t.Errorf("the listener: %v: %s", err, errors.text())
	}
	if code := client.exit(t); code != exitOK || client.output.text() != "hello\n" {
		t.Errorf("the client ended with %d: %s", code, client.errors.text())
	}
}

// sealCommand is seal with a home.
func sealCommand(home string, args ...string) *exec.Cmd {
	c := exec.Command("seal", args...)
	c.Env = append(os.Environ(), "SEALSOCK_HOME="+home)
	return c
}

// TestExecEndsWithSeal kills seal in two ways while a program of --exec runs. The
// program, and what it started in the background, must end.
func TestExecEndsWithSeal(t *testing.T) {
	for name, signals := range map[string][]syscall.Signal{
		"killed": {syscall.SIGKILL},
		"twice":  {syscall.SIGTERM, syscall.SIGTERM},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			home := filepath.Join(t.TempDir(), "home")
			server := runSeal(t, home, nil, "listen", "--keep", "--drain", "1h",
				"--exec", "sleep 1000 & echo $$ $!; wait", "localhost:0")
			port := server.await(t, &server.errors, `listening on 127\.0\.0\.1:(\d+) `)
			client := runSeal(t, home, endless(t), "connect", "localhost:"+port)
			pids := strings.Fields(client.await(t, &client.output, `(\d+ \d+)\n`))
			for i, sig := range signals {
				if i > 0 { // the signals must not become one
					server.await(t, &server.errors, "(stopped listening)")
				}
				if err := server.Process.Signal(sig); err != nil {
					t.Fatal(err)
				}
			}
			server.Wait()
			for _, text := range pids {
				awaitEnd(t, text)
			}
		})
	}
}

// awaitEnd waits for the end of a process that is no child of this one. What has
// ended may remain as a zombie if nothing reaps it here.
func awaitEnd(t *testing.T, text string) {
	t.Helper()
	pid, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(testTimeout); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		stat, err := os.ReadFile("/proc/" + text + "/stat")
		if syscall.Kill(pid, 0) != nil || err == nil && strings.Contains(string(stat), ") Z ") {
			return
		}
	}
	t.Errorf("process %d is still there", pid)
	_ = syscall.Kill(pid, syscall.SIGKILL)
}

// TestDrain sends SIGTERM while a client is served. The client must be served to its
// end, others must not be accepted, and the listener must succeed.
func TestDrain(t *testing.T) {
	home := filepath.Join(t.TempDir(), "home")
	server := runSeal(t, home, nil, "listen", "--keep", "--echo", "--drain", "1h", "localhost:0")
	port := server.await(t, &server.errors, `listening on 127\.0\.0\.1:(\d+) `)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	client := runSeal(t, home, r, "connect", "localhost:"+port)
	r.Close()
	io.WriteString(w, "one\n")
	client.await(t, &client.output, "(one)\n")
	if err := server.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	server.await(t, &server.errors, "(stopped listening)")
	if conn, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
		conn.Close()
		t.Error("a client was accepted after SIGTERM")
	}
	io.WriteString(w, "two\n")
	client.await(t, &client.output, "(two)\n")
	w.Close()
	if code := client.exit(t); code != exitOK {
		t.Errorf("the client ended with %d: %s", code, client.errors.text())
	}
	if code := server.exit(t); code != exitOK {
		t.Errorf("the listener ended with %d: %s", code, server.errors.text())
	}
}

// TestDrainEnds has a client that stays: it must be cut off.
func TestDrainEnds(t *testing.T) {
	home := filepath.Join(t.TempDir(), "home")
	server := runSeal(t, home, nil, "listen", "--keep", "--echo", "--drain", "50ms", "localhost:0")
	port := server.await(t, &server.errors, `listening on 127\.0\.0\.1:(\d+) `)
	client := runSeal(t, home, endless(t), "connect", "localhost:"+port)
	client.await(t, &client.output, "(the beginning)\n")
	if err := server.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := client.exit(t); code != exitCut {
		t.Errorf("the client ended with %d, want %d: %s", code, exitCut, client.errors.text())
	}
}

// TestHangup sends SIGHUP to a listener, which must read its certificate again.
func TestHangup(t *testing.T) {
	dir, home := issuedFor(t)
	server := runSeal(t, home, nil, "listen", "--keep", "--echo",
		"--cert", filepath.Join(dir, "localhost.pem"), "--key", filepath.Join(dir, "localhost.key"), "localhost:0")
	server.await(t, &server.errors, `(listening on)`)
	if err := server.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	server.await(t, &server.errors, `(localhost\.pem has a new certificate)`)
}

// TestHangupAtOnce: SIGHUP does not end a listener that has just told that it is listening.
func TestHangupAtOnce(t *testing.T) {
	dir, _ := issuedFor(t)
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	reloaded := false
	out := &output{w: writerFunc(func(p []byte) (int, error) {
		switch {
		case bytes.Contains(p, []byte("listening on")):
			if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
				t.Error(err)
			}
			<-hangups // it has been passed to all that wait for it by now
		case bytes.Contains(p, []byte("has a new certificate")):
			reloaded = true
			cancel()
		}
		return len(p), nil
	})}
	root := newRoot(out)
	root.SetArgs([]string{"listen", "--keep", "--echo", "--cert", filepath.Join(dir, "localhost.pem"),
		"--key", filepath.Join(dir, "localhost.key"), "localhost:0"})
	err := root.ExecuteContext(ctx)
	if out.mu.Lock(); !reloaded {
		t.Errorf("the certificate was not read again: %v", err)
	}
	out.mu.Unlock()
}

// A writerFunc is a function that is an io.Writer.
type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// issuedFor creates an authority and a certificate for localhost in a folder.
func issuedFor(t *testing.T) (dir, home string) {
	t.Helper()
	dir = t.TempDir()
	home = filepath.Join(dir, "home")
	for _, args := range [][]string{{"ca", "create"}, {"ca", "issue", "localhost"}} {
		c := sealCommand(home, args...)
		c.Dir = dir
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("seal %v: %v: %s", args, err, out)
		}
	}
	return dir, home
}
