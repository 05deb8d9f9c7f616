package engine

import (
	"testing"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/record"
	"github.com/sealsock/sealsock/internal/wire"
)

// The tests in this file are about details of the protocol that other implementations'
// test suites have found.

// newServer returns a server whose client the test plays. It has a certificate unless
// cfg has something to show.
func newServer(t *testing.T, cfg *Config) *side {
	t.Helper()
	if cfg.Credentials == nil && cfg.FindPSK == nil {
		cfg.Credentials = []*Credential{newCredential(t, nil)}
	}
	r, s, err := Server(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return &side{r: r, s: s}
}

// TestSSL30Hello: a hello of SSL 3.0 ends in protocol_version, even where
// supported_versions offers TLS 1.3. RFC 9846, Appendix D.5.
func TestSSL30Hello(t *testing.T) {
	for version, alert := range map[iana.Version]iana.Alert{
		iana.TLS12: 0, iana.TLS10: 0,
		iana.SSL30: iana.AlertProtocolVersion, 0x0002: iana.AlertProtocolVersion,
	} {
		s := newServer(t, new(Config))
		s.in = handMade(t, &Config{Verifier: acceptAll{}}, func(h *wire.ClientHello) {
			h.LegacyVersion = version
		})
		_, err := s.step()
		if alert == 0 && err != nil {
			t.Errorf("%v: %v", version, err)
		}
		if alert != 0 {
			refuses(t, err, alert)
		}

		c, _ := newPair(t, &Config{Verifier: acceptAll{}}, s.r.cfg)
		if _, err := c.step(); err != nil {
			t.Fatal(err)
		}
		o := c.r.state.(*awaitServerHello)
		share, _, err := o.shares[0].group.Encapsulate((&Config{}).random(), o.hello.KeyShares[0].Data)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := (&wire.ServerHello{
			LegacyVersion: version, SessionID: o.hello.SessionID, CipherSuite: o.hello.CipherSuites[0],
			SupportedVersion: iana.TLS13, KeyShare: &wire.KeyShare{Group: o.shares[0].group.ID, Data: share},
		}).AppendTo(nil)
		if err != nil {
			t.Fatal(err)
		}
		c.in = append(record.AppendHeader(nil, iana.ContentHandshake, iana.TLS12, len(raw)), raw...)
		_, err = c.step()
		switch {
		case version == iana.TLS12 && err != nil:
			t.Errorf("%v: %v", version, err)
		case alert != 0:
			refuses(t, err, alert)
		}
	}
}

// TestSSL30InnerHello: the rule holds for an encrypted ClientHello too.
func TestSSL30InnerHello(t *testing.T) {
	key := newECHKey(t, 7)
	client := &Config{Verifier: acceptAll{}, ServerName: hiddenName, ECHConfigs: echConfigs(t, key)}
	s := newServer(t, &Config{ECHKeys: []*ECHKey{key}})
	o, err := newOffer(client)
	if err != nil {
		t.Fatal(err)
	}
	if err := o.startECH(); err != nil {
		t.Fatal(err)
	}
	inner := *o.hello
	inner.LegacyVersion = iana.SSL30
	encoded, err := encodeInner(&inner, o.ech.config.MaxNameLen)
	if err != nil {
		t.Fatal(err)
	}
	outer := *o.hello
	outer.ServerName, outer.ALPN = o.ech.config.PublicName, nil
	if err := o.ech.seal(&outer, encoded); err != nil {
		t.Fatal(err)
	}
	raw := o.ech.raw
	s.in = append(record.AppendHeader(nil, iana.ContentHandshake, iana.TLS10, len(raw)), raw...)
	_, err = s.step()
	refuses(t, err, iana.AlertProtocolVersion)
}
