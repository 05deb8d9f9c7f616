package certificate

import (
	"crypto/sha1" //nolint:gosec // a fingerprint that other programs still show
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/sealsock/sealsock/internal/certtext"
	"github.com/sealsock/sealsock/internal/pubkey"
)

// Certificate is a decoded X.509 certificate (RFC 5280). Its slices are its
// own.
type Certificate struct {
	Version            int         `json:"version"`
	Serial             string      `json:"serial"` // hexadecimal, upper case, with a minus sign if negative
	SignatureAlgorithm Algorithm   `json:"signature_algorithm"`
	Issuer             Name        `json:"issuer"`
	NotBefore          time.Time   `json:"not_before"`
	NotAfter           time.Time   `json:"not_after"`
	Subject            Name        `json:"subject"`
	Key                PublicKey   `json:"key"`
	Extensions         []Extension `json:"extensions,omitempty"`
	Signature          []byte      `json:"-"`
	SHA256             string      `json:"sha256"` // of the whole, hexadecimal
	SHA1               string      `json:"sha1"`
	SelfIssued         bool        `json:"self_issued"`
	Details
	// Problems lists violations of RFC 5280 and signs of an attack, one line
	// each.
	Problems []string `json:"problems,omitempty"`
	// Raw is the certificate in DER.
	Raw []byte `json:"-"`
}

// Details holds the decoded contents of the well-known extensions.
type Details struct {
	AlternativeNames   []GeneralName     `json:"alternative_names,omitempty"`
	IssuerAlternatives []GeneralName     `json:"issuer_alternative_names,omitempty"`
	BasicConstraints   *BasicConstraints `json:"basic_constraints,omitempty"`
	KeyUsage           []string          `json:"key_usage,omitempty"`
	ExtendedKeyUsage   []Object          `json:"extended_key_usage,omitempty"`
	SubjectKeyID       string            `json:"subject_key_id,omitempty"` // hexadecimal
	AuthorityKeyID     *AuthorityKeyID   `json:"authority_key_id,omitempty"`
	OCSP               []string          `json:"ocsp,omitempty"`
	CAIssuers          []string          `json:"ca_issuers,omitempty"`
	CRLPoints          []CRLPoint        `json:"crl_points,omitempty"`
	FreshestCRL        []CRLPoint        `json:"freshest_crl,omitempty"`
	Policies           []Policy          `json:"policies,omitempty"`
	NameConstraints    *NameConstraints  `json:"name_constraints,omitempty"`
	SCTs               []SCT             `json:"scts,omitempty"`
	MustStaple         bool              `json:"must_staple,omitempty"` // RFC 7633
}

// Algorithm is an algorithm identifier.
type Algorithm struct {
	OID        string `json:"oid"`
	Name       string `json:"name,omitempty"`
	Parameters string `json:"parameters,omitempty"` // hexadecimal DER, if they are not NULL
}

// Object is an object identifier with its usual name.
type Object struct {
	OID  string `json:"oid"`
	Name string `json:"name,omitempty"`
}

// Extension is one extension as encoded in the certificate. Well-known
// extensions are also decoded in Details.
type Extension struct {
	Object
	Critical bool   `json:"critical"`
	Value    string `json:"value"` // hexadecimal DER
}

// MaxSize bounds what Parse reads, in bytes. Real certificates have 1 to 8 KiB.
const MaxSize = 1 << 20

var errMalformed = errors.New("not a certificate: its outer structure cannot be read")

// Parse decodes a certificate in DER. It returns an error only if the outer
// structure is malformed. Errors inside the fields are reported in Problems.
func Parse(der []byte) (*Certificate, error) {
	if len(der) > MaxSize {
		return nil, fmt.Errorf("not a certificate: %d bytes are more than 1 MiB", len(der))
	}
	in := cryptobyte.String(der)
	var whole, outer, tbs, algorithm cryptobyte.String
	var signature cryptobyte.String
	if !in.ReadASN1Element(&whole, asn1.SEQUENCE) {
		return nil, errMalformed
	}
	c := &Certificate{Raw: append([]byte(nil), whole...)}
	if !in.Empty() {
		c.problem("%d bytes follow the certificate", len(in))
	}
	if !whole.ReadASN1(&outer, asn1.SEQUENCE) || !outer.ReadASN1(&tbs, asn1.SEQUENCE) ||
		!outer.ReadASN1(&algorithm, asn1.SEQUENCE) || !outer.ReadASN1(&signature, asn1.BIT_STRING) {
		return nil, errMalformed
	}
	if len(signature) > 0 {
		c.Signature = append([]byte(nil), signature[1:]...)
	}
	c.SignatureAlgorithm = c.algorithm(algorithm)
	if err := c.parseBody(tbs); err != nil {
		return nil, err
	}
	sum, old := sha256.Sum256(c.Raw), sha1.Sum(c.Raw)
	c.SHA256, c.SHA1 = hex.EncodeToString(sum[:]), hex.EncodeToString(old[:])
	c.checkOddities()
	return c, nil
}

// maxProblems bounds the list, because a hostile certificate can cause
// arbitrarily many entries.
const maxProblems = 64

func (c *Certificate) problem(format string, args ...any) {
	if len(c.Problems) < maxProblems {
		c.Problems = append(c.Problems, fmt.Sprintf(format, args...))
	}
}

// parseBody reads the TBSCertificate (RFC 5280, Section 4.1).
func (c *Certificate) parseBody(tbs cryptobyte.String) error {
	var version, serial, algorithm, issuer, validity, subject, key cryptobyte.String
	var hasVersion bool
	c.Version = 1
	if !tbs.ReadOptionalASN1(&version, &hasVersion, asn1.Tag(0).ContextSpecific().Constructed()) {
		return errMalformed
	}
	if hasVersion && !version.ReadASN1Integer(&c.Version) {
		return errMalformed
	} else if hasVersion {
		c.Version++
	}
	if !tbs.ReadASN1(&serial, asn1.INTEGER) || !tbs.ReadASN1(&algorithm, asn1.SEQUENCE) || !tbs.ReadASN1Element(&issuer, asn1.SEQUENCE) ||
		!tbs.ReadASN1(&validity, asn1.SEQUENCE) || !tbs.ReadASN1Element(&subject, asn1.SEQUENCE) || !tbs.ReadASN1Element(&key, asn1.SEQUENCE) {
		return errMalformed
	}
	c.Serial = c.serial(serial)
	if inner := c.algorithm(algorithm); inner != c.SignatureAlgorithm {
		c.problem("the signature algorithm is %s inside and %s outside", inner.text(), c.SignatureAlgorithm.text())
	}
	c.Issuer, c.Subject = c.name(issuer, "issuer"), c.name(subject, "subject")
	c.SelfIssued = string(issuer) == string(subject)
	c.NotBefore, c.NotAfter = c.time(&validity, "first"), c.time(&validity, "last")
	c.Key = c.publicKey(key)
	c.parseRest(tbs)
	return nil
}

// parseRest reads the unique identifiers and the extensions.
func (c *Certificate) parseRest(tbs cryptobyte.String) {
	for _, number := range []uint8{1, 2} {
		if tbs.PeekASN1Tag(asn1.Tag(number).ContextSpecific()) {
			tbs.SkipASN1(asn1.Tag(number).ContextSpecific())
			c.problem("a unique identifier, which RFC 5280 does not allow")
		}
	}
	var extensions, list cryptobyte.String
	var present bool
	if !tbs.ReadOptionalASN1(&extensions, &present, asn1.Tag(3).ContextSpecific().Constructed()) || !tbs.Empty() {
		c.problem("malformed data after the key")
		return
	}
	if present && !extensions.ReadASN1(&list, asn1.SEQUENCE) {
		c.problem("the extensions cannot be read")
		return
	}
	c.extensions(list)
}

// serial decodes a number in two's complement, of any length that fits.
func (c *Certificate) serial(content []byte) string {
	if len(content) == 0 {
		c.problem("an empty serial number")
		return ""
	}
	n := new(big.Int).SetBytes(content)
	if content[0]&0x80 != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(len(content))*8))
	}
	switch {
	case n.Sign() <= 0:
		c.problem("a serial number that is not positive")
	case len(content) > 20:
		c.problem("a serial number of %d octets, more than 20", len(content))
	}
	if len(content) > 64 {
		return strings.ToUpper(hex.EncodeToString(content[:64])) + "…"
	}
	text := strings.ToUpper(n.Text(16))
	if digits := strings.TrimPrefix(text, "-"); len(digits)%2 == 1 {
		text = strings.Replace(text, digits, "0"+digits, 1)
	}
	return text
}

func (c *Certificate) algorithm(s cryptobyte.String) Algorithm {
	var oid cryptobyte.String
	if !s.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) {
		c.problem("an algorithm that cannot be read")
		return Algorithm{}
	}
	a := Algorithm{OID: oidText(oid)}
	a.Name = algorithmNames[a.OID]
	if len(s) > 0 && string(s) != "\x05\x00" {
		a.Parameters = hexText(s)
	}
	return a
}

func (a Algorithm) text() string {
	if a.Name != "" {
		return a.Name
	}
	return a.OID
}

// time reads a UTCTime or GeneralizedTime. RFC 5280, Section 4.1.2.5, requires
// whole seconds in UTC; other forms are accepted and reported as a problem.
func (c *Certificate) time(s *cryptobyte.String, which string) time.Time {
	var value cryptobyte.String
	var tag asn1.Tag
	if !s.ReadAnyASN1(&value, &tag) {
		c.problem("the %s date cannot be read", which)
		return time.Time{}
	}
	layouts := []string{"20060102150405Z0700", "20060102150405.999999999Z0700", "200601021504Z0700"}
	text := string(value)
	if tag == asn1.UTCTime {
		layouts = []string{"060102150405Z0700", "0601021504Z0700"}
	}
	for i, layout := range layouts {
		t, err := time.Parse(layout, text)
		if err != nil {
			continue
		}
		if i > 0 || !strings.HasSuffix(text, "Z") {
			c.problem("the %s date is written as %s", which, certtext.Quote(text))
		}
		if tag == asn1.UTCTime && t.Year() >= 2050 {
			t = t.AddDate(-100, 0, 0) // RFC 5280, Section 4.1.2.5.1
		}
		return certtext.Encodable(t)
	}
	c.problem("the %s date %s cannot be read", which, certtext.Quote(text))
	return time.Time{}
}

// checkOddities checks the consistency of fields with each other.
func (c *Certificate) checkOddities() {
	if c.NotAfter.Before(c.NotBefore) {
		c.problem("notAfter is before notBefore")
	}
	if c.Version > 3 || c.Version < 1 {
		c.problem("version %d does not exist", c.Version)
	}
	if c.Version < 3 && len(c.Extensions) > 0 {
		c.problem("extensions, which version %d does not have", c.Version)
	}
	if len(c.Subject) == 0 && len(c.AlternativeNames) == 0 {
		c.problem("neither a subject nor an alternative name")
	}
	switch c.SignatureAlgorithm.Name {
	case "md2WithRSAEncryption", "md5WithRSAEncryption", "sha1WithRSAEncryption", "ecdsa-with-SHA1", "dsa-with-sha1":
		c.problem("it is signed with a broken hash (%s)", c.SignatureAlgorithm.Name)
	}
	if strings.HasPrefix(c.Key.Algorithm, "RSA") && c.Key.Bits > 0 && c.Key.Bits < pubkey.MinRSABits {
		c.problem("an RSA key of %d bits is too small", c.Key.Bits)
	}
}
