package engine

import (
	"crypto"
	"fmt"
	"io"
	"slices"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/suites"
	"github.com/sealsock/sealsock/internal/wire"
)

// A Delegated is a key that signs in place of a certificate's for some days at most,
// so that the certificate's own key can be kept elsewhere. RFC 9345.
type Delegated struct {
	// Raw is the DelegatedCredential as it goes over the wire.
	Raw []byte
	// Signer holds the delegated key; Scheme is what it signs with.
	Signer Signer
	Scheme iana.SignatureScheme
}

// Format keeps the key out of every print and log, for every verb.
func (d Delegated) Format(s fmt.State, _ rune) {
	fmt.Fprintf(s, "delegated credential that signs with %v", d.Scheme)
}

// MarshalText keeps the key out of JSON and XML.
func (d Delegated) MarshalText() ([]byte, error) { return fmt.Append(nil, d), nil }

// GobEncode refuses: a private key must not be sent by accident.
func (d Delegated) GobEncode() ([]byte, error) {
	return nil, usage("a delegated credential holds a private key and is not encoded")
}

// A Delegation holds the content of a peer's delegated credential.
type Delegation struct {
	// ValidTime is when it ends, in seconds after the certificate's notBefore.
	ValidTime uint32
	// Scheme is what the delegated key signs with.
	Scheme iana.SignatureScheme
	// SPKI is the delegated key's SubjectPublicKeyInfo in DER; a Verifier
	// that accepts the delegation sets PublicKey to the key in it.
	SPKI      []byte
	PublicKey crypto.PublicKey

	parsed *wire.DelegatedCredential
	raw    []byte
}

// delegates returns the scheme if a delegated key may sign with it, else nil. RFC 9345,
// Section 4: the key "MUST NOT use the rsaEncryption OID", which leaves out the
// rsa_pss_rsae schemes.
func delegates(id iana.SignatureScheme) *suites.Scheme {
	switch id {
	case iana.RSAPSSRSAEWithSHA256, iana.RSAPSSRSAEWithSHA384, iana.RSAPSSRSAEWithSHA512:
		return nil
	}
	if s := suites.SchemeByID(id); s.In(iana.TLS13) {
		return s
	}
	return nil
}

// checkDelegatedSchemes finds schemes that a client must not offer.
func (c *Config) checkDelegatedSchemes() error {
	for _, id := range c.DelegatedSchemes {
		if delegates(id) == nil {
			return usage("signature scheme %v is not allowed for delegated credentials", id)
		}
	}
	return nil
}

// delegationContext is what the signature of a delegated credential covers in
// front. RFC 9345, Section 4.
const delegationContext = "TLS, server delegated credentials\x00"

// delegationContent is what is signed: padding, context, the certificate, the
// credential and the algorithm of the signature.
func delegationContent(leaf []byte, d *wire.DelegatedCredential) ([]byte, error) {
	content := append(appendContext(nil, delegationContext), leaf...)
	content, err := d.AppendCredential(content)
	if err != nil {
		return nil, err
	}
	return append(content, byte(d.Algorithm>>8), byte(d.Algorithm)), nil
}

// NewDelegated makes a delegated credential under a credential whose
// certificate allows delegation. spki is the new key's SubjectPublicKeyInfo in
// DER, scheme what it will sign with, and validTime when it ends, in seconds
// after the certificate's notBefore: at most seven days from now.
func NewDelegated(rand io.Reader, c *Credential, with iana.SignatureScheme, signer crypto.Signer, spki []byte, scheme iana.SignatureScheme, validTime uint32) (*Delegated, error) {
	by := suites.SchemeByID(with)
	if !by.In(iana.TLS13) || !by.Fits(c.public(), iana.TLS13) || len(c.Chain) == 0 {
		return nil, usage("the certificate's key cannot sign with %v", with)
	}
	if s := delegates(scheme); s == nil || signer == nil || !s.Fits(signer.Public(), iana.TLS13) {
		return nil, usage("the delegated key cannot sign with %v", scheme)
	}
	d := &wire.DelegatedCredential{ValidTime: validTime, Scheme: scheme, SPKI: spki, Algorithm: with}
	content, err := delegationContent(c.Chain[0], d)
	if err != nil {
		return nil, local("the delegated credential cannot be written", err)
	}
	if d.Signature, err = by.Sign(rand, c.Signer, content); err != nil {
		return nil, local("the certificate's key cannot sign", err)
	}
	raw, err := d.AppendTo(nil)
	if err != nil {
		return nil, local("the delegated credential cannot be written", err)
	}
	return &Delegated{Raw: raw, Signer: NewSigner(signer), Scheme: scheme}, nil
}

// parseDelegation reads a delegated credential; offered is what the client
// accepts.
func parseDelegation(raw []byte, offered []iana.SignatureScheme) (*Delegation, error) {
	d, err := wire.ParseDelegatedCredential(raw)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(offered, d.Scheme) || delegates(d.Scheme) == nil {
		return nil, illegal("a delegated credential of %v, which was not offered", d.Scheme)
	}
	return &Delegation{ValidTime: d.ValidTime, Scheme: d.Scheme, SPKI: d.SPKI, parsed: d, raw: raw}, nil
}

// delegatedKey checks the certificate's signature over a delegated credential
// and returns the key in it. RFC 9345, Section 4.1.3.
func delegatedKey(p *PeerCertificate, leafKey crypto.PublicKey, offered []iana.SignatureScheme) (crypto.PublicKey, error) {
	d := p.Delegation.parsed
	by := suites.SchemeByID(d.Algorithm)
	if !by.In(iana.TLS13) || !slices.Contains(offered, d.Algorithm) {
		return nil, illegal("a delegated credential signed with %v, which was not offered", d.Algorithm)
	}
	content, err := delegationContent(p.Chain[0], d)
	if err != nil {
		return nil, err
	}
	if err := by.Verify(leafKey, iana.TLS13, content, d.Signature); err != nil {
		return nil, &Error{Fault: FaultPeer, Alert: iana.AlertIllegalParameter, Reason: "the delegated credential is not signed by the certificate's key", Err: err}
	}
	if p.Delegation.PublicKey == nil {
		return nil, usage("the Verifier accepted a delegated credential without returning its key")
	}
	return p.Delegation.PublicKey, nil
}

// delegated returns what a credential's delegated key signs with for the peer,
// or nil if it cannot be used.
func (r *CredentialRequest) delegated(c *Credential) *suites.Scheme {
	if r.RawKeys || len(c.Chain) == 0 || c.Delegated == nil || !slices.Contains(r.DelegatedSchemes, c.Delegated.Scheme) {
		return nil
	}
	d, err := wire.ParseDelegatedCredential(c.Delegated.Raw)
	if err != nil || !slices.Contains(r.SignatureSchemes, d.Algorithm) {
		return nil // the client could not check it
	}
	return delegates(c.Delegated.Scheme)
}
