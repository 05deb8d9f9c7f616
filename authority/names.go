package authority

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// LocalNames returns the domains and networks that an authority may vouch for
// unless it is made otherwise: names that RFC 6761, RFC 6762, RFC 8375 and
// ICANN keep for local use, those that home routers use, this machine's own
// name, and addresses that are not routed on the Internet.
func LocalNames() []string {
	names := []string{
		"localhost", "local", "internal", "lan", "home.arpa", "localdomain", "test",
		"127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10",
		"::1/128", "fc00::/7", "fe80::/10",
	}
	if host, err := os.Hostname(); err == nil {
		host = strings.ToLower(strings.TrimSuffix(host, "."))
		if _, err := netip.ParseAddr(host); err != nil && plainDNS(host) {
			names = append(names, host)
		}
	}
	return names
}

// constraints are the names that an authority may vouch for.
type constraints struct {
	any      bool
	domains  []string
	networks []*net.IPNet
}

// permittedNames reads the options.
func permittedNames(o Options) (constraints, error) {
	if o.AnyName {
		return constraints{any: true}, nil
	}
	var c constraints
	for _, name := range append(LocalNames(), o.Names...) {
		if prefix, err := netip.ParsePrefix(name); err == nil {
			c.networks = append(c.networks, network(prefix))
			continue
		}
		if addr, err := netip.ParseAddr(name); err == nil {
			c.networks = append(c.networks, network(netip.PrefixFrom(addr, addr.BitLen())))
			continue
		}
		domain, err := dnsName(strings.TrimPrefix(name, "*."))
		if err != nil {
			return c, err
		}
		c.domains = append(c.domains, domain)
	}
	return c, nil
}

// constraintsOf reads them back from an authority's certificate.
func constraintsOf(c *x509.Certificate) constraints {
	if len(c.PermittedDNSDomains)+len(c.PermittedIPRanges) == 0 {
		return constraints{any: true}
	}
	return constraints{domains: c.PermittedDNSDomains, networks: c.PermittedIPRanges}
}

func (c constraints) apply(t *x509.Certificate) {
	if c.any {
		return
	}
	t.PermittedDNSDomainsCritical = true
	t.PermittedDNSDomains = c.domains
	t.PermittedIPRanges = c.networks
}

// check refuses names that peers would refuse. Constraints are on DNS names
// and addresses only: e-mail addresses and URIs are for clients, which the
// server at the other end knows by name anyway.
func (c constraints) check(n names) error {
	if c.any {
		return nil
	}
	for _, dns := range n.dns {
		if !c.permitsDNS(dns) {
			return fmt.Errorf("this authority may not issue for %q, which is not a local name: "+
				"create one with that domain among its names, or for any name", dns)
		}
	}
	for _, ip := range n.ips {
		if !c.permitsIP(ip) {
			return fmt.Errorf("this authority may not issue for %s, which is not a local address: "+
				"create one with that address among its names, or for any name", ip)
		}
	}
	return nil
}

func (c constraints) permitsDNS(name string) bool {
	name = strings.TrimPrefix(name, "*.")
	for _, d := range c.domains {
		if name == d || strings.HasSuffix(name, "."+d) {
			return true
		}
	}
	return false
}

func (c constraints) permitsIP(ip net.IP) bool {
	for _, n := range c.networks {
		if n.Contains(ip) {
			return true
		}
	}
	return false
}

func network(p netip.Prefix) *net.IPNet {
	p = p.Masked()
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

// names are those of one leaf, by kind.
type names struct {
	dns   []string
	ips   []net.IP
	mails []string
	uris  []*url.URL
	plain string // a name that is none of these, for a client's subject
}

// maxNames bounds the names of a leaf; peers refuse certificates with many
// more.
const maxNames = 100

// sortNames tells kinds apart: an address, with or without brackets; a URI, by
// its "://" or "urn:"; an e-mail address, by its "@"; else a DNS name. A client
// may also have one plain name, such as "alice" or "Build Machine 3"; if it is a
// server too, a name that can be one of the DNS is.
func sortNames(all []string, client, server bool) (names, error) {
	var n names
	if len(all) > maxNames {
		return n, fmt.Errorf("%d names are too many for one certificate: at most %d", len(all), maxNames)
	}
	for _, name := range all {
		if err := n.add(strings.TrimSpace(name), client, server); err != nil {
			return n, err
		}
	}
	n.dns = withoutTwins(n.dns)
	n.ips = slices.CompactFunc(slices.SortedFunc(slices.Values(n.ips), func(a, b net.IP) int { return bytes.Compare(a, b) }), net.IP.Equal)
	n.mails = withoutTwins(n.mails)
	return n, nil
}

// withoutTwins drops what comes again and keeps the order: the first name is
// the one that people see.
func withoutTwins(all []string) []string {
	var kept []string
	for _, s := range all {
		if !slices.Contains(kept, s) {
			kept = append(kept, s)
		}
	}
	return kept
}

func (n *names) add(name string, client, server bool) error {
	if name == "" {
		return fmt.Errorf("a name must not be empty")
	}
	bare := strings.TrimSuffix(strings.TrimPrefix(name, "["), "]")
	if addr, err := netip.ParseAddr(bare); err == nil {
		n.ips = append(n.ips, addr.WithZone("").Unmap().AsSlice())
		return nil
	}
	if strings.Contains(name, "://") || strings.HasPrefix(name, "urn:") {
		u, err := url.Parse(name)
		if err != nil || u.Scheme == "" {
			return fmt.Errorf("%q is not a URI", name)
		}
		n.uris = append(n.uris, u)
		return nil
	}
	if strings.Contains(name, "@") {
		address, err := mail.ParseAddress(name)
		if err != nil || address.Address != name {
			return fmt.Errorf("%q is not an e-mail address", name)
		}
		n.mails = append(n.mails, name)
		return nil
	}
	dns, err := dnsName(name)
	if client && (err != nil || !server && !strings.Contains(dns, ".")) {
		return n.setPlain(name)
	}
	if err != nil {
		return err
	}
	n.dns = append(n.dns, dns)
	return nil
}

func (n *names) setPlain(name string) error {
	switch {
	case n.plain != "":
		return fmt.Errorf("a client can have only one common name: both %q and %q were given", n.plain, name)
	case len(name) > maxCommonName:
		return fmt.Errorf("%q is longer than the 64 characters that a common name may have", name)
	}
	n.plain = name
	return printable(name)
}

// printable refuses a name for a subject that a terminal or a log does not show
// as it is: one with a control character, with a space other than " ", or with
// an invisible character of Unicode, such as those that reverse what follows.
func printable(name string) error {
	if !utf8.ValidString(name) {
		return fmt.Errorf("the name %q is not UTF-8", name)
	}
	for _, r := range name {
		if !unicode.IsPrint(r) {
			return fmt.Errorf("the name %q has the invisible character %U: remove it", name, r)
		}
	}
	return nil
}

func (n *names) empty() bool {
	return len(n.dns)+len(n.ips)+len(n.mails)+len(n.uris) == 0 && n.plain == ""
}

// maxCommonName is the upper bound of X.520 (RFC 5280, Appendix A.1).
const maxCommonName = 64

// commonName picks the name that people see in lists. It is no bare address:
// OpenSSL takes one for a DNS name there and holds it against the constraints.
func (n *names) commonName() string {
	var all []string
	all = append(all, n.plain)
	all = append(all, n.dns...)
	for _, ip := range n.ips {
		all = append(all, "address "+ip.String())
	}
	all = append(all, n.mails...)
	for _, name := range all {
		if name != "" && len(name) <= maxCommonName {
			return name
		}
	}
	return ""
}

func (n *names) list() []string {
	var all []string
	if n.plain != "" {
		all = append(all, n.plain)
	}
	all = append(all, n.dns...)
	for _, ip := range n.ips {
		all = append(all, ip.String())
	}
	all = append(all, n.mails...)
	for _, u := range n.uris {
		all = append(all, u.String())
	}
	return all
}

// dnsName returns a name, which may begin with a wildcard, in lower-case
// A-labels.
func dnsName(name string) (string, error) {
	name = strings.TrimSuffix(name, ".")
	rest, wild := strings.CutPrefix(name, "*.")
	ascii := strings.ToLower(rest)
	if !plainDNS(ascii) {
		var err error
		if ascii, err = idna.Lookup.ToASCII(rest); err != nil || !plainDNS(ascii) {
			return "", fmt.Errorf("%q is neither a DNS name nor an address, e-mail address or URI", name)
		}
	}
	if wild {
		return "*." + ascii, nil
	}
	return ascii, nil
}

// plainDNS reports whether name is a host name in lower case, underscores
// included.
func plainDNS(name string) bool {
	if name == "" || len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		if strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return true
}
