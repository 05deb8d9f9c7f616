package engine

import (
	"slices"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/wire"
)

// awaitClientHello waits for the ClientHello.
type awaitClientHello struct {
	cfg   *Config
	info  *State
	proof *AddressProof // in DTLS, of a client that has proved its address
}

func (s *awaitClientHello) awaits() awaited { return awaited{iana.HandshakeClientHello} }

func (s *awaitClientHello) handle(m message, do *effects) (state, error) {
	hello, err := parseClientHello(m.body, s.info.datagram)
	if err != nil {
		return nil, err
	}
	if err := s.info.checkHello(hello); err != nil {
		return nil, err
	}
	ech, hello, m, err := openHello(s.cfg, s.info, hello, m)
	if err != nil {
		return nil, err
	}
	if err := s.info.checkHello(hello); err != nil {
		return nil, err // of an inner ClientHello
	}
	s.info.ServerName = hello.ServerName
	d := &deciding{cfg: s.cfg, info: s.info, ech: ech, hello: hello, m: m, proof: s.proof}
	d.known.decrypted = s.info.ECHAccepted
	if s.cfg.ForClient != nil {
		if s.info.Datagram != nil {
			s.info.Datagram.named = true
		}
		return d.awaitConfig(), nil
	}
	return d.configured(nil, do)
}

// awaitConfig waits for the configuration for the client.
func (s *deciding) awaitConfig() state {
	info := describeHello(s.hello, s.m.raw)
	info.ECHAccepted = s.info.ECHAccepted
	return &wait[*Config]{
		what: "the configuration for the client",
		q:    info,
		try:  func() (*Config, error) { return s.cfg.ForClient(info) },
		then: s.configured,
	}
}

// configured decides with a configuration, or with the one at hand if it is nil.
func (s *deciding) configured(cfg *Config, do *effects) (state, error) {
	if cfg != nil && cfg != s.cfg {
		cfg, err := s.cfg.quic.config(cfg, false)
		if err != nil {
			return nil, err
		}
		if err := cfg.check(false); err != nil {
			return nil, err
		}
		do.use(cfg)
		s.cfg = cfg
	}
	if err := s.proof.begin(s); err != nil {
		return nil, err
	}
	if s.info.quic {
		return s.beginQUIC(do)
	}
	return s.decide(do)
}

// checkHello refuses a ClientHello of another protocol.
func (s *State) checkHello(h *wire.ClientHello) error {
	if !s.quic && slices.Contains(h.Present, iana.ExtQUICTransportParameters) {
		// RFC 9001, Section 8.2: "A fatal unsupported_extension alert MUST be sent by an
		// implementation that supports this extension if the extension is received when the
		// transport is not QUIC."
		return broken(iana.AlertUnsupportedExtension,
			"a ClientHello with %v, which is of QUIC", iana.ExtQUICTransportParameters)
	}
	return checkLegacyVersion(h.LegacyVersion, s.datagram)
}

// checkLegacyVersion refuses a hello of SSL 3.0, even with other versions. RFC 9846,
// Appendix D.5: "Any endpoint receiving a Hello message with ClientHello.legacy_version
// or ServerHello.legacy_version set to 0x0300 MUST abort the handshake with a
// "protocol_version" alert."
func checkLegacyVersion(v iana.Version, datagram bool) error {
	if datagram {
		return checkDatagramVersion(v)
	}
	if v > iana.SSL30 {
		return nil
	}
	return &Error{
		Fault: FaultPeer, Alert: iana.AlertProtocolVersion,
		Reason:   "the ClientHello is of SSL 3.0 or older",
		Expected: "legacy_version TLS 1.2", Got: v.String(), Hint: "update the peer",
	}
}

// helloFor is the ClientHello as SelectCredential gets it; nil if that is not set.
func (c *Config) helloFor(h *wire.ClientHello, decrypted bool) *ClientHelloInfo {
	if c.SelectCredential == nil {
		return nil
	}
	info := describeHello(h, nil)
	info.ECHAccepted = decrypted
	return info
}

func describeHello(h *wire.ClientHello, raw []byte) *ClientHelloInfo {
	info := &ClientHelloInfo{
		Random:            h.Random[:],
		ServerName:        h.ServerName,
		SupportedVersions: helloVersions(h),
		CipherSuites:      h.CipherSuites,
		Groups:            h.SupportedGroups,
		SignatureSchemes:  h.SignatureAlgorithms,
		ALPN:              h.ALPN,
		Extensions:        h.Present,
		Raw:               raw,
	}
	for _, s := range h.KeyShares {
		info.KeyShares = append(info.KeyShares, s.Group)
	}
	return info
}
