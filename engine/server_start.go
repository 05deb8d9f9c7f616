package engine

import (
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/wire"
)

// awaitClientHello waits for the ClientHello.
type awaitClientHello struct {
	cfg  *Config
	info *State
}

func (s *awaitClientHello) awaits() awaited { return awaited{iana.HandshakeClientHello} }

func (s *awaitClientHello) handle(m message, _ *effects) (state, error) {
	hello, err := wire.ParseClientHello(m.body)
	if err != nil {
		return nil, err
	}
	if err := checkTransport(hello.Datagram, s.info.datagram); err != nil {
		return nil, err
	}
	if err := checkLegacyVersion(hello.LegacyVersion); err != nil {
		return nil, err
	}
	ech, hello, m, err := openHello(s.cfg, s.info, hello, m)
	if err != nil {
		return nil, err
	}
	if err := checkLegacyVersion(hello.LegacyVersion); err != nil {
		return nil, err // of an inner ClientHello
	}
	s.info.ServerName = hello.ServerName
	next := func(cfg *Config, do *effects) (state, error) {
		switch {
		case cfg == nil:
			cfg = s.cfg
		case cfg != s.cfg:
			if err := cfg.check(false); err != nil {
				return nil, err
			}
			do.use(cfg)
		}
		d := &deciding{cfg: cfg, info: s.info, ech: ech, hello: hello, m: m}
		d.known.decrypted = s.info.ECHAccepted
		return d.decide(do)
	}
	info := describeHello(hello, m.raw)
	info.ECHAccepted = s.info.ECHAccepted
	return &wait[*Config]{
		what: "the configuration for the client",
		q:    info,
		try: func() (*Config, error) {
			if s.cfg.ForClient == nil {
				return s.cfg, nil
			}
			return s.cfg.ForClient(info)
		},
		then: next,
	}, nil
}

// checkLegacyVersion refuses a hello of SSL 3.0, even with other versions. RFC 9846,
// Appendix D.5: "Any endpoint receiving a Hello message with ClientHello.legacy_version
// or ServerHello.legacy_version set to 0x0300 MUST abort the handshake with a
// "protocol_version" alert."
func checkLegacyVersion(v iana.Version) error {
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
