package engine

import (
	"cmp"
	"slices"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/suites"
	"github.com/sealsock/sealsock/internal/wire"
)

// choose13 decides with TLS 1.3. RFC 9846, Sections 4.1.1 and 4.2.
func (d *decision) choose13(cfg *Config, h *wire.ClientHello, k known) error {
	if h.LegacyVersion != iana.TLS12 {
		// RFC 9846, Section 4.1.2: "A server which receives a legacy_version value not
		// equal to 0x0303 MUST abort the handshake with a "protocol_version" alert." It
		// cannot hold for TLS 1.2 without supported_versions, which Section 4.2.1 has
		// negotiated by higher values. RFC 8446 had no such rule for servers, and
		// BoringSSL and crypto/tls ignore the value; a client of either RFC sends 0x0303.
		return broken(iana.AlertProtocolVersion,
			"a ClientHello of TLS 1.3 has legacy_version %v, expected TLS 1.2", h.LegacyVersion)
	}
	if err := cmp.Or(checkCookie(h), checkHello13(h)); err != nil {
		return err
	}
	d.resumable, d.late = cfg.allowsPSK(h.PSKModes), h.PostHandshakeAuth
	d.requested = requestedTickets(h, k.key)
	noGroup, err := d.chooseParameters13(cfg, h, k.key)
	if err != nil {
		return err
	}
	switch {
	case k.promised != nil && !d.keeps(k.promised):
		return illegal("the second ClientHello results in other parameters than the first")
	case d.retries():
		return nil
	case k.asked < knownKey && d.resumable && h.PSK != nil && cfg.knowsPSKs():
		d.missing = knownKey
		return nil
	case k.key != nil:
		return d.chooseKey(cfg, h, k)
	}
	return d.chooseProof13(cfg, h, k, noGroup)
}

// requestedTickets returns how many tickets the client asks for: with or without the session
// that it resumes. RFC 9149, Section 3.
func requestedTickets(h *wire.ClientHello, key *presharedKey) *uint8 {
	switch r := h.TicketRequest; {
	case r == nil:
		return nil
	case key != nil && key.session != nil:
		return &r.Resumption
	default:
		return &r.NewSession
	}
}

// chooseParameters13 chooses the suite, the group and the protocol. RFC 9846, Section 4.1.1:
// where a pre-shared key can do without a key exchange, groups that do not overlap need not
// be fatal. noGroup is then the error of a handshake without the key.
func (d *decision) chooseParameters13(cfg *Config, h *wire.ClientHello,
	key *presharedKey) (noGroup, err error) {
	if d.suite = chooseSuite13(cfg, h, key); d.suite == nil {
		return nil, nothingCommon(iana.AlertHandshakeFailure, "cipher suite",
			cfg.suites(), h.CipherSuites)
	}
	if h.KeyShares != nil {
		if noGroup = d.chooseGroup13(cfg, h); noGroup != nil && !cfg.takesPSKAlone(h) {
			return nil, noGroup
		}
	}
	d.alpn, err = chooseALPN(cfg.ALPN, h.ALPN)
	return noGroup, err
}

// chooseSuite13 takes the first of this side's suites that the client has and that goes with
// the key, if there is one.
func chooseSuite13(cfg *Config, h *wire.ClientHello, key *presharedKey) *suites.Suite {
	for _, id := range cfg.suites() {
		if s := suites.TLS13(id); s != nil && slices.Contains(h.CipherSuites, id) &&
			(key == nil || key.hash == s.Hash) {
			return s
		}
	}
	return nil
}

// keeps reports whether a decision is what the HelloRetryRequest fixed. The client or the
// application already knows the suite, the group and the protocol, so they must not
// change. RFC 9846, Section 4.1.4.
func (d *decision) keeps(first *decision) bool {
	return d.suite == first.suite && d.group == first.group && d.share != nil && d.alpn == first.alpn
}

// chooseGroup13 takes the first of this side's groups that the client has. Among groups of
// the same kind, post-quantum or not, one that a share came for wins, which saves a round
// trip; but not a costly one over one that costs less: a client that has proved nothing
// must not be able to choose ten times the work for this side.
func (d *decision) chooseGroup13(cfg *Config, h *wire.ClientHello) error {
	for _, id := range cfg.serverGroups() {
		if !slices.Contains(h.SupportedGroups, id) {
			continue
		}
		share := shareFor(h, id)
		if d.group == nil || share != nil && replaces(d.group.ID, id) {
			d.group, d.share = suites.GroupByID(id), share
		}
		if d.share != nil {
			return nil
		}
	}
	if d.group == nil {
		return nothingCommon(iana.AlertHandshakeFailure, "key exchange group",
			cfg.serverGroups(), h.SupportedGroups)
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

// chooseKey settles on a pre-shared key, which takes the place of a certificate.
func (d *decision) chooseKey(cfg *Config, h *wire.ClientHello, k known) error {
	d.key, d.index = k.key, k.index
	if len(k.key.external()) > 0 {
		// RFC 9846, Section 4.3.2: "servers which are authenticating with an external PSK MUST
		// NOT send the CertificateRequest message in the main handshake or request post-handshake
		// authentication." A session that began with the key stands for it.
		d.late = false
	}
	kinds, err := chooseKinds(cfg, h)
	d.kinds, d.agreed = kinds, err == nil
	if err := d.choosePSKMode(cfg, h); err != nil {
		return err
	}
	switch {
	case !d.fitsEarly(cfg, h) || k.promised != nil:
	case k.asked < knownFresh:
		d.missing = knownFresh
	default:
		d.early = k.fresh
	}
	return nil
}

// choosePSKMode decides whether a pre-shared key goes with a key exchange. It looks at
// the configuration itself, so that no earlier decision can make it give up forward
// secrecy. RFC 9846, Section 4.2.9.
func (d *decision) choosePSKMode(cfg *Config, h *wire.ClientHello) error {
	switch exchange := slices.Contains(h.PSKModes, iana.PSKDHEKE); {
	case exchange && d.group != nil:
		return nil
	case cfg.takesPSKAlone(h):
		d.group, d.share = nil, nil
		return nil
	case exchange:
		return missing(iana.ExtKeyShare)
	}
	return noMode(h)
}

// fitsEarly reports whether 0-RTT data may be accepted, if it is not a replay. RFC 9846,
// Section 4.2.10. A ticket of another Config may allow more of it than this one takes.
func (d *decision) fitsEarly(cfg *Config, h *wire.ClientHello) bool {
	return h.EarlyData && d.index == 0 && cfg.takesEarly() &&
		d.key.maxEarly != 0 && d.key.maxEarly <= cfg.MaxEarlyData && d.key.suite == d.suite.ID && d.key.alpn == d.alpn
}

// mayTakeEarly reports whether the 0-RTT data of a client may be accepted, as far as that can be
// told without its pre-shared key.
func (d *decision) mayTakeEarly(cfg *Config, h *wire.ClientHello) bool {
	return d.version == iana.TLS13 && !d.retries() && h.EarlyData && h.PSK != nil &&
		cfg.takesEarly()
}

// takesEarly reports whether a server takes 0-RTT data at all.
func (c *Config) takesEarly() bool {
	return c.MaxEarlyData != 0 && c.AntiReplay != nil && c.Now != nil
}

// chooseProof13 decides how the server proves itself by a certificate.
func (d *decision) chooseProof13(cfg *Config, h *wire.ClientHello, k known, noGroup error) error {
	if err := d.checkWithoutPSK(cfg, h, noGroup); err != nil {
		return err
	}
	var err error
	if d.kinds, err = chooseKinds(cfg, h); err != nil {
		return err
	}
	d.agreed, d.asks = true, cfg.ClientAuth != NoClientCert
	request := d.credentialRequest(cfg, h, k, h.SignatureAlgorithms)
	request.DelegatedSchemes = bounded(h.DelegatedCredential, isScheme)
	cred, missing := d.findCredential(cfg, &request, k)
	switch {
	case missing:
	case cred == nil:
		return &Error{
			Fault: FaultIncompatible, Alert: iana.AlertHandshakeFailure,
			Reason: "no certificate of this server matches the client's signature algorithms", Got: list(h.SignatureAlgorithms),
		}
	default:
		d.prove(&request, cred)
	}
	return nil
}

// checkWithoutPSK checks that a handshake without a pre-shared key is possible.
func (d *decision) checkWithoutPSK(cfg *Config, h *wire.ClientHello, noGroup error) error {
	switch onlyPSK := cfg.onlyPSKs(); {
	case onlyPSK && h.PSK != nil && !d.resumable:
		return noMode(h)
	case onlyPSK:
		return unknownKey()
	// What a pre-shared key would have replaced. RFC 9846, Section 9.2.
	case noGroup != nil:
		return noGroup
	case d.group == nil:
		return missing(iana.ExtKeyShare)
	case len(h.SignatureAlgorithms) == 0:
		return missing(iana.ExtSignatureAlgorithms)
	}
	return nil
}

// allowsPSK reports whether a client's ways of using pre-shared keys have one
// that this side allows. RFC 9846, Section 4.2.9.
func (c *Config) allowsPSK(modes []iana.PSKMode) bool {
	return slices.Contains(modes, iana.PSKDHEKE) || c.PSKWithoutDHE && slices.Contains(modes, iana.PSKKE)
}

// knowsPSKs reports whether a server may know a key that a client names.
func (c *Config) knowsPSKs() bool { return c.Tickets != nil || c.FindPSK != nil }

// onlyPSKs reports whether a server has no certificate to show.
func (c *Config) onlyPSKs() bool { return len(c.Credentials) == 0 && c.SelectCredential == nil }

// takesPSKAlone reports whether both sides allow a pre-shared key without a key
// exchange, and the client has one.
func (c *Config) takesPSKAlone(h *wire.ClientHello) bool {
	return h.PSK != nil && c.PSKWithoutDHE && slices.Contains(h.PSKModes, iana.PSKKE)
}

// withoutDHEHint is for a client that uses pre-shared keys without a key exchange alone.
const withoutDHEHint = "enable a key exchange on the client, or set PSKWithoutDHE, which " +
	"gives up forward secrecy"

// noMode is the error for a client that uses pre-shared keys in no way that this server
// allows, whether or not it has a key that is known here.
func noMode(hello *wire.ClientHello) error {
	e := &Error{
		Fault: FaultIncompatible, Alert: iana.AlertHandshakeFailure,
		Reason:   "the client offers no PSK mode that is allowed",
		Expected: iana.PSKDHEKE.String(), Got: list(hello.PSKModes),
	}
	if slices.Contains(hello.PSKModes, iana.PSKKE) {
		e.Hint, e.Remedy = withoutDHEHint, RemedyPSKWithoutDHE
	}
	return e
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
		return broken(iana.AlertHandshakeFailure, "the client's renegotiation_info is not that of an initial handshake")
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
			return illegal("the key share of group %v is not in the order of supported_groups", s.Group)
		default:
			return illegal("a key share of group %v, which is not offered", s.Group)
		}
	}
	return nil
}
