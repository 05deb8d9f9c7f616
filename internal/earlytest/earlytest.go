// Package earlytest is a client for tests, which sends 0-RTT data and keeps its first flight.
package earlytest

import (
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/trust"
)

// A Client keeps the session and the first flight of its last visit.
type Client struct {
	Roots   *trust.Roots    // of servers that are called localhost
	Session *engine.Session // nil before the first visit
	Flight  []byte
}

// Visit connects, sends early as 0-RTT data if there is a session for it, and then late. It returns
// the answer of the server until its end, and whether the data was accepted.
func (v *Client) Visit(t testing.TB, addr, early, late string) (answer string, accepted bool) {
	t.Helper()
	raw, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	raw.SetDeadline(time.Now().Add(answering))
	recorded := &flight{Conn: raw}
	cfg := &sealsock.Config{ServerName: "localhost", Trust: &trust.Policy{Roots: v.Roots},
		Session: v.Session, OnSession: func(s *engine.Session) { v.Session = s }}
	cfg.EarlyData = true
	c, err := sealsock.Client(recorded, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	sent := 0
	if v.Session != nil {
		sent, err = c.WriteEarly([]byte(early))
		if err != nil && !errors.Is(err, sealsock.ErrNoEarlyData) {
			t.Fatal(err)
		}
	}
	if _, err := io.WriteString(c, early[sent:]+late); err != nil {
		t.Fatal(err)
	}
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	v.Flight = recorded.sent
	return string(text), c.State().EarlyData
}

// answering bounds a visit on a busy machine.
const answering = time.Minute

// Replay sends the first flight of the last visit again, and returns once the server has answered:
// it has judged the flight then.
func (v *Client) Replay(t testing.TB, addr string) {
	t.Helper()
	raw, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	raw.SetDeadline(time.Now().Add(answering))
	if _, err := raw.Write(v.Flight); err != nil {
		t.Fatal(err)
	}
	if _, err := raw.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
}

// A flight records what a client sends until the server has answered.
type flight struct {
	net.Conn
	mu   sync.Mutex
	sent []byte
	done bool
}

func (f *flight) Write(b []byte) (int, error) {
	f.mu.Lock()
	if !f.done {
		f.sent = append(f.sent, b...)
	}
	f.mu.Unlock()
	return f.Conn.Write(b)
}

func (f *flight) Read(b []byte) (int, error) {
	n, err := f.Conn.Read(b)
	f.mu.Lock()
	f.done = f.done || n > 0
	f.mu.Unlock()
	return n, err
}
