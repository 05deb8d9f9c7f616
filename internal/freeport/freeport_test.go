package freeport

import (
	"fmt"
	"net"
	"runtime"
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

// TestKept: on Linux no other test gets a port before the test that has it has ended.
func TestKept(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("this system keeps no ports")
	}
	var port int
	t.Run("has it", func(t *testing.T) {
		port = Pick(t)
		if kept, err := keep(port); err == nil {
			kept.Close()
			t.Error("a port that a test has is given to another")
		}
	})
	kept, err := keep(port)
	if err != nil {
		t.Fatalf("the port of a test that has ended: %v", err)
	}
	kept.Close()
	if port, err = Find(); err != nil {
		t.Fatal(err)
	}
	if kept, err := keep(port); err == nil {
		kept.Close()
		t.Error("a port of Find is given to another")
	}
}
