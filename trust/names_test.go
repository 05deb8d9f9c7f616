package trust

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"net"
	"strings"
	"testing"
)

func TestMatchName(t *testing.T) {
	c := &x509.Certificate{
		DNSNames: []string{"example.org", "*.example.org", "*.co.uk", "*.com", "*.localhost", "Mixed.Example.NET.", "xn--bcher-kva.example",
			"a*.example.net", "*", "*.*.example.net", "bücher.example.com", "under_score.example.net", "*.github.io", "", "10.0.0.9"},
		IPAddresses: []net.IP{{192, 0, 2, 1}, net.ParseIP("2001:db8::1"), {1, 2, 3}, net.ParseIP("192.0.2.3").To16()},
	}
	for name, want := range map[string]bool{
		"example.org":                            true,
		"EXAMPLE.org.":                           true,
		"www.example.org":                        true,
		"a.b.example.org":                        false, // a wildcard stands for one label
		".example.org":                           false,
		"mixed.example.net":                      true,
		"bücher.example":                         true,
		"BÜCHER.example":                         true,
		"xn--bcher-kva.example":                  true,
		"bücher.example.com":                     false, // U-labels have no place in a certificate
		"x.localhost":                            true,
		"localhost":                              false,
		"example.com":                            false, // a wildcard right below a public suffix
		"shop.co.uk":                             false,
		"someone.github.io":                      true,
		"ab.example.net":                         false,
		"a.b.example.net":                        false,
		"under_score.example.net":                true,
		"192.0.2.1":                              true,
		"::ffff:192.0.2.1":                       true,
		"[2001:db8::1]":                          true,
		"2001:DB8:0::1":                          true,
		"2001:db8::1%eth0":                       true,
		"192.0.2.2":                              false,
		"192.0.2.3":                              false, // sixteen bytes are no IPv4 address
		"192.0.2.1.":                             true,
		"10.0.0.9.":                              false,
		"10.0.0.9":                               false, // an address among the DNS names
		"":                                       false,
		"a..b":                                   false,
		"*.example.org":                          false,
		"exa mple.org":                           false,
		"example.org\x00.net":                    false,
		strings.Repeat("a", 64) + ".example.org": false,
	} {
		err := MatchName(c, name)
		if (err == nil) != want {
			t.Errorf("%q: %v", name, err)
		}
		var e *Error
		if err != nil && !errors.As(err, &e) {
			t.Errorf("%q: an error of another type: %v", name, err)
		}
	}
}

func TestMatchNameRefusesInvalidWildcards(t *testing.T) {
	for pattern, host := range map[string]string{
		"*":             "localhost",
		"*.":            "localhost",
		"*a.localhost":  "ba.localhost",
		"a*.localhost":  "ab.localhost",
		"x.*.localhost": "x.y.localhost",
		"*.*":           "a.localhost",
		"**.localhost":  "a.localhost",
	} {
		if matchPattern(pattern, host) {
			t.Errorf("%q matches %q", pattern, host)
		}
	}
}

// TestNamesCannotSlipPastConstraints gives an authority that may not sign for
// some names the ways of writing them that get past careless comparing.
func TestNamesCannotSlipPastConstraints(t *testing.T) {
	root := issue(t, nil, nil, authority("Test Root"))
	excluding := func(c *x509.Certificate) {
		c.ExcludedDNSDomains = []string{"example.org", "secret.example.net"}
		_, ten, _ := net.ParseCIDR("10.0.0.0/8")
		c.ExcludedIPRanges = []*net.IPNet{ten}
	}
	permitting := func(c *x509.Certificate) { c.PermittedDNSDomains = []string{"example.net"} }
	for name, tc := range map[string]struct {
		limits change
		names  []byte // subject alternative names
		ask    string
	}{
		"trailing dot":           {excluding, names("\x82\x0cexample.org."), "example.org"},
		"upper case":             {excluding, names("\x82\x0bEXAMPLE.ORG"), "example.org"},
		"wildcard above":         {excluding, names("\x82\x0d*.example.net"), "secret.example.net"},
		"wildcard below":         {excluding, names("\x82\x0d*.example.org"), "www.example.org"},
		"A-label of the name":    {excluding, names("\x82\x0bexample.org\x82\x10xn--bcher-kva.de"), "bücher.de"},
		"leading dot":            {permitting, names("\x82\x0c.example.org"), "www.example.org"},
		"outside, trailing dot":  {permitting, names("\x82\x0cexample.org."), "example.org"},
		"outside, as a suffix":   {permitting, names("\x82\x0enotexample.net"), "notexample.net"},
		"outside, NUL":           {permitting, names("\x82\x18example.org\x00.example.net"), "example.org"},
		"address":                {excluding, names("\x87\x04\x0a\x00\x00\x01"), "10.0.0.1"},
		"address in IPv6":        {excluding, names("\x87\x10" + string(net.ParseIP("10.0.0.1").To16())), "10.0.0.1"},
		"address in IPv6, asked": {excluding, names("\x87\x10" + string(net.ParseIP("10.0.0.1").To16())), "::ffff:10.0.0.1"},
		"address as a DNS name":  {permitting, names("\x82\x0810.0.0.1"), "10.0.0.1"},
	} {
		inter := issue(t, root, nil, authority("Limited"), tc.limits)
		template := issue(t, inter, nil, server("x")).Certificate
		template.DNSNames, template.ExtraExtensions = nil, []pkix.Extension{{Id: oidSubjectAltName, Value: tc.names}}
		leaf, err := x509.CreateCertificate(rand.Reader, template, inter.Certificate, inter.key.Public(), inter.key)
		if err != nil {
			t.Fatal(err)
		}
		p := Policy{Roots: rootsOf(t, root)}
		_, err = p.Verify(context.Background(), &Peer{Server: true, Name: tc.ask, Chain: [][]byte{leaf, inter.Raw}, Now: noon})
		var e *Error
		if !errors.As(err, &e) || e.Code != CodeNameConstraint && e.Code != CodeNameMismatch && e.Code != CodeMalformed {
			t.Errorf("%s: %v", name, err)
		} else {
			t.Logf("%s: %v", name, err)
		}
	}
}

// names wraps subject alternative names.
func names(raw string) []byte { return append([]byte{0x30, byte(len(raw))}, raw...) }

func FuzzMatchName(f *testing.F) {
	for _, seed := range []string{"example.org", "*.example.org", "[::1]", "bücher.example", "xn--", "a..b", "\xff.org", "."} {
		f.Add(seed, seed)
		f.Add("*.example.org", seed)
	}
	f.Fuzz(func(t *testing.T, pattern, name string) {
		c := &x509.Certificate{DNSNames: []string{pattern}}
		if MatchName(c, name) != nil {
			return
		}
		host, err := asciiHost(name)
		if err != nil || !isASCII(host) || strings.Contains(host, "*") {
			t.Errorf("%q matched %q, whose form for comparing is %q (%v)", pattern, name, host, err)
		}
	})
}
