package authority

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/pubkey"
)

// Request asks for a leaf.
type Request struct {
	// Names are DNS names (also wildcards and Unicode), IP addresses, e-mail
	// addresses and URIs; for a client also one plain name, which for one that
	// is a server too has to be no DNS name.
	Names []string
	// Client asks for a certificate for clients rather than servers; with
	// Server set too it serves both.
	Client, Server bool
	// Algorithm is that of the new key; empty means ECDSA on P-256.
	Algorithm Algorithm
	// Lifetime is how long it shall be valid; zero means 90 days, and more
	// than 397 days are refused, as browsers do.
	Lifetime time.Duration
	// Signer is a key to certify in place of a new one.
	Signer identity.Signer
	// CSR is a certification request in PEM or DER, for a key that is made
	// and kept elsewhere. Its names count if Names is empty.
	CSR []byte

	account string // of ACME
}

// The lifetimes of leaves.
const (
	DefaultLifetime = 90 * 24 * time.Hour
	MaxLifetime     = 397 * 24 * time.Hour
)

// Issue makes a certificate, records it, and returns it with its chain (leaf
// and intermediate) and its key, which is kept nowhere else; for a CSR the
// identity has no Signer.
func (a *Authority) Issue(r Request) (*identity.Identity, *Record, error) {
	if !a.made() {
		return nil, nil, errNotMade
	}
	return a.issue(r)
}

// requestError is the error of a request that is refused for what it asks. Any other error is of
// the authority itself, such as that of a full disk.
type requestError struct{ error }

func (e *requestError) Unwrap() error { return e.error }

func (a *Authority) issue(r Request) (*identity.Identity, *Record, error) {
	template, public, signer, err := a.prepare(&r)
	if err != nil {
		return nil, nil, &requestError{err}
	}
	unlock, err := a.lockToWrite()
	if err != nil {
		return nil, nil, err
	}
	defer unlock()
	by, err := a.key()
	if err != nil {
		return nil, nil, err
	}
	if r.account != "" && a.journal.issuedSince(a.now().Add(-24*time.Hour)) >= maxDaily {
		return nil, nil, errTooMany
	}
	if err := a.refreshIntermediate(); err != nil {
		return nil, nil, err
	}
	a.nameServices(template)
	if template.NotAfter.After(a.inter.NotAfter) {
		template.NotAfter = a.inter.NotAfter
	}
	template.SerialNumber = a.journal.newSerial()
	der, err := x509.CreateCertificate(rand.Reader, template, a.inter, public, by)
	if err != nil {
		return nil, nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, nil, err
	}
	if err := a.journal.append(entry{Op: opIssue, Time: a.now().UTC(), Serial: serialText(leaf.SerialNumber), Certificate: der, Account: r.account}); err != nil {
		return nil, nil, err
	}
	id := &identity.Identity{Chain: [][]byte{der, a.inter.Raw}, Leaf: leaf, Signer: identity.NewSigner(signer)}
	record := a.journal.record(serialText(leaf.SerialNumber), a.now())
	return id, record, nil
}

// prepare turns a request into a template; serial number and issuer are still
// to come.
func (a *Authority) prepare(r *Request) (*x509.Certificate, crypto.PublicKey, crypto.Signer, error) {
	lifetime := r.Lifetime
	switch {
	case lifetime == 0:
		lifetime = DefaultLifetime
	case lifetime < 0 || lifetime > MaxLifetime:
		return nil, nil, nil, fmt.Errorf("a lifetime of %v is not allowed: the maximum is 397 days, as in browsers", lifetime)
	}
	public, signer, all, err := r.key()
	if err != nil {
		return nil, nil, nil, err
	}
	n, err := sortNames(all, r.Client, r.Server)
	if err != nil {
		return nil, nil, nil, err
	}
	if n.empty() {
		return nil, nil, nil, errors.New("a certificate needs at least one name")
	}
	if err := constraintsOf(a.root).check(n); err != nil {
		return nil, nil, nil, err
	}
	now := a.now()
	t := &x509.Certificate{
		Subject:               pkix.Name{CommonName: n.commonName()},
		DNSNames:              n.dns,
		IPAddresses:           n.ips,
		EmailAddresses:        n.mails,
		URIs:                  n.uris,
		NotBefore:             now.Add(-backdated(lifetime)),
		NotAfter:              now.Add(lifetime - backdated(lifetime)),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
		SubjectKeyId:          keyID(public),
	}
	if _, ok := public.(*rsa.PublicKey); ok {
		t.KeyUsage |= x509.KeyUsageKeyEncipherment // RFC 5246 peers that know no ECDHE
	}
	if r.Client {
		t.ExtKeyUsage = append(t.ExtKeyUsage, x509.ExtKeyUsageClientAuth)
	}
	if r.Server || !r.Client {
		t.ExtKeyUsage = append(t.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	return t, public, signer, nil
}

// backdated is by how much a certificate is backdated that is valid for a time.
func backdated(lifetime time.Duration) time.Duration { return min(backdate, lifetime/10) }

// key makes the key, or takes it and perhaps the names from the CSR.
func (r *Request) key() (crypto.PublicKey, crypto.Signer, []string, error) {
	if r.Signer != nil {
		return r.Signer.Public(), r.Signer, r.Names, pubkey.Check(r.Signer.Public())
	}
	if r.CSR == nil {
		algorithm, err := r.Algorithm.orDefault()
		if err != nil {
			return nil, nil, nil, err
		}
		signer, err := algorithm.generate()
		if err != nil {
			return nil, nil, nil, err
		}
		return signer.Public(), signer, r.Names, nil
	}
	csr, err := parseCSR(r.CSR)
	if err != nil {
		return nil, nil, nil, err
	}
	all := r.Names
	if len(all) == 0 {
		all = requestNames(csr)
	}
	return csr.PublicKey, nil, all, nil
}

func requestNames(csr *x509.CertificateRequest) []string {
	n := names{dns: csr.DNSNames, ips: csr.IPAddresses, mails: csr.EmailAddresses, uris: csr.URIs}
	all := n.list()
	if len(all) == 0 && csr.Subject.CommonName != "" {
		return []string{csr.Subject.CommonName}
	}
	return all
}

// signAuthorities makes the two certificates above the leaves.
func signAuthorities(o Options, permitted constraints, rootKey, interKey crypto.Signer, now time.Time) (root, inter *x509.Certificate, err error) {
	name := o.Name
	if name == "" {
		name = "sealsock local authority " + randomHex(3)
	}
	if len(name)+len(" (intermediate)") > maxCommonName {
		return nil, nil, fmt.Errorf("%q is too long for the name of an authority: at most 49 characters", name)
	}
	if err := printable(name); err != nil {
		return nil, nil, err
	}
	lifetime := o.Lifetime
	if lifetime <= 0 {
		lifetime = rootLifetime
	}
	rootTemplate := authorityTemplate(name, permitted, rootKey.Public(), now, lifetime)
	rootTemplate.MaxPathLen = 1
	if root, err = sign(rootTemplate, rootTemplate, rootKey.Public(), rootKey); err != nil {
		return nil, nil, err
	}
	inter, err = signIntermediate(root, rootKey, interKey.Public(), o.URL, now)
	return root, inter, err
}

func signIntermediate(root *x509.Certificate, rootKey crypto.Signer, public crypto.PublicKey, base string, now time.Time) (*x509.Certificate, error) {
	// Peers that take a root as a bare name and key, as Java does, overlook its
	// constraints: so the intermediate repeats them.
	t := authorityTemplate(root.Subject.CommonName+" (intermediate)", constraintsOf(root), public, now, interLifetime)
	t.MaxPathLenZero = true
	// What it signs is of no use for anything but connections.
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	if t.NotAfter.After(root.NotAfter) {
		t.NotAfter = root.NotAfter
	}
	if base = strings.TrimSuffix(base, "/"); base != "" {
		t.OCSPServer = []string{base + "/ocsp"}
		t.CRLDistributionPoints = []string{base + "/root.crl"}
		t.IssuingCertificateURL = []string{base + "/root.cer"}
	}
	return sign(t, root, public, rootKey)
}

func authorityTemplate(name string, permitted constraints, public crypto.PublicKey, now time.Time, lifetime time.Duration) *x509.Certificate {
	t := &x509.Certificate{
		SerialNumber:          randomSerial(),
		Subject:               pkix.Name{CommonName: name, Organization: []string{"sealsock"}},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(lifetime),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		SubjectKeyId:          keyID(public),
	}
	permitted.apply(t)
	return t
}

func sign(t, parent *x509.Certificate, public crypto.PublicKey, by crypto.Signer) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, t, parent, public, by)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// keyID makes a subject key identifier: 160 bits of SHA-256 (RFC 7093, Section
// 2, method 1).
func keyID(public crypto.PublicKey) []byte {
	bits, err := keyBits(public)
	if err != nil {
		return nil // crypto/x509 will refuse the key with a better word
	}
	sum := sha256.Sum256(bits)
	return sum[:20]
}

// randomSerial returns a serial number of 127 random bits: unguessable, and
// positive in 16 bytes (RFC 5280, Section 4.1.2.2, allows 20).
func randomSerial() *big.Int {
	b := make([]byte, 16)
	rand.Read(b) // never fails
	b[0] &= 0x7f
	b[0] |= 0x40 // always the same length, so that lists line up
	return new(big.Int).SetBytes(b)
}

func serialText(n *big.Int) string { return n.Text(16) }

// serialOf writes the content of an INTEGER as serialText does.
func serialOf(content []byte) string { return serialText(new(big.Int).SetBytes(content)) }
