package engine

import (
	"crypto/fips140"
	"crypto/rand"
	"testing"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/wire"
)

// A counter is a random source that counts the bytes taken. A key share takes some, and so
// does a ServerHello, so a server that took none has made neither.
type counter struct{ taken int }

func (c *counter) Read(b []byte) (int, error) {
	c.taken += len(b)
	return rand.Read(b)
}

// TestCostOfHopelessClients: a client that cannot be served costs no key exchange and no
// signature. What it lacks is found in the ClientHello, before either.
func TestCostOfHopelessClients(t *testing.T) {
	psk := NewPSK([]byte("device"), []byte("secret"))
	wrong := NewPSK([]byte("device"), []byte("guess"))
	find := func(id []byte) (*PSK, error) {
		if string(id) == "device" {
			return psk, nil
		}
		return nil, nil
	}
	for _, c := range []struct {
		name   string
		client config
		server config
		change func(*wire.ClientHello)
		alert  iana.Alert // 0: it is served
	}{
		{name: "a good client"},
		{
			name:   "a good client with a pre-shared key",
			client: config{PSKs: []*PSK{psk}}, server: config{FindPSK: find},
		},
		{
			name:   "no scheme in common",
			client: config{SignatureSchemes: []iana.SignatureScheme{iana.Ed25519}},
			alert:  iana.AlertHandshakeFailure,
		},
		{
			name:   "no suite in common",
			change: func(h *wire.ClientHello) { h.CipherSuites = []iana.CipherSuite{0x1399} },
			alert:  iana.AlertHandshakeFailure,
		},
		{
			name:   "no group in common",
			server: config{Groups: []iana.NamedGroup{iana.SecP384r1MLKEM1024}},
			client: config{Groups: []iana.NamedGroup{iana.SecP256r1}}, alert: iana.AlertHandshakeFailure,
		},
		{
			name:   "no protocol in common",
			client: config{ALPN: []string{"a"}}, server: config{ALPN: []string{"b"}},
			alert: iana.AlertNoApplicationProtocol,
		},
		{
			name:   "no kind of certificate in common",
			server: config{ClientAuth: RequestClientCert, OnlyRawKeys: true, Verifier: acceptAll{}},
			alert:  iana.AlertUnsupportedCertificate,
		},
		{
			name:   "a wrong binder",
			client: config{PSKs: []*PSK{wrong}}, server: config{FindPSK: find},
			alert: iana.AlertDecryptError,
		},
		{
			name:   "a key that is not known",
			client: config{PSKs: []*PSK{NewPSK([]byte("other"), []byte("secret"))}},
			server: config{FindPSK: find}, alert: iana.AlertUnknownPSKIdentity,
		},
	} {
		for _, version := range []iana.Version{iana.TLS12, iana.TLS13} {
			if version == iana.TLS12 && (c.client.PSKs != nil || c.server.Groups != nil) {
				continue // the key is named behind the key exchange; the group is for TLS 1.3
			}
			client, server, random := c.client, c.server, new(counter)
			client.Verifier, client.MinVersion, client.MaxVersion = acceptAll{}, version, version
			server.Rand = random
			s := newServer(t, &server)
			s.in = handMade(t, &client, func(h *wire.ClientHello) {
				if c.change != nil {
					c.change(h)
				}
			})
			_, err := s.step()
			if c.alert == 0 {
				if err != nil || random.taken == 0 {
					t.Errorf("%s, %v: %d random bytes, %v", c.name, version, random.taken, err)
				}
				continue
			}
			refuses(t, err, c.alert)
			if random.taken > 0 || s.r.State().OwnScheme != 0 {
				t.Errorf("%s, %v: it costs %d random bytes", c.name, version, random.taken)
			}
		}
	}
}

// TestCostOfShares: a client cannot make a server use a costly group.
func TestCostOfShares(t *testing.T) {
	const x, p256, p384, p521 = iana.X25519, iana.SecP256r1, iana.SecP384r1, iana.SecP521r1
	const f2048, f8192 = iana.FFDHE2048, iana.FFDHE8192
	type groups = []iana.NamedGroup
	for _, c := range []struct {
		server, client, shares groups
		want                   iana.NamedGroup // 0: none in common
		retried                bool
	}{
		{nil, groups{p521}, groups{p521}, 0, false},
		{groups{x, p521}, groups{p521}, groups{p521}, p521, false},
		{nil, groups{p384}, groups{p384}, p384, false},
		{nil, groups{p384, x}, groups{p384}, x, true},
		{nil, groups{p521, p384, p256}, groups{p521, p384}, p256, true},
		{nil, groups{p256, x}, groups{p256}, p256, false},
		{nil, groups{p384, x}, groups{p384, x}, x, false},
		{groups{p384, x}, groups{x, p384}, groups{x}, x, false},
		{groups{p384, x}, groups{x, p384}, groups{x, p384}, p384, false},
		{groups{p521, p384}, groups{p384, p521}, groups{p384}, p384, false},
		{nil, groups{iana.SecP384r1MLKEM1024, iana.X25519MLKEM768}, groups{iana.SecP384r1MLKEM1024},
			iana.X25519MLKEM768, true},
		{nil, groups{f2048}, groups{f2048}, 0, false},
		{nil, groups{iana.X448}, groups{iana.X448}, 0, false},
		{groups{x, f2048}, groups{f2048}, groups{f2048}, f2048, false},
		{groups{x, f2048}, groups{f2048, x}, groups{f2048}, x, true},
		{groups{p384, f8192}, groups{f8192, p384}, groups{f8192}, p384, true},
		{groups{f2048, f8192}, groups{f8192, f2048}, groups{f8192}, f2048, true},
		{groups{f8192, f2048}, groups{f2048, f8192}, groups{f2048}, f2048, false},
		{groups{f8192, x}, groups{x, f8192}, groups{x}, x, false},
		{groups{x, iana.X448}, groups{iana.X448, x}, groups{iana.X448}, iana.X448, false},
		{groups{iana.X25519MLKEM768, f8192}, groups{f8192, iana.X25519MLKEM768}, groups{f8192},
			iana.X25519MLKEM768, true},
	} {
		random := new(counter)
		server := &config{
			Groups: c.server, Rand: random, Credentials: []*Credential{newCredential(t, nil)},
		}
		client := &config{
			Verifier: acceptAll{}, Groups: c.client, KeyShares: c.shares, MinVersion: iana.TLS13,
		}
		cl, s := newPair(t, client, server)
		var err error
		if s.in, err = cl.step(); err != nil {
			t.Fatal(err)
		}
		out, err := s.step()
		if c.want == 0 {
			refuses(t, err, iana.AlertHandshakeFailure)
		}
		if (c.want == 0 || c.retried) && random.taken > 0 {
			t.Errorf("%v: the share of %v costs %d random bytes", c.client, c.shares, random.taken)
		}
		if c.want == 0 {
			continue
		}
		cl.in = out
		err = pump(cl, s)
		if got := s.r.State(); err != nil || got.Group != c.want || got.Retried != c.retried {
			t.Errorf("%v with shares of %v: %v, retried %v, %v",
				c.client, c.shares, got.Group, got.Retried, err)
		}
	}
}

// TestOneExchange: as many shares as there are lead to one key exchange: 32 bytes for
// X25519, 32 for the ServerHello, and 32 for the nonce of the signature, which in FIPS 140 mode
// come from elsewhere.
func TestOneExchange(t *testing.T) {
	all := []iana.NamedGroup{iana.X25519, iana.SecP256r1, iana.SecP384r1, iana.SecP521r1}
	random := new(counter)
	s := newServer(t, &config{Rand: random, Groups: all})
	s.in = handMade(t, &config{
		Verifier: acceptAll{}, Groups: all, KeyShares: all, MinVersion: iana.TLS13,
	}, func(*wire.ClientHello) {})
	want := 96
	if fips140.Enabled() {
		want = 64
	}
	if _, err := s.step(); err != nil || random.taken != want {
		t.Errorf("%d random bytes for %d shares, %v", random.taken, len(all), err)
	}
}
