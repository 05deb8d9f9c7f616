package udplite_test

import (
	"testing"

	"github.com/sealsock/sealsock/internal/sockettest"
	"github.com/sealsock/sealsock/socket"
	"github.com/sealsock/sealsock/socket/inet"
	"github.com/sealsock/sealsock/socket/udplite"
)

func TestWaiting(t *testing.T) {
	sockettest.Waits(t, "UDP-Lite", func() *socket.Socket { return open(t, "127.0.0.1:0").Socket })
}

func TestRefusals(t *testing.T) {
	sockettest.Refuses(t, "UDP-Lite", udplite.Transport.Family(4), socket.Datagram, udplite.Protocol)
}

// TestHopLimit checks the hop limit of a received datagram.
func TestHopLimit(t *testing.T) {
	sockettest.Shows(t, "UDP-Lite", sockettest.Ancillary)
	a, b := open(t, "127.0.0.1:0"), open(t, "127.0.0.1:0")
	if err := inet.ReceiveTTL.Set(b.Socket, true); err != nil {
		t.Fatal(err)
	}
	if err := inet.TTL.Set(a.Socket, 33); err != nil {
		t.Fatal(err)
	}
	if _, err := a.WriteTo([]byte("x"), b.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	items := sockettest.Received(t, b.Socket)
	if len(items) != 1 || items[0] != (socket.HopLimit{Value: 33}) {
		t.Errorf("%v, want 33 hops", items)
	}
}
