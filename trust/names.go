package trust

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/sealsock/sealsock/internal/certtext"
	"github.com/sealsock/sealsock/internal/linked"
	"github.com/sealsock/sealsock/internal/suffix"
)

// MatchName reports whether a certificate is valid for name, a DNS name or an IP
// address. The error, an [*Error], lists the names it has.
//
// Only subject alternative names count (RFC 9525, Section 6.3). DNS names are
// compared without regard to case or a trailing dot; a name in Unicode is
// first turned into A-labels by the rules for look-ups (UTS 46, RFC 5891). A
// wildcard must be the whole left-most label, stands for exactly one label,
// and does not match right below a public suffix ("*.com", "*.co.uk"). An IP
// address, with or without brackets, is compared with IP addresses only, byte
// by byte; a zone is ignored.
//
// A name in Unicode needs package trust/idn, without which it is an error.
func MatchName(c *x509.Certificate, name string) error {
	if c == nil {
		return fmt.Errorf("trust: the certificate is nil: %w", os.ErrInvalid)
	}
	_, err := matchName(c, name)
	return err
}

// checkName checks the peer's name against the leaf's names and sets result.Name.
func (p *Policy) checkName(peer *Peer, result *Result) error {
	if p.AnyName || (peer.Name == "" && !peer.Server) {
		return nil
	}
	if peer.Name == "" {
		return &Error{Code: CodeNoName, Certificate: result.Leaf,
			Hint: "set the expected name, or accept any name explicitly"}
	}
	name, err := matchName(result.Leaf, peer.Name)
	if err != nil && p.CommonName && commonNameMatches(result, name) {
		err = nil
	}
	if err != nil {
		return publicName(peer, err)
	}
	result.Name = name
	return nil
}

// publicName sets the code and the hint of err if the refused name is the public name of ECH.
func publicName(peer *Peer, err error) error {
	var e *Error
	if peer.ECHRejected && errors.As(err, &e) {
		e.Code = CodePublicName
		e.Hint = "the server rejected Encrypted ClientHello and cannot prove its public name: " +
			"the configuration may be out of date, or for another server"
	}
	return err
}

// matchName returns the name in the form in which it was compared.
func matchName(c *x509.Certificate, name string) (string, error) {
	if addr, ok := parseAddr(strings.TrimSuffix(name, ".")); ok {
		for _, ip := range c.IPAddresses {
			// Sixteen bytes that stand for an IPv4 address are none: name
			// constraints hold them against IPv6 networks.
			if have, ok := netip.AddrFromSlice(ip); ok && have == addr {
				return addr.String(), nil
			}
		}
		return addr.String(), nameError(c, name)
	}
	host, err := asciiHost(name)
	if err != nil {
		return "", &Error{Code: CodeNoName, Certificate: c, Got: certtext.Quote(name), Err: err,
			Hint: "give a DNS name or an IP address"}
	}
	for _, pattern := range c.DNSNames {
		if matchPattern(pattern, host) {
			return host, nil
		}
	}
	return host, nameError(c, name)
}

// parseAddr reads an IP address with or without brackets, and drops its zone.
func parseAddr(name string) (netip.Addr, bool) {
	if strings.HasPrefix(name, "[") && strings.HasSuffix(name, "]") {
		name = name[1 : len(name)-1]
	}
	if n := len(name); n == 0 || name[n-1] > '9' && !strings.Contains(name, ":") {
		return netip.Addr{}, false // as for most names, without the error of ParseAddr
	}
	addr, err := netip.ParseAddr(name)
	if err != nil {
		return netip.Addr{}, false
	}
	return addr.WithZone("").Unmap(), true
}

// asciiHost returns name in lower-case A-labels without a trailing dot.
func asciiHost(name string) (string, error) {
	name = strings.TrimSuffix(name, ".")
	if plainHost(name) {
		return name, nil
	}
	if linked.ToASCII != nil {
		ascii, err := linked.ToASCII(name)
		if err == nil && validLabels(ascii) {
			return ascii, nil
		}
	} else if !isASCII(name) {
		return "", errUnicode
	}
	// Names with an underscore are no host names, yet they exist.
	lower := strings.ToLower(name)
	if plain := strings.ReplaceAll(lower, "_", "-"); plainHost(plain) ||
		linked.ToASCII == nil && plainHost(strings.ReplaceAll(plain, "xn--", "xn-")) {
		return lower, nil
	}
	return "", errNoHostName
}

var (
	errNoHostName = errors.New("neither a DNS name nor an IP address")
	errUnicode    = errors.New("the name is not ASCII, and the program has no tables of Unicode: " +
		`import _ "github.com/sealsock/sealsock/trust/idn"`)
)

// validLabels checks what the IDNA rules leave to the DNS (RFC 1035, Section
// 2.3.4): no empty label, and lengths.
func validLabels(name string) bool {
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 {
			return false
		}
	}
	return len(name) <= 253
}

// plainHost reports whether name is in the form that nearly all names have, so
// that they need no tables: lower-case letters, digits, single dots, and
// hyphens except where an A-label could begin.
func plainHost(name string) bool {
	if len(name) > 253 {
		return false
	}
	start := 0 // in one pass: each handshake looks at several names
	for i := range len(name) {
		switch c := name[i]; {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '-':
		case c == '.' && plainLabel(name[start:i]):
			start = i + 1
		default:
			return false
		}
	}
	return plainLabel(name[start:])
}

// plainLabel reports whether a label of plain characters can stand in a plain host.
func plainLabel(label string) bool {
	return label != "" && len(label) <= 63 && !strings.HasPrefix(label, "xn--")
}

// matchPattern compares a name of a certificate with host, which is in lower
// case and has no trailing dot.
func matchPattern(pattern, host string) bool {
	pattern = strings.TrimSuffix(pattern, ".")
	if len(pattern) > 253 || !isASCII(pattern) {
		return false
	}
	rest, wild := strings.CutPrefix(pattern, "*.")
	if !wild {
		return pattern != "" && !strings.Contains(pattern, "*") && strings.EqualFold(pattern, host)
	}
	label, below, ok := strings.Cut(host, ".")
	if !ok || label == "" || strings.Contains(rest, "*") || !strings.EqualFold(rest, below) {
		return false
	}
	// RFC 9525, Section 6.3, lets a wildcard stand for any one label; one below
	// a public suffix would match the names of unrelated owners.
	return !suffix.Public(below)
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// commonNameMatches compares the subject's common name, if the certificate has no
// other name and no authority above it has name constraints: constraints do not apply
// to common names, so a common name could evade them.
func commonNameMatches(result *Result, host string) bool {
	leaf := result.Leaf
	if host == "" || len(leaf.DNSNames)+len(leaf.IPAddresses) > 0 {
		return false
	}
	for _, chain := range result.Chains {
		if slices.ContainsFunc(chain, hasNameConstraints) {
			return false
		}
	}
	cn := leaf.Subject.CommonName
	if addr, ok := parseAddr(cn); ok {
		return addr.String() == host
	}
	return matchPattern(cn, host)
}

func hasNames(c *x509.Certificate) bool {
	return len(c.DNSNames)+len(c.IPAddresses)+len(c.EmailAddresses)+len(c.URIs) > 0
}

func nameError(c *x509.Certificate, name string) error {
	e := &Error{Code: CodeNameMismatch, Certificate: c, Expected: certtext.Quote(name), Got: namesOf(c), host: name}
	switch {
	case !hasNames(c) && c.Subject.CommonName != "":
		e.Hint = "it has only the common name " + certtext.Quote(c.Subject.CommonName) +
			", which is ignored: ask for a certificate with a subject alternative name"
	case !hasNames(c):
		e.Hint = "ask for a certificate with a subject alternative name"
	default:
		e.Hint = "connect to one of these names, or set the expected name"
	}
	return e
}
