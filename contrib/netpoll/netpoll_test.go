//go:build unix

package sealnetpoll

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/looptest"
	"github.com/sealsock/sealsock/internal/testcert"
	"github.com/sealsock/sealsock/loop/adapt"
	"github.com/sealsock/sealsock/trust"
)

// TestForeignClients serves with netpoll what foreign programs ask for.
func TestForeignClients(t *testing.T) {
	s := looptest.New(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	loop, err := NewEventLoop(s.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- loop.Serve(l) }()
	s.Try(t, l.Addr().String())
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := loop.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	<-done
}

// filler answers with more than sockets hold.
type filler struct{ closed chan error }

func (filler) OnOpen(*adapt.Conn)                 {}
func (filler) OnData(c *adapt.Conn, _ []byte)     { c.Write(make([]byte, 64<<20)) }
func (f filler) OnClose(_ *adapt.Conn, err error) { f.closed <- err }

// TestSlowPeer: a peer that takes nothing does not hold a goroutine for ever.
func TestSlowPeer(t *testing.T) {
	old := writeTimeout
	writeTimeout = 10 * time.Millisecond
	defer func() { writeTimeout = old }()
	f := filler{make(chan error, 1)}
	ca := testcert.New()
	leaf := ca.Issue(testcert.NewKey("p256"), nil, "localhost")
	id, err := identity.New(leaf.Chain, leaf.Key)
	if err != nil {
		t.Fatal(err)
	}
	e, err := adapt.NewServer(&sealsock.Config{Identities: []*identity.Identity{id}}, f)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	loop, err := NewEventLoop(e)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- loop.Serve(l) }()
	raw, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	c, err := sealsock.Client(raw, &sealsock.Config{Trust: &trust.Policy{Insecure: true}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-f.closed:
		if err == nil {
			t.Error("the connection ended in order")
		}
	case <-time.After(20 * time.Second):
		t.Error("the write waits")
	}
	raw.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := loop.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	<-done
}
