package freeport

import (
	"fmt"
	"net"
	"testing"
)

// TestPick listens on the port that it returns.
func TestPick(t *testing.T) {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", Pick(t)))
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
}

// TestTaken: a port that a socket uses on one address is not free.
func TestTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if free(l.Addr().(*net.TCPAddr).Port) == nil {
		t.Error("the port of a listener is free")
	}
	p, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if free(p.LocalAddr().(*net.UDPAddr).Port) == nil {
		t.Error("the port of a UDP socket is free")
	}
}
