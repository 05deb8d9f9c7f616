package wire

import (
	"fmt"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/codec"
)

//	struct {
//	    ProtocolVersion legacy_version;
//	    Random random;                          // 32 bytes
//	    opaque legacy_session_id_echo<0..32>;
//	    CipherSuite cipher_suite;
//	    uint8 legacy_compression_method;
//	    Extension extensions<6..2^16-1>;        // may be missing in TLS 1.2
//	} ServerHello;

// HelloRetryRequestRandom is the Random that makes a ServerHello a
// HelloRetryRequest: the SHA-256 of "HelloRetryRequest". RFC 9846, Section 4.1.3.
var HelloRetryRequestRandom = [32]byte{
	0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
	0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
}

// The last eight bytes of a ServerHello's Random if the server could have done
// better than TLS 1.2, or better than TLS 1.1. RFC 9846, Section 4.1.3.
const (
	DowngradeTLS12 = "DOWNGRD\x01"
	DowngradeTLS11 = "DOWNGRD\x00"
)

// DowngradeSentinel reports whether random has the mark of a server that supports a
// later version than it has chosen. It returns the highest version with which a server
// sends that mark: TLS12 or TLS11.
func DowngradeSentinel(random [32]byte) (iana.Version, bool) {
	switch string(random[24:]) {
	case DowngradeTLS12:
		return iana.TLS12, true
	case DowngradeTLS11:
		return iana.TLS11, true
	}
	return 0, false
}

// IsHelloRetryRequest reports whether m is a HelloRetryRequest.
func (m *ServerHello) IsHelloRetryRequest() bool { return m.Random == HelloRetryRequestRandom }

// ParseServerHello parses the body of a ServerHello or a HelloRetryRequest.
func ParseServerHello(body []byte) (*ServerHello, error) { return parseServerHello(body, false) }

// ParseDatagramServerHello parses the body of a ServerHello of DTLS. RFC 9147, Section 5.4.
func ParseDatagramServerHello(body []byte) (*ServerHello, error) {
	return parseServerHello(body, true)
}

func parseServerHello(body []byte, datagram bool) (*ServerHello, error) {
	m := &ServerHello{Datagram: datagram}
	return orNone(m, m.Parse(body))
}

// Parse parses the body of a ServerHello or a HelloRetryRequest into m, of which nothing but
// Datagram is set.
func (m *ServerHello) Parse(body []byte) error {
	p := parse(iana.HandshakeServerHello, body)
	m.LegacyVersion = iana.Version(p.uint16("legacy_version"))
	p.fixed("random", m.Random[:])
	m.SessionID = p.vector8("legacy_session_id_echo", 0, 32)
	m.CipherSuite = iana.CipherSuite(p.uint16("cipher_suite"))
	m.Compression = p.uint8("legacy_compression_method")
	if m.IsHelloRetryRequest() {
		p.twice = iana.AlertIllegalParameter // see table.parse
	}
	if !p.Empty() {
		m.Present, m.Unknown = m.table().parse(m, &p)
	}
	if m.Datagram {
		m.SwapVersions()
	}
	return p.end()
}

// AppendTo appends the whole message to b. Without any extension the block is
// left out, as TLS 1.2 allows and old clients expect.
func (m *ServerHello) AppendTo(b []byte) ([]byte, error) {
	if m.Datagram {
		m.SwapVersions()
		defer m.SwapVersions()
	}
	w, mark := begin(b, iana.HandshakeServerHello)
	w.AddUint16(uint16(m.LegacyVersion))
	w.AddBytes(m.Random[:])
	w.AddVector(1, m.SessionID)
	w.AddUint16(uint16(m.CipherSuite))
	w.AddUint8(m.Compression)
	start := w.Len()
	m.table().append(m, &w, m.Unknown)
	if w.Len() == start+2 {
		w.Truncate(start)
	}
	return end(&w, mark, iana.HandshakeServerHello)
}

// table returns the extensions of the message that m is.
func (m *ServerHello) table() table[ServerHello] {
	if m.IsHelloRetryRequest() {
		return helloRetryRequestTable
	}
	return serverHelloTable
}

// serverHelloTable lists the extensions of a ServerHello of either version, in the order of
// the traces in RFC 8448 where they have one. The engine checks which of them the
// negotiated version allows.
var serverHelloTable = table[ServerHello]{
	flag(iana.ExtServerName, func(m *ServerHello) *bool { return &m.ServerNameAck }),
	field(iana.ExtRenegotiationInfo, func(m *ServerHello) *[]byte { return &m.RenegotiationInfo },
		(*parser).renegotiationInfo, addVector8),
	flag(iana.ExtExtendedMasterSecret, func(m *ServerHello) *bool { return &m.ExtendedMasterSecret }),
	flag(iana.ExtSessionTicket, func(m *ServerHello) *bool { return &m.SessionTicket }),
	field(iana.ExtECPointFormats, func(m *ServerHello) *[]byte { return &m.ECPointFormats },
		(*parser).pointFormats, addVector8),
	field(iana.ExtMaxFragmentLength, func(m *ServerHello) *uint8 { return &m.MaxFragmentLength },
		(*parser).maxFragmentLength, addUint8),
	field(iana.ExtRecordSizeLimit, func(m *ServerHello) *uint16 { return &m.RecordSizeLimit },
		(*parser).recordSizeLimit, addUint16),
	field(iana.ExtALPN, func(m *ServerHello) *string { return &m.ALPN },
		(*parser).alpnChoice, addALPNChoice),
	flag(iana.ExtStatusRequest, func(m *ServerHello) *bool { return &m.StatusRequest }),
	field(iana.ExtSCT, func(m *ServerHello) *[][]byte { return &m.SCTs },
		(*parser).sctList, addBlobs16),
	field(iana.ExtClientCertType,
		func(m *ServerHello) **iana.CertificateType { return &m.ClientCertType },
		(*parser).certType, addCertType),
	field(iana.ExtServerCertType,
		func(m *ServerHello) **iana.CertificateType { return &m.ServerCertType },
		(*parser).certType, addCertType),
	field(iana.ExtPreSharedKey, func(m *ServerHello) **uint16 { return &m.SelectedPSK },
		(*parser).selectedIdentity, addOptional16),
	flag(iana.ExtCertWithExternPSK, func(m *ServerHello) *bool { return &m.Certified }),
	field(iana.ExtConnectionID, func(m *ServerHello) *[]byte { return &m.ConnectionID },
		(*parser).connectionID, addVector8),
	flag(iana.ExtRRC, func(m *ServerHello) *bool { return &m.RRC }),
	field(iana.ExtUseSRTP, func(m *ServerHello) **SRTP { return &m.SRTP },
		(*parser).srtp, addSRTP),
	field(iana.ExtKeyShare, func(m *ServerHello) **KeyShare { return &m.KeyShare },
		(*parser).serverKeyShare, addServerKeyShare),
	field(iana.ExtSupportedVersions,
		func(m *ServerHello) *iana.Version { return &m.SupportedVersion },
		(*parser).selectedVersion, addUint16),
}

// helloRetryRequestTable lists the extensions of a HelloRetryRequest. encrypted_client_hello
// is last, so that its confirmation can be computed over a message that ends in zeros.
// RFC 9846, Section 4.1.4; RFC 9849, Section 7.2.1.
var helloRetryRequestTable = table[ServerHello]{
	field(iana.ExtKeyShare, func(m *ServerHello) **KeyShare { return &m.KeyShare },
		(*parser).selectedGroup, addSelectedGroup),
	field(iana.ExtCookie, func(m *ServerHello) *[]byte { return &m.Cookie },
		(*parser).cookie, addVector16),
	field(iana.ExtSupportedVersions,
		func(m *ServerHello) *iana.Version { return &m.SupportedVersion },
		(*parser).selectedVersion, addUint16),
	field(iana.ExtECH, func(m *ServerHello) *[]byte { return &m.ECHConfirmation },
		(*parser).echConfirmation, addBytes),
}

// selectedVersion is supported_versions in ServerHello. RFC 9846, Section 4.2.1.
func (p *parser) selectedVersion() iana.Version {
	v := iana.Version(p.uint16(""))
	if v == 0 {
		p.illegal("", "version 0")
	}
	return v
}

// serverKeyShare is key_share in ServerHello, a whole entry. RFC 9846, Section 4.2.8.
func (p *parser) serverKeyShare() *KeyShare {
	share := p.keyShareEntry()
	return &share
}

func addServerKeyShare(b *codec.Builder, s *KeyShare) bool {
	if s != nil {
		addKeyShareEntry(b, *s)
	}
	return s != nil
}

// selectedGroup is key_share in HelloRetryRequest, the group that the client is to send a
// share for. RFC 9846, Section 4.2.8.
func (p *parser) selectedGroup() *KeyShare {
	return &KeyShare{Group: iana.NamedGroup(p.uint16("selected_group"))}
}

func addSelectedGroup(b *codec.Builder, s *KeyShare) bool {
	if s != nil {
		b.AddUint16(uint16(s.Group))
	}
	return s != nil
}

// echConfirmation is encrypted_client_hello in HelloRetryRequest. RFC 9849, Section 5.
func (p *parser) echConfirmation() []byte {
	confirmation := p.Rest()
	if n := len(confirmation); n != 8 {
		p.malformed("", fmt.Sprintf("confirmation of %d bytes, not 8", n))
	}
	return confirmation
}
