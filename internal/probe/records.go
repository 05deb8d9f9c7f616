package probe

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/dns"
)

// Records is what DNS has about the server.
type Records struct {
	TLSA []string `json:"tlsa,omitempty"` // in the form of zone files
	// DANE is "matches" or "no match" if there are TLSA records. RFC 7671.
	DANE string   `json:"dane,omitempty"`
	CAA  []string `json:"caa,omitempty"`  // such as "issue ca.example"
	ALPN []string `json:"alpn,omitempty"` // of the HTTPS record
	// ECH is "accepted" or "refused" if the HTTPS record has a configuration of Encrypted
	// ClientHello: what the server did with a hello that was encrypted with it.
	ECH string `json:"ech,omitempty"`
	// Secure means that the DNS server validated the TLSA records with DNSSEC.
	Secure bool `json:"dnssec"`

	name  string
	port  uint16
	tlsa  []tlsa
	ech   []byte
	https uint16 // the priority of the HTTPS record that ALPN and ech are of
}

// A tlsa is a TLSA record. RFC 6698, Section 2.1.
type tlsa struct {
	usage, selector, matching byte
	data                      []byte
}

// String returns the record in the form of zone files.
func (r tlsa) String() string {
	return fmt.Sprintf("%d %d %d %x", r.usage, r.selector, r.matching, r.data)
}

// records asks DNS, if the target has a name there.
func (p *prober) records(ctx context.Context) {
	name := p.sni
	if p.dns == nil || p.target.Port == 0 || !strings.Contains(name, ".") {
		return
	}
	found := &Records{name: name, port: p.target.Port}
	port := strconv.Itoa(int(p.target.Port))
	https := name
	if port != "443" {
		https = "_" + port + "._https." + name // RFC 9460, Section 2.3
	}
	p.together(
		func() {
			a := p.lookup(ctx, "_"+port+"._tcp."+name, dns.TypeTLSA, found.addTLSA)
			found.Secure = a != nil && a.Secure
		},
		func() {
			// The first name that has records counts, up to the top: RFC 8659, Section 3.
			for owner := name; owner != "" && found.CAA == nil; _, owner, _ = strings.Cut(owner, ".") {
				if p.lookup(ctx, owner, dns.TypeCAA, found.addCAA) == nil {
					return
				}
			}
		},
		func() { p.lookup(ctx, https, dns.TypeHTTPS, found.addHTTPS) },
	)
	p.publishedECH(ctx, found)
	p.note(func(r *Report) { r.Records = found })
}

// lookup passes the records of a name to use. It returns nil if there is no answer.
func (p *prober) lookup(ctx context.Context, owner string, typ dnsmessage.Type,
	use func(dnsmessage.ResourceBody)) *dns.Answer {
	a, err := p.dns.Lookup(ctx, owner, typ)
	if err != nil {
		p.unknown("DNS records of "+owner, err)
		return nil
	}
	for _, r := range a.Records {
		use(r)
	}
	return a
}

func (f *Records) addTLSA(body dnsmessage.ResourceBody) {
	if b := unknown(body); len(b) > 3 {
		record := tlsa{b[0], b[1], b[2], b[3:]}
		if text := record.String(); !slices.Contains(f.TLSA, text) {
			f.tlsa = append(f.tlsa, record)
			f.TLSA = append(f.TLSA, text)
		}
	}
}

// addCAA adds a record of RFC 8659, Section 4.1: flags, the length of a tag, the tag, and a
// value.
func (f *Records) addCAA(body dnsmessage.ResourceBody) {
	if b := unknown(body); len(b) > 2 && len(b) >= 2+int(b[1]) {
		n := 2 + int(b[1])
		f.CAA = append(f.CAA, string(b[2:n])+" "+string(b[n:]))
	}
}

// addHTTPS takes the record that describes a service and that clients prefer: the lowest number.
// RFC 9460, Section 2.4.1; RFC 9848.
func (f *Records) addHTTPS(body dnsmessage.ResourceBody) {
	r, ok := body.(*dnsmessage.HTTPSResource)
	if !ok || r.Priority == 0 || f.https != 0 && f.https <= r.Priority {
		return
	}
	f.https, f.ALPN, f.ech = r.Priority, nil, nil
	port := f.port
	for _, param := range r.Params {
		switch v := param.Value; {
		case param.Key == 1: // alpn
			f.ALPN = alpnOf(v)
		case param.Key == 3 && len(v) == 2:
			port = binary.BigEndian.Uint16(v)
		case param.Key == 5: // ech
			f.ech = v
		}
	}
	if port != f.port || !f.isOwn(r.Target.String()) {
		f.ech = nil // of another server, whose keys this one need not have
	}
}

// alpnOf returns the protocols of a parameter. RFC 9460, Section 7.1.1.
func alpnOf(v []byte) (names []string) {
	for len(v) > 0 && len(v) > int(v[0]) {
		names = append(names, string(v[1:1+int(v[0])]))
		v = v[1+int(v[0]):]
	}
	return names
}

// isOwn reports whether a TargetName is that of the server. RFC 9460, Section 2.5.2.
func (f *Records) isOwn(target string) bool {
	return target == "." || strings.EqualFold(target, f.name+".")
}

func unknown(body dnsmessage.ResourceBody) []byte {
	if r, ok := body.(*dnsmessage.UnknownResource); ok {
		return r.Data
	}
	return nil
}

// publishedECH makes a handshake with the published configuration.
func (p *prober) publishedECH(ctx context.Context, found *Records) {
	if len(found.ech) == 0 {
		return
	}
	s, err := p.shake(ctx, sealsock.Config{ECHConfigs: found.ech, MinVersion: iana.TLS13}, 0)
	switch {
	case s.state.ECHAccepted: // whatever else failed
		found.ECH = "accepted"
	case err != nil && silent(err):
		p.unknown("Encrypted ClientHello", err)
	default:
		found.ECH = "refused"
	}
}

// judgeRecords compares DNS with what the server does.
func (r *Report) judgeRecords(name string) {
	if r.Records == nil {
		return
	}
	if r.Records.ECH == "refused" {
		r.problem("bad", "publish the configuration that the server has",
			"Encrypted ClientHello of the HTTPS record is refused")
	}
	if len(r.Records.tlsa) > 0 && len(r.Certificates) > 0 {
		r.judgeDANE(name)
	}
}

// judgeDANE compares the TLSA records with the certificates: each that the server has must
// match one of them. RFC 7671, Section 5.
func (r *Report) judgeDANE(name string) {
	r.Records.DANE = "matches"
	for _, c := range r.Certificates {
		matches := func(record tlsa) bool { return record.accepts(&c, name) }
		if !slices.ContainsFunc(r.Records.tlsa, matches) {
			r.Records.DANE = "no match"
			r.problem("bad", "publish the hash of the key before you change the key",
				"no TLSA record matches the certificate (%s)", c.Key)
		}
	}
	if !r.Records.Secure {
		r.problem("note", "sign the zone, or ask a DNS server that validates",
			"the TLSA records are not secured by DNSSEC, and have no effect")
	}
}

// maxDANE bounds the certificates of a chain that is verified up to each of them in turn.
const maxDANE = 32

// accepts reports whether the record stands for a chain. Usages 0 and 1 also demand that
// the chain is trusted. RFC 6698, Section 2.1.1.
func (r tlsa) accepts(c *Chain, name string) bool {
	switch r.usage {
	case 0:
		return c.Trusted && slices.ContainsFunc(c.authorities(), r.matches)
	case 1:
		return c.Trusted && r.matches(c.Certificate[0])
	case 2:
		if len(c.Certificate) > maxDANE {
			return false
		}
		for _, authority := range c.Certificate {
			if r.matches(authority) && issues(authority, c.Certificate, name) {
				return true
			}
		}
	case 3: // neither the name nor the dates count: RFC 7671, Section 5.1
		return r.matches(c.Certificate[0])
	}
	return false
}

// authorities returns those of the paths that were verified, with a root that need not be sent,
// or without a path those that were sent.
func (c *Chain) authorities() []*x509.Certificate {
	var list []*x509.Certificate
	for _, path := range c.paths {
		list = append(list, path[1:]...)
	}
	if len(c.paths) == 0 {
		return c.Certificate[1:]
	}
	return list
}

// issues reports whether a chain leads to the authority.
func issues(authority *x509.Certificate, chain []*x509.Certificate, name string) bool {
	roots, others := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(authority)
	for _, c := range chain[1:] {
		others.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: others, DNSName: name})
	return err == nil
}

// matches reports whether the record's data stands for the certificate.
func (r tlsa) matches(c *x509.Certificate) bool {
	content := c.Raw
	if r.selector == 1 {
		content = c.RawSubjectPublicKeyInfo
	} else if r.selector != 0 {
		return false
	}
	switch r.matching {
	case 0:
		return bytes.Equal(r.data, content)
	case 1:
		sum := sha256.Sum256(content)
		return bytes.Equal(r.data, sum[:])
	case 2:
		sum := sha512.Sum512(content)
		return bytes.Equal(r.data, sum[:])
	}
	return false
}
