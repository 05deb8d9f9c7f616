//go:build linux

package unix_test

import (
	"testing"

	"github.com/sealsock/sealsock/socket"
	"github.com/sealsock/sealsock/socket/unix"
)

// TestNameWithoutBytes answers a peer whose abstract name has no bytes, which a
// struct sockaddr_un of three bytes is.
func TestNameWithoutBytes(t *testing.T) {
	a, err := unix.ListenDatagram(unix.Abstract(""))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	s, err := socket.New(unix.Family, socket.Datagram, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Bind(socket.RawAddr{Net: "unix", Bytes: string(append(socket.AppendHeader(nil, unix.Family.Number, 3), 0))}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.SendTo(background, []byte("x"), 0, a.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 10)
	_, from, err := a.ReadFrom(buf)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.WriteTo([]byte("answer"), from); err != nil {
		t.Fatalf("to %v: %v", from, err)
	}
	if n, err := s.Recv(background, buf, 0); err != nil || string(buf[:n]) != "answer" {
		t.Errorf("%q, %v", buf[:n], err)
	}
}
