package admit

import (
	"net"
	"net/netip"
	"testing"
)

// TestAddressOf: only peers with an IP address have one, whatever the others call themselves.
func TestAddressOf(t *testing.T) {
	var none *net.TCPAddr
	var noName *net.UnixAddr
	for _, c := range []struct {
		peer net.Addr
		want string
	}{
		{tcp("10.0.0.1:1"), "10.0.0.1"},
		{tcp("[::ffff:10.0.0.1]:1"), "10.0.0.1"},
		{tcp("[fe80::1%eth0]:1"), "fe80::1"},
		{net.UDPAddrFromAddrPort(netip.MustParseAddrPort("10.0.0.1:1")), "10.0.0.1"},
		{named{"sctp", "10.0.0.1:1"}, "10.0.0.1"},
		{named{"vsock", "vm"}, "invalid IP"},
		{&net.UnixAddr{Net: "unix", Name: "10.0.0.1:1"}, "invalid IP"},
		{&net.UnixAddr{Net: "unixgram", Name: "[2001:db8::1]:1"}, "invalid IP"},
		{named{"unixpacket", "10.0.0.1:1"}, "invalid IP"},
		{&net.UnixAddr{Name: "10.0.0.1:1"}, "invalid IP"},
		{noName, "invalid IP"},
		{none, "invalid IP"},
		{nil, "invalid IP"},
	} {
		if got := AddressOf(c.peer).String(); got != c.want {
			t.Errorf("%v: %s, want %s", c.peer, got, c.want)
		}
		if got := NetworkOf(c.peer); got.IsValid() != (c.want != "invalid IP") {
			t.Errorf("%v counts as %v", c.peer, got)
		}
	}
}

func tcp(text string) net.Addr { return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(text)) }

type named struct{ network, name string }

func (n named) Network() string { return n.network }
func (n named) String() string  { return n.name }
