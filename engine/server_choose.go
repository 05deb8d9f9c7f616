package engine

import (
	"slices"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/suites"
	"github.com/sealsock/sealsock/internal/wire"
)

// A decision is all that a server decides about a ClientHello. choose makes it, and nothing
// changes it afterwards.
type decision struct {
	missing fact               // what choose has to know first; the rest is then not decided
	request *CredentialRequest // with knownCredential missing

	version iana.Version
	alpn    string
	group   *suites.Group // nil without a key exchange
	kinds   certKinds
	agreed  bool         // on kinds
	asks    bool         // the client is asked for a certificate
	proof   *serverProof // nil if a pre-shared key or a session takes its place
	own     serverProof  // where proof points to

	// Of TLS 1.3:
	suite     *suites.Suite
	share     *wire.KeyShare // of group; nil if the client is asked for one
	key       *presharedKey
	index     uint16 // of key among those offered
	early     bool   // the 0-RTT data is accepted
	resumable bool   // the client allows a way of using tickets
	requested *uint8 // how many tickets the client asks for; nil if it leaves that to the server
	late      bool   // the client may be asked for its certificate after the handshake

	// Of TLS 1.2:
	suite12  *suites.Suite12
	session  *Session // to be resumed
	extended bool     // extended master secret
	indicate bool     // the client knows RFC 5746
	ticket   bool     // a ticket is to be sent
}

// retries reports whether the client is asked for another key share.
func (d *decision) retries() bool {
	return d.version == iana.TLS13 && d.group != nil && d.share == nil
}

// A serverProof is what a server proves itself with: a credential, and what signs for it.
type serverProof struct {
	cred      *Credential
	scheme    *suites.Scheme
	delegated bool // the credential's delegated key signs, with scheme
}

// A fact is what the decision depends on beside the configuration and the ClientHello. Facts
// are asked for in this order.
type fact uint8

const (
	nothing         fact = iota
	knownKey             // the pre-shared key, or the session, that the client has
	knownFresh           // whether this attempt at 0-RTT is a new one
	knownCredential      // the credential to show
)

// known holds the facts.
type known struct {
	asked     fact          // the last that was asked for
	decrypted bool          // the hello came encrypted
	promised  *decision     // what a HelloRetryRequest before this hello fixed; nil if there was none
	key       *presharedKey // in TLS 1.3: proved by its binder; nil for none
	index     uint16        // of key among those offered
	session   *Session      // in TLS 1.2; nil for none
	fresh     bool
	cred      *Credential // nil for none that fits
}

// choose decides about a ClientHello. It is a pure function: it asks nothing, changes nothing
// and depends on its arguments alone. If it has to know more, the decision names what is
// missing.
func choose(cfg *Config, h *wire.ClientHello, k known) (*decision, error) {
	version, err := chooseVersion(cfg, h)
	if err != nil {
		return nil, err
	}
	d := &decision{version: version}
	if version == iana.TLS12 {
		err = d.choose12(cfg, h, k)
	} else {
		err = d.choose13(cfg, h, k)
	}
	if err != nil {
		return nil, err
	}
	return d, nil
}

// credentialRequest is what the client accepts of a credential, as far as it depends on the
// version's decision about schemes.
func (d *decision) credentialRequest(cfg *Config, h *wire.ClientHello, k known,
	schemes []iana.SignatureScheme) CredentialRequest {
	r := CredentialRequest{
		Server: true, Version: d.version, ServerName: h.ServerName,
		RawKeys:          d.kinds.own == iana.CertTypeRawPublicKey,
		SignatureSchemes: schemes, CertSchemes: h.SignatureAlgsCert, Authorities: h.CertAuthorities,
		Hello: cfg.helloFor(h, k.decrypted), own: cfg.schemes(),
	}
	r.bound()
	return r
}

// findCredential returns the credential to show, nil for none that fits the request. If the
// caller of choose has to find it, it is missing: that alone needs a request on the heap.
func (d *decision) findCredential(
	cfg *Config, r *CredentialRequest, k known,
) (c *Credential, missing bool) {
	switch {
	case k.asked >= knownCredential:
		return k.cred, false
	case cfg.SelectCredential == nil:
		return chooseCredential(cfg.Credentials, r), false
	}
	request := *r
	d.missing, d.request = knownCredential, &request
	return nil, true
}

// prove settles on a credential that fits the request.
func (d *decision) prove(r *CredentialRequest, c *Credential) {
	d.own = serverProof{cred: c, scheme: r.scheme(c), delegated: r.delegated(c) != nil}
	d.proof = &d.own
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
			Reason:   "the client fell back to an older version than this side supports",
			Expected: versionList(own[:1], h.Datagram), Got: versionList(offered, h.Datagram),
			Hint: "an attacker or a middlebox may have interrupted the client's first attempt",
		}
	case best >= 0:
		return own[best], nil
	}
	return 0, &Error{
		Fault: FaultIncompatible, Alert: iana.AlertProtocolVersion, Reason: "the client offers no version that is allowed",
		Expected: versionList(own, h.Datagram), Got: versionList(offered, h.Datagram),
		Hint: "update the client; " + legacyHint, Remedy: RemedyLegacy,
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
