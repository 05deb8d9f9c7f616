package probe

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/dns"
	"github.com/sealsock/sealsock/internal/testcert"
	"github.com/sealsock/sealsock/trust"
)

// A zone has the records of a name, by owner.
type zone map[string][]dnsmessage.ResourceBody

// server answers from the zone. With secure, the answers are marked as validated.
func (z zone) server(t *testing.T, secure bool) *dns.Client {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		for b := make([]byte, 4096); ; {
			n, from, err := conn.ReadFrom(b)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(b[:n]) != nil {
				continue
			}
			m.Response, m.AuthenticData, m.Additionals = true, secure, nil
			q := m.Questions[0]
			if strings.HasPrefix(q.Name.String(), "fails.") {
				m.RCode = dnsmessage.RCodeServerFailure
			}
			for _, body := range z[q.Name.String()] {
				head := dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET}
				m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: body})
			}
			if out, err := m.Pack(); err == nil {
				conn.WriteTo(out, from)
			}
		}
	}()
	return &dns.Client{Server: conn.LocalAddr().String()}
}

func raw(typ dnsmessage.Type, parts ...[]byte) dnsmessage.ResourceBody {
	return &dnsmessage.UnknownResource{Type: typ, Data: bytes.Join(parts, nil)}
}

// scanWith scans the server of a name in a zone.
func scanWith(t *testing.T, l net.Listener, ca *testcert.CA, client *dns.Client) *Report {
	t.Helper()
	roots := new(trust.Roots)
	if _, err := roots.AddPEM(ca.PEM()); err != nil {
		t.Fatal(err)
	}
	to := target(l.Addr().String(), roots)
	to.ServerName, to.Port = "www.a.test", 443
	r, err := Scan(t.Context(), to, Options{Timeout: 20 * time.Second, DNS: client})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// The records of a server are read, and compared with the server.
func TestRecords(t *testing.T) {
	ca := testcert.New()
	leaf := ca.Issue(testcert.NewKey("p256"), longLived, "www.a.test", "public.a.test")
	id, err := identity.Parse(leaf.CertPEM(), leaf.KeyPEM())
	if err != nil {
		t.Fatal(err)
	}
	key, err := engine.NewECHKey(rand.Reader, 1, "public.a.test", 32)
	if err != nil {
		t.Fatal(err)
	}
	other, err := engine.NewECHKey(rand.Reader, 2, "public.a.test", 32)
	if err != nil {
		t.Fatal(err)
	}
	l, err := sealsock.Listen(t.Context(), "127.0.0.1:0", &sealsock.Config{
		Identities: []*identity.Identity{id}, ECHKeys: []*engine.ECHKey{key},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	serve(l)
	sum := sha256.Sum256(leaf.Chain[0])
	for _, test := range []struct {
		name   string
		key    *engine.ECHKey
		hash   []byte
		secure bool
		ech    string
		dane   string
		grade  string
	}{
		{"as published", key, sum[:], true, "accepted", "matches", "A+"},
		{"another key", other, sum[:], true, "refused", "matches", "C"},
		{"another certificate", key, make([]byte, 32), true, "accepted", "no match", "C"},
		{"without DNSSEC", key, sum[:], false, "accepted", "matches", "A"},
	} {
		configs, err := engine.ECHConfigList(test.key)
		if err != nil {
			t.Fatal(err)
		}
		https := &dnsmessage.HTTPSResource{SVCBResource: dnsmessage.SVCBResource{
			Priority: 1, Target: dnsmessage.MustNewName("."),
			Params: []dnsmessage.SVCParam{{Key: 1, Value: []byte("\x02h2")}, {Key: 5, Value: configs}},
		}}
		client := zone{
			"_443._tcp.www.a.test.": {raw(dns.TypeTLSA, []byte{3, 0, 1}, test.hash)},
			"www.a.test.":           {https, raw(dns.TypeCAA, []byte("\x00\x05issueca.test"))},
		}.server(t, test.secure)
		r := scanWith(t, l, ca, client)
		d := r.Records
		if d == nil || d.ECH != test.ech || d.DANE != test.dane || d.Secure != test.secure ||
			!slices.Equal(d.ALPN, []string{"h2"}) || !slices.Equal(d.CAA, []string{"issue ca.test"}) ||
			len(d.TLSA) != 1 || !strings.HasPrefix(d.TLSA[0], "3 0 1 ") || r.Grade != test.grade {
			t.Errorf("%s: %+v, grade %s, problems %+v, unknown %q",
				test.name, d, r.Grade, r.Problems, r.Unknown)
		}
	}
}

// Each usage, selector and type of matching of RFC 6698.
func TestTLSA(t *testing.T) {
	ca := testcert.New()
	leaf := ca.Issue(testcert.NewKey("p256"), longLived, "a.test")
	root := ca.Cert
	own, err := x509.ParseCertificate(leaf.Chain[0])
	if err != nil {
		t.Fatal(err)
	}
	chain := &Chain{Trusted: true, Certificate: []*x509.Certificate{own, root}}
	unproved := &Chain{Certificate: chain.Certificate}
	hash256, hash512 := sha256.Sum256(own.Raw), sha512.Sum512(own.RawSubjectPublicKeyInfo)
	for _, test := range []struct {
		record tlsa
		chain  *Chain
		name   string
		want   bool
	}{
		{tlsa{3, 0, 0, own.Raw}, unproved, "a.test", true},
		{tlsa{3, 0, 1, hash256[:]}, unproved, "other.test", true},
		{tlsa{3, 1, 2, hash512[:]}, unproved, "a.test", true},
		{tlsa{3, 0, 2, hash512[:]}, unproved, "a.test", false},
		{tlsa{3, 2, 0, own.Raw}, unproved, "a.test", false},
		{tlsa{3, 0, 3, own.Raw}, unproved, "a.test", false},
		{tlsa{3, 0, 0, root.Raw}, unproved, "a.test", false},
		{tlsa{1, 0, 0, own.Raw}, chain, "a.test", true},
		{tlsa{1, 0, 0, own.Raw}, unproved, "a.test", false},
		{tlsa{0, 0, 0, root.Raw}, chain, "a.test", true},
		{tlsa{0, 0, 0, root.Raw}, unproved, "a.test", false},
		{tlsa{0, 0, 0, own.Raw}, chain, "a.test", false},
		{tlsa{2, 0, 0, root.Raw}, unproved, "a.test", true},
		{tlsa{2, 0, 0, root.Raw}, unproved, "other.test", false},
		{tlsa{4, 0, 0, own.Raw}, chain, "a.test", false},
	} {
		if got := test.record.accepts(test.chain, test.name); got != test.want {
			t.Errorf("%v for %s: %v, want %v", test.record, test.name, got, test.want)
		}
	}
}

// A record of usage 0 stands for an authority of the path, which may be a root that is not sent,
// and for no other certificate that is. RFC 6698, Section 2.1.1.
func TestRootOfPath(t *testing.T) {
	ca, other := testcert.New(), testcert.New()
	own, err := x509.ParseCertificate(ca.Issue(testcert.NewKey("p256"), longLived, "a.test").Chain[0])
	if err != nil {
		t.Fatal(err)
	}
	chain := &Chain{
		Trusted: true, Certificate: []*x509.Certificate{own, other.Cert},
		paths: [][]*x509.Certificate{{own, ca.Cert}},
	}
	if !(tlsa{0, 0, 0, ca.Cert.Raw}).accepts(chain, "a.test") {
		t.Error("the root of the path does not match")
	}
	if (tlsa{0, 0, 0, other.Cert.Raw}).accepts(chain, "a.test") {
		t.Error("a certificate beside the path matches")
	}
}

// Of the HTTPS records the one with the lowest priority counts. That of another server tells
// nothing about the keys of this one. RFC 9460, Section 2.4.
func TestHTTPSRecords(t *testing.T) {
	alpn := dnsmessage.SVCParam{Key: 1, Value: []byte("\x02h2")}
	ech := func(value string) dnsmessage.SVCParam {
		return dnsmessage.SVCParam{Key: 5, Value: []byte(value)}
	}
	port := func(n byte) dnsmessage.SVCParam {
		return dnsmessage.SVCParam{Key: 3, Value: []byte{0, n}}
	}
	record := func(priority uint16, target string,
		params ...dnsmessage.SVCParam) dnsmessage.ResourceBody {
		return &dnsmessage.HTTPSResource{SVCBResource: dnsmessage.SVCBResource{
			Priority: priority, Target: dnsmessage.MustNewName(target), Params: params,
		}}
	}
	for _, test := range []struct {
		name    string
		records []dnsmessage.ResourceBody
		ech     string
		alpn    bool
	}{
		{"in order", []dnsmessage.ResourceBody{
			record(1, ".", ech("one")), record(2, ".", alpn, ech("two"))}, "one", false},
		{"not in order", []dnsmessage.ResourceBody{
			record(2, ".", alpn, ech("two")), record(1, ".", ech("one"))}, "one", false},
		{"alias", []dnsmessage.ResourceBody{
			record(0, "b.test."), record(1, ".", ech("one"))}, "one", false},
		{"its own name", []dnsmessage.ResourceBody{
			record(1, "WWW.a.test.", alpn, ech("one"))}, "one", true},
		{"its own port", []dnsmessage.ResourceBody{record(1, ".", port(44), ech("one"))}, "one", false},
		{"another name", []dnsmessage.ResourceBody{record(1, "b.test.", alpn, ech("one"))}, "", true},
		{"another port", []dnsmessage.ResourceBody{record(1, ".", port(45), ech("one"))}, "", false},
	} {
		f := &Records{name: "www.a.test", port: 44}
		for _, r := range test.records {
			f.addHTTPS(r)
		}
		if string(f.ech) != test.ech || (f.ALPN != nil) != test.alpn {
			t.Errorf("%s: %q, %q", test.name, f.ech, f.ALPN)
		}
	}
}

// A record that comes a thousand times, and a chain of a thousand authorities, take the time of
// one record and of none.
func TestTLSAIsBounded(t *testing.T) {
	ca := testcert.New()
	own, err := x509.ParseCertificate(ca.Issue(testcert.NewKey("p256"), longLived, "a.test").Chain[0])
	if err != nil {
		t.Fatal(err)
	}
	f := new(Records)
	for range 1000 {
		f.addTLSA(raw(dns.TypeTLSA, []byte{2, 0, 0}, ca.Cert.Raw))
	}
	if len(f.tlsa) != 1 || len(f.TLSA) != 1 {
		t.Fatalf("%d records, %d texts", len(f.tlsa), len(f.TLSA))
	}
	chain := []*x509.Certificate{own}
	for len(chain) < maxDANE {
		chain = append(chain, ca.Cert)
	}
	if !f.tlsa[0].accepts(&Chain{Certificate: chain}, "a.test") {
		t.Error("a chain of the most certificates is not accepted")
	}
	if f.tlsa[0].accepts(&Chain{Certificate: append(chain, ca.Cert)}, "a.test") {
		t.Error("a longer chain is accepted")
	}
}

// The CAA records of a name are those of the first name above it that has some, and those of none
// if a name below does not answer. RFC 8659, Section 3.
func TestCAA(t *testing.T) {
	caa := func(issuer string) dnsmessage.ResourceBody {
		return raw(dns.TypeCAA, []byte("\x00\x05issue"), []byte(issuer))
	}
	all := zone{"a.test.": {caa("ca.test")}, "test.": {caa("top.test")}}
	for name, want := range map[string][]string{
		"www.a.test": {"issue ca.test"}, "a.test": {"issue ca.test"}, "b.test": {"issue top.test"},
		"a.other": nil,
	} {
		p := &prober{
			sni: name, target: &Target{Port: 443}, report: new(Report), dns: all.server(t, false),
		}
		p.records(t.Context())
		if got := p.report.Records.CAA; !slices.Equal(got, want) || len(p.report.Unknown) > 0 {
			t.Errorf("%s: %q, want %q; unknown %q", name, got, want, p.report.Unknown)
		}
	}
	p := &prober{
		sni: "fails.a.test", target: &Target{Port: 443}, report: new(Report),
		dns: all.server(t, false),
	}
	p.records(t.Context())
	if got := p.report.Records.CAA; got != nil || len(p.report.Unknown) == 0 {
		t.Errorf("behind a name without an answer: %q, unknown %q", got, p.report.Unknown)
	}
}
