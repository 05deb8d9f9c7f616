// Package freeport finds ports for the servers of tests that cannot choose one themselves.
package freeport

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
)

// Pick returns a port that no TCP or UDP socket of this machine uses. It is random and below the
// ports that a system gives to sockets that ask for any port, so that a client does not take it
// before the server does. On Linux no other Pick or Find, of any process, returns it before the
// test has ended.
func Pick(t testing.TB) int {
	t.Helper()
	port, kept, err := find()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { kept.Close() })
	return port
}

// Find is Pick outside of a test: the port is kept until the program ends.
func Find() (int, error) {
	port, kept, err := find()
	if err == nil {
		forever.Store(port, kept)
	}
	return port, err
}

// forever has what keeps the ports of Find.
var forever sync.Map

// find returns a free port and what keeps it.
func find() (int, io.Closer, error) {
	var err error
	for range 1000 {
		port := 10_000 + rand.N(20_000)
		kept, taken := keep(port)
		if err = taken; err != nil {
			continue
		}
		if err = free(port); err == nil {
			return port, kept, nil
		}
		kept.Close()
	}
	return 0, nil, fmt.Errorf("no port is free: %w", err)
}

// free returns an error if a socket uses the port.
func free(port int) error {
	at := fmt.Sprintf(":%d", port)
	l, err := net.Listen("tcp", at)
	if err != nil {
		return err
	}
	defer l.Close()
	p, err := net.ListenPacket("udp", at)
	if err != nil {
		return err
	}
	return p.Close()
}
