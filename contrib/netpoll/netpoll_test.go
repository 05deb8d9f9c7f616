//go:build unix

package sealnetpoll

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/sealsock/sealsock/internal/looptest"
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
