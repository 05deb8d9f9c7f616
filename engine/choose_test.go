package engine

import (
	"crypto"
	"errors"
	"testing"
	"time"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/suites"
	"github.com/sealsock/sealsock/internal/wire"
)

// hello13 is a ClientHello with TLS 1.3 alone, hello12 one with TLS 1.2 alone.
func hello13() *wire.ClientHello {
	return &wire.ClientHello{
		LegacyVersion: iana.TLS12, CompressionMethods: []byte{0},
		SupportedVersions:   []iana.Version{iana.TLS13},
		CipherSuites:        []iana.CipherSuite{iana.TLS_AES_256_GCM_SHA384, iana.TLS_AES_128_GCM_SHA256},
		SupportedGroups:     []iana.NamedGroup{iana.SecP256r1, iana.X25519},
		KeyShares:           []wire.KeyShare{{Group: iana.X25519, Data: make([]byte, 32)}},
		SignatureAlgorithms: []iana.SignatureScheme{iana.ECDSAWithP256AndSHA256},
		Present: []iana.ExtensionType{
			iana.ExtSupportedVersions, iana.ExtSupportedGroups, iana.ExtKeyShare,
			iana.ExtSignatureAlgorithms,
		},
	}
}

func hello12() *wire.ClientHello {
	return &wire.ClientHello{
		LegacyVersion: iana.TLS12, CompressionMethods: []byte{0}, ExtendedMasterSecret: true,
		CipherSuites: []iana.CipherSuite{
			iana.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, iana.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
			iana.TLS_PSK_WITH_AES_128_GCM_SHA256,
		},
		SupportedGroups:     []iana.NamedGroup{iana.SecP384r1, iana.SecP256r1},
		SignatureAlgorithms: []iana.SignatureScheme{iana.RSAPSSRSAEWithSHA256, iana.ECDSAWithP256AndSHA256},
	}
}

// offersPSK makes a hello offer a pre-shared key in the given modes.
func offersPSK(modes ...iana.PSKMode) func(*wire.ClientHello) {
	return func(h *wire.ClientHello) {
		h.PSK, h.PSKModes = new(wire.OfferedPSKs), modes
		h.Present = append(h.Present, iana.ExtPSKModes, iana.ExtPreSharedKey)
	}
}

// A choice is one call of choose and what it must return.
type choice struct {
	name   string
	cfg    func(*config)
	hello  *wire.ClientHello // nil for hello13
	change func(*wire.ClientHello)
	known  known
	alert  iana.Alert // of the error
	is     func(*decision) bool
}

func choices(t *testing.T) []choice {
	find := func(c *config) { c.FindPSK = func([]byte) (*PSK, error) { return nil, nil } }
	selects := func(c *config) {
		c.SelectCredential = func(*CredentialRequest) (*Credential, error) { return nil, nil }
	}
	cred := newCredential(t, nil)
	key := func(hash crypto.Hash) *presharedKey {
		return &presharedKey{
			hash: hash, secret: []byte("secret"), maxEarly: 100,
			suite: iana.TLS_AES_128_GCM_SHA256, alpn: "b",
		}
	}
	session := &Session{CipherSuite: iana.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}
	early := func(c *config) {
		c.MaxEarlyData, c.AntiReplay, c.Now = 100, newMemory(), resumptionClock
	}
	offersEarly := func(h *wire.ClientHello) {
		offersPSK(iana.PSKDHEKE)(h)
		h.EarlyData, h.ALPN = true, []string{"a", "b"}
	}
	promised := &decision{
		version: iana.TLS13, suite: suites.TLS13(iana.TLS_AES_128_GCM_SHA256),
		group: suites.GroupByID(iana.SecP256r1),
	}
	return []choice{
		{name: "the first credential that fits", is: func(d *decision) bool {
			return d.missing == nothing && d.proof != nil &&
				d.proof.scheme.ID == iana.ECDSAWithP256AndSHA256
		}},
		{name: "the credential is missing", cfg: selects, is: func(d *decision) bool {
			return d.missing == knownCredential &&
				d.request.SignatureSchemes[0] == iana.ECDSAWithP256AndSHA256
		}},
		{name: "all of TLS 1.3", known: known{asked: knownCredential, cred: cred},
			is: func(d *decision) bool {
				return d.missing == nothing && d.version == iana.TLS13 && d.group.ID == iana.X25519 &&
					d.share != nil && d.suite.ID == iana.TLS_AES_128_GCM_SHA256 && d.proof.cred == cred &&
					d.proof.scheme.ID == iana.ECDSAWithP256AndSHA256 && !d.asks
			}},
		{name: "no credential fits", known: known{asked: knownCredential},
			alert: iana.AlertHandshakeFailure},
		{name: "no version", cfg: func(c *config) { c.MaxVersion = iana.TLS12 },
			alert: iana.AlertProtocolVersion},
		{name: "no suite", change: func(h *wire.ClientHello) { h.CipherSuites = nil },
			alert: iana.AlertHandshakeFailure},
		{name: "no protocol", change: func(h *wire.ClientHello) { h.ALPN = []string{"a"} },
			alert: iana.AlertNoApplicationProtocol},
		{name: "a share is asked for",
			change: func(h *wire.ClientHello) { h.KeyShares = []wire.KeyShare{} },
			is: func(d *decision) bool {
				return d.retries() && d.missing == nothing &&
					d.group.ID == iana.X25519
			}},
		{name: "another group than promised", known: known{promised: promised},
			alert: iana.AlertIllegalParameter},
		{name: "no group", cfg: func(c *config) { c.Groups = []iana.NamedGroup{iana.SecP384r1} },
			alert: iana.AlertHandshakeFailure},
		{name: "a key may be known", cfg: find, change: offersPSK(iana.PSKDHEKE),
			is: func(d *decision) bool { return d.missing == knownKey }},
		{name: "no key can be known", change: offersPSK(iana.PSKDHEKE),
			is: func(d *decision) bool { return d.missing == nothing && d.key == nil && d.proof != nil }},
		{name: "a mode that is not allowed", cfg: find, change: offersPSK(iana.PSKKE),
			is: func(d *decision) bool { return d.missing == nothing && d.proof != nil && !d.resumable }},
		{name: "a key with another hash", cfg: find, change: offersPSK(iana.PSKDHEKE),
			known: known{asked: knownKey, key: key(crypto.SHA384)}, is: func(d *decision) bool {
				return d.missing == nothing && d.suite.ID == iana.TLS_AES_256_GCM_SHA384 && d.proof == nil &&
					d.key != nil && d.group != nil
			}},
		{name: "a key alone", cfg: func(c *config) { c.PSKWithoutDHE = true },
			change: offersPSK(iana.PSKKE),
			known:  known{asked: knownKey, key: key(crypto.SHA256)},
			is:     func(d *decision) bool { return d.group == nil && d.share == nil && !d.retries() }},
		{name: "a key, and certificates wanted",
			cfg:    func(c *config) { c.ClientAuth = RequireClientCert },
			change: offersPSK(iana.PSKDHEKE), known: known{asked: knownKey, key: key(crypto.SHA256)},
			is: func(d *decision) bool { return !d.asks && d.proof == nil }},
		{name: "a certificate is asked for", cfg: func(c *config) { c.ClientAuth = RequestClientCert },
			known: known{asked: knownCredential, cred: cred}, is: func(d *decision) bool { return d.asks }},
		{name: "freshness is missing", cfg: early, change: offersEarly,
			known: known{asked: knownKey, key: key(crypto.SHA256)},
			is:    func(d *decision) bool { return d.missing == knownFresh }},
		{name: "fresh", cfg: early, change: offersEarly,
			known: known{asked: knownFresh, key: key(crypto.SHA256), fresh: true},
			is:    func(d *decision) bool { return d.missing == nothing && d.early && d.alpn == "b" }},
		{name: "a replay", cfg: early, change: offersEarly,
			known: known{asked: knownFresh, key: key(crypto.SHA256)},
			is:    func(d *decision) bool { return d.missing == nothing && !d.early && d.key != nil }},
		{name: "0-RTT with the second key", cfg: early, change: offersEarly,
			known: known{asked: knownKey, key: key(crypto.SHA256), index: 1},
			is:    func(d *decision) bool { return d.missing == nothing && !d.early && d.index == 1 }},
		{name: "TLS 1.2: the credential is missing", hello: hello12(), cfg: selects, is: func(
			d *decision,
		) bool {
			return d.missing == knownCredential && len(d.request.SignatureSchemes) == 2 &&
				len(d.request.groups) == 2
		}},
		{name: "all of TLS 1.2", hello: hello12(), known: known{asked: knownCredential, cred: cred},
			is: func(d *decision) bool {
				return d.missing == nothing && d.version == iana.TLS12 && d.group.ID == iana.SecP256r1 &&
					d.suite12.ID == iana.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 && d.proof.cred == cred &&
					d.extended
			}},
		{name: "TLS 1.2 with a key alone", hello: hello12(), cfg: func(c *config) {
			find(c)
			c.CipherSuites = []iana.CipherSuite{iana.TLS_PSK_WITH_AES_128_GCM_SHA256}
		},
			is: func(d *decision) bool { return d.missing == nothing && d.group == nil && d.proof == nil }},
		{name: "a session may be known", hello: hello12(), cfg: func(c *config) {
			c.SessionIDs, c.Now = cache{}, resumptionClock
		}, change: func(h *wire.ClientHello) { h.SessionID = []byte{1} },
			is: func(d *decision) bool { return d.missing == knownKey }},
		{name: "a session", hello: hello12(), known: known{asked: knownKey, session: session},
			is: func(d *decision) bool {
				return d.missing == nothing && d.session == session && d.suite12.ID == session.CipherSuite &&
					d.group == nil && !d.ticket && d.proof == nil
			}},
		{name: "TLS 1.2 without uncompressed points", hello: hello12(),
			change: func(h *wire.ClientHello) { h.ECPointFormats = []byte{1} },
			alert:  iana.AlertIllegalParameter},
	}
}

// TestChoose: choose needs no connection, and returns the same for the same arguments, which
// it does not change.
func TestChoose(t *testing.T) {
	for _, c := range choices(t) {
		cfg := &config{Credentials: []*Credential{newCredential(t, nil)}, ALPN: []string{"b", "c"},
			Groups: []iana.NamedGroup{iana.X25519, iana.SecP256r1}}
		if c.cfg != nil {
			c.cfg(cfg)
		}
		h := c.hello
		if h == nil {
			h = hello13()
		}
		if c.change != nil {
			c.change(h)
		}
		before := dump(cfg) + dump(h) + dump(c.known)
		d, err := choose(&cfg.Config, h, c.known)
		again, errAgain := choose(&cfg.Config, h, c.known)
		if dump(cfg)+dump(h)+dump(c.known) != before {
			t.Errorf("%s: choose changed its arguments", c.name)
		}
		if (err == nil) != (errAgain == nil) || dump(d) != dump(again) {
			t.Errorf("%s: choose decides one way and then another", c.name)
		}
		var own *Error
		switch {
		case c.alert != 0:
			if !errors.As(err, &own) || own.Alert != c.alert {
				t.Errorf("%s: %v, want %v", c.name, err, c.alert)
			}
		case err != nil:
			t.Errorf("%s: %v", c.name, err)
		case !c.is(d):
			t.Errorf("%s: %s", c.name, dump(d))
		}
	}
}

func resumptionClock() time.Time { return time.Unix(1_000_000_000, 0) }
