package engine

import (
	"slices"
	"testing"
	"time"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/wire"
)

// TestDatagramHello: a client's first ClientHello has no session ID for the compatibility mode,
// which DTLS does not use (RFC 9147, Section 5), and no share of a hybrid group unless the MTU has
// room for it, or the client has no other group or is told to.
func TestDatagramHello(t *testing.T) {
	const x, hybrid = iana.X25519, iana.X25519MLKEM768
	type groups = []iana.NamedGroup
	for _, tc := range []struct {
		groups, shares groups
		mtu            int
		want           groups
	}{
		{nil, nil, 0, groups{x}},
		{nil, nil, 3000, groups{hybrid, x}},
		{groups{x, hybrid}, nil, 0, groups{x}},
		{groups{hybrid}, nil, 0, groups{hybrid}},
		{nil, groups{hybrid}, 0, groups{hybrid}},
	} {
		client, _ := datagramConfigs(t, iana.TLS13)
		client.Groups, client.KeyShares = tc.groups, tc.shares
		var h *wire.ClientHello
		client.Trace = func(tr Trace) {
			var err error
			if h, err = wire.ParseDatagramClientHello(tr.Data[wire.HeaderLen:]); err != nil {
				t.Fatal(err)
			}
		}
		c, err := DatagramClient(&client.Config, client.Target, DatagramOptions{MTU: tc.mtu})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Start(time.Unix(1e9, 0)); err != nil {
			t.Fatal(err)
		}
		var got groups
		for _, s := range h.KeyShares {
			got = append(got, s.Group)
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("of %v with an MTU of %d the shares are %v, not %v",
				tc.groups, tc.mtu, got, tc.want)
		}
		if len(h.SessionID) > 0 {
			t.Errorf("a session ID of %d bytes", len(h.SessionID))
		}
	}
}
