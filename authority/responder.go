package authority

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/mldsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // clients name issuers by it; nothing is secured by it
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"errors"
	"fmt"
	"hash"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// ResponseLifetime is how long an OCSP response is valid.
const ResponseLifetime = 12 * time.Hour

// maxRequest bounds an OCSP request, and maxAsked the certificates it may ask
// about.
const (
	maxRequest = 16 << 10
	maxAsked   = 16
)

// The whole responses for requests without an answer (RFC 6960, Section 4.2.1).
var (
	malformedRequest = []byte{0x30, 3, 0x0a, 1, 1}
	internalError    = []byte{0x30, 3, 0x0a, 1, 2}
	tryLater         = []byte{0x30, 3, 0x0a, 1, 3}
	unauthorized     = []byte{0x30, 3, 0x0a, 1, 6}
)

// ocspRequest is what a client asks.
type ocspRequest struct {
	ids   []certID
	nonce []byte // with its header, to be repeated as it is
}

// certID names a certificate (RFC 6960, Section 4.1.1).
type certID struct {
	raw       []byte
	hash      func() hash.Hash
	name, key []byte
	serial    []byte
}

var errRequest = errors.New("the request cannot be read")

// Respond answers an OCSP request in DER (RFC 6960) about certificates of this
// authority. It signs each response with the key that signed the certificate.
// The response always is one, of an error if need be.
func (a *Authority) Respond(request []byte) []byte {
	if !a.made() {
		return internalError
	}
	parsed, err := parseOCSPRequest(request)
	if err != nil {
		return malformedRequest
	}
	if err := a.lock(); err != nil {
		return tryLater
	}
	defer a.unlock()
	by, key, err := a.responsible(parsed)
	if err != nil {
		return internalError
	}
	if by == nil {
		return unauthorized
	}
	if err := a.load(); err != nil {
		return internalError
	}
	response, err := a.compose(parsed, by, key)
	if err != nil {
		return internalError
	}
	return response
}

// responsible finds which of the two authorities is asked about, and its key.
func (a *Authority) responsible(r *ocspRequest) (*x509.Certificate, crypto.Signer, error) {
	switch {
	case r.about(a.inter):
		key, err := a.key()
		return a.inter, key, err
	case r.about(a.root):
		key, err := a.rootKey()
		return a.root, key, err
	}
	return nil, nil, nil
}

// about reports whether every certificate asked about was issued by issuer.
func (r *ocspRequest) about(issuer *x509.Certificate) bool {
	bits, err := keyBits(issuer.PublicKey)
	if err != nil {
		return false
	}
	for _, id := range r.ids {
		if string(digest(id.hash, issuer.RawSubject)) != string(id.name) || string(digest(id.hash, bits)) != string(id.key) {
			return false
		}
	}
	return true
}

func digest(newHash func() hash.Hash, data []byte) []byte {
	h := newHash()
	h.Write(data)
	return h.Sum(nil)
}

// requestHashes are the hashes by which clients may name issuers.
var requestHashes = map[string]func() hash.Hash{
	"\x2b\x0e\x03\x02\x1a":                 sha1.New,
	"\x60\x86\x48\x01\x65\x03\x04\x02\x01": sha256.New,
	"\x60\x86\x48\x01\x65\x03\x04\x02\x02": sha512.New384,
	"\x60\x86\x48\x01\x65\x03\x04\x02\x03": sha512.New,
}

// parseOCSPRequest reads an OCSPRequest; a signature on it is passed over.
func parseOCSPRequest(der []byte) (*ocspRequest, error) {
	in := cryptobyte.String(der)
	var outer, body, list, extensions cryptobyte.String
	var present bool
	if len(der) > maxRequest || !in.ReadASN1(&outer, asn1.SEQUENCE) || !in.Empty() || !outer.ReadASN1(&body, asn1.SEQUENCE) ||
		!body.SkipOptionalASN1(asn1.Tag(0).ContextSpecific().Constructed()) || !body.SkipOptionalASN1(asn1.Tag(1).ContextSpecific().Constructed()) ||
		!body.ReadASN1(&list, asn1.SEQUENCE) || !body.ReadOptionalASN1(&extensions, &present, asn1.Tag(2).ContextSpecific().Constructed()) {
		return nil, errRequest
	}
	r := &ocspRequest{}
	for !list.Empty() {
		var one cryptobyte.String
		if !list.ReadASN1(&one, asn1.SEQUENCE) || len(r.ids) == maxAsked {
			return nil, errRequest
		}
		id, err := parseCertID(one)
		if err != nil {
			return nil, err
		}
		r.ids = append(r.ids, id)
	}
	if len(r.ids) == 0 {
		return nil, errRequest
	}
	var err error
	r.nonce, err = requestNonce(extensions)
	return r, err
}

func parseCertID(one cryptobyte.String) (certID, error) {
	var raw, body, algorithm, oid, name, key, serial cryptobyte.String
	if !one.ReadASN1Element(&raw, asn1.SEQUENCE) {
		return certID{}, errRequest
	}
	whole := raw
	if !raw.ReadASN1(&body, asn1.SEQUENCE) || !body.ReadASN1(&algorithm, asn1.SEQUENCE) || !algorithm.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) ||
		!body.ReadASN1(&name, asn1.OCTET_STRING) || !body.ReadASN1(&key, asn1.OCTET_STRING) || !body.ReadASN1(&serial, asn1.INTEGER) {
		return certID{}, errRequest
	}
	newHash := requestHashes[string(oid)]
	if newHash == nil {
		return certID{}, errRequest
	}
	return certID{raw: whole, hash: newHash, name: name, key: key, serial: serial}, nil
}

const oidNonce = "\x2b\x06\x01\x05\x05\x07\x30\x01\x02"

// maxNonce bounds a nonce (RFC 9654, Section 2.1).
const maxNonce = 128

// requestNonce returns the nonce's extension whole, or nil. RFC 9654, Section 2.1: a request whose
// nonce is empty or too long MUST be rejected as malformed.
func requestNonce(wrapped cryptobyte.String) ([]byte, error) {
	var list cryptobyte.String
	if !wrapped.ReadASN1(&list, asn1.SEQUENCE) {
		return nil, nil
	}
	for !list.Empty() {
		var one, body, oid, value cryptobyte.String
		if !list.ReadASN1Element(&one, asn1.SEQUENCE) {
			return nil, nil
		}
		whole := one
		if !one.ReadASN1(&body, asn1.SEQUENCE) || !body.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) || !body.SkipOptionalASN1(asn1.BOOLEAN) ||
			!body.ReadASN1(&value, asn1.OCTET_STRING) {
			return nil, nil
		}
		if string(oid) == oidNonce {
			return whole, checkNonce(value)
		}
	}
	return nil, nil
}

func checkNonce(value cryptobyte.String) error {
	var nonce cryptobyte.String
	if inner := value; !inner.ReadASN1(&nonce, asn1.OCTET_STRING) || !inner.Empty() {
		nonce = value // some clients do not wrap it
	}
	if len(nonce) == 0 || len(nonce) > maxNonce {
		return errRequest
	}
	return nil
}

// compose writes and signs a BasicOCSPResponse (RFC 6960, Section 4.2.1).
func (a *Authority) compose(r *ocspRequest, by *x509.Certificate, key crypto.Signer) ([]byte, error) {
	now := a.now().UTC().Truncate(time.Second)
	bits, err := keyBits(by.PublicKey)
	if err != nil {
		return nil, err
	}
	byKey := sha1.Sum(bits)
	var tbs cryptobyte.Builder
	tbs.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.Tag(2).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) { b.AddASN1OctetString(byKey[:]) })
		b.AddASN1GeneralizedTime(now)
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			for _, id := range r.ids {
				b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) { a.addAnswer(b, id, by, now) })
			}
		})
		if r.nonce != nil {
			b.AddASN1(asn1.Tag(1).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) {
				b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddBytes(r.nonce) })
			})
		}
	})
	body, err := tbs.Bytes()
	if err != nil {
		return nil, err
	}
	signature, algorithm, err := signBody(key, body)
	if err != nil {
		return nil, err
	}
	return wrapResponse(body, algorithm, signature)
}

// addAnswer writes the fields of a SingleResponse.
func (a *Authority) addAnswer(b *cryptobyte.Builder, id certID, by *x509.Certificate, now time.Time) {
	b.AddBytes(id.raw)
	serial := serialOf(id.serial)
	record := a.journal.records[serial]
	known := record != nil
	if by == a.root {
		record, known = nil, a.journal.intermediates[serial] || serial == serialText(a.inter.SerialNumber)
	}
	switch {
	case !known:
		b.AddASN1(asn1.Tag(2).ContextSpecific(), func(*cryptobyte.Builder) {})
	case record != nil && !record.Revoked.IsZero():
		b.AddASN1(asn1.Tag(1).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) {
			b.AddASN1GeneralizedTime(record.Revoked.UTC().Truncate(time.Second))
			b.AddASN1(asn1.Tag(0).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) { b.AddASN1Enum(int64(record.Reason)) })
		})
	default:
		b.AddASN1(asn1.Tag(0).ContextSpecific(), func(*cryptobyte.Builder) {})
	}
	b.AddASN1GeneralizedTime(now)
	b.AddASN1(asn1.Tag(0).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) { b.AddASN1GeneralizedTime(now.Add(ResponseLifetime)) })
}

func wrapResponse(body, algorithm, signature []byte) ([]byte, error) {
	var basic cryptobyte.Builder
	basic.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(body)
		b.AddBytes(algorithm)
		b.AddASN1BitString(signature)
	})
	inner, err := basic.Bytes()
	if err != nil {
		return nil, err
	}
	var out cryptobyte.Builder
	out.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Enum(0) // successful
		b.AddASN1(asn1.Tag(0).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1(asn1.OBJECT_IDENTIFIER, func(b *cryptobyte.Builder) { b.AddBytes([]byte("\x2b\x06\x01\x05\x05\x07\x30\x01\x01")) })
				b.AddASN1OctetString(inner)
			})
		})
	})
	return out.Bytes()
}

// The signature algorithms of the authority's kinds of keys, in DER.
const (
	ecdsaSHA256DER = "\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02"
	ecdsaSHA384DER = "\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x03"
	rsaSHA256DER   = "\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00"
	ed25519DER     = "\x30\x05\x06\x03\x2b\x65\x70"
	mldsa44DER     = "\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03\x11"
	mldsa65DER     = "\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03\x12"
	mldsa87DER     = "\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03\x13"
)

// mldsaDER has the algorithm of each parameter set.
var mldsaDER = map[mldsa.Parameters]string{
	mldsa.MLDSA44(): mldsa44DER, mldsa.MLDSA65(): mldsa65DER, mldsa.MLDSA87(): mldsa87DER,
}

func signBody(key crypto.Signer, body []byte) (signature, algorithm []byte, err error) {
	opts, name := crypto.SHA256, ""
	input := digest(sha256.New, body)
	switch public := key.Public().(type) {
	case *ecdsa.PublicKey:
		name = ecdsaSHA256DER
		if public.Curve == elliptic.P384() {
			opts, name, input = crypto.SHA384, ecdsaSHA384DER, digest(sha512.New384, body)
		}
	case *rsa.PublicKey:
		name = rsaSHA256DER
	case ed25519.PublicKey:
		opts, name, input = crypto.Hash(0), ed25519DER, body
	case *mldsa.PublicKey:
		opts, name, input = crypto.Hash(0), mldsaDER[public.Parameters()], body
	default:
		return nil, nil, fmt.Errorf("responses cannot be signed with a key of type %T", public)
	}
	signature, err = key.Sign(rand.Reader, input, opts)
	return signature, []byte(name), err
}

// keyBits returns the bit string of a key in SubjectPublicKeyInfo.
func keyBits(public crypto.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, err
	}
	spki := cryptobyte.String(der)
	var body, bits cryptobyte.String
	if !spki.ReadASN1(&body, asn1.SEQUENCE) || !body.SkipASN1(asn1.SEQUENCE) || !body.ReadASN1(&bits, asn1.BIT_STRING) || len(bits) == 0 {
		return nil, errors.New("the public key cannot be read")
	}
	return bits[1:], nil
}
