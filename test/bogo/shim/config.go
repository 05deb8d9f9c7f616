package main

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"errors"
	"slices"
	"strings"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/suites"
)

// maxEarlyData is the limit of BoringSSL's servers for 0-RTT data, in bytes.
// Tests send one byte more.
const maxEarlyData = 14336

// usualVerifyPrefs are the signature schemes that a shim without -verify-prefs
// accepts, as the runner expects them: a list of Config.SignatureSchemes, which
// has neither P-521 nor Ed25519 nor ML-DSA, all on by default in the engine.
var usualVerifyPrefs = []iana.SignatureScheme{
	iana.ECDSAWithP256AndSHA256, iana.RSAPSSRSAEWithSHA256, iana.RSAPKCS1WithSHA256,
	iana.ECDSAWithP384AndSHA384, iana.RSAPSSRSAEWithSHA384, iana.RSAPKCS1WithSHA384,
	iana.RSAPSSRSAEWithSHA512, iana.RSAPKCS1WithSHA512,
}

// config converts the flags to a configuration of the engine, and a client's target.
func (c *connection) config() (*engine.Config, error) {
	s := c.settings
	c.target.ServerName = s.hostName
	cfg := &engine.Config{
		Now: c.memory.now, Verifier: verifier{c},
		KeyShares: s.keyShares, SignatureSchemes: s.accepted(), Groups: s.curves,
		MaxHandshakeMessage: s.maxCertList, KeyLog: c.keep, Trace: c.trace, Compressors: s.compressors(),
		PSKWithoutDHE: s.psk != "",
	}
	switch {
	case len(s.acceptedKinds) == 0 || slices.Equal(s.acceptedKinds, kinds{iana.CertTypeX509}):
	case slices.Equal(s.acceptedKinds, kinds{iana.CertTypeRawPublicKey}):
		cfg.OnlyRawKeys = true
	case slices.Equal(s.acceptedKinds, kinds{iana.CertTypeRawPublicKey, iana.CertTypeX509}):
		cfg.AcceptRawKeys = true
	default:
		return nil, unimplemented("-accepted-peer-cert-types %v", s.acceptedKinds)
	}
	if err := s.versions(cfg); err != nil {
		return nil, err
	}
	if err := cmp.Or(s.ciphers(cfg), s.srtp(cfg)); err != nil {
		return nil, err
	}
	if err := s.ech(cfg, &c.target); err != nil {
		return nil, err
	}
	if err := c.loadCredentials(cfg); err != nil {
		return nil, err
	}
	if s.server {
		return cfg, c.serverConfig(cfg)
	}
	var err error
	cfg.ALPN, err = splitALPN(s.advertiseALPN)
	if c.resuming {
		c.target.Session = c.memory.session
	}
	cfg.EarlyData, cfg.NoTickets = s.earlyData && c.resuming, s.noTicket
	return cfg, err
}

// srtp sets the profiles of SRTP, which stand between colons.
func (s *settings) srtp(cfg *engine.Config) error {
	for name := range strings.SplitSeq(s.srtpProfiles, ":") {
		if name == "" {
			continue
		}
		p, err := iana.ParseSRTPProfile(name)
		if err != nil {
			return err
		}
		cfg.SRTPProfiles = append(cfg.SRTPProfiles, p)
	}
	return nil
}

// accepted returns the signature schemes for the peer.
func (s *settings) accepted() []iana.SignatureScheme {
	if len(s.verifyPrefs) == 0 {
		return usualVerifyPrefs
	}
	return known(s.verifyPrefs)
}

// serverConfig adds what only servers have.
func (c *connection) serverConfig(cfg *engine.Config) error {
	s := c.settings
	switch {
	case s.requireClientCert:
		cfg.ClientAuth = engine.RequireClientCert
	case s.verifyPeer:
		cfg.ClientAuth = engine.RequestClientCert
	}
	switch {
	case s.selectALPN != "":
		cfg.ALPN = []string{s.selectALPN}
	case s.rejectALPN:
		cfg.ALPN = []string{"no version in this range"}
	}
	if !s.noTicket {
		cfg.Tickets = c.memory
		if s.skipTicket {
			cfg.NumTickets = -1
		}
	}
	cfg.SessionIDs, cfg.PSKHint = c.memory, []byte(s.pskIdentity)
	if s.earlyData {
		cfg.MaxEarlyData, cfg.AntiReplay = maxEarlyData, c.memory
	}
	cfg.ForClient = c.forClient
	var err error
	cfg.ClientAuthorities, err = splitHex(s.clientCAs)
	return err
}

// forClient performs the checks of the ClientHello that the flags request.
func (c *connection) forClient(hello *engine.ClientHelloInfo) (*engine.Config, error) {
	s := c.settings
	switch {
	case s.async && !c.answering:
		return nil, engine.ErrPending
	case s.failEarly:
		return nil, refusal(iana.AlertHandshakeFailure)
	case s.failHello:
		return nil, refusal(iana.AlertInternalError)
	case s.expect.noServerName && hello.ServerName != "":
		return nil, mismatch("the client names a server")
	case s.expect.advertisedALPN != "":
		want, err := splitALPN(s.expect.advertisedALPN)
		if err != nil || !slices.Equal(want, hello.ALPN) {
			return nil, mismatch("the client offers other application protocols than expected")
		}
	}
	return nil, nil
}

// versions returns the lowest and the highest version. The engine supports
// ranges only.
func (s *settings) versions(cfg *engine.Config) error {
	low, high := stream(s.minVersion), stream(s.maxVersion)
	if low == 0 {
		low = iana.TLS10
	}
	if high == 0 {
		high = iana.TLS13
	}
	if s.dtls {
		s.without[2] = true // there is none that follows TLS 1.1 but DTLS 1.0
	}
	for low <= high && s.without[low&0xff] {
		low++
	}
	for high >= low && s.without[high&0xff] {
		high--
	}
	if low > high {
		return errors.New("no version is left")
	}
	if high < lowest {
		return unimplemented("versions up to %v", high)
	}
	cfg.MinVersion, cfg.MaxVersion = max(low, lowest), high
	return nil
}

// stream returns the version of TLS for one of DTLS.
func stream(v uint16) iana.Version {
	switch v := iana.Version(v); v {
	case iana.DTLS13:
		return iana.TLS13
	case iana.DTLS12:
		return iana.TLS12
	case iana.DTLS10:
		return iana.TLS11
	default:
		return v
	}
}

// lowest is the oldest version of the engine.
const lowest = iana.TLS12

// A profile is a named set of limits of BoringSSL's.
type profile struct {
	ciphers []iana.CipherSuite
	groups  []iana.NamedGroup
	schemes []iana.SignatureScheme
	lowest  iana.Version
}

var profiles = map[string]profile{
	"fips-202205": {
		ciphers: []iana.CipherSuite{
			iana.TLS_AES_128_GCM_SHA256, iana.TLS_AES_256_GCM_SHA384,
			iana.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, iana.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			iana.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, iana.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		},
		groups: []iana.NamedGroup{iana.SecP256r1, iana.SecP384r1},
		schemes: []iana.SignatureScheme{
			iana.RSAPKCS1WithSHA256, iana.RSAPKCS1WithSHA384, iana.RSAPKCS1WithSHA512, iana.ECDSAWithP256AndSHA256,
			iana.ECDSAWithP384AndSHA384, iana.RSAPSSRSAEWithSHA256, iana.RSAPSSRSAEWithSHA384, iana.RSAPSSRSAEWithSHA512,
		},
	},
	"wpa-202304": {
		ciphers: []iana.CipherSuite{
			iana.TLS_AES_256_GCM_SHA384, iana.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, iana.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		},
		groups: []iana.NamedGroup{iana.SecP384r1},
		schemes: []iana.SignatureScheme{
			iana.RSAPKCS1WithSHA384, iana.RSAPKCS1WithSHA512, iana.ECDSAWithP384AndSHA384,
			iana.RSAPSSRSAEWithSHA384, iana.RSAPSSRSAEWithSHA512,
		},
	},
	"cnsa-202407": {
		ciphers: []iana.CipherSuite{iana.TLS_AES_256_GCM_SHA384, iana.TLS_AES_128_GCM_SHA256, iana.TLS_CHACHA20_POLY1305_SHA256},
	},
	"cnsa1-202603": {
		ciphers: []iana.CipherSuite{
			iana.TLS_AES_256_GCM_SHA384, iana.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, iana.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		},
		groups:  []iana.NamedGroup{iana.MLKEM1024, iana.SecP384r1},
		schemes: []iana.SignatureScheme{iana.ECDSAWithP384AndSHA384, iana.RSAPSSRSAEWithSHA384, iana.RSAPKCS1WithSHA384},
	},
	"cnsa2-202603": {
		ciphers: []iana.CipherSuite{iana.TLS_AES_256_GCM_SHA384},
		groups:  []iana.NamedGroup{iana.MLKEM1024},
		schemes: []iana.SignatureScheme{iana.ECDSAWithP384AndSHA384, iana.RSAPSSRSAEWithSHA384, iana.RSAPKCS1WithSHA384},
		lowest:  iana.TLS13,
	},
}

// ciphers applies -cipher and the profiles.
func (s *settings) ciphers(cfg *engine.Config) error {
	if s.cipher != "" {
		for name := range strings.SplitSeq(s.cipher, ":") {
			id, err := iana.ParseCipherSuite(name)
			if err != nil {
				return unimplemented("-cipher %s", s.cipher)
			}
			cfg.CipherSuites = append(cfg.CipherSuites, id)
		}
		cfg.CipherSuites = append(cfg.CipherSuites, suites.Default13()...) // which the flag does not touch
	}
	p, ok := profiles[s.policy]
	if !ok {
		return nil
	}
	cfg.CipherSuites, cfg.Groups, cfg.SignatureSchemes = p.ciphers, p.groups, p.schemes
	cfg.MinVersion = max(cfg.MinVersion, p.lowest)
	return nil
}

// compressors are the mock algorithms that the runner knows too.
func (s *settings) compressors() []engine.Compressor {
	all := []engine.Compressor{prefixing(0xff02, 1, 2, 3, 4), shrinking(0xff01), prefixing(0xff03, 0)}
	all[2].Decompress = func(data []byte, n int) ([]byte, error) { return data[min(1, len(data)):], nil } // any first byte
	return slices.DeleteFunc(all, func(a engine.Compressor) bool { return !s.compression && a.ID != s.oneCompression })
}

// prefixing "compresses" by adding a prefix.
func prefixing(id iana.CertificateCompression, prefix ...byte) engine.Compressor {
	return engine.Compressor{
		ID:       id,
		Compress: func(data []byte) ([]byte, error) { return append(slices.Clone(prefix), data...), nil },
		Decompress: func(data []byte, n int) ([]byte, error) {
			rest, ok := bytes.CutPrefix(data, prefix)
			if !ok {
				return nil, errors.New("the prefix is missing")
			}
			return rest, nil
		},
	}
}

// shrinking leaves out the two bytes that each Certificate starts with.
func shrinking(id iana.CertificateCompression) engine.Compressor {
	grow := prefixing(id, 0, 0)
	return engine.Compressor{
		ID:         id,
		Compress:   func(data []byte) ([]byte, error) { return grow.Decompress(data, 0) },
		Decompress: func(data []byte, n int) ([]byte, error) { return grow.Compress(data) },
	}
}

// known leaves out the signature schemes that the engine does not have: those
// with SHA-1, and those that are not for TLS.
func known(list []iana.SignatureScheme) []iana.SignatureScheme {
	return slices.DeleteFunc(slices.Clone(list), func(id iana.SignatureScheme) bool {
		return suites.SchemeByID(id) == nil
	})
}

// splitALPN reads names with a byte of length before each.
func splitALPN(text string) ([]string, error) {
	var names []string
	for text != "" {
		n := int(text[0])
		if len(text) < 1+n {
			return nil, errors.New("a list of application protocols that is cut")
		}
		names = append(names, text[1:1+n])
		text = text[1+n:]
	}
	return names, nil
}

// splitHex reads names in hexadecimal with commas between them.
func splitHex(text string) ([][]byte, error) {
	var names [][]byte
	if text == "" || text == "<EMPTY>" || text == "<NULL>" {
		return nil, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		name, err := hex.DecodeString(part)
		if err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, nil
}
