package main

import (
	"io"
	"path/filepath"
	"testing"

	"github.com/sealsock/sealsock"
)

// TestReconnectOnTerminal connects again with ~r. The first connection ends in order, the
// second resumes its session, and what is typed goes to it.
func TestReconnectOnTerminal(t *testing.T) {
	for name, more := range map[string][]string{
		"memory": nil, "TLS 1.2": {"--max", "1.2"},
		"file": {"--session", filepath.Join(t.TempDir(), "session")},
	} {
		t.Run(name, func(t *testing.T) {
			addr, root, accept := serveOne(t)
			args := append([]string{"connect", "--ca", root}, more...)
			s := newScreen(t, append(args, addr)...)
			for i := range 3 {
				conn := accept()
				s.keys("line\r")
				got := make([]byte, 5)
				if _, err := io.ReadFull(conn, got); err != nil || string(got) != "line\n" {
					t.Fatalf("connection %d: %q, %v", i, got, err)
				}
				if resumed := conn.(*sealsock.Conn).State().Resumed; resumed != (i > 0) {
					t.Errorf("connection %d: resumed %v", i, resumed)
				}
				io.WriteString(conn, "answer\n") // after the session
				s.awaitTimes("answer\r\n", i+1)
				if i == 2 {
					break
				}
				s.keys("~r\r")
				if n, err := conn.Read(got); n != 0 || err != io.EOF {
					t.Errorf("connection %d ended with %d bytes, %v", i, n, err)
				}
			}
			s.awaitTimes("seal: connected to ", 3)
			s.keys("\x03")
			s.exit(exitInterrupted)
		})
	}
}

// TestReconnectIsForClients: a listener cannot connect again.
func TestReconnectIsForClients(t *testing.T) {
	s := newScreen(t, "listen", "localhost:0")
	s.await("openssl s_client")
	s.keys("~r\r")
	s.await("only it can connect again")
	s.keys("\x03")
	s.exit(exitInterrupted)
}

// TestSuspendOnTerminal suspends the program with Ctrl-Z below a shell, which continues it.
func TestSuspendOnTerminal(t *testing.T) {
	addr, root, accept := serveOne(t)
	s := newScreenOf(t, t.TempDir(), nil, "sh", "-im")
	s.keys("PS1='ready$ '\r")
	s.await("ready$ ")
	s.keys("seal connect --ca " + root + " " + addr + "\r")
	conn := accept()
	s.await("connected to ")
	s.keys("hel\x1a")
	s.await("Stopped")
	s.keys("echo in the sh''ell\r")
	s.await("in the shell")
	io.WriteString(conn, "meanwhile\n")
	s.keys("fg\r")
	s.await("meanwhile")
	s.keys("lo\r")
	got := make([]byte, 6)
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != "hello\n" {
		t.Errorf("%q, %v", got, err)
	}
	s.keys("\x03")
	s.await("seal: interrupted")
	s.keys("echo status $?\r")
	s.await("status 130")
	s.keys("exit\r")
}
