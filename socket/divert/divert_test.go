package divert_test

import (
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"testing"

	"github.com/sealsock/sealsock/socket/divert"
)

func TestAddr(t *testing.T) {
	for text, a := range map[string]divert.Addr{
		"8668":                 {Port: 8668},
		"100/192.0.2.1/em0":    {Port: 100, Incoming: netip.MustParseAddr("192.0.2.1"), Interface: "em0"},
		"100/192.0.2.1/vlan12": {Port: 100, Incoming: netip.MustParseAddr("192.0.2.1"), Interface: "vlan12"},
	} {
		if a.String() != text {
			t.Errorf("%v, want %s", a, text)
		}
		raw, err := a.AppendSockaddr(nil)
		if err != nil || len(raw) != 16 {
			t.Fatalf("% x, %v", raw, err)
		}
		if b, err := divert.Family.Decode(raw); b != a || err != nil {
			t.Errorf("%v came back as %v, %v", a, b, err)
		}
	}
	for _, a := range []divert.Addr{{Interface: "interface0"}, {Incoming: netip.IPv6Loopback()}} {
		if _, err := a.AppendSockaddr(nil); err == nil {
			t.Errorf("%v has a struct sockaddr", a)
		}
	}
	if b, err := divert.Family.Decode(make([]byte, 15)); err == nil {
		t.Errorf("15 bytes are %v", b)
	}
}

func TestElsewhere(t *testing.T) {
	if runtime.GOOS == "freebsd" {
		return // a packet needs a rule of the firewall
	}
	if _, err := divert.Open(8668); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("%v", err)
	}
}

func Example() {
	fmt.Println(divert.Addr{Port: 8668})
	// Output: 8668
}
