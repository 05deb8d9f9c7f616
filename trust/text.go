package trust

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"strings"

	"github.com/sealsock/sealsock/internal/certtext"
)

// plain is an address as it is, or quoted if it has anything in it that an
// address has not.
func plain(address string) string {
	if quoted := certtext.Quote(address); quoted != `"`+address+`"` {
		return quoted
	}
	return address
}

// quoteName renders a distinguished name.
func quoteName(n pkix.Name) string {
	if text := n.String(); text != "" {
		return certtext.Quote(text)
	}
	return "an empty name"
}

// namesOf lists the names a certificate is valid for, as many as fit a line.
func namesOf(c *x509.Certificate) string {
	var names []string
	for _, n := range c.DNSNames {
		names = append(names, certtext.Quote(n))
	}
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	for _, n := range c.EmailAddresses {
		names = append(names, certtext.Quote(n))
	}
	for _, u := range c.URIs {
		names = append(names, certtext.Quote(u.String()))
	}
	switch {
	case len(names) == 0:
		return "no name"
	case len(names) > 8:
		names = append(names[:8], sprintf("%d more", len(names)-8))
	}
	return strings.Join(names, ", ")
}
