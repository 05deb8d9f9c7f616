package trust

import (
	"bytes"
	"crypto/x509"
	"errors"
	"time"

	"github.com/sealsock/sealsock/internal/pubkey"
)

// acceptedByKey is why no authority can be asked about a pinned or known peer.
const acceptedByKey = "it is accepted by its key, so its issuer is not known"

// checkAlone looks a leaf up in the given lists that is accepted without a
// certificate of its issuer in a path: one that is among the roots, or that is
// accepted by its key. The network is not used, since no verified issuer has signed
// the addresses in the certificate.
func (p *Policy) checkAlone(result *Result, now time.Time, why string) error {
	r := p.Revocation
	if r == nil || r.Mode == RevocationOff {
		return nil
	}
	check := p.listed(result.Leaf, result.Certificates, now)
	if check != nil {
		result.Revocation = append(result.Revocation, *check)
	}
	switch {
	case check != nil && check.Status == RevocationRevoked:
		return revokedError(check)
	case check != nil && check.Status == RevocationUnknown:
		return unknownError(check)
	case check == nil && r.Mode == RevocationRequire:
		return &Error{Code: CodeRevocationUnknown, Certificate: result.Leaf, Got: why,
			Hint: "add the authority that issued it to the roots, " +
				"or do not require its revocation status"}
	}
	return nil
}

// checkAnchor looks the end of a path up in the given lists. It is trusted, so it
// is refused only if one revokes it.
func (p *Policy) checkAnchor(anchor *x509.Certificate, result *Result, now time.Time) error {
	check := p.listed(anchor, result.Certificates, now)
	if check == nil || check.Status != RevocationRevoked {
		return nil
	}
	result.Revocation = append(result.Revocation, *check)
	return revokedError(check)
}

// listed asks the given lists of c's issuer about c. It returns nil if there is
// none, and RevocationUnknown if there is one that cannot be used.
func (p *Policy) listed(c *x509.Certificate, received []*x509.Certificate,
	now time.Time) *RevocationCheck {
	if p.Revocation == nil || p.Revocation.Lists == nil {
		return nil
	}
	lists, why := p.Revocation.Lists.of(c.RawIssuer)
	if len(lists)+len(why) == 0 {
		return nil
	}
	why = append(why, errors.New("the issuer's certificate, which signs the list, is not available"))
	var good *RevocationCheck
	for _, issuer := range p.issuersOf(c, received) {
		check, err := choose(lists, c, issuer, now)
		switch {
		case err != nil:
			why = append(why, err)
		case check != nil && check.Status == RevocationRevoked:
			return check
		case check != nil:
			good = check
		}
	}
	if good != nil {
		return good
	}
	return &RevocationCheck{Certificate: c, Err: problems(why), badList: true}
}

// issuersOf returns the certificates that signed c among the roots, those that the
// peer sent, and c itself. It checks a bounded number of signatures.
func (p *Policy) issuersOf(c *x509.Certificate, received []*x509.Certificate) []*x509.Certificate {
	candidates := []*x509.Certificate{c}
	if roots, err := p.roots(); err == nil {
		set := roots.lookUp(roots.snapshot(), []*x509.Certificate{c})
		candidates = append(candidates, set.bySubject(c.RawIssuer)...)
	}
	candidates = append(candidates, received...)
	var found []*x509.Certificate
	left := maxInquiries
	for _, issuer := range candidates {
		if left == 0 || !bytes.Equal(issuer.RawSubject, c.RawIssuer) ||
			pubkey.Check(issuer.PublicKey) != nil {
			continue
		}
		left--
		if issuer.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil {
			found = append(found, issuer)
		}
	}
	return found
}
