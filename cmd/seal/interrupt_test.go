//go:build !windows

package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// words is what a process writes, safe to read while it writes. The buffer is not embedded: package
// os/exec would use its ReadFrom, which does not lock.
type words struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (w *words) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buf.Write(p)
}

func (w *words) text() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buf.String()
}

// sealProcess is a running seal.
type sealProcess struct {
	*exec.Cmd
	errors words
	output words
}

// runSeal starts seal with a home and an input of its own.
func runSeal(t *testing.T, home string, in io.Reader, args ...string) *sealProcess {
	t.Helper()
	return startProgram(t, home, in, "seal", args...)
}

// startProgram is runSeal through another program.
func startProgram(t *testing.T, home string, in io.Reader, name string, args ...string) *sealProcess {
	t.Helper()
	s := &sealProcess{Cmd: exec.Command(name, args...)}
	s.Env = append(os.Environ(), "SEALSOCK_HOME="+home)
	s.Stdin, s.Stdout, s.Stderr = in, &s.output, &s.errors
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Process.Kill()
		s.Wait()
	})
	return s
}

// await waits for a match of a pattern in what seal writes, and returns its group.
func (s *sealProcess) await(t *testing.T, w *words, pattern string) string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	for end := time.Now().Add(testTimeout); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if m := re.FindStringSubmatch(w.text()); m != nil {
			return m[len(m)-1]
		}
	}
	t.Fatalf("no match of %q in %q", pattern, w.text())
	return ""
}

// exit waits for the end and returns the exit code.
func (s *sealProcess) exit(t *testing.T) int {
	t.Helper()
	timer := time.AfterFunc(testTimeout, func() { s.Process.Kill() })
	defer timer.Stop()
	s.Wait()
	return s.ProcessState.ExitCode()
}

// endless is an input that begins with data and does not end.
func endless(t *testing.T) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	if _, err := io.WriteString(w, "the beginning\n"); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestInterruptedSender stops a sender in the middle of its input. The receiver must
// not take what it has for the whole.
func TestInterruptedSender(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		for _, sender := range []string{"connect", "listen"} {
			t.Run(sender+" "+sig.String(), func(t *testing.T) {
				t.Parallel()
				home := filepath.Join(t.TempDir(), "home")
				inputs := map[string]io.Reader{sender: endless(t)}
				server := runSeal(t, home, inputs["listen"], "listen", "localhost:0")
				port := server.await(t, &server.errors, `listening on 127\.0\.0\.1:(\d+) `)
				client := runSeal(t, home, inputs["connect"], "connect", "localhost:"+port)
				from, to := client, server
				if sender == "listen" {
					from, to = server, client
				}
				to.await(t, &to.output, "(the beginning)\n")
				if err := from.Process.Signal(sig); err != nil {
					t.Fatal(err)
				}
				if code := to.exit(t); code != exitCut {
					t.Errorf("the receiver ended with %d, want %d: %s", code, exitCut, to.errors.text())
				}
				want := (&interrupted{sig}).exit()
				if code := from.exit(t); code != want {
					t.Errorf("the sender ended with %d, want %d: %s", code, want, from.errors.text())
				}
			})
		}
	}
}

// TestInterruptedService stops a listener in the middle of an answer.
func TestInterruptedService(t *testing.T) {
	for name, service := range map[string][]string{
		"echo": {"--echo"},
		"exec": {"--exec", "cat; sleep 1000"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			home := filepath.Join(t.TempDir(), "home")
			args := append([]string{"listen", "--keep", "--drain", "0"}, service...)
			server := runSeal(t, home, nil, append(args, "localhost:0")...)
			port := server.await(t, &server.errors, `listening on 127\.0\.0\.1:(\d+) `)
			client := runSeal(t, home, endless(t), "connect", "localhost:"+port)
			client.await(t, &client.output, "(the beginning)\n")
			if err := server.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			if code := client.exit(t); code != exitCut {
				t.Errorf("the client ended with %d, want %d: %s", code, exitCut, client.errors.text())
			}
		})
	}
}

// TestOutputFails ends the reader of standard output while input is left: the other
// side must not take the input for the whole.
func TestOutputFails(t *testing.T) {
	home := filepath.Join(t.TempDir(), "home")
	server := runSeal(t, home, strings.NewReader("answer\n"), "listen", "localhost:0")
	port := server.await(t, &server.errors, `listening on 127\.0\.0\.1:(\d+) `)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	defer w.Close()
	client := exec.Command("seal", "connect", "localhost:"+port)
	client.Env = append(os.Environ(), "SEALSOCK_HOME="+home)
	client.Stdin, client.Stdout = endless(t), w
	if err := client.Run(); client.ProcessState.ExitCode() != exitFailure {
		t.Errorf("the client: %v, want exit code %d", err, exitFailure)
	}
	if code := server.exit(t); code != exitCut {
		t.Errorf("the server ended with %d, want %d: %s", code, exitCut, server.errors.text())
	}
}

// TestInterruptedPipeline ends the input, as a program does that Ctrl-C has killed,
// and interrupts seal too: the end of the input must not be taken for that of
// the data.
func TestInterruptedPipeline(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	conn := &countingConn{Conn: near}
	ctx, cancel := context.WithCancel(context.Background())
	in := &inputReader{end: io.EOF}
	in.once.Do(func() {}) // it has been read to its end
	x := &exchange{conn: conn, in: in, out: io.Discard, piped: true}
	cancel()
	if err := x.send(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("the sending half ended with %v, want the interruption", err)
	}
	if n := conn.ends.Load(); n != 0 {
		t.Error("close_notify was sent")
	}
}

// countingConn counts how often close_notify would be sent.
type countingConn struct {
	net.Conn
	ends atomic.Int32
}

func (c *countingConn) CloseWrite() error { c.ends.Add(1); return nil }
func (c *countingConn) NetConn() net.Conn { return c.Conn }
