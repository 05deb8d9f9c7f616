package main

import (
	"crypto/x509"
	"encoding/json"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/sealsock/sealsock/trust"
)

// place is an address for tests.
type place struct{ network, text string }

func (p place) Network() string { return p.network }
func (p place) String() string  { return p.text }

func TestAddressText(t *testing.T) {
	for _, c := range []struct {
		a    net.Addr
		want string
	}{
		{nil, "an unknown address"},
		{place{"tcp", "127.0.0.1:443"}, "127.0.0.1:443"},
		{place{"unix", ""}, "a local process"},
		{place{"unix", "@"}, "a local process"},
		{place{"unix", "@name"}, "unix://@name"},
		{place{"unix", "@x\nseal: connected\x1b[2J"}, "unix://@x\uFFFDseal: connected\uFFFD[2J"},
		{place{"vsock", "local:4433"}, "vsock://local:4433"},
		{place{"tipc", "18888:17"}, "tipc://18888:17"},
		{place{"can", "can0/7e8:7e0"}, "isotp://can0/7e8:7e0"},
		{place{"l2cap", ""}, "l2cap"},
	} {
		if got := addressText(c.a); got != c.want {
			t.Errorf("%v is %q, want %q", c.a, got, c.want)
		}
	}
}

// TestMaxAgeAlone: --revocation-max-age counts without another flag of revocation.
func TestMaxAgeAlone(t *testing.T) {
	flags := trustFlags{maxAge: time.Hour}
	if r, err := flags.revoked(); err != nil || r == nil || r.MaxAge != time.Hour {
		t.Errorf("%+v, %v", r, err)
	}
}

// The dates of a peer are those that JSON can have.
func TestPeerDates(t *testing.T) {
	late := time.Date(9999, 12, 31, 23, 59, 59, 0, time.FixedZone("", -3600))
	r := &trust.Result{
		Leaf:       &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: late, NotAfter: late},
		Revocation: []trust.RevocationCheck{{ThisUpdate: late, NextUpdate: late}},
	}
	if _, err := json.Marshal(peerFactsOf(r)); err != nil {
		t.Error(err)
	}
}
