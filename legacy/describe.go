package legacy

import (
	"crypto/tls"
	"fmt"
	"strings"

	"github.com/sealsock/sealsock/iana"
)

// Weaknesses describes the weaknesses of the connection, worst first. It is
// empty if there are none and before the handshake is complete.
func (c *Conn) Weaknesses() []string { return weaknesses(c.ConnectionState()) }

// Describe describes the connection and its weaknesses in one line. It is empty
// before the handshake is complete.
func (c *Conn) Describe() string { return describe(c.ConnectionState()) }

func describe(state tls.ConnectionState) string {
	if !state.HandshakeComplete {
		return ""
	}
	line := fmt.Sprintf("%v, %v", iana.Version(state.Version), iana.CipherSuite(state.CipherSuite))
	weak := weaknesses(state)
	if len(weak) == 0 {
		return line + ": no known weakness, so this peer does not need package legacy"
	}
	return line + ": WEAK: " + strings.Join(weak, "; ")
}

func weaknesses(state tls.ConnectionState) []string {
	if !state.HandshakeComplete {
		return nil
	}
	var list []string
	suite := iana.CipherSuite(state.CipherSuite)
	if v := iana.Version(state.Version); v < iana.TLS12 {
		list = append(list, fmt.Sprintf("%v was deprecated in 2021 (RFC 8996): its handshake depends on MD5 and SHA-1", v))
	}
	if rsaExchange(suite) {
		list = append(list, "RSA key exchange has no forward secrecy: anyone who obtains the server's key, even years later, can decrypt this connection")
	}
	if is3DES(suite) {
		list = append(list, "triple DES has 64-bit blocks: after some gigabytes an attacker can recover parts of the data (Sweet32)")
	}
	if isCBC(suite) {
		list = append(list, "CBC with MAC-then-encrypt is vulnerable to padding oracles (Lucky Thirteen)")
	}
	return list
}

// The kinds of suites, derived from their names in the registry, which follow a
// pattern: TLS_KX_WITH_CIPHER_MODE_HASH.

func rsaExchange(s iana.CipherSuite) bool { return strings.HasPrefix(s.String(), "TLS_RSA_WITH_") }
func isCBC(s iana.CipherSuite) bool       { return strings.Contains(s.String(), "_CBC_") }
func is3DES(s iana.CipherSuite) bool      { return strings.Contains(s.String(), "_3DES_") }
func isRC4(s iana.CipherSuite) bool       { return strings.Contains(s.String(), "_RC4_") }
