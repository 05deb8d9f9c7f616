package capture

import (
	"testing"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/wire"
)

func numbers(list ...int) (out []iana.CipherSuite) {
	for _, n := range list {
		out = append(out, iana.CipherSuite(n))
	}
	return out
}

// The two examples of https://github.com/salesforce/ja3.
func TestJA3(t *testing.T) {
	for _, test := range []struct {
		hello      wire.ClientHello
		text, hash string
	}{
		{wire.ClientHello{
			LegacyVersion:   iana.TLS10,
			CipherSuites:    numbers(0x0a0a, 47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4),
			Present:         []iana.ExtensionType{0, 0x1a1a, 10, 11},
			SupportedGroups: []iana.NamedGroup{0x2a2a, 23, 24, 25}, ECPointFormats: []byte{0},
		}, "769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,23-24-25,0",
			"ada70206e40642a3e4461f35503241d5"},
		{wire.ClientHello{
			LegacyVersion: iana.TLS10, CipherSuites: numbers(4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99),
		}, "769,4-5-10-9-100-98-3-6-19-18-99,,,", "de350869b8c85de67a350c8d186f11e6"},
	} {
		if hash, text := JA3(&test.hello); hash != test.hash || text != test.text {
			t.Errorf("%s %s, want %s %s", hash, text, test.hash, test.text)
		}
	}
}

// The form of a ServerHello; the hash is that of md5sum.
func TestJA3S(t *testing.T) {
	h := &wire.ServerHello{
		LegacyVersion: iana.TLS10, CipherSuite: 47,
		Present: []iana.ExtensionType{65281, 0, 11, 35, 5, 16},
	}
	const want = "769,47,65281-0-11-35-5-16"
	if hash, text := JA3S(h); text != want || hash != "836ce314215654b5b1f85f97c73e506f" {
		t.Error(hash, text)
	}
}

// The example of FoxIO's technical details of JA4.
func TestJA4(t *testing.T) {
	hello := &wire.ClientHello{
		LegacyVersion:     iana.TLS12,
		SupportedVersions: []iana.Version{0x7a7a, iana.TLS12, iana.TLS13},
		CipherSuites: numbers(0x0a0a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030,
			0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035),
		Present: []iana.ExtensionType{0x1a1a, 0x1b, 0, 0x33, 0x10, 0x4469, 0x17, 0x2d, 0x0d, 5, 0x23,
			0x12, 0x2b, 0xff01, 0x0b, 0x0a, 0x15},
		ALPN: []string{"h2", "http/1.1"},
		SignatureAlgorithms: []iana.SignatureScheme{0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501,
			0x0806, 0x0601},
	}
	if got, want := JA4(hello), "t13d1516h2_8daaf6152771_e5627efa2ab1"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for _, test := range []struct {
		name   string
		change func(h *wire.ClientHello)
		want   string // the beginning
	}{
		{"no name", func(h *wire.ClientHello) { h.Present = h.Present[3:] }, "t13i1514h2_8daaf6152771_"},
		{"no protocol", func(h *wire.ClientHello) { h.ALPN = nil }, "t13d151600_"},
		{"one letter", func(h *wire.ClientHello) { h.ALPN = []string{"x"} }, "t13d1516xx_"},
		{"other bytes", func(h *wire.ClientHello) { h.ALPN = []string{"\xab\xcd"} }, "t13d1516ad_"},
		{"TLS 1.2", func(h *wire.ClientHello) { h.SupportedVersions = nil }, "t12d1516h2_"},
		{"SSL 3.0", func(h *wire.ClientHello) { h.SupportedVersions, h.LegacyVersion = nil, iana.SSL30 },
			"ts3d1516h2_"},
		{"nothing", func(h *wire.ClientHello) { *h = wire.ClientHello{LegacyVersion: iana.TLS12} },
			"t12i000000_000000000000_000000000000"},
	} {
		h := *hello
		test.change(&h)
		if got := JA4(&h); len(got) != 36 || got[:len(test.want)] != test.want {
			t.Errorf("%s: %s, want %s…", test.name, got, test.want)
		}
	}
}
