package engine

import (
	"errors"
	"slices"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/suites"
)

// Fits reports whether c can sign in a way that both sides allow. It does not
// check names: see Credential.Matches.
func (r *CredentialRequest) Fits(c *Credential) bool {
	if r == nil || c == nil {
		return false
	}
	if r.delegated(c) != nil {
		return true // its own key signs, and Signer may be nil
	}
	return c.Signer != nil && c.has(r.RawKeys) && r.curveFits(c) &&
		schemeFor(c, r.own, r.SignatureSchemes, r.Version) != nil
}

// curveFits reports whether the peer has the curve of an ECDSA key. In TLS 1.2
// the groups are for certificates too. RFC 8422, Section 5.1.
func (r *CredentialRequest) curveFits(c *Credential) bool {
	curve, ok := suites.CurveOf(c.public())
	return !ok || r.groups == nil || slices.Contains(r.groups, curve)
}

// choose picks the first credential that is for the name and can sign for the
// peer; if none is for the name, the first that can sign. It is a pure function.
func chooseCredential(list []*Credential, req *CredentialRequest) *Credential {
	var fallback *Credential
	for _, c := range list {
		if !req.Fits(c) {
			continue
		}
		if c.Matches == nil || req.ServerName == "" || c.Matches(req.ServerName) {
			return c
		}
		if fallback == nil {
			fallback = c
		}
	}
	return fallback
}

// maxListed is how long a list of the peer's is that each credential is compared with as it is.
const maxListed = 64

// bound shortens the lists of the peer, which may have 30,000 entries: a server may have
// thousands of credentials, and looks for one before the client has proved anything.
func (r *CredentialRequest) bound() {
	r.SignatureSchemes = bounded(r.SignatureSchemes, isScheme)
	r.CertSchemes = bounded(r.CertSchemes, isScheme)
}

// bounded returns a list of the peer's or, if that is long, those of it that are known here, each
// once.
func bounded[T comparable](list []T, known func(T) bool) []T {
	if len(list) <= maxListed {
		return list
	}
	kept := make([]T, 0, maxListed)
	for _, v := range list {
		if known(v) && !slices.Contains(kept, v) {
			kept = append(kept, v)
		}
	}
	return kept
}

// isScheme reports whether this engine has a signature scheme.
func isScheme(id iana.SignatureScheme) bool { return suites.SchemeByID(id) != nil }

// has reports whether there is something of the kind to show.
func (c *Credential) has(rawKey bool) bool {
	if rawKey {
		return len(c.RawPublicKey) > 0
	}
	return len(c.Chain) > 0
}

// schemeFor picks the scheme to sign with: the first of the peer's list that this
// side allows and that fits the key. own lists the schemes of credentials that have
// no Schemes of their own.
func schemeFor(c *Credential, own, peer []iana.SignatureScheme, version iana.Version) *suites.Scheme {
	if c.Schemes != nil {
		own = c.Schemes
	}
	for _, id := range peer {
		s := suites.SchemeByID(id)
		if s.In(version) && slices.Contains(own, id) && s.Fits(c.public(), version) {
			return s
		}
	}
	return nil
}

// scheme returns what c, which fits, signs with for the peer.
func (r *CredentialRequest) scheme(c *Credential) *suites.Scheme {
	if d := r.delegated(c); d != nil {
		return d
	}
	return schemeFor(c, r.own, r.SignatureSchemes, r.Version)
}

// credential continues with this side's credential, which it chooses now, or waits for if
// SelectCredential chooses. then gets nil for one that does not fit too, or the credential
// and the scheme to sign with.
func (c *Config) credential(req *CredentialRequest, do *effects,
	then func(*Credential, *suites.Scheme, *effects) (state, error)) (state, error) {
	req.own = c.schemes()
	take := func(chosen *Credential, do *effects) (state, error) {
		if !req.Fits(chosen) {
			return then(nil, nil, do)
		}
		return then(chosen, req.scheme(chosen), do)
	}
	if c.SelectCredential == nil {
		return take(chooseCredential(c.Credentials, req), do)
	}
	return &wait[*Credential]{
		what: "the choice of this side's certificate",
		q:    req,
		try:  func() (*Credential, error) { return c.SelectCredential(req) },
		then: take,
	}, nil
}

// certificateError makes a Verifier's refusal an *Error with the alert it names.
func certificateError(err error) error {
	var own *Error
	if errors.As(err, &own) {
		return err
	}
	e := &Error{Fault: FaultCertificate, Alert: iana.AlertBadCertificate, Reason: "the peer's certificate is not accepted", Err: err}
	var knows alerter
	if errors.As(err, &knows) {
		e.Alert = knows.Alert()
	}
	return e
}
