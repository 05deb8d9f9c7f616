// Package certtext puts what certificates contain into messages for people: what an
// issuer or a peer wrote is quoted and cut, so that it cannot forge a line.
package certtext

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"strconv"
	"strings"
	"time"

	"github.com/sealsock/sealsock/internal/pss"
)

// maxShown bounds how much of a peer's own text a message shows, in bytes.
const maxShown = 120

// Quote quotes text from a peer or a file: control characters are escaped, and no more
// than a line of it is shown.
func Quote(s string) string {
	if len(s) > maxShown {
		s = strings.ToValidUTF8(s[:maxShown], "") + "…"
	}
	return strconv.Quote(s)
}

// Time formats a time to the second, in UTC.
func Time(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// Encodable returns a time that JSON can have: in UTC, and of the years 0 to 9999 (RFC 3339,
// Section 5.6). A certificate can have others, by its zone, and a timestamp by its size; package
// json then encodes nothing of what they are in.
func Encodable(t time.Time) time.Time {
	first := time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)
	last := time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	switch {
	case t.Before(first):
		return first
	case t.After(last):
		return last
	}
	return t.UTC()
}

// Describe names a certificate as its owner would: by its subject, or by the first name
// that it has.
func Describe(c *x509.Certificate) string {
	switch {
	case c.Subject.CommonName != "":
		return Quote(c.Subject.CommonName)
	case len(c.DNSNames) > 0:
		return Quote(c.DNSNames[0])
	case len(c.IPAddresses) > 0:
		return Quote(c.IPAddresses[0].String())
	case c.Subject.String() != "":
		return Quote(c.Subject.String())
	}
	return "with serial " + Serial(c)
}

// Serial returns the serial number in hexadecimal.
func Serial(c *x509.Certificate) string {
	if c.SerialNumber == nil {
		return "unknown"
	}
	return c.SerialNumber.Text(16)
}

// SelfIssued reports whether a certificate names itself as its issuer.
func SelfIssued(c *x509.Certificate) bool { return bytes.Equal(c.RawSubject, c.RawIssuer) }

// Key returns a certificate's key, also an RSA key that is bound to PSS, which
// crypto/x509 does not read, or nil. Only a leaf can have one of those: crypto/x509 does
// not verify what such a key signed.
func Key(c *x509.Certificate) crypto.PublicKey {
	if c.PublicKey != nil {
		return c.PublicKey
	}
	if key, ok := pss.ParsePublicKey(c.RawSubjectPublicKeyInfo); ok {
		return key
	}
	return nil
}
