package engine

import (
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
