package tunnel

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/admit"
	"github.com/sealsock/sealsock/trust"
)

// networks are IP networks, and words for addresses that are none.
type networks struct {
	any, unix bool
	list      []netip.Prefix
}

func parseNetworks(all []string) (n networks, err error) {
	for _, text := range all {
		switch text {
		case "any":
			n.any = true
		case "unix":
			n.unix = true
		default:
			p, err := parseNetwork(text)
			if err != nil {
				return n, err
			}
			n.list = append(n.list, p)
		}
	}
	return n, nil
}

// contain reports whether an address is in one of the networks.
func (n *networks) contain(a net.Addr) bool {
	if n.any {
		return true
	}
	if _, ok := a.(*net.UnixAddr); ok {
		return n.unix
	}
	ip := admit.AddressOf(a)
	for _, p := range n.list {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}

// A refusal is why a client is not served: a word for metrics, a text, and an alert.
type refusal struct {
	reason string
	text   string
	alert  iana.Alert
}

func (r *refusal) Error() string     { return r.text }
func (r *refusal) Alert() iana.Alert { return r.alert }

// peerRules are rules about the peer's certificate.
type peerRules struct {
	rules []peerRule
	all   bool
}

// A peerRule is a PeerRule with its pins parsed.
type peerRule struct {
	PeerRule
	pins []trust.Pin
}

func newPeerRules(all []PeerRule, every bool) (*peerRules, error) {
	r := &peerRules{all: every}
	for _, rule := range all {
		p := peerRule{PeerRule: rule}
		for _, text := range rule.Pin {
			pin, err := trust.ParsePin(text)
			if err != nil {
				return nil, err
			}
			p.pins = append(p.pins, pin)
		}
		r.rules = append(r.rules, p)
	}
	return r, nil
}

// verify is a Config.VerifyConnection. It also judges resumed sessions, by the certificate
// that began them.
func (r *peerRules) verify(c *sealsock.Conn) error {
	leaf, err := leafOf(c)
	if err != nil {
		return err
	}
	if leaf == nil {
		return &refusal{"peer", "the peer has shown no certificate, which the rules of peer are about",
			iana.AlertAccessDenied}
	}
	if !r.allow(leaf) {
		return &refusal{"peer", fmt.Sprintf("no rule of peer accepts the certificate of %q",
			leaf.Subject), iana.AlertAccessDenied}
	}
	return nil
}

// leafOf is the peer's certificate, or nil. On a resumed connection it is that of the session.
func leafOf(c *sealsock.Conn) (*x509.Certificate, error) {
	if p := c.Peer(); p != nil {
		return p.Leaf, nil
	}
	if certs := c.ConnectionState().PeerCertificates; len(certs) > 0 {
		return certs[0], nil
	}
	return nil, nil
}

func (r *peerRules) allow(leaf *x509.Certificate) bool {
	for i := range r.rules {
		if holds := r.rules[i].holds(leaf); holds != r.all {
			return holds
		}
	}
	return r.all
}

// holds reports whether each list of the rule has an entry that holds.
func (p *peerRule) holds(leaf *x509.Certificate) bool {
	uris := make([]string, len(leaf.URIs))
	for i, u := range leaf.URIs {
		uris[i] = u.String()
	}
	if len(p.pins) > 0 && !containsPin(p.pins, trust.PinOf(leaf)) {
		return false
	}
	for _, c := range []struct {
		patterns, values []string
		separator        byte
		fold             bool
	}{
		{p.CN, []string{leaf.Subject.CommonName}, 0, false},
		{p.OU, leaf.Subject.OrganizationalUnit, 0, false},
		{p.DNS, leaf.DNSNames, '.', true},
		{p.URI, uris, '/', false},
		{p.Issuer, []string{leaf.Issuer.CommonName}, 0, false},
	} {
		if len(c.patterns) > 0 && !anyMatches(c.patterns, c.values, c.separator, c.fold) {
			return false
		}
	}
	return true
}

func containsPin(all []trust.Pin, pin trust.Pin) bool {
	for _, p := range all {
		if p == pin {
			return true
		}
	}
	return false
}

func anyMatches(patterns, values []string, separator byte, fold bool) bool {
	for _, p := range patterns {
		for _, v := range values {
			if fold {
				p, v = strings.ToLower(p), strings.ToLower(v)
			}
			if v != "" && matchPattern(p, v, separator) {
				return true
			}
		}
	}
	return false
}

// matchPattern reports whether a text matches a pattern, in which "*" stands for any text
// without the separator. With the separator "/", "/**" at the end stands for anything below.
// A certificate for "*.example.com" has no star of its own: what is matched is its text. Its
// time is the product of the lengths, which are bounded.
func matchPattern(pattern, text string, separator byte) bool {
	if above, ok := strings.CutSuffix(pattern, "/**"); ok && separator == '/' {
		return matchBelow(above, text)
	}
	p, t, star, from := 0, 0, -1, 0
	for t < len(text) {
		next := byte(0)
		if p < len(pattern) {
			next = pattern[p]
		}
		switch {
		case next == '*':
			star, from = p, t
			p++
		case next == text[t] && next != 0:
			p++
			t++
		case star >= 0 && (separator == 0 || text[from] != separator):
			from++
			p, t = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// matchBelow reports whether a part of text in front of a slash matches, and text has more.
func matchBelow(above, text string) bool {
	for i := range len(text) {
		if text[i] == '/' && i+1 < len(text) && matchPattern(above, text[:i], '/') {
			return true
		}
	}
	return false
}

// matchName reports whether the name that a client asks for matches one of a route.
func matchName(patterns []string, name string) bool {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	for _, p := range patterns {
		p = strings.ToLower(p)
		if p == name {
			return true
		}
		if suffix, ok := strings.CutPrefix(p, "*."); ok {
			label, rest, _ := strings.Cut(name, ".")
			if label != "" && rest == suffix {
				return true
			}
		}
	}
	return false
}

// reasonOf is a word for metrics.
func reasonOf(err error) string {
	var r *refusal
	if errors.As(err, &r) {
		return r.reason
	}
	return "handshake"
}
