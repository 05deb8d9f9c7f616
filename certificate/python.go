package certificate

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/sealsock/sealsock/internal/certtext"
)

// PeerCert returns the certificate in the form of Python's
// ssl.SSLSocket.getpeercert(): the same keys and the same text, with slices in
// place of tuples. Its JSON encoding equals the output of Python's json module.
func (c *Certificate) PeerCert() map[string]any {
	if c == nil {
		return nil
	}
	d := map[string]any{
		"subject":      pythonName(c.Subject),
		"issuer":       pythonName(c.Issuer),
		"version":      c.Version,
		"serialNumber": c.Serial,
		"notBefore":    FormatTime(c.NotBefore),
		"notAfter":     FormatTime(c.NotAfter),
	}
	if len(c.AlternativeNames) > 0 {
		all := make([]any, 0, len(c.AlternativeNames))
		for _, g := range c.AlternativeNames {
			all = append(all, pythonAlternative(g))
		}
		d["subjectAltName"] = all
	}
	if len(c.OCSP) > 0 {
		d["OCSP"] = c.OCSP
	}
	if len(c.CAIssuers) > 0 {
		d["caIssuers"] = c.CAIssuers
	}
	var points []string
	for _, p := range c.CRLPoints {
		for _, g := range p.Names {
			if g.Kind == URI {
				points = append(points, g.Value)
			}
		}
	}
	if len(points) > 0 {
		d["crlDistributionPoints"] = points
	}
	return d
}

func pythonName(n Name) []any {
	out := []any{}
	for _, relative := range n {
		var pairs []any
		for _, a := range relative {
			name := a.Name
			if name == "" {
				name = a.OID
			}
			pairs = append(pairs, []any{name, a.Value})
		}
		out = append(out, pairs)
	}
	return out
}

func pythonAlternative(g GeneralName) []any {
	switch g.Kind {
	case DNSName:
		return []any{"DNS", g.Value}
	case EmailName:
		return []any{"email", g.Value}
	case URI:
		return []any{"URI", g.Value}
	case DirectoryName:
		return []any{"DirName", pythonName(g.Directory)}
	case IPAddress:
		return []any{"IP Address", pythonAddress(g.Value)}
	case RegisteredID:
		return []any{"Registered ID", g.Value}
	case OtherName:
		if prefix := opensslOtherNames[g.Type.OID]; prefix != "" {
			return []any{"othername", prefix + ":" + g.Value}
		}
		return []any{"othername", "<unsupported>"}
	case X400Address:
		return []any{"X400Name", "<unsupported>"}
	}
	return []any{"EdiPartyName", "<unsupported>"}
}

// opensslOtherNames are the other names that OpenSSL, and so Python, can
// write.
var opensslOtherNames = map[string]string{
	"1.3.6.1.4.1.311.20.2.3": "UPN",
	"1.3.6.1.5.5.7.8.5":      "XmppAddr",
	"1.3.6.1.5.5.7.8.7":      "SRVName",
	"1.3.6.1.5.5.7.8.8":      "NAIRealm",
	"1.3.6.1.5.5.7.8.9":      "SmtpUTF8Mailbox",
}

// pythonAddress writes all eight groups of an IPv6 address.
func pythonAddress(text string) string {
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return "<invalid>"
	}
	if addr.Is4() {
		return text
	}
	raw := addr.As16()
	groups := make([]string, 8)
	for i := range groups {
		groups[i] = fmt.Sprintf("%X", uint16(raw[2*i])<<8|uint16(raw[2*i+1]))
	}
	return strings.Join(groups, ":")
}

// FormatTime writes a date as OpenSSL and Python do: "Jan  5 09:34:43 2018 GMT".
func FormatTime(t time.Time) string { return t.UTC().Format("Jan _2 15:04:05 2006") + " GMT" }

// ParseTime reads a date in the form of FormatTime, as Python's
// ssl.cert_time_to_seconds does.
func ParseTime(text string) (time.Time, error) {
	body, ok := strings.CutSuffix(text, " GMT")
	t, err := time.Parse("Jan _2 15:04:05 2006", body)
	if !ok || err != nil {
		return time.Time{}, fmt.Errorf("%s is not a date in the form of a certificate: expected %q", certtext.Quote(text), "Jan  5 09:34:43 2018 GMT")
	}
	return t, nil
}
