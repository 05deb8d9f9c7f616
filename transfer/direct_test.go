package transfer

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
)

// networks are those of a receiver.
var networks = []netip.Prefix{
	netip.MustParsePrefix("127.0.0.1/8"), netip.MustParsePrefix("10.1.2.9/24"),
	netip.MustParsePrefix("fd00::9/64"), netip.MustParsePrefix("fe80::9/64"),
}

func parse(texts ...string) (all []netip.AddrPort) {
	for _, text := range texts {
		all = append(all, netip.MustParseAddrPort(text))
	}
	return all
}

// TestCandidates: a sender cannot make a receiver connect to programs of the receiver's machine, to
// groups, to addresses that lead nowhere, to services, or to networks of a site that this machine
// is not part of.
func TestCandidates(t *testing.T) {
	for text, want := range map[string]bool{
		"192.0.2.1:40000": true, "10.1.2.3:1024": true, "[2001:db8::1]:65535": true,
		"[fd00::2]:5000":  true,
		"127.0.0.1:40000": false, "127.8.8.8:40000": false, "[::1]:40000": false,
		"0.0.0.0:40000": false, "[::]:40000": false, "169.254.169.254:40000": false,
		"[fe80::1]:40000": false, "224.0.0.1:40000": false, "[ff02::1]:40000": false,
		"255.255.255.255:40000": false,
		"192.0.2.1:0":           false, "192.0.2.1:22": false, "192.0.2.1:1023": false,
		"10.1.3.3:40000": false, "192.168.1.1:40000": false, "172.16.0.1:40000": false,
		"[fd00:1::2]:40000": false, "100.64.0.1:40000": false, "0.1.2.3:40000": false,
		"192.0.0.8:40000": false, "198.18.0.1:40000": false, "240.0.0.1:40000": false,
		"[::a00:1]:40000": false, "[64:ff9b::a00:1]:40000": false, "[fec0::1]:40000": false,
		"[64:ff9b:1::a00:1]:40000": false, "[2002:a00:1::1]:40000": false,
		"[2001:0:a00:1::1]:40000": false,
	} {
		if got := len(candidates(parse(text), networks, false)) > 0; got != want {
			t.Errorf("a receiver connects to %s: %v, want %v", text, got, want)
		}
	}
	mapped, err := parseAddresses(addressBody(parse("[::ffff:127.0.0.1]:40000")))
	if err != nil || len(mapped) != 1 || len(candidates(mapped, networks, false)) > 0 {
		t.Errorf("a receiver connects to %v, %v", mapped, err)
	}
}

// TestCandidatesAreFew: a receiver connects to few addresses, which have one port.
func TestCandidatesAreFew(t *testing.T) {
	var near, public []string
	for i := range maxAddrs {
		near = append(near, fmt.Sprintf("10.1.2.%d:5000", i+1))
		public = append(public, fmt.Sprintf("192.0.2.%d:5000", i+1))
	}
	for _, test := range []struct{ named, want []netip.AddrPort }{
		{parse(near...), parse(near[:maxNear]...)},
		{parse(public...), parse(public[:maxPublic]...)},
		{parse("10.1.2.3:5000", "10.1.2.3:5001", "192.0.2.1:5002", "192.0.2.1:5000"),
			parse("10.1.2.3:5000", "192.0.2.1:5000")},
		{nil, nil},
	} {
		if got := candidates(test.named, networks, false); !slices.Equal(got, test.want) {
			t.Errorf("of %v a receiver connects to %v, not %v", test.named, got, test.want)
		}
	}
}
