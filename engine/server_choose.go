package engine

import (
	"slices"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/keys"
	"github.com/sealsock/sealsock/internal/suites"
	"github.com/sealsock/sealsock/internal/wire"
)

// awaitClientHello waits for the ClientHello.
type awaitClientHello struct {
	cfg  *Config
	info *State
}

func (s *awaitClientHello) awaits() string { return "client_hello" }

func (s *awaitClientHello) handle(m message, _ *effects) (state, error) {
	if m.typ != iana.HandshakeClientHello {
		return nil, unexpected(s.awaits(), m)
	}
	hello, err := wire.ParseClientHello(m.body)
	if err != nil {
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
		return answerHello(cfg, s.info, ech, hello, m, do)
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
		Reason:   "the peer's hello is one of SSL 3.0 or older",
		Expected: "legacy_version TLS 1.2", Got: v.String(), Hint: "the peer needs an update",
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

// answerHello continues with the version that both sides have.
func answerHello(cfg *Config, info *State, ech *serverECH, hello *wire.ClientHello, m message, do *effects) (state, error) {
	version, err := chooseVersion(cfg, hello)
	if err != nil {
		return nil, err
	}
	if version == iana.TLS12 {
		return answer12(cfg, info, hello, m, do)
	}
	choice, err := choose13(cfg, hello)
	if err != nil {
		return nil, err
	}
	info.Version, info.CipherSuite, info.ALPN = version, choice.suite.ID, choice.alpn
	f := &flow13{cfg: cfg, info: info, random: hello.Random[:], suite: choice.suite, ech: ech}
	f.take(hello)
	f.transcript.choose(choice.suite.Hash)
	if choice.group != nil && choice.share == nil {
		f.transcript.add(m.raw)
		return retryHello(f, hello, m, choice, do)
	}
	return findPSK(f, hello, m, choice, do)
}

// take keeps what a ClientHello has beside the choice. It is called for each ClientHello
// of a handshake.
func (f *flow13) take(hello *wire.ClientHello) {
	f.info.lateOffered = hello.PostHandshakeAuth
	f.resumable = f.cfg.allowsPSK(hello.PSKModes)
}

// A choice13 is the server's choice for a TLS 1.3 ClientHello. It is made by a
// pure function, so that all of the policy is in one place.
type choice13 struct {
	suite *suites.Suite
	group *suites.Group
	share *wire.KeyShare // nil: the client must be asked for one
	alpn  string

	noGroup error // why group is nil, though there were shares

	psk    *presharedKey // nil: certificates
	index  uint16
	early  *keys.EarlySecret
	accept bool // take the 0-RTT data
	agreed bool // on the kinds of certificates
}

// choose13 decides. RFC 9846, Sections 4.1.1 and 4.2.
func choose13(cfg *Config, h *wire.ClientHello) (*choice13, error) {
	if h.LegacyVersion != iana.TLS12 {
		// RFC 9846, Section 4.1.2: "A server which receives a legacy_version value not
		// equal to 0x0303 MUST abort the handshake with a "protocol_version" alert." It
		// cannot hold for TLS 1.2 without supported_versions, which Section 4.2.1 has
		// negotiated by higher values. RFC 8446 had no such rule for servers, and
		// BoringSSL and crypto/tls ignore the value; a client of either RFC sends 0x0303.
		return nil, broken(iana.AlertProtocolVersion,
			"a ClientHello for TLS 1.3 has the legacy_version %v and not TLS 1.2", h.LegacyVersion)
	}
	if err := checkHello13(h); err != nil {
		return nil, err
	}
	c := new(choice13)
	for _, id := range cfg.suites() {
		if s := suites.TLS13(id); s != nil && slices.Contains(h.CipherSuites, id) {
			c.suite = s
			break
		}
	}
	if c.suite == nil {
		return nil, &Error{
			Fault: FaultIncompatible, Alert: iana.AlertHandshakeFailure, Reason: "no cipher suite in common with the client",
			Expected: list(cfg.suites()), Got: list(h.CipherSuites),
		}
	}
	if h.KeyShares != nil {
		// RFC 9846, Section 4.1.1: where a pre-shared key can do without a key
		// exchange, groups that do not overlap need not be fatal.
		if c.noGroup = c.chooseGroup(cfg, h); c.noGroup != nil && !cfg.takesPSKAlone(h) {
			return nil, c.noGroup
		}
	}
	var err error
	c.alpn, err = chooseALPN(cfg.ALPN, h.ALPN)
	return c, err
}

// chooseGroup takes the first of this side's groups that the client has. Among groups of
// the same kind, post-quantum or not, one that a share came for wins, which saves a round
// trip; but not a costly one over one that costs less: a client that has proved nothing
// must not be able to choose ten times the work for this side.
func (c *choice13) chooseGroup(cfg *Config, h *wire.ClientHello) error {
	for _, id := range cfg.serverGroups() {
		if !slices.Contains(h.SupportedGroups, id) {
			continue
		}
		share := shareFor(h, id)
		if c.group == nil || share != nil && replaces(c.group.ID, id) {
			c.group, c.share = suites.GroupByID(id), share
		}
		if c.share != nil {
			return nil
		}
	}
	if c.group == nil {
		return &Error{
			Fault: FaultIncompatible, Alert: iana.AlertHandshakeFailure, Reason: "no key exchange group in common with the client",
			Expected: list(cfg.serverGroups()), Got: list(h.SupportedGroups),
		}
	}
	return nil
}

// replaces reports whether a share for other is used in place of asking for one of group.
func replaces(group, other iana.NamedGroup) bool {
	return suites.Classical(group) == suites.Classical(other) &&
		(suites.Cost(other) < suites.Costly || suites.Cost(other) <= suites.Cost(group))
}

func shareFor(h *wire.ClientHello, id iana.NamedGroup) *wire.KeyShare {
	for i := range h.KeyShares {
		if h.KeyShares[i].Group == id {
			return &h.KeyShares[i]
		}
	}
	return nil
}

// checkHello13 checks what a TLS 1.3 ClientHello must have. RFC 9846, Sections
// 4.1.2 and 9.2.
func checkHello13(h *wire.ClientHello) error {
	has := func(ext iana.ExtensionType) bool { return slices.Contains(h.Present, ext) }
	switch {
	case len(h.CompressionMethods) != 1 || h.CompressionMethods[0] != 0:
		return illegal("the client offers compression with TLS 1.3")
	case len(h.RenegotiationInfo) > 0:
		// RFC 5746, Section 3.6: not empty in a first handshake is an
		// attack, with every version.
		return broken(iana.AlertHandshakeFailure, "the client takes this handshake for a renegotiation")
	case h.PSK == nil && !has(iana.ExtSignatureAlgorithms):
		return missing(iana.ExtSignatureAlgorithms)
	case !has(iana.ExtSupportedGroups) && (h.PSK == nil || has(iana.ExtKeyShare)):
		return missing(iana.ExtSupportedGroups)
	case h.PSK != nil && len(h.PSKModes) == 0:
		// RFC 9846, Section 4.2.9: servers MUST abort, whether or not they
		// would use the key.
		return missing(iana.ExtPSKModes)
	case !has(iana.ExtKeyShare) && (h.PSK == nil || has(iana.ExtSupportedGroups)):
		return missing(iana.ExtKeyShare)
	}
	return checkShares(h)
}

// checkShares checks that there are key shares only for groups that are offered, in the
// same order. That there is one share for each group is checked where they are read.
// Both lists may be long, so it goes through each of them once. RFC 9846, Section 4.2.8:
// each share "MUST correspond to a group offered in the "supported_groups" extension and
// MUST appear in the same order."
func checkShares(h *wire.ClientHello) error {
	left := h.SupportedGroups
	for _, s := range h.KeyShares {
		i := slices.Index(left, s.Group)
		switch {
		case i >= 0:
			left = left[i+1:]
		case slices.Contains(h.SupportedGroups, s.Group):
			return illegal("the key share for group %v is not in the order of the groups", s.Group)
		default:
			return illegal("a key share for group %v, which is not offered", s.Group)
		}
	}
	return nil
}

// helloVersions lists what a client offers. Without supported_versions it offers
// all versions up to the one it names. RFC 9846, Section 4.2.1.
func helloVersions(h *wire.ClientHello) []iana.Version {
	if slices.Contains(h.Present, iana.ExtSupportedVersions) {
		return h.SupportedVersions
	}
	var list []iana.Version
	for v := min(h.LegacyVersion, iana.TLS12); v >= iana.TLS10; v-- {
		list = append(list, v)
	}
	return list
}

// chooseVersion picks the highest version that both sides have. RFC 9846,
// Section 4.2.1.
func chooseVersion(cfg *Config, h *wire.ClientHello) (iana.Version, error) {
	offered := helloVersions(h)
	own := cfg.versions()
	best := slices.IndexFunc(own, func(v iana.Version) bool { return slices.Contains(offered, v) })
	switch {
	case best != 0 && slices.Contains(h.CipherSuites, iana.TLS_FALLBACK_SCSV) &&
		!slices.ContainsFunc(offered, func(v iana.Version) bool { return v > own[0] && v <= iana.TLS13 }):
		// RFC 7507, Section 3: the client tried a better version before.
		return 0, &Error{
			Fault: FaultIncompatible, Alert: iana.AlertInappropriateFallback,
			Reason: "the client fell back to an older version than this side has", Expected: own[0].String(), Got: versionList(offered),
			Hint: "somebody between the two sides may have broken the client's first attempt",
		}
	case best >= 0:
		return own[best], nil
	}
	return 0, &Error{
		Fault: FaultIncompatible, Alert: iana.AlertProtocolVersion, Reason: "the client speaks no version that is allowed here",
		Expected: versionList(own), Got: versionList(offered),
		Hint: "the client needs an update; " + legacyHint,
	}
}

// chooseALPN picks the first of this side's protocols that the client has. With
// none in common the handshake ends. RFC 7301, Section 3.2.
func chooseALPN(own, peer []string) (string, error) {
	if len(own) == 0 || len(peer) == 0 {
		return "", nil
	}
	for _, p := range own {
		if slices.Contains(peer, p) {
			return p, nil
		}
	}
	return "", &Error{
		Fault: FaultIncompatible, Alert: iana.AlertNoApplicationProtocol, Reason: "no application protocol in common with the client",
		Expected: quoted(own), Got: quoted(peer),
	}
}
