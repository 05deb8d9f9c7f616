package trust

import (
	"crypto/x509"
	"errors"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// trustSettings are OpenSSL's settings of a root, from a block TRUSTED CERTIFICATE:
// the uses that it is trusted for and those that it is rejected for. Distributions
// list roots that they distrust in this form.
//
//	X509_CERT_AUX ::= SEQUENCE {
//	    trust   SEQUENCE OF OBJECT IDENTIFIER OPTIONAL,
//	    reject  [0] IMPLICIT SEQUENCE OF OBJECT IDENTIFIER OPTIONAL,
//	    alias   UTF8String OPTIONAL,
//	    keyid   OCTET STRING OPTIONAL,
//	    other   [1] IMPLICIT SEQUENCE OF AlgorithmIdentifier OPTIONAL }
type trustSettings struct {
	raw      string
	trusted  []string // object identifiers in DER; nil: any use that is not rejected
	rejected []string
}

// The uses that settings name, as object identifiers in DER.
const (
	useServer = "\x2b\x06\x01\x05\x05\x07\x03\x01"
	useClient = "\x2b\x06\x01\x05\x05\x07\x03\x02"
	useAny    = "\x55\x1d\x25\x00"
)

// parseTrusted splits a block TRUSTED CERTIFICATE into the certificate and its
// settings, which are nil if there are none. Settings that cannot be read are an
// error, and become settings that reject each use: they may reject the certificate, and
// the same certificate may stand in another file.
func parseTrusted(block []byte) (der []byte, settings *trustSettings, err error) {
	in := cryptobyte.String(block)
	var first cryptobyte.String
	if !in.ReadASN1Element(&first, asn1.SEQUENCE) {
		return nil, nil, errors.New("a trusted certificate cannot be read")
	}
	if in.Empty() {
		return first, nil, nil
	}
	s := &trustSettings{raw: string(in)}
	if !s.parse(in) {
		s = &trustSettings{raw: string(in), rejected: []string{useAny}}
		return first, s, errors.New("the settings of a trusted certificate cannot be read")
	}
	return first, s, nil
}

// signedPart returns what is signed of a certificate. Settings are known by it, since a
// peer can change the rest: if (r, s) is an ECDSA signature, so is (r, -s).
func signedPart(der []byte) string {
	in := cryptobyte.String(der)
	var body, signed cryptobyte.String
	if !in.ReadASN1(&body, asn1.SEQUENCE) || !body.ReadASN1Element(&signed, asn1.SEQUENCE) {
		return string(der)
	}
	return string(signed)
}

func (s *trustSettings) parse(in cryptobyte.String) bool {
	var body, list cryptobyte.String
	var present bool
	if !in.ReadASN1(&body, asn1.SEQUENCE) || !in.Empty() ||
		!body.ReadOptionalASN1(&list, &present, asn1.SEQUENCE) {
		return false
	}
	if present {
		s.trusted = []string{}
	}
	if !readUses(&s.trusted, list) || !body.ReadOptionalASN1(&list, &present, explicit(0)) {
		return false
	}
	if present && !readUses(&s.rejected, list) {
		return false
	}
	return body.SkipOptionalASN1(asn1.UTF8String) && body.SkipOptionalASN1(asn1.OCTET_STRING) &&
		body.SkipOptionalASN1(explicit(1)) && body.Empty()
}

func readUses(uses *[]string, list cryptobyte.String) bool {
	for !list.Empty() {
		var oid cryptobyte.String
		if !list.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) {
			return false
		}
		*uses = append(*uses, string(oid))
	}
	return true
}

// allows decides as OpenSSL does for a use: what is rejected is refused, and if
// something is trusted, nothing else is. Any use stands for each.
func (s *trustSettings) allows(use string) bool {
	named := func(u string) bool { return u == use || u == useAny }
	return !slices.ContainsFunc(s.rejected, named) &&
		(s.trusted == nil || slices.ContainsFunc(s.trusted, named))
}

// uses are the uses that a root must be allowed for. Under PurposeAny a peer may
// come in either role, so that a root which is rejected for one is refused.
func (p Purpose) uses() []string {
	switch p {
	case PurposeServer:
		return []string{useServer}
	case PurposeClient:
		return []string{useClient}
	}
	return []string{useServer, useClient}
}

// checkSettings refuses a path through a certificate that the settings among the
// roots refuse for the purpose, wherever in the path it stands and whether it came
// from the roots or from the peer. If a certificate was added more than once, all
// its settings hold.
func (s *rootSet) checkSettings(chain []*x509.Certificate, purpose Purpose) error {
	for _, c := range chain {
		for _, settings := range s.settings[string(c.RawTBSCertificate)] {
			for _, use := range purpose.uses() {
				if settings.allows(use) {
					continue
				}
				return &Error{Code: CodeDistrusted, Certificate: c,
					Hint: "its settings (openssl x509 -text, Trusted Uses and Rejected Uses) do not allow " +
						"this use; ask who distributes the roots"}
			}
		}
	}
	return nil
}

// trusts reports whether settings trust c for the purpose expressly, which makes it
// the end of a path though it is not self-signed, as in OpenSSL.
func (s *rootSet) trusts(c *x509.Certificate, purpose Purpose) bool {
	all := s.settings[string(c.RawTBSCertificate)]
	return slices.ContainsFunc(all, func(t *trustSettings) bool { return len(t.trusted) > 0 }) &&
		s.checkSettings([]*x509.Certificate{c}, purpose) == nil
}
