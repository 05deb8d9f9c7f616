//go:build linux || darwin || freebsd

package socket

import (
	"context"
	"errors"
	"net"
	"syscall"
	"testing"
	"time"
)

// TestErrorBetweenMessages: an error that arrives between the messages of a batch is that of
// the next call. The socket has sent to a closed port after its first message.
func TestErrorBetweenMessages(t *testing.T) {
	var between func()
	f := Family{Name: "udp", Number: syscall.AF_INET, Decode: func(raw []byte) (Addr, error) {
		if do := between; do != nil {
			between = nil
			do()
		}
		return RawAddr{"udp", string(raw)}, nil
	}}
	for name, next := range map[string]func(s *Socket) error{
		"RecvMMsg": func(s *Socket) error {
			_, err := s.recvEach(t.Context(), make([]Message, 2), DontWait)
			return err
		},
		"Recv": func(s *Socket) error {
			_, err := s.Recv(t.Context(), make([]byte, 9), DontWait)
			return err
		},
	} {
		s := udpSocket(t, f)
		peer, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		at := s.LocalAddr().(RawAddr)
		port := int(at.Bytes[2])<<8 | int(at.Bytes[3])
		to := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}
		if _, err := peer.WriteTo([]byte("one"), to); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		toward := loopback(peer.LocalAddr().(*net.UDPAddr).Port)
		if err := s.Connect(ctx, toward); err != nil {
			t.Fatal(err)
		}
		between = func() {
			peer.Close()
			if _, err := s.Send(ctx, []byte("x"), 0); err != nil {
				t.Error(err)
			}
		}
		messages := []Message{{Buffers: [][]byte{make([]byte, 9)}}, {Buffers: [][]byte{make([]byte, 9)}}}
		if n, err := s.recvEach(ctx, messages, 0); n != 1 || err != nil {
			t.Fatalf("%s: %d messages, %v", name, n, err)
		}
		if err := next(s); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("%s: %v, want ECONNREFUSED", name, err)
		}
		if err := next(s); !errors.Is(err, ErrWouldBlock) {
			t.Errorf("%s: %v after the error, want ErrWouldBlock", name, err)
		}
	}
}

// udpSocket returns a socket that is bound to a port of 127.0.0.1.
func udpSocket(t *testing.T, f Family) *Socket {
	t.Helper()
	s, err := New(f, Datagram, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if err := s.Bind(loopback(0)); err != nil {
		t.Fatal(err)
	}
	return s
}

// loopback is the struct sockaddr_in of a port of 127.0.0.1.
func loopback(port int) RawAddr {
	raw := AppendHeader(nil, syscall.AF_INET, 16)
	raw = append(raw, byte(port>>8), byte(port), 127, 0, 0, 1)
	return RawAddr{"udp", string(append(raw, make([]byte, 8)...))}
}
