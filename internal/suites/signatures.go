package suites

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/mldsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"io"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/p256"
	"github.com/sealsock/sealsock/internal/pss"
	"github.com/sealsock/sealsock/internal/pubkey"
)

// A Scheme is one signature scheme: what to hash with, and which key it is for.
type Scheme struct {
	ID   iana.SignatureScheme
	kind kind
	hash crypto.Hash // 0 for Ed25519 and ML-DSA, which hash by themselves
	// fixed is what the scheme ties its key to: an elliptic.Curve in TLS 1.3, or
	// mldsa.Parameters.
	fixed any
	// TLS13 and TLS12 are true if CertificateVerify may use the scheme there.
	// RFC 9846, Section 4.2.3: PKCS #1 v1.5 is for certificates only.
	TLS13, TLS12 bool
}

type kind uint8

const (
	kindECDSA kind = iota + 1
	kindEd25519
	kindMLDSA
	kindPSS
	kindPKCS1
)

// ML-DSA is first, as in crypto/tls: a peer that has two certificates and follows this order
// shows the one that a quantum computer cannot forge. draft-ietf-tls-mldsa, Section 3: the
// schemes are for TLS 1.3 alone.
var schemes = []Scheme{
	{iana.MLDSA44, kindMLDSA, 0, mldsa.MLDSA44(), true, false},
	{iana.MLDSA65, kindMLDSA, 0, mldsa.MLDSA65(), true, false},
	{iana.MLDSA87, kindMLDSA, 0, mldsa.MLDSA87(), true, false},
	{iana.ECDSAWithP256AndSHA256, kindECDSA, crypto.SHA256, elliptic.P256(), true, true},
	{iana.ECDSAWithP384AndSHA384, kindECDSA, crypto.SHA384, elliptic.P384(), true, true},
	{iana.ECDSAWithP521AndSHA512, kindECDSA, crypto.SHA512, elliptic.P521(), true, true},
	{iana.Ed25519, kindEd25519, 0, nil, true, true},
	{iana.RSAPSSRSAEWithSHA256, kindPSS, crypto.SHA256, nil, true, true},
	{iana.RSAPSSRSAEWithSHA384, kindPSS, crypto.SHA384, nil, true, true},
	{iana.RSAPSSRSAEWithSHA512, kindPSS, crypto.SHA512, nil, true, true},
	{iana.RSAPSSPSSWithSHA256, kindPSS, crypto.SHA256, nil, true, true},
	{iana.RSAPSSPSSWithSHA384, kindPSS, crypto.SHA384, nil, true, true},
	{iana.RSAPSSPSSWithSHA512, kindPSS, crypto.SHA512, nil, true, true},
	{iana.RSAPKCS1WithSHA256, kindPKCS1, crypto.SHA256, nil, false, true},
	{iana.RSAPKCS1WithSHA384, kindPKCS1, crypto.SHA384, nil, false, true},
	{iana.RSAPKCS1WithSHA512, kindPKCS1, crypto.SHA512, nil, false, true},
}

// SchemeByID returns the row of a signature scheme, or nil if there is none.
func SchemeByID(id iana.SignatureScheme) *Scheme {
	return find(schemes, func(s *Scheme) bool { return s.ID == id })
}

// In reports whether a version has the scheme. No version has a nil one.
func (s *Scheme) In(v iana.Version) bool {
	return s != nil && (v >= iana.TLS13 && s.TLS13 || v < iana.TLS13 && s.TLS12)
}

// DefaultSchemes lists the signature schemes in the default order of preference.
func DefaultSchemes() []iana.SignatureScheme {
	list := make([]iana.SignatureScheme, len(schemes))
	for i := range schemes {
		list[i] = schemes[i].ID
	}
	return list
}

// pssOnly reports whether the scheme is for keys marked id-RSASSA-PSS.
func (s *Scheme) pssOnly() bool {
	switch s.ID {
	case iana.RSAPSSPSSWithSHA256, iana.RSAPSSPSSWithSHA384, iana.RSAPSSPSSWithSHA512:
		return true
	}
	return false
}

// A PSSPublicKey is an RSA key whose certificate has id-RSASSA-PSS: only the
// rsa_pss_pss schemes may use it. RFC 9846, Section 4.2.3.
type PSSPublicKey = pss.PublicKey

// Fits reports whether a key of type pub can make or check signatures of the
// scheme. In TLS 1.3 an ECDSA scheme names its curve too; in TLS 1.2 it does not. An ML-DSA
// scheme names the parameter set of its key.
func (s *Scheme) Fits(pub crypto.PublicKey, version iana.Version) bool {
	switch key := pub.(type) {
	case *ecdsa.PublicKey:
		return s.kind == kindECDSA && (version < iana.TLS13 || key.Curve == s.fixed)
	case ed25519.PublicKey:
		return s.kind == kindEd25519
	case *mldsa.PublicKey:
		return s.fitsMLDSA(key, version)
	case *rsa.PublicKey:
		return (s.kind == kindPSS || s.kind == kindPKCS1) && !s.pssOnly() && rsaFits(key, s)
	}
	key := pssKey(pub)
	return key != nil && s.pssOnly() && rsaFits(key, s)
}

// fitsMLDSA reports whether the key is accepted at all and of the scheme's parameter set.
func (s *Scheme) fitsMLDSA(key *mldsa.PublicKey, version iana.Version) bool {
	return s.kind == kindMLDSA && version >= iana.TLS13 && pubkey.Check(key) == nil &&
		key.Parameters() == s.fixed
}

// pssKey returns the numbers of a key that is for PSS alone, or nil.
func pssKey(pub crypto.PublicKey) *rsa.PublicKey {
	switch key := pub.(type) {
	case PSSPublicKey:
		return key.PublicKey
	case *PSSPublicKey:
		return key.PublicKey
	}
	return nil
}

// IsCurve reports whether a group is the curve of ECDSA keys: see CurveOf.
func IsCurve(id iana.NamedGroup) bool {
	return id == iana.SecP256r1 || id == iana.SecP384r1 || id == iana.SecP521r1
}

// CurveOf returns the group of an ECDSA key's curve; ok is false for other keys.
func CurveOf(pub crypto.PublicKey) (id iana.NamedGroup, ok bool) {
	key, ok := pub.(*ecdsa.PublicKey)
	if !ok {
		return 0, false
	}
	switch key.Curve {
	case elliptic.P256():
		return iana.SecP256r1, true
	case elliptic.P384():
		return iana.SecP384r1, true
	case elliptic.P521():
		return iana.SecP521r1, true
	}
	return 0, true
}

// rsaFits reports whether the key is accepted at all and long enough for the
// scheme: a PSS signature needs room for the hash, a salt as long, and two bytes
// more.
func rsaFits(key *rsa.PublicKey, s *Scheme) bool {
	return pubkey.Check(key) == nil && key.Size() >= 2*s.hash.Size()+2
}

var (
	errKeyKind   = errors.New("the key does not match the signature scheme")
	errSignature = errors.New("the signature does not verify")
)

// Verify checks the signature over message, which is hashed here.
func (s *Scheme) Verify(pub crypto.PublicKey, version iana.Version, message, signature []byte) error {
	if !s.Fits(pub, version) {
		return fmt.Errorf("%v with %T: %w", s.ID, pub, errKeyKind)
	}
	ok := false
	switch key := pub.(type) {
	case *ecdsa.PublicKey:
		var room [sha512.Size]byte
		ok = p256.Verify(key, s.digestIn(&room, message), signature)
	case ed25519.PublicKey:
		ok = ed25519.Verify(key, message, signature)
	case *mldsa.PublicKey: // the context string is empty: draft-ietf-tls-mldsa, Section 3
		ok = mldsa.Verify(key, message, signature, nil) == nil
	case *rsa.PublicKey:
		ok = s.verifyRSA(key, s.digest(message), signature)
	default:
		ok = s.verifyRSA(pssKey(pub), s.digest(message), signature)
	}
	if !ok {
		return errSignature
	}
	return nil
}

func (s *Scheme) verifyRSA(key *rsa.PublicKey, digest, signature []byte) bool {
	if s.kind == kindPKCS1 {
		return rsa.VerifyPKCS1v15(key, s.hash, digest, signature) == nil
	}
	// RFC 9846, Section 4.2.3: the salt is as long as the digest.
	opts := rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: s.hash}
	return rsa.VerifyPSS(key, s.hash, digest, signature, &opts) == nil
}

// Sign signs message, which is hashed here, with any crypto.Signer.
func (s *Scheme) Sign(rand io.Reader, signer crypto.Signer, message []byte) ([]byte, error) {
	if key := p256Key(signer); key != nil && s.kind == kindECDSA {
		var room [sha512.Size]byte
		return p256.Sign(rand, key, s.digestIn(&room, message))
	}
	digest := message
	var opts crypto.SignerOpts = s.hash
	switch s.kind {
	case kindEd25519, kindMLDSA:
		opts = crypto.Hash(0)
	case kindPSS:
		opts = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: s.hash}
		digest = s.digest(message)
	default:
		digest = s.digest(message)
	}
	return signer.Sign(rand, digest, opts)
}

// p256Key returns the key of P-256 that a signer is or holds, or nil.
func p256Key(signer crypto.Signer) *ecdsa.PrivateKey {
	if holds, ok := signer.(interface{ Key() crypto.Signer }); ok {
		signer = holds.Key()
	}
	key, ok := signer.(*ecdsa.PrivateKey)
	if !ok || key == nil || key.Curve != elliptic.P256() {
		return nil
	}
	return key
}

// digestIn is digest with the result in room, so that one of SHA-256 takes no other memory.
func (s *Scheme) digestIn(room *[sha512.Size]byte, message []byte) []byte {
	if s.hash == crypto.SHA256 {
		sum := sha256.Sum256(message)
		return room[:copy(room[:], sum[:])]
	}
	return room[:copy(room[:], s.digest(message))]
}

func (s *Scheme) digest(message []byte) []byte {
	switch s.hash {
	case 0:
		return nil
	case crypto.SHA256:
		sum := sha256.Sum256(message)
		return sum[:]
	case crypto.SHA384:
		sum := sha512.Sum384(message)
		return sum[:]
	}
	h := s.hash.New()
	h.Write(message)
	return h.Sum(nil)
}
