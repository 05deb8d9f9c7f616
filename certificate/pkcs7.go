package certificate

import (
	stdasn1 "encoding/asn1"
	"errors"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// oidSignedData is the content type of a message that carries certificates and lists.
// RFC 5652, Section 5.1.
var oidSignedData = stdasn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}

var (
	errNoPKCS7  = errors.New("not PKCS#7")
	errBadPKCS7 = errors.New("a PKCS#7 file that is not in DER, or is damaged")
)

// readPKCS7 returns the certificates and revocation lists of a PKCS#7 file. What was signed
// and by whom is not decoded: a file that carries certificates has neither.
//
//	SignedData ::= SEQUENCE {
//	    version, digestAlgorithms, encapContentInfo,
//	    certificates [0] IMPLICIT CertificateSet OPTIONAL,
//	    crls [1] IMPLICIT RevocationInfoChoices OPTIONAL,
//	    signerInfos }
func readPKCS7(der []byte) ([]Item, error) {
	input := cryptobyte.String(der)
	var info cryptobyte.String
	var oid stdasn1.ObjectIdentifier
	if !input.ReadASN1(&info, asn1.SEQUENCE) || !info.ReadASN1ObjectIdentifier(&oid) ||
		!oid.Equal(oidSignedData) {
		return nil, errNoPKCS7
	}
	certificates, lists, ok := signedData(info)
	if !ok {
		return nil, errBadPKCS7
	}
	items, err := elements(nil, certificates, KindCertificate)
	if err == nil {
		items, err = elements(items, lists, KindList)
	}
	if err == nil && len(items) == 0 {
		err = errors.New("a PKCS#7 file without certificates and revocation lists")
	}
	return items, err
}

// signedData returns the two sets of a SignedData.
func signedData(info cryptobyte.String) (certificates, lists cryptobyte.String, ok bool) {
	tag := func(n asn1.Tag) asn1.Tag { return n.Constructed().ContextSpecific() }
	var explicit, signed cryptobyte.String
	var some bool
	ok = info.ReadASN1(&explicit, tag(0)) && explicit.ReadASN1(&signed, asn1.SEQUENCE) &&
		signed.SkipASN1(asn1.INTEGER) && signed.SkipASN1(asn1.SET) &&
		signed.SkipASN1(asn1.SEQUENCE) &&
		signed.ReadOptionalASN1(&certificates, &some, tag(0)) &&
		signed.ReadOptionalASN1(&lists, &some, tag(1))
	return certificates, lists, ok
}

// elements appends an item for each element of a set.
func elements(items []Item, set cryptobyte.String, kind Kind) ([]Item, error) {
	for !set.Empty() && len(items) < maxItems {
		var element cryptobyte.String
		var tag asn1.Tag
		if !set.ReadAnyASN1Element(&element, &tag) {
			return nil, errBadPKCS7
		}
		item := Item{Kind: kind}
		var err error
		switch {
		case tag != asn1.SEQUENCE: // other forms of certificates: RFC 5652, Section 10.2.2
			item.Kind, item.Note = KindOther, "neither an X.509 certificate nor a revocation list"
		case kind == KindCertificate:
			item.Certificate, err = Parse(element)
		default:
			item.List, err = ParseRevocationList(element)
		}
		if err != nil {
			item.Note = err.Error()
		}
		items = append(items, item)
	}
	return items, nil
}
