package identity

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/sealsock/sealsock/internal/certtext"
	"github.com/sealsock/sealsock/internal/pubkey"
)

// loader gathers what files hold.
type loader struct {
	ask      func(string) ([]byte, error)
	askFile  string // what ask reads; empty for none
	certs    []*x509.Certificate
	certFile string
	key      crypto.Signer
	notes    []string
}

func newLoader(options []Option) *loader {
	l := &loader{}
	for _, o := range options {
		o(l)
	}
	return l
}

func (l *loader) note(format string, args ...any) {
	l.notes = append(l.notes, fmt.Sprintf(format, args...))
}

// maxCertificates bounds a chain. TLS peers accept some ten.
const maxCertificates = 64

func (l *loader) addCertificate(der []byte, file string) error {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return certificateError(file, len(l.certs)+1, err)
	}
	return l.addParsed(c, file)
}

// addParsed refuses a certificate whose key takes seconds to verify a signature:
// putting a chain in order does that.
func (l *loader) addParsed(c *x509.Certificate, file string) error {
	if pubkey.TooCostly(certtext.Key(c)) {
		return checkUsable(certtext.Key(c), file)
	}
	if len(l.certs) == maxCertificates {
		return &Error{Code: CodeBrokenChain, File: file, Detail: "more than 64 certificates",
			Hint: "the file looks like a bundle of roots: provide only the leaf certificate and its intermediates"}
	}
	l.certs = append(l.certs, c)
	return nil
}

func certificateError(file string, number int, err error) error {
	if strings.Contains(err.Error(), "unsupported elliptic curve") {
		return curveError(file, "")
	}
	return &Error{Code: CodeMalformedCertificate, File: file, Detail: fmt.Sprintf("certificate %d", number), Err: err,
		Hint: "download the certificate again, in PEM"}
}

// loadCertificates reads the chain, and the key too if a PKCS#12 file brings
// both.
func (l *loader) loadCertificates(data []byte, file string) error {
	l.certFile = file
	data = plainText(data)
	if len(bytes.TrimSpace(data)) == 0 {
		return &Error{Code: CodeEmpty, File: file, Hint: "write the certificate into it, in PEM"}
	}
	if !bytes.Contains(data, pemBegin) {
		return l.certificatesDER(data, file)
	}
	all, err := blocks(data, file)
	if err != nil {
		return err
	}
	for _, b := range all {
		switch b.Type {
		case "CERTIFICATE", "X509 CERTIFICATE":
			err = l.addCertificate(b.Bytes, file)
		case "TRUSTED CERTIFICATE":
			err = l.addCertificate(firstElement(b.Bytes), file)
		}
		if err != nil {
			return err
		}
	}
	if len(l.certs) == 0 {
		return noCertificate(all, file)
	}
	return nil
}

// noCertificate names what a certificate file holds instead.
func noCertificate(all []*pem.Block, file string) error {
	e := &Error{Code: CodeNoCertificate, File: file, Hint: "name the file whose first line is -----BEGIN CERTIFICATE-----"}
	for _, b := range all {
		switch {
		case isPrivate(b.Type):
			e.Detail = "it holds a private key"
			e.Hint = "use this file as the key: certificate and key may have been swapped"
		case strings.HasSuffix(b.Type, "CERTIFICATE REQUEST"):
			e.Detail = "it holds a certificate request"
			e.Hint = "send the request to an authority, and use the certificate that it issues"
		case b.Type == "PKCS7" || b.Type == "CMS":
			e.Detail = "it holds a PKCS#7 bundle"
			e.Hint = "convert it: openssl pkcs7 -print_certs -in FILE -out chain.pem"
		default:
			e.Detail = "it holds " + certtext.Quote(b.Type)
			continue
		}
		break
	}
	return e
}

func isPrivate(label string) bool { return strings.HasSuffix(label, "PRIVATE KEY") }

// certificatesDER reads one or more certificates in DER, or PKCS#12.
func (l *loader) certificatesDER(data []byte, file string) error {
	if err := foreign(data, file); err != nil {
		return err
	}
	if isPKCS12(data) {
		return l.loadPKCS12(data, file)
	}
	rest := cryptobyte.String(data)
	for !rest.Empty() {
		var one cryptobyte.String
		if !rest.ReadASN1Element(&one, asn1.SEQUENCE) {
			return unknownFormat(data, file, "a certificate")
		}
		if len(l.certs) == 0 {
			if _, err := parsePrivate(one, file); err == nil {
				return &Error{Code: CodeNoCertificate, File: file, Detail: "it holds a private key in DER",
					Hint: "use this file as the key: certificate and key may have been swapped"}
			}
		}
		if err := l.addCertificate(one, file); err != nil {
			return err
		}
	}
	return nil
}

func unknownFormat(data []byte, file, wanted string) error {
	e := &Error{Code: CodeUnknownFormat, File: file, Hint: "give " + wanted + " in PEM, which is text that begins with -----BEGIN"}
	if data[0] == 0x30 {
		e.Detail = "it begins like DER but is truncated or has trailing data"
	}
	return e
}

func firstElement(der []byte) []byte {
	s := cryptobyte.String(der)
	var first cryptobyte.String
	if !s.ReadASN1Element(&first, asn1.SEQUENCE) {
		return der
	}
	return first
}

// order puts the certificate of key first and after each the one that signed
// it, and notes what it moved or dropped.
func (l *loader) order(key crypto.PublicKey, keyFile string) ([]*x509.Certificate, error) {
	leaf := -1
	for i, c := range l.certs {
		if sameKey(certtext.Key(c), key) {
			leaf = i
			break
		}
	}
	if leaf < 0 {
		return nil, l.mismatch(key, keyFile)
	}
	if leaf > 0 {
		l.note("the certificate of %s was number %d in its file and is used as the first, because the key belongs to it",
			certtext.Describe(l.certs[leaf]), leaf+1)
	}
	chain := []*x509.Certificate{l.certs[leaf]}
	used := map[int]bool{leaf: true}
	moved := false
	for last := chain[0]; !certtext.SelfIssued(last); last = chain[len(chain)-1] {
		next := l.issuerOf(last, used)
		if next < 0 {
			break
		}
		moved = moved || (leaf == 0 && next != len(chain))
		used[next] = true
		chain = append(chain, l.certs[next])
	}
	if moved {
		l.note("the chain was not in order and was reordered: each certificate follows the one it signed")
	}
	for i, c := range l.certs {
		if !used[i] && !sameAsAny(c, chain) {
			l.note("the certificate of %s was left out, because it signed none of the others", certtext.Describe(c))
		}
	}
	return chain, nil
}

func sameAsAny(c *x509.Certificate, chain []*x509.Certificate) bool {
	for _, other := range chain {
		if c.Equal(other) {
			return true
		}
	}
	return false
}

func (l *loader) issuerOf(c *x509.Certificate, used map[int]bool) int {
	for i, candidate := range l.certs {
		if !used[i] && bytes.Equal(candidate.RawSubject, c.RawIssuer) && c.CheckSignatureFrom(candidate) == nil {
			return i
		}
	}
	return -1
}

func (l *loader) mismatch(key crypto.PublicKey, keyFile string) error {
	leaf := l.certs[0]
	detail := fmt.Sprintf("the key is %s, the certificate of %s has %s", keyID(key), certtext.Describe(leaf), keyID(certtext.Key(leaf)))
	if keyFile == "" {
		keyFile = "the given key"
	}
	return &Error{Code: CodeMismatch, File: keyFile, Detail: detail,
		Hint: "use the key of this certificate, or request a certificate for this key"}
}
