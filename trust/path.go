package trust

import (
	"crypto"
	"crypto/x509"
	"errors"
	"time"

	"github.com/sealsock/sealsock/internal/certtext"
	"github.com/sealsock/sealsock/internal/pubkey"
)

// buildPaths finds the paths from the peer's leaf to a root, from memory where
// it can, and leaves those that this policy and this moment allow.
func (p *Policy) buildPaths(peer *Peer, now time.Time) (*Result, error) {
	roots, err := p.roots()
	if err != nil {
		return nil, err
	}
	purpose := p.purpose(peer)
	set := roots.snapshot()
	key := memoKey(purpose, peer.memoChain())
	if known, ok := set.memo.get(key); ok {
		if chains, _ := p.allowed(set, known.chains, purpose, now); len(chains) > 0 {
			return newResult(known.certs, chains), nil
		}
	}
	certs, err := parseChain(peer.Chain)
	if err != nil {
		return nil, err
	}
	if err := peer.checkLeaf(certs[0]); err != nil {
		return nil, err
	}
	if err := checkDates(certs[0], now); err != nil {
		return nil, err
	}
	if err := checkCosts(certs); err != nil {
		return nil, err
	}
	set = roots.lookUp(set, certs)
	all, err := set.verify(certs, purpose, now)
	if err != nil {
		return nil, diagnose(set, certs, purpose, now, err)
	}
	names := new(nameChecker)
	sound, why := keep(all, func(chain []*x509.Certificate) error {
		return set.checkAlways(chain, purpose, names)
	})
	if len(sound) == 0 {
		return nil, why
	}
	set.memo.put(key, path{certs: certs, chains: sound})
	chains, why := p.allowed(set, sound, purpose, now)
	if len(chains) == 0 {
		return nil, why
	}
	return newResult(certs, chains), nil
}

// checkCosts refuses certificates whose signatures would take seconds to check:
// building paths checks them before the certificates are known to be trusted.
func checkCosts(certs []*x509.Certificate) error {
	for _, c := range certs {
		if pubkey.TooCostly(certtext.Key(c)) {
			return checkKey(c)
		}
	}
	return nil
}

func newResult(certs []*x509.Certificate, chains [][]*x509.Certificate) *Result {
	return &Result{PublicKey: certtext.Key(certs[0]), Leaf: certs[0], Certificates: certs, Chains: chains}
}

func (p *Policy) roots() (*Roots, error) {
	if p.Roots != nil {
		return p.Roots, nil
	}
	roots, err := sharedSystemRoots()
	if err != nil {
		return nil, &Error{Code: CodeNoRoots, Err: err,
			Hint: "install the system's certificates (package ca-certificates), or provide a file of roots"}
	}
	return roots, nil
}

// verify has crypto/x509 find the paths. Where it is given a certificate in another
// form, the paths have the certificate itself again.
func (s *rootSet) verify(certs []*x509.Certificate, purpose Purpose,
	now time.Time) ([][]*x509.Certificate, error) {
	options := x509.VerifyOptions{
		Roots:         s.pool,
		Intermediates: x509.NewCertPool(),
		CurrentTime:   now,
		KeyUsages:     purpose.usages(),
	}
	originals := make(map[*x509.Certificate]*x509.Certificate, len(certs))
	leaf := forVerify(certs[0], false)
	originals[leaf] = certs[0]
	for _, c := range certs[1:] {
		twin := forVerify(c, true)
		originals[twin] = c
		options.Intermediates.AddCert(twin)
	}
	paths, err := leaf.Verify(options)
	for _, path := range paths {
		for i, c := range path {
			if original := originals[c]; original != nil {
				path[i] = original
			} else if original := s.originals[c]; original != nil {
				path[i] = original
			}
		}
	}
	return paths, err
}

func (p Purpose) usages() []x509.ExtKeyUsage {
	switch p {
	case PurposeServer:
		return []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	case PurposeClient:
		return []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	}
	return []x509.ExtKeyUsage{x509.ExtKeyUsageAny}
}

// checkAlways checks what crypto/x509 leaves out and no time or policy changes,
// before a path is remembered.
func (s *rootSet) checkAlways(chain []*x509.Certificate, purpose Purpose, names *nameChecker) error {
	if err := s.checkSettings(chain, purpose); err != nil {
		return err
	}
	if err := names.check(chain); err != nil {
		return err
	}
	for i, c := range chain {
		if err := checkKey(c); err != nil {
			return err
		}
		// RFC 5280, Section 6.1.4 (n): an authority with key usage may sign
		// certificates. crypto/x509 takes an empty one for none.
		if i > 0 && c.KeyUsage&x509.KeyUsageCertSign == 0 && extension(c, oidKeyUsage) != nil {
			return &Error{Code: CodeNotAuthority, Certificate: c, Got: "a key usage that does not allow signing certificates",
				Hint: "it signed " + certtext.Describe(chain[i-1]) + " but lacks the right to: ask who issued it"}
		}
		if usableForNothing(c) && purpose != PurposeAny {
			return purposeError(c, purpose)
		}
	}
	return nil
}

// allowed returns the paths that the policy accepts at now; if there is none, the
// error is that of the first. It checks all that may have changed for a remembered
// path: its dates, and the settings of this one policy.
func (p *Policy) allowed(set *rootSet, chains [][]*x509.Certificate, purpose Purpose,
	now time.Time) ([][]*x509.Certificate, error) {
	return keep(chains, func(chain []*x509.Certificate) error {
		if err := p.allowedPath(chain, now); err != nil {
			return err
		}
		return p.allowedEnd(set, chain[len(chain)-1], purpose)
	})
}

// keep returns the paths that pass, and the error of the first that does not.
// If all pass, which is the usual case, nothing is copied.
func keep(chains [][]*x509.Certificate, check func([]*x509.Certificate) error) ([][]*x509.Certificate, error) {
	var kept [][]*x509.Certificate
	var first error
	for i, chain := range chains {
		err := check(chain)
		switch {
		case err == nil && first != nil:
			kept = append(kept, chain)
		case err != nil && first == nil:
			first = err
			kept = append(kept, chains[:i]...)
		}
	}
	if first == nil {
		return chains, nil
	}
	return kept, first
}

func (p *Policy) allowedPath(chain []*x509.Certificate, now time.Time) error {
	for _, c := range chain {
		if err := checkDates(c, now); err != nil {
			return err
		}
	}
	if between := depthOf(chain); between > p.depth() {
		return &Error{Code: CodeChainTooLong, Certificate: chain[0],
			Expected: sprintf("at most %d intermediate certificates", p.depth()), Got: sprintf("%d", between),
			Hint: "allow a longer path if the authority needs one"}
	}
	if p.Strict {
		if err := checkStrict(chain); err != nil {
			return err
		}
	}
	return nil
}

// allowedEnd checks that a path ends in a root.
func (p *Policy) allowedEnd(set *rootSet, root *x509.Certificate, purpose Purpose) error {
	if !p.PartialChain && !certtext.SelfIssued(root) && !set.trusts(root, purpose) {
		return &Error{Code: CodePartialChain, Certificate: root, Expected: "a path to a self-signed root",
			Got:  sprintf("a path that ends in %s, signed by %s", quoteName(root.Subject), quoteName(root.Issuer)),
			Hint: "add that authority to the roots, or allow partial chains"}
	}
	return nil
}

// depthOf counts the certificates between leaf and root, without those that an
// authority gave itself when it changed its key (RFC 5280, Section 4.2.1.9,
// counts so).
func depthOf(chain []*x509.Certificate) int {
	n := 0
	for _, c := range chain[1:max(1, len(chain)-1)] {
		if !certtext.SelfIssued(c) {
			n++
		}
	}
	return n
}

func checkDates(c *x509.Certificate, now time.Time) error {
	switch {
	case now.Before(c.NotBefore):
		return &Error{Code: CodeNotYetValid, Certificate: c,
			Expected: "a time from " + certtext.Time(c.NotBefore) + " to " + certtext.Time(c.NotAfter), Got: certtext.Time(now),
			Hint: "check this machine's clock; if it is right, wait, or ask for a certificate that is valid now"}
	case now.After(c.NotAfter):
		return &Error{Code: CodeExpired, Certificate: c,
			Expected: "a time from " + certtext.Time(c.NotBefore) + " to " + certtext.Time(c.NotAfter), Got: certtext.Time(now),
			Hint: "renew the certificate; if its dates are right, check this machine's clock"}
	}
	return nil
}

// checkLeaf checks what a peer's own certificate must be usable for, whichever way it
// is trusted. RFC 9846, Section 4.4.2.2: "the digitalSignature bit MUST be set if the
// Key Usage extension is present". RSA key exchange requires keyEncipherment instead:
// RFC 5246, Section 7.4.2.
func (peer *Peer) checkLeaf(c *x509.Certificate) error {
	switch {
	case extension(c, oidKeyUsage) == nil:
	case peer.Decrypts && c.KeyUsage&x509.KeyUsageKeyEncipherment == 0:
		return &Error{Code: CodePurpose, Certificate: c, Expected: "the key usage keyEncipherment", Got: "a key usage without it",
			Hint: "the peer needs a certificate with keyEncipherment, or a cipher suite with forward secrecy"}
	case !peer.Decrypts && c.KeyUsage&x509.KeyUsageDigitalSignature == 0:
		return &Error{Code: CodePurpose, Certificate: c, Expected: "the key usage digitalSignature", Got: "a key usage without it",
			Hint: "ask for a certificate with digitalSignature: TLS 1.3, and TLS 1.2 with forward secrecy, need it"}
	}
	return checkKey(c)
}

// memoChain is what a path is remembered by: what was found fit to decrypt is not
// thereby fit to sign.
func (peer *Peer) memoChain() [][]byte {
	if !peer.Decrypts {
		return peer.Chain
	}
	return append([][]byte{[]byte("decrypts")}, peer.Chain...)
}

func checkKey(c *x509.Certificate) error { return checkPublicKey(c, certtext.Key(c)) }

// checkPublicKey has the certificate that a key came in, or nil for a raw key.
func checkPublicKey(c *x509.Certificate, key crypto.PublicKey) error {
	var refused *pubkey.Error
	switch err := pubkey.Check(key); {
	case err == nil:
		return nil
	case errors.As(err, &refused) && refused.Reason != pubkey.Unsupported:
		return &Error{Code: CodeWeakKey, Certificate: c, Expected: refused.Expected, Got: refused.Got,
			Hint: "ask for a certificate with a new key: " + pubkey.Good}
	case key != nil:
		return unsupportedKey(c, refused.Got)
	}
	return unsupportedKey(c, keyName(c))
}

func unsupportedKey(c *x509.Certificate, got string) error {
	return &Error{Code: CodeUnsupportedKey, Certificate: c,
		Expected: pubkey.Kinds, Got: got,
		Hint: "ask for a certificate with a key of one of these types"}
}

func keyName(c *x509.Certificate) string {
	if c == nil {
		return "a key of another type"
	}
	if c.PublicKeyAlgorithm == x509.UnknownPublicKeyAlgorithm {
		return "a key of an unknown algorithm"
	}
	return "a " + c.PublicKeyAlgorithm.String() + " key"
}
