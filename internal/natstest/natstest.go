// Package natstest runs nats-server for tests, as a process that can be killed and started
// again.
package natstest

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/sealsock/sealsock/internal/freeport"
	"github.com/sealsock/sealsock/internal/peers"
)

// A Server is a NATS server, whose files survive the process.
type Server struct {
	URL  string
	Dir  string // of the files of JetStream, in jetstream
	t    testing.TB
	args []string

	mu   sync.Mutex
	cmd  *exec.Cmd
	log  bytes.Buffer
	logs sync.Mutex
}

// program returns the path of nats-server. Debian has it in a folder that is not in the PATH of
// an ordinary user.
func program(t testing.TB) string {
	const debian = "/usr/sbin/nats-server"
	if _, err := os.Stat(debian); err == nil {
		return debian
	}
	peers.Need(t, "nats-server")
	return "nats-server"
}

// Start starts a server with JetStream, which ends with the test. args are further arguments.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	dir := t.TempDir()
	s := Plain(t, append([]string{"-js", "-sd", dir}, args...)...)
	s.Dir = dir
	return s
}

// Plain starts a server without JetStream.
func Plain(t testing.TB, args ...string) *Server {
	t.Helper()
	name := program(t)
	port := freeport.Pick(t)
	s := &Server{URL: fmt.Sprintf("nats://127.0.0.1:%d", port), t: t}
	s.args = append([]string{name, "-a", "127.0.0.1", "-p", fmt.Sprint(port)}, args...)
	s.Restart()
	t.Cleanup(s.Kill)
	return s
}

// Kill ends the process at once, as kill -9 does.
func (s *Server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return
	}
	s.cmd.Process.Kill()
	s.cmd.Wait()
	s.cmd = nil
}

// Restart starts the process again, and waits until it listens.
func (s *Server) Restart() {
	s.t.Helper()
	s.Kill()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cmd = exec.Command(s.args[0], s.args[1:]...)
	s.cmd.Stdout, s.cmd.Stderr = (*output)(s), (*output)(s)
	if err := s.cmd.Start(); err != nil {
		s.cmd = nil
		s.t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "nats://"))
		if err == nil {
			conn.Close()
			return
		}
		if time.Now().After(end) {
			s.logs.Lock()
			defer s.logs.Unlock()
			s.t.Fatalf("nats-server does not listen: %v\n%s", err, s.log.String())
		}
	}
}

// An output keeps what the server prints.
type output Server

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	o.logs.Lock()
	defer o.logs.Unlock()
	if o.log.Len() < 64<<10 {
		o.log.Write(p)
	}
	return len(p), nil
}

// Connect returns a connection to the server, which reconnects at once and forever.
func (s *Server) Connect(opts ...nats.Option) *nats.Conn {
	s.t.Helper()
	opts = append([]nats.Option{
		nats.MaxReconnects(-1), nats.ReconnectBufSize(-1),
		nats.ReconnectWait(20 * time.Millisecond), nats.ReconnectJitter(0, 0),
		nats.Timeout(20 * time.Second),
	}, opts...)
	nc, err := nats.Connect(s.URL, opts...)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(nc.Close)
	return nc
}
