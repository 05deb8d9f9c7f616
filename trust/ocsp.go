package trust

import (
	"bytes"
	"crypto"
	"crypto/sha1" //nolint:gosec // what responders index by; nothing is secured by it
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"errors"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
	"golang.org/x/crypto/ocsp"

	"github.com/sealsock/sealsock/internal/certtext"
)

// maxResponse bounds a response; with certificates they have some 4 KiB.
const maxResponse = 64 << 10

// unlimitedAge is how long a response without a next date counts: by RFC 6960,
// Section 2.4, newer information is always available then.
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
	// A revocation stays true: neither the dates of the response nor its nonce matter.
	if r.permanent() {
		return r.check(c, source), nil
	}
	if nonce != nil && r.nonce != nil && !bytes.Equal(r.nonce, nonce) {
		return nil, responseError(CodeOCSPInvalid, source, "answers another request: its nonce differs", nil)
	}
	if err := r.current(source, now); err != nil {
		return nil, err
	}
	if r.status == RevocationUnknown {
		return nil, responseError(CodeOCSPUnknown, source, "has the status unknown: the responder does not know the certificate", nil)
	}
	return r.check(c, source), nil
}

func (r *response) check(c *x509.Certificate, source string) *RevocationCheck {
	check := &RevocationCheck{Certificate: c, Source: source, Status: r.status,
		ThisUpdate: r.thisUpdate, NextUpdate: r.nextUpdate}
	if r.status == RevocationRevoked {
		check.Revoked, check.Reason = r.revoked, r.reason
	}
	return check
}

// current checks the dates, with an allowance for clocks.
func (r *response) current(source string, now time.Time) error {
	switch {
	case now.Add(clockSkew).Before(r.thisUpdate):
		return responseError(CodeOCSPInvalid, source, "is not valid before "+certtext.Time(r.thisUpdate)+"; it is now "+certtext.Time(now), nil)
	case !r.nextUpdate.IsZero() && now.After(r.nextUpdate.Add(clockSkew)):
		return responseError(CodeOCSPInvalid, source, "expired on "+certtext.Time(r.nextUpdate)+"; it is now "+certtext.Time(now), nil)
	case r.nextUpdate.IsZero() && now.Sub(r.thisUpdate) > unlimitedAge:
		return responseError(CodeOCSPInvalid, source, "was issued on "+certtext.Time(r.thisUpdate)+" without nextUpdate: it is too old", nil)
	case r.signer != nil && (now.Before(r.signer.NotBefore) || now.After(r.signer.NotAfter)):
		return responseError(CodeOCSPInvalid, source, "is signed by a responder whose certificate is expired or not valid yet", nil)
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
	r, err := readResponse(der, c, issuer)
	if err != nil {
		return nil, err
	}
	m.known.put(key, r)
	return r, nil
}

// matchesID reports whether a CertID (RFC 6960, Section 4.1.1) names c, and
// whether it has at least c's number.
func matchesID(id cryptobyte.String, c, issuer *x509.Certificate) (about, number bool) {
	var algorithm, oid, name, key, serial cryptobyte.String
	if !id.ReadASN1(&algorithm, asn1.SEQUENCE) || !algorithm.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) ||
		!id.ReadASN1(&name, asn1.OCTET_STRING) || !id.ReadASN1(&key, asn1.OCTET_STRING) || !id.ReadASN1(&serial, asn1.INTEGER) {
		return false, false
	}
	if number = bytes.Equal(bytes.TrimLeft(serial, "\x00"), c.SerialNumber.Bytes()); !number {
		return false, false
	}
	sum := idHashes[string(oid)]
	bits, ok := keyBits(issuer)
	return sum != nil && ok && bytes.Equal(name, sum(issuer.RawSubject)) && bytes.Equal(key, sum(bits)), true
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

// newOCSPRequest returns a request for the status of c, by SHA-1 since every responder
// supports that, with a nonce (RFC 9654, Section 2.1).
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
		Hint: "ask the certificate's authority to check its responder"}
}
