// Package relaytest is a relay for tests, which can fail and be hostile.
package relaytest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/sealsock/sealsock/relay"
)

// A Relay is a relay whose connections can be cut, and which can be replaced by a new one.
type Relay struct {
	// Tamper, if set, returns what a client gets in place of a message of the relay.
	Tamper func(*relay.Message) []*relay.Message
	// Wrap, if set, wraps the client's side of each connection.
	Wrap func(net.Conn) net.Conn

	mu      sync.Mutex
	server  *relay.Server
	conns   []net.Conn
	down    bool
	serving sync.WaitGroup
	tamper  sync.Mutex
}

func newServer() *relay.Server {
	return relay.NewServer(relay.NewMemory(0, 0), relay.Limits{})
}

// New returns a Relay that ends with the test.
func New(t testing.TB) *Relay {
	f := &Relay{server: newServer()}
	t.Cleanup(func() {
		f.Restart(true)
		f.serving.Wait()
	})
	return f
}

// Dial connects to the relay.
func (f *Relay) Dial(context.Context) (net.Conn, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down {
		return nil, errors.New("the relay is down")
	}
	client, conn := net.Pipe()
	f.conns = append(f.conns, client)
	server := f.server
	f.serving.Go(func() { server.Serve(context.Background(), conn) })
	if f.Wrap != nil {
		client = f.Wrap(client)
	}
	if f.Tamper != nil {
		client = &hostile{Conn: client, relay: f}
	}
	return client, nil
}

// Restart cuts all connections and forgets all rooms, as the end of the process does. If
// down is true there is no new process yet.
func (f *Relay) Restart(down bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.conns {
		c.Close()
	}
	f.conns, f.down, f.server = nil, down, newServer()
}

// hostile changes the messages to a client.
type hostile struct {
	net.Conn
	relay *Relay
	out   bytes.Buffer
}

// Read implements net.Conn.
func (h *hostile) Read(p []byte) (int, error) {
	for h.out.Len() == 0 {
		var length [4]byte
		if _, err := io.ReadFull(h.Conn, length[:]); err != nil {
			return 0, err
		}
		body := make([]byte, binary.BigEndian.Uint32(length[:]))
		if _, err := io.ReadFull(h.Conn, body); err != nil {
			return 0, err
		}
		m, err := relay.Parse(body)
		if err != nil {
			return 0, err
		}
		h.relay.tamper.Lock()
		for _, m := range h.relay.Tamper(m) {
			b := m.Append(nil)
			h.out.Write(binary.BigEndian.AppendUint32(nil, uint32(len(b))))
			h.out.Write(b)
		}
		h.relay.tamper.Unlock()
	}
	return h.out.Read(p)
}
