package trust

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/sha1" //nolint:gosec // what responders index by; nothing is secured by it
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"errors"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
	"golang.org/x/crypto/ocsp"
)

// maxResponse bounds a response; with certificates they have some 4 KiB.
const maxResponse = 64 << 10

// unlimitedAge is how long a response without a next date counts: RFC 6960,
// Section 2.4, says that newer information is always to be had then.
const unlimitedAge = 24 * time.Hour

// checkResponse reads an OCSP response about c (RFC 6960). With a nonce, the
// response must repeat it if it has one at all.
func checkResponse(der []byte, source string, c, issuer *x509.Certificate, now time.Time, nonce []byte) (*RevocationCheck, error) {
	if len(der) > maxResponse {
		return nil, responseError(CodeOCSPInvalid, source, "has more than 64 KiB", nil)
	}
	r, err := parsedResponses.parse(der, c, issuer)
	if err != nil {
		return nil, responseError(CodeOCSPInvalid, source, "cannot be used", err)
	}
	if nonce != nil && r.nonce != nil && !bytes.Equal(r.nonce, nonce) {
		return nil, responseError(CodeOCSPInvalid, source, "answers another request: its nonce differs", nil)
	}
	if err := r.current(source, now); err != nil {
		return nil, err
	}
	check := &RevocationCheck{Certificate: c, Source: source, ThisUpdate: r.ThisUpdate, NextUpdate: r.NextUpdate}
	switch r.Status {
	case ocsp.Good:
		check.Status = RevocationGood
	case ocsp.Revoked:
		check.Status, check.Revoked, check.Reason = RevocationRevoked, r.RevokedAt, r.RevocationReason
	default:
		return nil, responseError(CodeOCSPUnknown, source, "says that the responder does not know the certificate", nil)
	}
	return check, nil
}

// response is a response whose signature was checked.
type response struct {
	*ocsp.Response
	nonce []byte
}

// current checks the dates, with an allowance for clocks.
func (r *response) current(source string, now time.Time) error {
	switch {
	case now.Add(clockSkew).Before(r.ThisUpdate):
		return responseError(CodeOCSPInvalid, source, "is not valid before "+stamp(r.ThisUpdate)+"; it is now "+stamp(now), nil)
	case !r.NextUpdate.IsZero() && now.After(r.NextUpdate.Add(clockSkew)):
		return responseError(CodeOCSPInvalid, source, "expired on "+stamp(r.NextUpdate)+"; it is now "+stamp(now), nil)
	case r.NextUpdate.IsZero() && now.Sub(r.ThisUpdate) > unlimitedAge:
		return responseError(CodeOCSPInvalid, source, "is of "+stamp(r.ThisUpdate)+" and names no next date: it is too old", nil)
	}
	return r.checkSigner(source, now)
}

// checkSigner looks at the certificate of a responder that signs in the
// issuer's stead. Its signature by the issuer was checked with the response's.
func (r *response) checkSigner(source string, now time.Time) error {
	signer := r.Certificate
	if signer == nil {
		return nil
	}
	if now.Before(signer.NotBefore) || now.After(signer.NotAfter) {
		return responseError(CodeOCSPInvalid, source, "is signed by a responder whose certificate is out of its dates", nil)
	}
	return nil
}

// parsedResponses remembers responses whose signatures were checked: what a
// server staples is the same for days. As with paths, only what no time
// changes is remembered, under a hash of all that was looked at.
var parsedResponses = responseMemo{known: generations[[sha256.Size]byte, *response]{limit: 64}}

type responseMemo struct {
	known generations[[sha256.Size]byte, *response]
}

func (m *responseMemo) parse(der []byte, c, issuer *x509.Certificate) (*response, error) {
	key := memoKey(PurposeAny, [][]byte{der, c.Raw, issuer.Raw})
	if r, ok := m.known.get(key); ok {
		return r, nil
	}
	// Without an issuer the package checks that the response is signed by the
	// certificate inside, if there is one; who that may be is checked here,
	// since it may well be the issuer itself.
	parsed, err := ocsp.ParseResponseForCert(der, c, nil)
	if err != nil {
		return nil, err
	}
	if err := entitled(parsed, issuer); err != nil {
		return nil, err
	}
	nonce, err := checkResponseBody(parsed.TBSResponseData, c, issuer)
	if err != nil {
		return nil, err
	}
	r := &response{parsed, nonce}
	m.known.put(key, r)
	return r, nil
}

// entitled follows RFC 6960, Section 4.2.2.2: a response is signed by the
// issuer or by whom the issuer entitled. Whether that one was revoked in turn is
// not asked.
func entitled(r *ocsp.Response, issuer *x509.Certificate) error {
	signer := r.Certificate
	switch {
	case signer == nil:
		return checkResponseSignature(r, issuer)
	case signer.Equal(issuer):
		return nil
	case !slices.Contains(signer.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning):
		return errors.New("it is signed by a certificate that is not meant for OCSP")
	}
	return signer.CheckSignatureFrom(issuer)
}

// checkResponseSignature adds Ed25519 (RFC 8410) to what package ocsp knows.
func checkResponseSignature(r *ocsp.Response, issuer *x509.Certificate) error {
	key, ok := issuer.PublicKey.(ed25519.PublicKey)
	if !ok || r.SignatureAlgorithm != x509.UnknownSignatureAlgorithm {
		return r.CheckSignatureFrom(issuer)
	}
	if !ed25519.Verify(key, r.TBSResponseData, r.Signature) {
		return errors.New("its signature is not the issuer's")
	}
	return nil
}

// checkResponseBody looks at what package ocsp passes over: that one of the
// answers is about this issuer's certificate and not just about the same
// number, and the nonce, which it returns.
func checkResponseBody(tbs []byte, c, issuer *x509.Certificate) ([]byte, error) {
	broken := errors.New("its body cannot be read")
	in := cryptobyte.String(tbs)
	var body, version, answers, extensions cryptobyte.String
	var present bool
	if !in.ReadASN1(&body, asn1.SEQUENCE) || !body.ReadOptionalASN1(&version, &present, asn1.Tag(0).ContextSpecific().Constructed()) ||
		!skipAny(&body) || !body.SkipASN1(asn1.GeneralizedTime) || !body.ReadASN1(&answers, asn1.SEQUENCE) ||
		!body.ReadOptionalASN1(&extensions, &present, asn1.Tag(1).ContextSpecific().Constructed()) {
		return nil, broken
	}
	found := false
	for !answers.Empty() && !found {
		var one, id cryptobyte.String
		if !answers.ReadASN1(&one, asn1.SEQUENCE) || !one.ReadASN1(&id, asn1.SEQUENCE) {
			return nil, broken
		}
		found = matchesID(id, c, issuer)
	}
	if !found {
		return nil, errors.New("it is about another issuer's certificate")
	}
	return findNonce(extensions), nil
}

func skipAny(s *cryptobyte.String) bool {
	var value cryptobyte.String
	var tag asn1.Tag
	return s.ReadAnyASN1(&value, &tag)
}

// matchesID compares a CertID (RFC 6960, Section 4.1.1).
func matchesID(id cryptobyte.String, c, issuer *x509.Certificate) bool {
	var algorithm, oid, name, key, serial cryptobyte.String
	if !id.ReadASN1(&algorithm, asn1.SEQUENCE) || !algorithm.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) ||
		!id.ReadASN1(&name, asn1.OCTET_STRING) || !id.ReadASN1(&key, asn1.OCTET_STRING) || !id.ReadASN1(&serial, asn1.INTEGER) {
		return false
	}
	sum := idHashes[string(oid)]
	if sum == nil {
		return false
	}
	bits, ok := keyBits(issuer)
	return ok && bytes.Equal(name, sum(issuer.RawSubject)) && bytes.Equal(key, sum(bits)) &&
		bytes.Equal(bytes.TrimLeft(serial, "\x00"), c.SerialNumber.Bytes())
}

// idHashes are the hashes by which responders name issuers.
var idHashes = map[string]func([]byte) []byte{
	"\x2b\x0e\x03\x02\x1a":                 func(b []byte) []byte { s := sha1.Sum(b); return s[:] },
	"\x60\x86\x48\x01\x65\x03\x04\x02\x01": func(b []byte) []byte { s := sha256.Sum256(b); return s[:] },
	"\x60\x86\x48\x01\x65\x03\x04\x02\x02": func(b []byte) []byte { s := sha512.Sum384(b); return s[:] },
	"\x60\x86\x48\x01\x65\x03\x04\x02\x03": func(b []byte) []byte { s := sha512.Sum512(b); return s[:] },
}

// keyBits returns the bit string of a certificate's key.
func keyBits(c *x509.Certificate) ([]byte, bool) {
	spki := cryptobyte.String(c.RawSubjectPublicKeyInfo)
	var body, bits cryptobyte.String
	if !spki.ReadASN1(&body, asn1.SEQUENCE) || !body.SkipASN1(asn1.SEQUENCE) || !body.ReadASN1(&bits, asn1.BIT_STRING) || len(bits) == 0 {
		return nil, false
	}
	return bits[1:], true
}

const oidNonce = "\x2b\x06\x01\x05\x05\x07\x30\x01\x02"

// findNonce returns the nonce among response extensions (RFC 9654).
func findNonce(wrapped cryptobyte.String) []byte {
	var list cryptobyte.String
	if !wrapped.ReadASN1(&list, asn1.SEQUENCE) {
		return nil
	}
	for !list.Empty() {
		var one, oid, value, nonce cryptobyte.String
		if !list.ReadASN1(&one, asn1.SEQUENCE) || !one.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) {
			return nil
		}
		one.SkipOptionalASN1(asn1.BOOLEAN)
		if string(oid) == oidNonce && one.ReadASN1(&value, asn1.OCTET_STRING) {
			if value.ReadASN1(&nonce, asn1.OCTET_STRING) {
				return nonce
			}
			return value // some responders do not wrap it
		}
	}
	return nil
}

// newOCSPRequest asks about c, by SHA-1 since every responder knows that, with
// a nonce (RFC 9654, Section 2.1).
func newOCSPRequest(c, issuer *x509.Certificate, nonce []byte) ([]byte, error) {
	plain, err := ocsp.CreateRequest(c, issuer, &ocsp.RequestOptions{Hash: crypto.SHA1})
	if err != nil {
		return nil, err
	}
	in := cryptobyte.String(plain)
	var outer, body cryptobyte.String
	if !in.ReadASN1(&outer, asn1.SEQUENCE) || !outer.ReadASN1(&body, asn1.SEQUENCE) {
		return nil, errors.New("the request cannot be made")
	}
	var b cryptobyte.Builder
	sequence := func(b *cryptobyte.Builder, f func(*cryptobyte.Builder)) { b.AddASN1(asn1.SEQUENCE, f) }
	sequence(&b, func(b *cryptobyte.Builder) {
		sequence(b, func(b *cryptobyte.Builder) {
			b.AddBytes(body)
			b.AddASN1(asn1.Tag(2).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) {
				sequence(b, func(b *cryptobyte.Builder) {
					sequence(b, func(b *cryptobyte.Builder) {
						b.AddASN1(asn1.OBJECT_IDENTIFIER, func(b *cryptobyte.Builder) { b.AddBytes([]byte(oidNonce)) })
						b.AddASN1(asn1.OCTET_STRING, func(b *cryptobyte.Builder) { b.AddASN1OctetString(nonce) })
					})
				})
			})
		})
	})
	return b.Bytes()
}

func responseError(code Code, source, why string, err error) error {
	return &Error{Code: code, Got: "the response (" + source + ") " + why, Err: err,
		Hint: "ask the certificate's authority whether its responder works"}
}
