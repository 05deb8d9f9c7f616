package engine

import (
	"bytes"
	"slices"
	"testing"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/wire"
)

// TestECHSecondHelloType: where the first ClientHello was not encrypted, the second cannot
// be an inner one for a server that decrypts, nor have the extension at all behind such a
// server. RFC 9849, Section 7.
func TestECHSecondHelloType(t *testing.T) {
	inner, outer := &wire.ECHClientHello{Inner: true}, &wire.ECHClientHello{
		KDF: 1, AEAD: 1, ConfigID: 200, Enc: make([]byte, 32), Payload: make([]byte, 64),
	}
	for _, test := range []struct {
		name          string
		first, second *wire.ECHClientHello
		keys, backend bool
		alert         iana.Alert
	}{
		{"inner", nil, inner, true, false, iana.AlertIllegalParameter},
		{"inner after an unknown key", outer, inner, true, false, iana.AlertIllegalParameter},
		{"outer", outer, outer, true, false, 0},
		{"none", nil, nil, true, false, 0},
		{"inner, behind another server", nil, inner, false, true, iana.AlertIllegalParameter},
		{"outer, behind another server", nil, outer, false, true, iana.AlertIllegalParameter},
		{"none, behind another server", nil, nil, false, true, 0},
		{"inner, where nobody looks at it", nil, inner, false, false, 0},
	} {
		client, server := echPair(t)
		client.ECHConfigs, client.KeyShares = nil, []iana.NamedGroup{}
		server.Groups, server.ECHBackend = []iana.NamedGroup{iana.X25519}, test.backend
		if !test.keys {
			server.ECHKeys = nil
		}
		o := firstOffer(t, client)
		var hellos [][]byte
		for i, ech := range []*wire.ECHClientHello{test.first, test.second} {
			if i == 1 {
				if err := o.replaceShare(iana.X25519); err != nil {
					t.Fatal(err)
				}
			}
			o.hello.ECH = ech
			raw, err := o.hello.AppendTo(nil)
			if err != nil {
				t.Fatal(err)
			}
			hellos = append(hellos, raw)
		}
		if _, _, err := serverSays(t, server, hellos...); alertOf(err) != test.alert {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

// TestECHOuterHello: what the outer ClientHello has of the inner one, and what it does
// not. RFC 9849, Section 6.1.
func TestECHOuterHello(t *testing.T) {
	client, server := echPair(t)
	now := resumptionClock
	client.Now, server.Now, server.Tickets = now, now, newMemory()
	server.AntiReplay, server.MaxEarlyData = newMemory(), 100
	c, _ := connect(t, client, server)
	client.Session, client.EarlyData = c.sessions[0], true
	o := firstOffer(t, client)
	inner := o.hello
	outer, err := wire.ParseClientHello(newMessage(o.sent()).body)
	if err != nil {
		t.Fatal(err)
	}
	if outer.Random == inner.Random || outer.ServerName != publicName {
		t.Errorf("random %x, name %q", outer.Random, outer.ServerName)
	}
	if inner.PSK == nil || outer.PSK == nil || !inner.EarlyData || !outer.EarlyData ||
		!slices.Equal(inner.PSKModes, outer.PSKModes) ||
		!bytes.Equal(inner.SessionID, outer.SessionID) {
		t.Fatalf("inner %+v\nouter %+v", inner, outer)
	}
	if bytes.Equal(inner.PSK.Identities[0].Identity, outer.PSK.Identities[0].Identity) {
		t.Error("the ticket stands in the outer hello")
	}
}

// TestECHOuterExtensionsInside: an inner hello does not refer to an outer one any more.
// RFC 9849, Section 5.1.
func TestECHOuterExtensionsInside(t *testing.T) {
	for _, refers := range []bool{false, true} {
		client, server := echPair(t)
		client.ECHConfigs, server.ECHKeys, server.ECHBackend = nil, nil, true
		client.MinVersion = iana.TLS13
		o := firstOffer(t, client)
		want := iana.Alert(0)
		if o.hello.ECH = (&wire.ECHClientHello{Inner: true}); refers {
			o.hello.ECHOuterExtensions = []iana.ExtensionType{iana.ExtKeyShare}
			want = iana.AlertIllegalParameter
		}
		raw, err := o.hello.AppendTo(nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := serverSays(t, server, raw); alertOf(err) != want {
			t.Errorf("refers %v: %v", refers, err)
		}
	}
}
