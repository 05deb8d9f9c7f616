package legacy

import (
	"crypto/tls"
	"fmt"
	"strings"

	"github.com/sealsock/sealsock/iana"
)

// Weaknesses says in words what is weak about the connection, each in a clause
// of its own, the worst first. It is empty if there is nothing, and before the
// handshake is done.
func (c *Conn) Weaknesses() []string { return weaknesses(c.ConnectionState()) }

// Describe describes the connection in one line, with all that is weak about it.
// It is empty before the handshake is done.
func (c *Conn) Describe() string { return describe(c.ConnectionState()) }

func describe(state tls.ConnectionState) string {
	if !state.HandshakeComplete {
		return ""
	}
	line := fmt.Sprintf("%v, %v", iana.Version(state.Version), iana.CipherSuite(state.CipherSuite))
	weak := weaknesses(state)
	if len(weak) == 0 {
		return line + ": nothing about it is weak, so this peer does not need the legacy door"
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
		list = append(list, fmt.Sprintf("%v was withdrawn in 2021 (RFC 8996): its handshake rests on MD5 and SHA-1", v))
	}
	if rsaExchange(suite) {
		list = append(list, "RSA key exchange has no forward secrecy: whoever gets the server's key, even years later, can read this connection")
	}
	if is3DES(suite) {
		list = append(list, "triple DES has blocks of 64 bits: some gigabytes are enough to read parts of the data (Sweet32)")
	}
	if isCBC(suite) {
		list = append(list, "CBC with its MAC inside has been broken by padding oracles again and again (Lucky Thirteen)")
	}
	return list
}

// The kinds of suites, told by their names in the registry, which follow a
// pattern: TLS_KX_WITH_CIPHER_MODE_HASH.

func rsaExchange(s iana.CipherSuite) bool { return strings.HasPrefix(s.String(), "TLS_RSA_WITH_") }
func isCBC(s iana.CipherSuite) bool       { return strings.Contains(s.String(), "_CBC_") }
func is3DES(s iana.CipherSuite) bool      { return strings.Contains(s.String(), "_3DES_") }
func isRC4(s iana.CipherSuite) bool       { return strings.Contains(s.String(), "_RC4_") }
