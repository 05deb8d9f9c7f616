package trust

import (
	"crypto/x509"
	"errors"
	"net"
	"strings"
	"testing"
)

func TestMatchName(t *testing.T) {
	c := &x509.Certificate{
		DNSNames: []string{"example.org", "*.example.org", "*.co.uk", "*.com", "*.localhost", "Mixed.Example.NET.", "xn--bcher-kva.example",
			"a*.example.net", "*", "*.*.example.net", "bücher.example.com", "under_score.example.net", "*.github.io", "", "10.0.0.9"},
		IPAddresses: []net.IP{net.ParseIP("192.0.2.1"), net.ParseIP("2001:db8::1"), {1, 2, 3}},
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
