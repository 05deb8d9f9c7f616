package probe

import (
	"bytes"
	"slices"
	"testing"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/wire"
)

// The prime of Diffie-Hellman stands behind the identity hint of a pre-shared key. RFC 4279,
// Section 3. Leading zeros do not count, and a message without a prime tells nothing.
func TestPrime(t *testing.T) {
	const (
		dhe = iana.CipherSuite(0x009e) // TLS_DHE_RSA_WITH_AES_128_GCM_SHA256
		psk = iana.CipherSuite(0x00aa) // TLS_DHE_PSK_WITH_AES_128_GCM_SHA256
	)
	prime := append([]byte{1, 0, 3}, bytes.Repeat([]byte{0xff}, 255)...) // 2042 bits in 256 bytes
	hint := []byte{0, 2, 'a', 'b'}
	for _, test := range []struct {
		name  string
		suite iana.CipherSuite
		body  []byte
		want  int
		open  bool
	}{
		{"alone", dhe, prime, 2042, false},
		{"behind a hint", psk, slices.Concat(hint, prime), 2042, false},
		{"behind a hint", 0xc0aa, slices.Concat(hint, prime), 2042, false}, // TLS_PSK_DHE_WITH_…
		{"behind no hint", psk, append([]byte{0, 0}, prime...), 2042, false},
		{"none", dhe, nil, 0, true},
		{"empty", dhe, []byte{0, 0}, 0, true},
		{"cut", dhe, prime[:9], 0, true},
		{"a hint alone", psk, hint, 0, true},
		{"ECDHE", iana.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, nil, 0, false},
	} {
		p := &prober{report: new(Report)}
		p.keyExchange(&answer{
			hello:    &wire.ServerHello{CipherSuite: test.suite},
			messages: map[iana.HandshakeType][]byte{iana.HandshakeServerKeyExchange: test.body},
		})
		open := slices.Equal(p.report.Open, []string{openPrime})
		if p.report.DHBits != test.want || open != test.open {
			t.Errorf("%s: %d bits, open %q", test.name, p.report.DHBits, p.report.Open)
		}
	}
}
