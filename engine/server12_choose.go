package engine

import (
	"slices"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/suites"
	"github.com/sealsock/sealsock/internal/wire"
)

// choose12 decides with TLS 1.2. RFC 5246, Section 7.4.1.
func (d *decision) choose12(cfg *Config, h *wire.ClientHello, k known) error {
	if err := checkHello12(cfg, h); err != nil {
		return err
	}
	d.extended = h.ExtendedMasterSecret
	d.indicate = h.RenegotiationInfo != nil || slices.Contains(h.CipherSuites, iana.TLS_EMPTY_RENEGOTIATION_INFO_SCSV)
	d.group = chooseGroup12(cfg, h)
	usable := d.usable12(cfg, h)
	if len(usable) == 0 {
		return noSuite12(cfg, h)
	}
	alpn, err := chooseALPN(cfg.ALPN, h.ALPN)
	d.alpn = alpn
	switch {
	case err != nil:
		return err
	case k.asked < knownKey && sessionFinder(cfg, h) != nil:
		d.missing = knownKey
	case k.session != nil:
		d.session, d.suite12, d.group = k.session, suites.TLS12(k.session.CipherSuite), nil
		if kinds, err := chooseKinds(cfg, h); err == nil {
			d.kinds, d.agreed = kinds, true // answered, though no certificate is shown
		}
	default:
		d.ticket = h.SessionTicket != nil && d.extended && cfg.makesTickets()
		return d.chooseSuite12(cfg, h, k, usable)
	}
	return nil
}

// makesTickets reports whether a server with this configuration sends tickets.
func (c *Config) makesTickets() bool {
	return c.Tickets != nil && c.Now != nil && c.NumTickets >= 0
}

// usable12 lists the suites that both sides can use, in order of preference.
func (d *decision) usable12(cfg *Config, h *wire.ClientHello) (list []*suites.Suite12) {
	for _, id := range cfg.suites() {
		s := suites.TLS12(id)
		if s == nil || !slices.Contains(h.CipherSuites, id) || s.ECDHE && d.group == nil {
			continue
		}
		if s.Auth != suites.AuthPSK || cfg.FindPSK != nil {
			list = append(list, s)
		}
	}
	return list
}

// chooseSuite12 picks the suite, and the certificate that goes with it.
func (d *decision) chooseSuite12(cfg *Config, h *wire.ClientHello, k known,
	usable []*suites.Suite12) error {
	if d.suite12 = usable[0]; d.suite12.Auth == suites.AuthPSK {
		d.dropGroup12()
		return nil
	}
	first := func(auth suites.Auth) *suites.Suite12 {
		if i := slices.IndexFunc(usable, func(s *suites.Suite12) bool { return s.Auth == auth }); i >= 0 {
			return usable[i]
		}
		return nil
	}
	var err error
	if d.kinds, err = chooseKinds(cfg, h); err != nil {
		return err
	}
	d.agreed = true
	schemes := slices.DeleteFunc(slices.Clone(h.SignatureAlgorithms), func(id iana.SignatureScheme) bool {
		scheme := suites.SchemeByID(id)
		return scheme == nil || first(scheme.Auth12()) == nil
	})
	request := d.credentialRequest(cfg, h, k, schemes)
	request.groups = bounded(h.SupportedGroups, suites.IsCurve)
	cred, missing := d.findCredential(cfg, &request, k)
	if missing {
		return nil
	}
	auth := suites.AuthPSK
	if cred != nil {
		d.prove(&request, cred)
		auth, d.asks = d.proof.scheme.Auth12(), cfg.ClientAuth != NoClientCert
	}
	if d.suite12 = first(auth); d.suite12 == nil {
		return &Error{
			Fault: FaultIncompatible, Alert: iana.AlertHandshakeFailure,
			Reason: "no certificate of this server matches the client's cipher suites and signature algorithms", Got: list(h.SignatureAlgorithms),
		}
	}
	d.dropGroup12()
	return nil
}

// dropGroup12 drops the group if the suite has no key exchange.
func (d *decision) dropGroup12() {
	if !d.suite12.ECDHE {
		d.group = nil
	}
}

// noSuite12 is the error for a client that has no suite in common with this side.
func noSuite12(cfg *Config, h *wire.ClientHello) error {
	own := slices.DeleteFunc(slices.Clone(cfg.suites()), func(id iana.CipherSuite) bool { return suites.TLS12(id) == nil })
	e := nothingCommon(iana.AlertHandshakeFailure, "cipher suite", own, h.CipherSuites)
	e.Hint, e.Remedy = legacyHint, RemedyLegacy
	if cfg.FindPSK != nil && !cfg.PSKWithoutDHE && slices.ContainsFunc(h.CipherSuites, plainPSK) {
		e.Hint, e.Remedy = withoutDHEHint, RemedyPSKWithoutDHE
	}
	if slices.ContainsFunc(own, func(id iana.CipherSuite) bool { return slices.Contains(h.CipherSuites, id) }) {
		e.Reason, e.Hint = "no key exchange group in common with the client", ""
		e.Remedy = RemedyNone
		e.Expected, e.Got = list(ecdheGroups(cfg.serverGroups())), list(h.SupportedGroups)
	}
	return e
}

// plainPSK reports whether a suite of TLS 1.2 uses a pre-shared key without a key exchange.
func plainPSK(id iana.CipherSuite) bool {
	s := suites.TLS12(id)
	return s != nil && s.Auth == suites.AuthPSK && !s.ECDHE
}

// checkHello12 checks a ClientHello for TLS 1.2.
func checkHello12(cfg *Config, h *wire.ClientHello) error {
	switch {
	case !slices.Contains(h.CompressionMethods, 0):
		// RFC 5246, Section 7.4.1.2: the list must hold it.
		return illegal("the client does not offer the null compression method")
	case len(h.RenegotiationInfo) > 0:
		// RFC 5746, Section 3.6: not empty in a first handshake is an attack.
		return broken(iana.AlertHandshakeFailure, "the client's renegotiation_info is not that of an initial handshake")
	case h.ECPointFormats != nil && !slices.Contains(h.ECPointFormats, 0):
		// RFC 8422, Section 5.1.2: the list must hold it.
		return illegal("the client does not support uncompressed points")
	case !h.ExtendedMasterSecret && cfg.RequireExtendedMasterSecret:
		return incompatible(iana.AlertHandshakeFailure,
			"the client does not support extended master secret, and it is required", "")
	}
	return nil
}

// chooseGroup12 takes the first of this side's groups that the client has. A
// client that lists none leaves the choice: RFC 8422, Section 4.
func chooseGroup12(cfg *Config, h *wire.ClientHello) *suites.Group {
	own, theirs := ecdheGroups(cfg.serverGroups()), h.SupportedGroups
	if theirs == nil {
		theirs = []iana.NamedGroup{iana.SecP256r1}
	}
	for _, id := range own {
		if slices.Contains(theirs, id) {
			return suites.GroupByID(id)
		}
	}
	return nil
}
