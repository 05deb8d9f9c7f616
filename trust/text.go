package trust

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"strconv"
	"strings"
	"time"
)

// maxShown bounds what of a peer's own text goes into a message.
const maxShown = 120

// quote makes text from a peer harmless: quoted, control characters escaped,
// and no longer than a line.
func quote(s string) string {
	if len(s) > maxShown {
		s = strings.ToValidUTF8(s[:maxShown], "") + "…"
	}
	return strconv.Quote(s)
}

// plain is an address as it is, or quoted if it has anything in it that an
// address has not.
func plain(address string) string {
	if quoted := quote(address); quoted != `"`+address+`"` {
		return quoted
	}
	return address
}

// quoteName renders a distinguished name.
func quoteName(n pkix.Name) string {
	if text := n.String(); text != "" {
		return quote(text)
	}
	return "an empty name"
}

// describe names a certificate as its owner would: by its subject, or by the
// first name it has.
func describe(c *x509.Certificate) string {
	switch {
	case c.Subject.CommonName != "":
		return quote(c.Subject.CommonName)
	case len(c.DNSNames) > 0:
		return quote(c.DNSNames[0])
	case len(c.IPAddresses) > 0:
		return quote(c.IPAddresses[0].String())
	case c.Subject.String() != "":
		return quote(c.Subject.String())
	}
	return "with serial " + serial(c)
}

func serial(c *x509.Certificate) string {
	if c.SerialNumber == nil {
		return "unknown"
	}
	return c.SerialNumber.Text(16)
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// namesOf lists the names a certificate is valid for, as many as fit a line.
func namesOf(c *x509.Certificate) string {
	var names []string
	for _, n := range c.DNSNames {
		names = append(names, quote(n))
	}
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	for _, n := range c.EmailAddresses {
		names = append(names, quote(n))
	}
	for _, u := range c.URIs {
		names = append(names, quote(u.String()))
	}
	switch {
	case len(names) == 0:
		return "no name"
	case len(names) > 8:
		names = append(names[:8], sprintf("%d more", len(names)-8))
	}
	return strings.Join(names, ", ")
}
