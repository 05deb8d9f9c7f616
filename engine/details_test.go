package engine

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/record"
	"github.com/sealsock/sealsock/internal/suites"
	"github.com/sealsock/sealsock/internal/wire"
)

// The tests in this file are about details of the protocol that other implementations'
// test suites have found.

// newServer returns a server without a client. It has a certificate unless
// cfg has something to show.
func newServer(t *testing.T, cfg *config) *side {
	t.Helper()
	if cfg.Credentials == nil && cfg.FindPSK == nil {
		cfg.Credentials = []*Credential{newCredential(t, nil)}
	}
	r, s, err := startServer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return &side{r: r, s: s}
}

// TestDatagramVersions: a server of DTLS accepts a legacy_version of DTLS alone, even of
// one that does not exist yet. RFC 9147, Section 5.3, and RFC 6347, Section 4.1.
func TestDatagramVersions(t *testing.T) {
	for sent, ok := range map[iana.Version]bool{
		iana.DTLS12: true, iana.DTLS13: true, 0xfe00: true, iana.DTLS10: false, // too old
		0xfdff: true, iana.TLS12: false, iana.TLS13: false, 0xffff: false, 0: false,
	} {
		hello := &wire.ClientHello{
			Datagram: true, CompressionMethods: []byte{0}, CipherSuites: suites.Default12(),
			SupportedGroups: differentialGroups, Padding: -1,
			SignatureAlgorithms: differentialSchemes,
		}
		raw, err := hello.AppendTo(nil)
		if err != nil {
			t.Fatal(err)
		}
		binary.BigEndian.PutUint16(raw[wire.HeaderLen:], uint16(sent))
		cfg := &config{Credentials: []*Credential{newCredential(t, nil)}}
		start := &awaitClientHello{cfg: &cfg.Config, info: &State{datagram: true}}
		if _, err := start.handle(newMessage(raw), new(effects)); ok && err != nil {
			t.Errorf("%#x: %v", uint16(sent), err)
		} else if !ok {
			refuses(t, err, iana.AlertProtocolVersion)
		}
	}
}

// TestSSL30Hello: a hello of SSL 3.0 ends in protocol_version, even where
// supported_versions offers TLS 1.3, and so does one of TLS 1.3 with another legacy_version
// than 0x0303. RFC 9846, Sections 4.1.2 and 4.1.3, and Appendix D.5.
func TestSSL30Hello(t *testing.T) {
	for version, alert := range map[iana.Version]iana.Alert{
		iana.TLS12: 0, iana.TLS10: iana.AlertProtocolVersion, 0x1234: iana.AlertProtocolVersion,
		iana.SSL30: iana.AlertProtocolVersion, 0x0002: iana.AlertProtocolVersion,
		iana.DTLS12: iana.AlertProtocolVersion, // over a stream, where it is a number like others
	} {
		s := newServer(t, new(config))
		s.in = handMade(t, &config{Verifier: acceptAll{}}, func(h *wire.ClientHello) {
			h.LegacyVersion = version
		})
		_, err := s.step()
		if alert == 0 && err != nil {
			t.Errorf("%v: %v", version, err)
		}
		if alert != 0 {
			refuses(t, err, alert)
		}

		// With TLS 1.2 in supported_versions only SSL 3.0 and older are refused.
		s = newServer(t, new(config))
		s.in = handMade(t, &config{Verifier: acceptAll{}}, func(h *wire.ClientHello) {
			h.LegacyVersion, h.SupportedVersions = version, []iana.Version{iana.TLS12}
		})
		if _, err = s.step(); version > iana.SSL30 && err != nil {
			t.Errorf("%v with TLS 1.2: %v", version, err)
		} else if version <= iana.SSL30 {
			refuses(t, err, iana.AlertProtocolVersion)
		}

		c, _ := newPair(t, &config{Verifier: acceptAll{}}, &config{Config: *s.r.cfg})
		if _, err := c.step(); err != nil {
			t.Fatal(err)
		}
		o := c.r.state.(*awaitServerHello)
		share, _, err := o.shares[0].group.Encapsulate((&config{}).random(), o.hello.KeyShares[0].Data)
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

// TestLegacyVersionOfTLS12: where TLS 1.2 is negotiated by supported_versions, that list
// alone counts. RFC 9846, Section 4.2.1.
func TestLegacyVersionOfTLS12(t *testing.T) {
	_, server := pair12(t)
	server.MaxVersion = iana.TLS12
	for _, version := range []iana.Version{iana.TLS11, iana.TLS12, iana.TLS13, 0x1234} {
		s := newServer(t, server)
		s.in = handMade(t, &config{Config: Config{Verifier: acceptAll{}}}, func(h *wire.ClientHello) {
			h.LegacyVersion = version
		})
		if _, err := s.step(); err != nil || s.r.State().Version != iana.TLS12 {
			t.Errorf("%v: %v, %v", version, s.r.State().Version, err)
		}
	}
}

// TestSSL30InnerHello: the rule holds for an encrypted ClientHello too.
func TestSSL30InnerHello(t *testing.T) {
	key := newECHKey(t, 7)
	client := &config{Verifier: acceptAll{}, ServerName: hiddenName, ECHConfigs: echConfigs(t, key)}
	s := newServer(t, &config{ECHKeys: []*ECHKey{key}})
	o, err := newOffer(client.client())
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

// TestFinishedOfWrongLength: in either version and role, a Finished that is shorter or
// longer than the hash cannot be decoded; one that differs does not verify.
func TestFinishedOfWrongLength(t *testing.T) {
	for _, version := range []iana.Version{iana.TLS12, iana.TLS13} {
		for _, server := range []bool{false, true} {
			for change, alert := range map[string]iana.Alert{
				"shorter": iana.AlertDecodeError, "longer": iana.AlertDecodeError,
				"empty": iana.AlertDecodeError, "wrong": iana.AlertDecryptError,
			} {
				refuses(t, asError(changedFinished(t, version, server, change)), alert)
			}
		}
	}
}

// changedFinished runs a handshake up to the Finished that a side awaits, and gives it
// one that is changed.
func changedFinished(t *testing.T, version iana.Version, server bool, change string) error {
	t.Helper()
	var e *side
	switch {
	case version == iana.TLS13 && server:
		e = reach13(t, row13{state: "awaitClientFinished", server: true})
	case version == iana.TLS13:
		e = reach13(t, row13{state: "awaitServerFinished"})
	case server:
		e = reach12(t, "awaitClientFinished12", true, nil)
	default:
		e = reach12(t, "awaitServerFinished12", false, nil)
	}
	n := 12
	if version == iana.TLS13 {
		n = 32
	}
	lengths := map[string]int{"shorter": n - 1, "longer": n + 1, "empty": 0, "wrong": n}
	body := make([]byte, lengths[change])
	raw, err := (&wire.Finished{VerifyData: body}).AppendTo(nil)
	if err != nil {
		t.Fatal(err)
	}
	return e.r.dispatch(newMessage(raw))
}

// TestKeyUpdatesRightAfterHandshake: as many key updates are taken right after the
// handshake, on either side, as later.
func TestKeyUpdatesRightAfterHandshake(t *testing.T) {
	for _, server := range []bool{false, true} {
		for n, taken := range map[int]bool{updateRate.burst: true, updateRate.burst + 1: false} {
			c, s := newPair(t, &config{Verifier: acceptAll{}},
				&config{Credentials: []*Credential{newCredential(t, nil)}})
			if err := pump(c, s); err != nil {
				t.Fatal(err)
			}
			from, to := s, c
			if server {
				from, to = c, s
			}
			for range n {
				from.s.updates = allowance{} // it would keep to the bound
				out, err := from.s.Rekey(nil, false)
				if err != nil {
					t.Fatal(err)
				}
				to.in = append(to.in, out...)
			}
			if _, err := to.step(); (err == nil) != taken {
				t.Errorf("to a server %v, %d key updates: %v", server, n, err)
			}
		}
	}
}

// TestNoPSKMode: a client with the right key, in a way of using it that is not allowed,
// gets handshake_failure, and this side's error has a hint. Whether the key is known
// makes no difference.
func TestNoPSKMode(t *testing.T) {
	psk := NewPSK([]byte("device"), []byte("secret"))
	find := func(id []byte) (*PSK, error) {
		if string(id) == "device" {
			return psk, nil
		}
		return nil, nil
	}
	for _, identity := range []string{"device", "other"} {
		for _, modes := range [][]iana.PSKMode{{iana.PSKKE}, {0x1a}, {iana.PSKKE, 0x1a}} {
			client := &config{PSKs: []*PSK{NewPSK([]byte(identity), psk.secret.bytes())}}
			s := newServer(t, &config{FindPSK: find})
			s.in = handMade(t, client, func(h *wire.ClientHello) { h.PSKModes = modes })
			_, err := s.step()
			refuses(t, err, iana.AlertHandshakeFailure)
			var e *Error
			hinted := errors.As(err, &e) && e.Remedy == RemedyPSKWithoutDHE
			if hinted != (modes[0] == iana.PSKKE) {
				t.Errorf("%v: the hint is %q", modes, e.Hint)
			}
			// TLS 1.2 has suites for it.
			s = newServer(t, &config{FindPSK: find})
			s.in = handMade(t, &config{
				PSKs: client.PSKs, PSKWithoutDHE: true, MaxVersion: iana.TLS12,
				CipherSuites: []iana.CipherSuite{iana.TLS_PSK_WITH_AES_128_GCM_SHA256},
			}, func(*wire.ClientHello) {})
			_, err = s.step()
			refuses(t, err, iana.AlertHandshakeFailure)
			if !errors.As(err, &e) || e.Remedy != RemedyPSKWithoutDHE {
				t.Errorf("TLS 1.2: the hint is %q", e.Hint)
			}
			// With the permission, the key is all that counts.
			s = newServer(t, &config{FindPSK: find, PSKWithoutDHE: true})
			s.in = handMade(t, client, func(h *wire.ClientHello) { h.PSKModes = modes })
			if _, err = s.step(); (err == nil) != (hinted && identity == "device") {
				t.Errorf("%v, allowed, with %s: %v", modes, identity, err)
			}
		}
	}
}
