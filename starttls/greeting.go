package starttls

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
)

// greetings are the lines with which servers begin a connection in plaintext.
var greetings = map[string]string{
	"ftp": "220 ready\r\n", "imap": "* OK ready\r\n", "lmtp": "220 localhost ready\r\n",
	"nntp": "200 ready\r\n", "pop3": "+OK ready\r\n", "smtp": "220 localhost ready\r\n",
}

// WithGreeting returns a connection from which a greeting of the protocol's server is read,
// and then what comes over conn. A server greets once, before the upgrade, in plaintext that
// Client reads and that must not be trusted; a client library that is given the connection
// after it waits for a greeting. The protocols are ftp, imap, lmtp, nntp, pop3 and smtp.
func WithGreeting(conn net.Conn, protocol string) (net.Conn, error) {
	if conn == nil {
		return nil, errNoConn
	}
	text, ok := greetings[protocol]
	if !ok {
		return nil, fmt.Errorf("starttls: no greeting of protocol %q is known: one of %s is",
			protocol, strings.Join(slices.Sorted(maps.Keys(greetings)), ", "))
	}
	return &greetedConn{Conn: conn, rest: text}, nil
}

type greetedConn struct {
	net.Conn
	mu   sync.Mutex
	rest string // of the greeting
}

// Read implements net.Conn.
func (g *greetedConn) Read(p []byte) (int, error) {
	if n := g.greet(p); n > 0 {
		return n, nil
	}
	return g.Conn.Read(p)
}

func (g *greetedConn) greet(p []byte) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := copy(p, g.rest)
	g.rest = g.rest[n:]
	return n
}
