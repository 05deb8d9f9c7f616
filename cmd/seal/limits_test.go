package main

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/sealsock/sealsock/internal/admit"
)

func tcpAddr(text string) net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(text))
}

// TestGate checks which clients are turned away by their address.
func TestGate(t *testing.T) {
	flags := limitFlags{clients: 1, allow: []string{"10.0.0.0/8", "2001:db8::/32"},
		deny: []string{"10.9.0.0/16", "10.0.0.5"}}
	g, err := flags.prepare("tcp")
	if err != nil {
		t.Fatal(err)
	}
	for addr, served := range map[string]bool{
		"10.0.0.1:1": true, "10.9.0.1:1": false, "10.0.0.5:1": false, "11.0.0.1:1": false,
		"[::ffff:10.0.0.1]:1": true, "[::ffff:10.0.0.5]:1": false,
		"[2001:db8::1]:1": true, "[2001:db9::1]:1": false, "[fe80::1%eth0]:1": false,
	} {
		if why := g.check(tcpAddr(addr), time.Now()); (why == nil) != served {
			t.Errorf("%s: %v, want served %v", addr, why, served)
		}
	}
	// The header of a proxy may have an address of another kind.
	for _, addr := range []net.Addr{&net.UnixAddr{Name: "/run/x", Net: "unix"},
		&net.UnixAddr{Name: "10.0.0.1:1", Net: "unix"}, nil} {
		if g.check(addr, time.Now()) == nil {
			t.Errorf("%v is served, and in no network of --allow", addr)
		}
	}
}

// TestRates checks that an address has its connections within the time, and gets one more
// for each share of the time that passes. Addresses of one IPv6 network count as one.
func TestRates(t *testing.T) {
	r, err := parseRate("2/1m")
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	for i, step := range []struct {
		addr  string
		after time.Duration
		ok    bool
	}{
		{"10.0.0.1:1", 0, true}, {"10.0.0.1:2", 0, true}, {"10.0.0.1:3", 0, false},
		{"10.0.0.2:1", 0, true}, {"10.0.0.1:4", 29 * time.Second, false},
		{"10.0.0.1:5", 31 * time.Second, true}, {"10.0.0.1:6", 31 * time.Second, false},
		{"[2001:db8::1]:1", 0, true}, {"[2001:db8::2]:1", 0, true}, {"[2001:db8::3]:1", 0, false},
	} {
		network := admit.NetworkOf(tcpAddr(step.addr))
		if got := r.Take(network, start.Add(step.after)); got != step.ok {
			t.Errorf("step %d, %s: %v", i, step.addr, got)
		}
	}
	if short, err := parseRate("10/m"); err != nil || short.per != time.Minute {
		t.Errorf("10/m: %v", err)
	}
}

// TestSchemesWithoutIP: where clients have no IP address the flags would have no effect.
func TestSchemesWithoutIP(t *testing.T) {
	for _, scheme := range []string{"unix", "vsock", "rfcomm", "tipc"} {
		flags := limitFlags{clients: 1, allow: []string{"10.0.0.0/8"}}
		if _, err := flags.prepare(scheme); err == nil {
			t.Errorf("--allow is taken for %s", scheme)
		}
	}
}
