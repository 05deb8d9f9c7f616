// Package freeport finds ports for the servers of tests that cannot choose one themselves.
package freeport

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
)

// Pick returns a port that no TCP or UDP socket of this machine uses. It is random and below the
// ports that a system gives to sockets that ask for any port, so that another test or a client
// does not take it before the server does.
func Pick(t testing.TB) int {
	t.Helper()
	port, err := Find()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// Find is Pick outside of a test.
func Find() (int, error) {
	var err error
	for range 1000 {
		port := 10_000 + rand.N(20_000)
		if err = free(port); err == nil {
			return port, nil
		}
	}
	return 0, fmt.Errorf("no port is free: %w", err)
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
