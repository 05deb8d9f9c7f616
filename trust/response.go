package trust

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // what responders index by; nothing is secured by it
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// response is an OCSP response (RFC 6960, Section 4.2.1) with the signature of an
// entitled responder, and its contents for one certificate.
type response struct {
	status     RevocationStatus // RevocationUnknown: the responder does not know the certificate
	revoked    time.Time
	reason     int
	thisUpdate time.Time
	nextUpdate time.Time         // zero: newer information is always available
	nonce      []byte            // nil if there is none
	signer     *x509.Certificate // of the entitled responder; nil if the issuer signed
}

// readResponse reads the contents of a response for c. It determines the signer before
// it uses any key in the response, since anyone who can send a response can put a key
// into it that costs a lot to use.
func readResponse(der []byte, c, issuer *x509.Certificate) (*response, error) {
	basic, err := openResponse(der)
	if err != nil {
		return nil, err
	}
	r := new(response)
	if r.signer, err = basic.verify(issuer); err != nil {
		return nil, err
	}
	if err := r.find(basic.answers, c, issuer); err != nil {
		return nil, err
	}
	r.nonce, err = findNonce(basic.extensions)
	return r, err
}

// basicResponse is a BasicOCSPResponse taken apart, and not verified.
type basicResponse struct {
	tbs        []byte
	name, key  []byte // of the responder: its subject, or the SHA-1 of its key
	answers    cryptobyte.String
	extensions cryptobyte.String
	algorithm  x509.SignatureAlgorithm
	signature  []byte
	certs      cryptobyte.String
}

var (
	errResponse     = errors.New("it cannot be read")
	errWeakResponse = errors.New("it is signed with a broken hash")
)

// outcomes are the statuses of a response without an answer (RFC 6960, Section
// 4.2.1, OCSPResponseStatus).
var outcomes = map[int]string{1: "the request was malformed", 2: "internal error", 3: "try later", 5: "requests must be signed", 6: "not authorized"}

const oidBasicResponse = "\x2b\x06\x01\x05\x05\x07\x30\x01\x01"

// explicit is the tag of a field that has a header of its own inside.
func explicit(n uint8) asn1.Tag { return asn1.Tag(n).ContextSpecific().Constructed() }

func openResponse(der []byte) (*basicResponse, error) {
	in := cryptobyte.String(der)
	var outer, wrapped, typed, oid, inner cryptobyte.String
	var status int
	if !in.ReadASN1(&outer, asn1.SEQUENCE) || !in.Empty() || !outer.ReadASN1Enum(&status) {
		return nil, errResponse
	}
	if status != 0 {
		if name := outcomes[status]; name != "" {
			return nil, errors.New("it is an error response: " + name)
		}
		return nil, fmt.Errorf("it is an error response: number %d", status)
	}
	if !outer.ReadASN1(&wrapped, explicit(0)) || !outer.Empty() || !wrapped.ReadASN1(&typed, asn1.SEQUENCE) || !wrapped.Empty() ||
		!typed.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) || !typed.ReadASN1(&inner, asn1.OCTET_STRING) || !typed.Empty() {
		return nil, errResponse
	}
	if string(oid) != oidBasicResponse {
		return nil, errors.New("its type is not id-pkix-ocsp-basic")
	}
	return openBasic(inner)
}

func openBasic(in cryptobyte.String) (*basicResponse, error) {
	var body, tbs, algorithm, oid, certs cryptobyte.String
	var present bool
	b := new(basicResponse)
	if !in.ReadASN1(&body, asn1.SEQUENCE) || !in.Empty() || !body.ReadASN1Element(&tbs, asn1.SEQUENCE) ||
		!body.ReadASN1(&algorithm, asn1.SEQUENCE) || !algorithm.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) ||
		!body.ReadASN1BitStringAsBytes(&b.signature) || !body.ReadOptionalASN1(&certs, &present, explicit(0)) || !body.Empty() {
		return nil, errResponse
	}
	if present && !certs.ReadASN1(&b.certs, asn1.SEQUENCE) {
		return nil, errResponse
	}
	b.tbs = tbs
	b.algorithm = signatureAlgorithms[string(oid)]
	return b, b.openBody(tbs)
}

// openBody reads the responder's identity from ResponseData, and takes the answers and
// the extensions from it unparsed.
func (b *basicResponse) openBody(tbs cryptobyte.String) error {
	var body, responder, version, extensions cryptobyte.String
	var present bool
	var tag asn1.Tag
	var produced time.Time
	if !tbs.ReadASN1(&body, asn1.SEQUENCE) || !body.ReadOptionalASN1(&version, &present, explicit(0)) || !body.ReadAnyASN1(&responder, &tag) ||
		!body.ReadASN1GeneralizedTime(&produced) || !body.ReadASN1(&b.answers, asn1.SEQUENCE) ||
		!body.ReadOptionalASN1(&extensions, &present, explicit(1)) || !body.Empty() {
		return errResponse
	}
	if present && !extensions.ReadASN1(&b.extensions, asn1.SEQUENCE) {
		return errResponse
	}
	switch tag {
	case explicit(1):
		b.name = responder
	case explicit(2):
		if !responder.ReadASN1Bytes(&b.key, asn1.OCTET_STRING) {
			return errResponse
		}
	default:
		return errResponse
	}
	return nil
}

// signatureAlgorithms are those that are recognized, by their identifiers. The weak
// ones are refused: a requester can choose bytes of a response, which is enough to make
// use of a collision.
var signatureAlgorithms = map[string]x509.SignatureAlgorithm{
	"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b": x509.SHA256WithRSA,
	"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c": x509.SHA384WithRSA,
	"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d": x509.SHA512WithRSA,
	"\x2a\x86\x48\xce\x3d\x04\x03\x02":     x509.ECDSAWithSHA256,
	"\x2a\x86\x48\xce\x3d\x04\x03\x03":     x509.ECDSAWithSHA384,
	"\x2a\x86\x48\xce\x3d\x04\x03\x04":     x509.ECDSAWithSHA512,
	"\x2b\x65\x70":                         x509.PureEd25519,
	"\x60\x86\x48\x01\x65\x03\x04\x03\x11": x509.MLDSA44,
	"\x60\x86\x48\x01\x65\x03\x04\x03\x12": x509.MLDSA65,
	"\x60\x86\x48\x01\x65\x03\x04\x03\x13": x509.MLDSA87,
	"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04": x509.MD5WithRSA,
	"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05": x509.SHA1WithRSA,
	"\x2a\x86\x48\xce\x3d\x04\x01":         x509.ECDSAWithSHA1,
}

// brokenHash reports whether a signature is worth nothing. crypto/x509 still
// takes SHA-1 under lists and responses.
func brokenHash(a x509.SignatureAlgorithm) bool {
	switch a {
	case x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1:
		return true
	}
	return false
}

// maxResponders bounds the certificates that are looked at in a response.
const maxResponders = 8

// verify follows RFC 6960, Section 4.2.2.2: a response is signed by the issuer,
// for which nil is returned, or by a responder that the issuer entitled. Whether the
// responder's certificate was revoked is not checked.
func (b *basicResponse) verify(issuer *x509.Certificate) (*x509.Certificate, error) {
	why := errors.New("it is signed by a responder whose certificate is not in the response")
	if b.by(issuer) {
		if why = b.signedBy(issuer); why == nil {
			return nil, nil
		}
	}
	certs := b.certs
	for range maxResponders {
		var raw cryptobyte.String
		if certs.Empty() || !certs.ReadASN1Element(&raw, asn1.SEQUENCE) {
			break
		}
		c, err := x509.ParseCertificate(raw)
		if err != nil {
			return nil, errResponse
		}
		if !b.by(c) || c.Equal(issuer) {
			continue
		}
		if err := entitled(c, issuer); err != nil {
			return nil, err
		}
		return c, b.signedBy(c)
	}
	return nil, why
}

// by reports whether the response names c as its responder.
func (b *basicResponse) by(c *x509.Certificate) bool {
	if b.key == nil {
		return bytes.Equal(b.name, c.RawSubject)
	}
	bits, ok := keyBits(c)
	sum := sha1.Sum(bits)
	return ok && bytes.Equal(b.key, sum[:])
}

func (b *basicResponse) signedBy(c *x509.Certificate) error {
	if brokenHash(b.algorithm) {
		return errWeakResponse
	}
	if c.CheckSignature(b.algorithm, b.tbs, b.signature) != nil {
		return errors.New("its signature does not verify with its responder's key")
	}
	return nil
}

// entitled reports why a responder may not answer for the issuer.
func entitled(signer, issuer *x509.Certificate) error {
	if !slices.Contains(signer.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning) {
		return errors.New("it is signed by a certificate without the extended key usage for OCSP signing")
	}
	if len(signer.UnhandledCriticalExtensions) > 0 {
		return errors.New("its responder's certificate has a critical extension that is not supported")
	}
	if signer.CheckSignatureFrom(issuer) != nil {
		return errors.New("it is signed by a responder that the certificate's issuer did not authorize")
	}
	return checkKey(signer)
}

// find takes the answer about c. One about the same number of another issuer is none. There are
// several if responders name the issuer by several hashes.
func (r *response) find(answers cryptobyte.String, c, issuer *x509.Certificate) error {
	found, same := false, false
	for !answers.Empty() {
		var one, id cryptobyte.String
		if !answers.ReadASN1(&one, asn1.SEQUENCE) || !one.ReadASN1(&id, asn1.SEQUENCE) {
			return errResponse
		}
		about, number := matchesID(id, c, issuer)
		if !about {
			same = same || number
			continue
		}
		answer := response{signer: r.signer}
		if err := answer.read(one); err != nil {
			return err
		}
		if found {
			answer = r.and(answer)
		}
		found, *r = true, answer
	}
	switch {
	case found:
		return nil
	case same:
		return errors.New("it is for a certificate of another issuer")
	}
	return errors.New("it is for another certificate")
}

// and returns what two answers about one certificate state together. One that revokes it decides,
// for good rather than on hold, and one that does not know it is no reason to accept it. Of two
// that agree, the earlier dates count.
func (r response) and(other response) response {
	if r.weight() < other.weight() {
		r, other = other, r
	}
	if r.weight() > other.weight() {
		return r
	}
	if other.thisUpdate.Before(r.thisUpdate) {
		r.thisUpdate = other.thisUpdate
	}
	if r.nextUpdate.IsZero() || !other.nextUpdate.IsZero() && other.nextUpdate.Before(r.nextUpdate) {
		r.nextUpdate = other.nextUpdate
	}
	return r
}

// weight orders answers: the higher, the worse for the certificate.
func (r response) weight() int {
	switch {
	case r.permanent():
		return 3
	case r.status == RevocationRevoked:
		return 2
	case r.status == RevocationUnknown:
		return 1
	}
	return 0
}

// permanent reports whether the certificate is revoked, and not only on hold.
func (r response) permanent() bool {
	return r.status == RevocationRevoked && r.reason != certificateHold && r.reason != removeFromCRL
}

// read reads a SingleResponse from its status on.
func (r *response) read(one cryptobyte.String) error {
	var status, next, extensions cryptobyte.String
	var tag asn1.Tag
	var hasNext, extended bool
	if !one.ReadAnyASN1(&status, &tag) || !one.ReadASN1GeneralizedTime(&r.thisUpdate) || !one.ReadOptionalASN1(&next, &hasNext, explicit(0)) ||
		!one.ReadOptionalASN1(&extensions, &extended, explicit(1)) || !one.Empty() || hasNext && !next.ReadASN1GeneralizedTime(&r.nextUpdate) {
		return errResponse
	}
	if extended {
		var list cryptobyte.String
		if !extensions.ReadASN1(&list, asn1.SEQUENCE) {
			return errResponse
		}
		if _, err := findExtension(list, ""); err != nil {
			return err
		}
	}
	switch tag {
	case asn1.Tag(0).ContextSpecific():
		r.status = RevocationGood
	case explicit(1):
		r.status = RevocationRevoked
		var reason cryptobyte.String
		var given bool
		if !status.ReadASN1GeneralizedTime(&r.revoked) || !status.ReadOptionalASN1(&reason, &given, explicit(0)) || given && !reason.ReadASN1Enum(&r.reason) {
			return errResponse
		}
	case asn1.Tag(2).ContextSpecific():
		r.status = RevocationUnknown
	default:
		return errResponse
	}
	return nil
}

// findExtension returns the value of an extension, or nil. One that is critical
// and another than that is an error: it may change what the answer means.
func findExtension(list cryptobyte.String, want string) (value cryptobyte.String, err error) {
	for !list.Empty() {
		var one, oid, content cryptobyte.String
		critical := false
		if !list.ReadASN1(&one, asn1.SEQUENCE) || !one.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) ||
			one.PeekASN1Tag(asn1.BOOLEAN) && !one.ReadASN1Boolean(&critical) || !one.ReadASN1(&content, asn1.OCTET_STRING) {
			return nil, errResponse
		}
		switch {
		case string(oid) == want:
			value = content
		case critical:
			return nil, errors.New("it has a critical extension that is not supported")
		}
	}
	return value, nil
}

// findNonce returns the nonce among the extensions of a response (RFC 9654).
func findNonce(list cryptobyte.String) ([]byte, error) {
	value, err := findExtension(list, oidNonce)
	if err != nil || value == nil {
		return nil, err
	}
	var nonce cryptobyte.String
	if whole := value; whole.ReadASN1(&nonce, asn1.OCTET_STRING) && whole.Empty() {
		return bytes.Clone(nonce), nil
	}
	return bytes.Clone(value), nil // some responders do not wrap it
}
