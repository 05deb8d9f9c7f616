// Package nattest has a forwarder of datagrams for tests, which behaves like a NAT that forgets a
// binding: a server then sees its client at a new address.
package nattest

import (
	"bytes"
	"net"
	"sync"
	"testing"
)

// A NAT forwards datagrams between one client and a server.
type NAT struct {
	t      testing.TB
	inside *net.UDPConn
	server *net.UDPAddr

	mu      sync.Mutex
	client  *net.UDPAddr
	outside *net.UDPConn
	sent    [][]byte
}

// New returns a NAT in front of a server at host:port. It ends with the test.
func New(t testing.TB, server string) *NAT {
	t.Helper()
	to, err := net.ResolveUDPAddr("udp", server)
	if err != nil {
		t.Fatal(err)
	}
	inside, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	n := &NAT{t: t, inside: inside, server: to}
	n.Rebind()
	done := make(chan struct{})
	go func() {
		defer close(done)
		n.forward()
	}()
	t.Cleanup(func() {
		inside.Close()
		<-done
		n.mu.Lock()
		defer n.mu.Unlock()
		n.outside.Close()
	})
	return n
}

// Address is where the client reaches the server.
func (n *NAT) Address() *net.UDPAddr { return n.inside.LocalAddr().(*net.UDPAddr) }

// Outside is where the server sees the client.
func (n *NAT) Outside() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.outside.LocalAddr().String()
}

// Sent returns the datagrams that were sent to the server so far.
func (n *NAT) Sent() [][]byte {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.sent
}

// Rebind gives the client a new address, and closes the one that it had.
func (n *NAT) Rebind() {
	n.t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	outside, err := net.DialUDP("udp", nil, n.server)
	if err != nil {
		n.t.Fatal(err)
	}
	if n.outside != nil {
		n.outside.Close()
	}
	n.outside = outside
	go n.back(outside)
}

// forward carries datagrams to the server.
func (n *NAT) forward() {
	buf := make([]byte, 1<<16)
	for {
		size, from, err := n.inside.ReadFromUDP(buf)
		if err != nil {
			return
		}
		n.mu.Lock()
		n.client = from
		n.sent = append(n.sent, bytes.Clone(buf[:size]))
		_, _ = n.outside.Write(buf[:size])
		n.mu.Unlock()
	}
}

// back carries datagrams to the client, until the binding is gone.
func (n *NAT) back(outside *net.UDPConn) {
	buf := make([]byte, 1<<16)
	for {
		size, err := outside.Read(buf)
		if err != nil {
			return
		}
		n.mu.Lock()
		to := n.client
		n.mu.Unlock()
		if to != nil {
			_, _ = n.inside.WriteToUDP(buf[:size], to)
		}
	}
}
