package trust

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/sealsock/sealsock/internal/certtext"
)

// strictRule is one rule of RFC 5280 that certificates in use break without
// harm, and that only a strict policy enforces. It returns what is wrong with
// a certificate, or "".
type strictRule func(c *x509.Certificate, place place) string

// place is where in a path a certificate stands.
type place struct {
	leaf bool // it is the first
	last bool // it is the trust anchor
}

var strictRules = []strictRule{
	strictVersion, strictSerial, strictNames, strictAuthority, strictSigning, strictKeyIDs, strictCritical, strictAlternative,
	strictConstraints,
}

// checkStrict holds a path against the profile of RFC 5280, as OpenSSL does
// under X509_V_FLAG_X509_STRICT.
func checkStrict(chain []*x509.Certificate) error {
	for i, c := range chain {
		at := place{leaf: i == 0, last: i == len(chain)-1}
		for _, rule := range strictRules {
			if wrong := rule(c, at); wrong != "" {
				return &Error{Code: CodeStrict, Certificate: c, Got: wrong,
					Hint: "ask its authority for a certificate that follows RFC 5280, or disable strict checking"}
			}
		}
	}
	return nil
}

// Section 4.1.2.1: extensions need version 3, and an authority needs them.
func strictVersion(c *x509.Certificate, at place) string {
	if c.Version != 3 && (len(c.Extensions) > 0 || !at.leaf) {
		return sprintf("version %d where extensions need version 3", c.Version)
	}
	return ""
}

// Section 4.1.2.2: positive, and at most 20 octets. An anchor's own number is not
// used.
func strictSerial(c *x509.Certificate, at place) string {
	if !at.last && (c.SerialNumber.Sign() <= 0 || c.SerialNumber.BitLen() > 159) {
		return "a serial number that is not positive or longer than 20 octets"
	}
	return ""
}

// Sections 4.1.2.4 and 4.1.2.6: an issuer has a name, and so has an authority.
func strictNames(c *x509.Certificate, at place) string {
	empty := []byte{0x30, 0}
	switch {
	case bytes.Equal(c.RawIssuer, empty):
		return "no issuer name"
	case bytes.Equal(c.RawSubject, empty) && !at.leaf:
		return "an authority without a subject name"
	}
	return ""
}

// Sections 4.2.1.3 and 4.2.1.9: what an authority must have.
func strictAuthority(c *x509.Certificate, at place) string {
	if at.leaf {
		return ""
	}
	basic := extension(c, oidBasicConstraints)
	switch {
	case basic == nil || !c.IsCA:
		return "an authority without basic constraints"
	case !basic.Critical:
		return "basic constraints of an authority that are not critical"
	case extension(c, oidKeyUsage) == nil:
		return "an authority without key usage"
	}
	return ""
}

// Sections 4.2.1.3 and 4.2.1.9: who may sign certificates is an authority, and
// a path length is for those who may.
func strictSigning(c *x509.Certificate, _ place) string {
	signs := c.KeyUsage&x509.KeyUsageCertSign != 0
	hasPathLen := c.BasicConstraintsValid && (c.MaxPathLen > 0 || c.MaxPathLenZero)
	switch {
	case signs && !c.IsCA:
		return "a key usage for signing certificates in a certificate that is not an authority's"
	case c.IsCA && extension(c, oidKeyUsage) != nil && !signs:
		return "an authority whose key usage does not allow signing certificates"
	case hasPathLen && !c.IsCA:
		return "a path length in a certificate that is not an authority's"
	case hasNameConstraints(c) && !c.IsCA:
		return "name constraints in a certificate that is not an authority's"
	}
	return ""
}

// Sections 4.2.1.1 and 4.2.1.2: an authority has a key identifier, and what it
// signs points to it.
func strictKeyIDs(c *x509.Certificate, at place) string {
	switch {
	case !at.leaf && len(c.SubjectKeyId) == 0:
		return "an authority without a subject key identifier"
	case len(c.AuthorityKeyId) == 0 && !selfSigned(c):
		return "no authority key identifier"
	}
	return ""
}

// Sections 4.2.1.1, 4.2.1.2, 4.2.1.10, 4.2.1.11, 4.2.1.14 and 4.2.2.1: which
// extensions are critical.
func strictCritical(c *x509.Certificate, _ place) string {
	for _, e := range c.Extensions {
		for _, rule := range criticality {
			if e.Id.Equal(rule.oid) && e.Critical != rule.critical {
				if rule.critical {
					return rule.name + " that are not critical"
				}
				return rule.name + " that is critical"
			}
		}
	}
	return ""
}

var criticality = []struct {
	oid      []int
	name     string
	critical bool
}{
	{[]int{2, 5, 29, 35}, "an authority key identifier", false},
	{[]int{2, 5, 29, 14}, "a subject key identifier", false},
	{[]int{1, 3, 6, 1, 5, 5, 7, 1, 1}, "an authority information access", false},
	{oidNameConstraints, "name constraints", true},
	{[]int{2, 5, 29, 36}, "policy constraints", true},
	{[]int{2, 5, 29, 54}, "restrictions on any-policy", true},
}

// Section 4.2.1.6: alternative names are critical if there is no other name,
// and are DNS names in the preferred syntax.
func strictAlternative(c *x509.Certificate, _ place) string {
	alternative := extension(c, oidSubjectAltName)
	if bytes.Equal(c.RawSubject, []byte{0x30, 0}) {
		if alternative == nil {
			return "neither a subject nor an alternative name"
		}
		if !alternative.Critical {
			return "an empty subject with alternative names that are not critical"
		}
	}
	for _, name := range c.DNSNames {
		if host := strings.TrimPrefix(strings.ToLower(name), "*."); !preferredSyntax(host) {
			return "the DNS name " + certtext.Quote(name) + ", which is not in the preferred syntax"
		}
	}
	return ""
}

// Section 4.2.1.10: a constraint on DNS names is a name, and stands for all names below
// it. Only one on URIs or e-mail addresses may begin with a period.
func strictConstraints(c *x509.Certificate, _ place) string {
	for _, list := range [][]string{c.PermittedDNSDomains, c.ExcludedDNSDomains} {
		for _, domain := range list {
			if strings.HasPrefix(domain, ".") {
				return "the constraint " + certtext.Quote(domain) + " on DNS names, which begins with a period"
			}
		}
	}
	return ""
}

// preferredSyntax is RFC 1034, Section 3.5, with digits in front as RFC 1123
// allows.
func preferredSyntax(host string) bool {
	if !validLabels(host) {
		return false
	}
	for label := range strings.SplitSeq(host, ".") {
		if strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
	}
	return true
}

var (
	oidBasicConstraints = []int{2, 5, 29, 19}
	oidKeyUsage         = []int{2, 5, 29, 15}
	oidExtKeyUsage      = []int{2, 5, 29, 37}
	oidSubjectAltName   = []int{2, 5, 29, 17}
	oidNameConstraints  = []int{2, 5, 29, 30}
)

func extension(c *x509.Certificate, oid []int) *pkix.Extension {
	for i := range c.Extensions {
		if c.Extensions[i].Id.Equal(oid) {
			return &c.Extensions[i]
		}
	}
	return nil
}

func hasNameConstraints(c *x509.Certificate) bool { return extension(c, oidNameConstraints) != nil }

// usableForNothing reports whether a certificate lists its extended uses and
// lists none, which crypto/x509 takes for no list (RFC 5280, Section 4.2.1.12:
// SIZE (1..MAX)).
func usableForNothing(c *x509.Certificate) bool {
	if len(c.ExtKeyUsage)+len(c.UnknownExtKeyUsage) > 0 {
		return false
	}
	e := extension(c, oidExtKeyUsage)
	if e == nil {
		return false
	}
	value := cryptobyte.String(e.Value)
	var list cryptobyte.String
	return !value.ReadASN1(&list, asn1.SEQUENCE) || list.Empty()
}
