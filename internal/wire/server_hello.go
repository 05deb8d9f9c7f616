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

// DowngradeSentinel reports whether random says that the server can do better
// than what it answers: TLS12 or TLS11 is then the highest version it would
// honestly answer so.
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
func ParseServerHello(body []byte) (*ServerHello, error) {
	m, p := new(ServerHello), parse(iana.HandshakeServerHello, body)
	m.LegacyVersion = iana.Version(p.uint16("legacy_version"))
	p.fixed("random", m.Random[:])
	m.SessionID = p.vector8("legacy_session_id_echo", 0, 32)
	m.CipherSuite = iana.CipherSuite(p.uint16("cipher_suite"))
	m.Compression = p.uint8("legacy_compression_method")
	if m.IsHelloRetryRequest() {
		p.twice = iana.AlertIllegalParameter // see extensions
	}
	if !p.Empty() {
		m.Present, m.Unknown = p.extensions(m.parseExtension)
	}
	if err := p.end(); err != nil {
		return nil, err
	}
	return m, nil
}

// AppendTo appends the whole message to b. Without any extension the block is
// left out, as TLS 1.2 allows and old clients expect.
func (m *ServerHello) AppendTo(b []byte) ([]byte, error) {
	w, mark := begin(b, iana.HandshakeServerHello)
	w.AddUint16(uint16(m.LegacyVersion))
	w.AddBytes(m.Random[:])
	w.AddVector8(m.SessionID)
	w.AddUint16(uint16(m.CipherSuite))
	w.AddUint8(m.Compression)
	start := w.Len()
	addExtensions(&w, serverHelloOrder, m.addExtension, m.Unknown)
	if w.Len() == start+2 {
		w.Truncate(start)
	}
	return end(&w, mark, iana.HandshakeServerHello)
}

// serverHelloOrder is the order in which AppendTo writes extensions, that of
// the traces in RFC 8448 where they have one.
// encrypted_client_hello is last so that its confirmation can be computed over
// a message that ends in zeros.
var serverHelloOrder = []iana.ExtensionType{
	iana.ExtServerName,
	iana.ExtRenegotiationInfo,
	iana.ExtExtendedMasterSecret,
	iana.ExtSessionTicket,
	iana.ExtECPointFormats,
	iana.ExtMaxFragmentLength,
	iana.ExtRecordSizeLimit,
	iana.ExtALPN,
	iana.ExtStatusRequest,
	iana.ExtSCT,
	iana.ExtClientCertType,
	iana.ExtServerCertType,
	iana.ExtPreSharedKey,
	iana.ExtCertWithExternPSK,
	iana.ExtKeyShare,
	iana.ExtCookie,
	iana.ExtSupportedVersions,
	iana.ExtECH,
}

// parseExtension has a branch for each row of the registry that a ServerHello
// or HelloRetryRequest may carry; addExtension is its mirror image. Which of
// them the version at hand allows is for the engine to say.
func (m *ServerHello) parseExtension(x *parser, typ iana.ExtensionType) bool {
	switch typ {
	case iana.ExtSupportedVersions:
		if m.SupportedVersion = iana.Version(x.uint16("")); m.SupportedVersion == 0 {
			x.illegal("", "version 0")
		}
	case iana.ExtKeyShare:
		m.KeyShare = x.serverKeyShare(m.IsHelloRetryRequest())
	case iana.ExtPreSharedKey:
		selected := x.uint16("selected_identity")
		m.SelectedPSK = &selected
	case iana.ExtCertWithExternPSK:
		m.Certified = true
	case iana.ExtServerName:
		m.ServerNameAck = true
	case iana.ExtStatusRequest:
		m.StatusRequest = true
	case iana.ExtECPointFormats:
		m.ECPointFormats = x.vector8("", 1, 255)
	case iana.ExtALPN:
		m.ALPN = x.alpnChoice()
	case iana.ExtSCT:
		m.SCTs = x.sctList()
	case iana.ExtExtendedMasterSecret:
		m.ExtendedMasterSecret = true
	case iana.ExtSessionTicket:
		m.SessionTicket = true
	case iana.ExtRecordSizeLimit:
		m.RecordSizeLimit = x.recordSizeLimit()
	case iana.ExtMaxFragmentLength:
		m.MaxFragmentLength = x.maxFragmentLength()
	case iana.ExtRenegotiationInfo:
		m.RenegotiationInfo = x.vector8("", 0, 255)
	case iana.ExtClientCertType:
		m.ClientCertType = x.certType()
	case iana.ExtServerCertType:
		m.ServerCertType = x.certType()
	default:
		return m.IsHelloRetryRequest() && m.parseRetryExtension(x, typ)
	}
	return true
}

// parseRetryExtension reads what only a HelloRetryRequest carries.
// RFC 9846, Section 4.2.2; RFC 9849, Section 5.
func (m *ServerHello) parseRetryExtension(x *parser, typ iana.ExtensionType) bool {
	switch typ {
	case iana.ExtCookie:
		m.Cookie = x.vector16("", 1)
	case iana.ExtECH:
		m.ECHConfirmation = x.Rest()
		if n := len(m.ECHConfirmation); n != 8 {
			x.malformed("", fmt.Sprintf("confirmation of %d bytes, not 8", n))
		}
	default:
		return false
	}
	return true
}

func (m *ServerHello) addExtension(b *codec.Builder, typ iana.ExtensionType) bool {
	switch typ {
	case iana.ExtSupportedVersions:
		return addUint16(b, uint16(m.SupportedVersion))
	case iana.ExtKeyShare:
		return addServerKeyShare(b, m.KeyShare, m.IsHelloRetryRequest())
	case iana.ExtPreSharedKey:
		if m.SelectedPSK != nil {
			b.AddUint16(*m.SelectedPSK)
		}
		return m.SelectedPSK != nil
	case iana.ExtCertWithExternPSK:
		return m.Certified
	case iana.ExtServerName:
		return m.ServerNameAck
	case iana.ExtStatusRequest:
		return m.StatusRequest
	case iana.ExtECPointFormats:
		return addVector8(b, m.ECPointFormats)
	case iana.ExtALPN:
		return addALPNChoice(b, m.ALPN)
	case iana.ExtSCT:
		return addBlobs16(b, m.SCTs)
	case iana.ExtExtendedMasterSecret:
		return m.ExtendedMasterSecret
	case iana.ExtSessionTicket:
		return m.SessionTicket
	case iana.ExtRecordSizeLimit:
		return addUint16(b, m.RecordSizeLimit)
	case iana.ExtMaxFragmentLength:
		return addUint8(b, m.MaxFragmentLength)
	case iana.ExtRenegotiationInfo:
		return addVector8(b, m.RenegotiationInfo)
	case iana.ExtClientCertType:
		return addCertType(b, m.ClientCertType)
	case iana.ExtServerCertType:
		return addCertType(b, m.ServerCertType)
	case iana.ExtCookie:
		return addVector16(b, m.Cookie)
	case iana.ExtECH:
		return addBytes(b, m.ECHConfirmation)
	}
	return false
}

// serverKeyShare is key_share in ServerHello, a whole entry, or in
// HelloRetryRequest, only the group to try again with. RFC 9846, Section 4.2.8.
func (p *parser) serverKeyShare(retry bool) *KeyShare {
	if retry {
		return &KeyShare{Group: iana.NamedGroup(p.uint16("selected_group"))}
	}
	share := p.keyShareEntry()
	return &share
}

func addServerKeyShare(b *codec.Builder, s *KeyShare, retry bool) bool {
	switch {
	case s == nil:
		return false
	case retry:
		b.AddUint16(uint16(s.Group))
	default:
		addKeyShareEntry(b, *s)
	}
	return true
}
