package wire

import (
	"slices"

	"github.com/sealsock/sealsock/iana"
)

// The hellos of DTLS differ from those of TLS in legacy_cookie and in their versions, which
// are the ones' complement of those that they follow. Datagram is set in such a hello, and
// its versions are then those of TLS: TLS12 stands for DTLS 1.2, and TLS13 for DTLS 1.3. So
// what chooses a version does not depend on how the messages travel. A version of TLS in a
// hello of DTLS is not one of them: it stands there as the version of DTLS. RFC 9147,
// Section 5.3.

// swapVersion exchanges a version of DTLS for the one of TLS with the same content, and the
// other way around.
func swapVersion(v iana.Version) iana.Version {
	switch v {
	case iana.DTLS13:
		return iana.TLS13
	case iana.DTLS12:
		return iana.TLS12
	case iana.DTLS10:
		return iana.TLS11
	case iana.TLS13:
		return iana.DTLS13
	case iana.TLS12:
		return iana.DTLS12
	case iana.TLS11:
		return iana.DTLS10
	}
	return v
}

// leads reports whether an extension of the ClientHello comes before the others in datagrams: what
// a server needs of the first fragment to keep it, which are the version and the cookie. wolfSSL
// drops a first fragment without supported_versions. In a hello with encrypted_client_hello the
// order of the extensions has a meaning, and none comes first.
func (m *ClientHello) leads(typ iana.ExtensionType) bool {
	return m.Datagram && m.ECH == nil && (typ == iana.ExtSupportedVersions || typ == iana.ExtCookie)
}

// SwapVersions exchanges the versions in a ClientHello of DTLS for those that stand in the message,
// and back.
func (m *ClientHello) SwapVersions() {
	m.LegacyVersion = swapVersion(m.LegacyVersion)
	m.SupportedVersions = slices.Clone(m.SupportedVersions)
	for i, v := range m.SupportedVersions {
		m.SupportedVersions[i] = swapVersion(v)
	}
}

// SwapVersions is that of ClientHello for a ServerHello.
func (m *ServerHello) SwapVersions() {
	m.LegacyVersion = swapVersion(m.LegacyVersion)
	m.SupportedVersion = swapVersion(m.SupportedVersion)
}

// A HelloVerifyRequest is the answer of a server of DTLS 1.2 to a client that has not proved
// its address. RFC 6347, Section 4.2.1.
//
//	struct {
//	    ProtocolVersion server_version;
//	    opaque cookie<0..2^8-1>;
//	} HelloVerifyRequest;
type HelloVerifyRequest struct{ Cookie []byte }

// ParseHelloVerifyRequest parses the body of a HelloVerifyRequest. The version in it is
// ignored: RFC 6347, Section 4.2.1, has clients not use it to choose one.
func ParseHelloVerifyRequest(body []byte) (*HelloVerifyRequest, error) {
	m, p := new(HelloVerifyRequest), parse(iana.HandshakeHelloVerifyRequest, body)
	p.uint16("server_version")
	m.Cookie = p.vector8("cookie", 0, 255)
	return parsed(m, &p)
}

// AppendTo appends the whole message to b.
func (m *HelloVerifyRequest) AppendTo(b []byte) ([]byte, error) {
	w, mark := begin(b, iana.HandshakeHelloVerifyRequest)
	// RFC 6347, Section 4.2.1: "DTLS 1.2 server implementations SHOULD use DTLS version 1.0
	// regardless of the version of TLS that is expected to be negotiated."
	w.AddUint16(uint16(iana.DTLS10))
	w.AddVector(1, m.Cookie)
	return end(&w, mark, iana.HandshakeHelloVerifyRequest)
}
