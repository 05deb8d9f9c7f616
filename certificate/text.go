package certificate

import (
	"fmt"
	"strings"
	"time"

	"github.com/sealsock/sealsock/internal/certtext"
)

// writer formats text in two columns.
type writer struct {
	strings.Builder
	indent string
}

func (w *writer) line(label, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if text == "" {
		return
	}
	fmt.Fprintf(&w.Builder, "%s%-14s %s\n", w.indent, label, text)
}

// maxLines is the number of entries of a list that are shown.
const maxLines = 50

func list[T any](w *writer, label string, all []T, text func(T) string) {
	for i, one := range all {
		if i == maxLines {
			w.line("", "and %d more", len(all)-i)
			return
		}
		if i > 0 {
			label = ""
		}
		w.line(label, "%s", text(one))
	}
}

// Text returns a description of the item for display, in lines that end with a
// line feed. Control characters from the certificate are escaped.
func (i Item) Text() string {
	switch {
	case i.Certificate != nil:
		return i.Certificate.Text(time.Now())
	case i.Request != nil:
		return i.Request.Text()
	case i.List != nil:
		return i.List.Text(time.Now())
	case i.Key != nil:
		return i.Key.text(string(i.Kind))
	}
	w := &writer{}
	w.line(string(i.Kind), "%s", i.Note)
	return w.String()
}

// Text returns a description of the certificate for display. Validity is judged
// at the time now.
func (c *Certificate) Text(now time.Time) string {
	if c == nil {
		return ""
	}
	w := &writer{}
	w.line("certificate", "%s", c.title())
	w.indent = "  "
	w.line("subject", "%s", orNone(c.Subject.String()))
	w.line("issuer", "%s%s", orNone(c.Issuer.String()), selfText(c.SelfIssued))
	w.line("serial", "%s", c.Serial)
	w.line("valid from", "%s", certtext.Time(c.NotBefore))
	w.line("valid until", "%s, %s", certtext.Time(c.NotAfter), validity(c.NotBefore, c.NotAfter, now))
	w.line("key", "%s", c.Key)
	w.line("signature", "%s", c.SignatureAlgorithm.text())
	w.details(&c.Details)
	list(w, "extension", c.unknownExtensions(), Extension.String)
	w.line("pin", "%s", c.Key.Pin)
	w.line("sha-256", "%s", c.SHA256)
	w.line("sha-1", "%s", c.SHA1)
	list(w, "problem", c.Problems, func(s string) string { return s })
	return w.String()
}

func (c *Certificate) title() string {
	if cn := c.Subject.Get("commonName"); len(cn) > 0 {
		return certtext.Quote(cn[0])
	}
	if len(c.AlternativeNames) > 0 {
		return c.AlternativeNames[0].String()
	}
	return "without a name"
}

func orNone(text string) string {
	if text == "" {
		return "(empty)"
	}
	return text
}

func selfText(self bool) string {
	if self {
		return " (itself)"
	}
	return ""
}

// validity describes whether a certificate is valid at a time.
func validity(from, to, now time.Time) string {
	days := func(d time.Duration) string {
		if d < 48*time.Hour {
			return fmt.Sprintf("%d hours", int(d.Hours()))
		}
		return fmt.Sprintf("%d days", int(d.Hours()/24))
	}
	switch {
	case now.Before(from):
		return "not valid yet: " + days(from.Sub(now)) + " to go"
	case now.After(to):
		return "expired " + days(now.Sub(to)) + " ago"
	}
	return days(to.Sub(now)) + " left"
}

func (w *writer) details(d *Details) {
	list(w, "names", d.AlternativeNames, GeneralName.String)
	if b := d.BasicConstraints; b != nil && b.Authority {
		if b.PathLen != nil {
			w.line("authority", "yes, with at most %d authorities below", *b.PathLen)
		} else {
			w.line("authority", "yes")
		}
	}
	w.line("key usage", "%s", strings.Join(d.KeyUsage, ", "))
	var uses []string
	for _, u := range d.ExtendedKeyUsage {
		uses = append(uses, u.text())
	}
	w.line("purposes", "%s", strings.Join(uses, ", "))
	if n := d.NameConstraints; n != nil {
		list(w, "permitted", n.Permitted, GeneralName.String)
		list(w, "excluded", n.Excluded, GeneralName.String)
	}
	list(w, "policy", d.Policies, Policy.String)
	w.line("subject key", "%s", d.SubjectKeyID)
	if d.AuthorityKeyID != nil {
		w.line("issuer key", "%s", d.AuthorityKeyID.KeyID)
	}
	list(w, "ocsp", d.OCSP, escape)
	list(w, "issuer at", d.CAIssuers, escape)
	list(w, "crl", d.CRLPoints, CRLPoint.String)
	list(w, "delta crl", d.FreshestCRL, CRLPoint.String)
	if d.MustStaple {
		w.line("must staple", "yes")
	}
	list(w, "logged", d.SCTs, func(s SCT) string { return certtext.Time(s.Time) + " in " + s.LogID })
}

// String formats a distribution point on one line.
func (p CRLPoint) String() string {
	var parts []string
	for _, g := range p.Names {
		parts = append(parts, g.String())
	}
	if p.Relative != "" {
		parts = append(parts, "relative "+p.Relative)
	}
	if len(p.Reasons) > 0 {
		parts = append(parts, "for "+strings.Join(p.Reasons, ", "))
	}
	for _, g := range p.Issuer {
		parts = append(parts, "signed by "+g.String())
	}
	return strings.Join(parts, "; ")
}

// String writes a policy with its qualifiers.
func (p Policy) String() string {
	text := p.text()
	if p.Name != "" {
		text += " (" + p.OID + ")"
	}
	for _, q := range append(append([]string(nil), p.CPS...), p.Notices...) {
		text += ", " + escape(q)
	}
	return text
}

// String writes an extension that has no line of its own.
func (e Extension) String() string {
	value := e.Value
	if len(value) > 80 {
		value = value[:80] + "…"
	}
	if e.Critical {
		return e.text() + " (critical) " + value
	}
	return e.text() + " " + value
}

func (c *Certificate) unknownExtensions() []Extension {
	var unknown []Extension
	for _, e := range c.Extensions {
		if decoders[e.OID] == nil {
			unknown = append(unknown, e)
		}
	}
	return unknown
}

// Text returns a description of the request for display.
func (r *Request) Text() string {
	if r == nil {
		return ""
	}
	w := &writer{}
	w.line("request", "%s", orNone(r.Subject.String()))
	w.indent = "  "
	w.line("key", "%s", r.Key)
	w.line("signature", "%s", r.SignatureAlgorithm.text())
	w.details(&r.Details)
	w.line("pin", "%s", r.Key.Pin)
	w.line("sha-256", "%s", r.SHA256)
	list(w, "problem", r.Problems, func(s string) string { return s })
	return w.String()
}

// Text returns a description of the list for display. Whether it is current is
// judged at the time now.
func (l *RevocationList) Text(now time.Time) string {
	if l == nil {
		return ""
	}
	w := &writer{}
	w.line("crl", "of %s", orNone(l.Issuer.String()))
	w.indent = "  "
	w.line("issued", "%s", certtext.Time(l.ThisUpdate))
	if l.NextUpdate != nil {
		w.line("next", "%s, %s", certtext.Time(*l.NextUpdate), validity(l.ThisUpdate, *l.NextUpdate, now))
	}
	w.line("number", "%s", l.Number)
	w.line("adds to", "%s", l.DeltaBase)
	w.line("issuer key", "%s", l.AuthorityKeyID)
	w.line("signature", "%s", l.SignatureAlgorithm.text())
	w.line("sha-256", "%s", l.SHA256)
	w.line("revoked", "%d certificates", l.Count)
	list(w, "", l.Entries, func(r Revoked) string { return r.Serial + " on " + certtext.Time(r.Time) + " " + r.Reason })
	list(w, "problem", l.Problems, func(s string) string { return s })
	return w.String()
}

func (k *Key) text(kind string) string {
	w := &writer{}
	if k.Encrypted {
		w.line(kind, "encrypted: give the password to decode it")
		return w.String()
	}
	w.line(kind, "%s", k.PublicKey)
	w.indent = "  "
	w.line("pin", "%s", k.Pin)
	return w.String()
}
