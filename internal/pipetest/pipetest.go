// Package pipetest connects a client and a server of package sealsock in tests.
package pipetest

import (
	"cmp"
	"io"
	"net"
	"testing"

	"github.com/sealsock/sealsock"
)

// Connect connects both over a pipe, which is closed at the end of the test. The server writes a
// byte, which the client reads: by then the tickets of the server have come. The error is that of
// the server, or else that of the client.
func Connect(t testing.TB, cc, sc *sealsock.Config) (client, server *sealsock.Conn, err error) {
	t.Helper()
	a, b := net.Pipe()
	t.Cleanup(func() { a.Close(); b.Close() })
	if server, err = sealsock.Server(b, sc); err != nil {
		t.Fatal(err)
	}
	if client, err = sealsock.Client(a, cc); err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() {
		_, err := server.Write([]byte("x"))
		served <- err
	}()
	_, err = io.ReadFull(client, make([]byte, 1))
	return client, server, cmp.Or(<-served, err)
}
