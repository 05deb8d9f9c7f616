package wire

import (
	"errors"
	"fmt"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/codec"
)

//	struct {
//	    ProtocolVersion legacy_version;
//	    Random random;                              // 32 bytes
//	    opaque legacy_session_id<0..32>;
//	    CipherSuite cipher_suites<2..2^16-2>;
//	    opaque legacy_compression_methods<1..2^8-1>;
//	    Extension extensions<8..2^16-1>;            // may be missing in TLS 1.2
//	} ClientHello;

// ParseClientHello parses the body of a ClientHello. RFC 9846, Section 4.1.2.
func ParseClientHello(body []byte) (*ClientHello, error) {
	m, p := &ClientHello{Padding: -1}, parse(iana.HandshakeClientHello, body)
	m.LegacyVersion = iana.Version(p.uint16("legacy_version"))
	p.fixed("random", m.Random[:])
	m.SessionID = p.vector8("legacy_session_id", 0, 32)
	m.CipherSuites = list16[iana.CipherSuite](&p, "cipher_suites", p.vector16("cipher_suites", 2))
	m.CompressionMethods = p.vector8("legacy_compression_methods", 1, 255)
	if !p.Empty() {
		m.Present, m.Unknown = p.extensions(m.parseExtension)
	}
	// RFC 9846, Section 4.2.11: pre_shared_key MUST be the last extension, and
	// servers MUST check that.
	if n := len(m.Present); m.PSK != nil && n > 0 && m.Present[n-1] != iana.ExtPreSharedKey {
		p.illegal("pre_shared_key", "not the last extension")
	}
	if err := p.end(); err != nil {
		return nil, err
	}
	return m, nil
}

// AppendTo appends the whole message to b. Extensions go out in the order of
// clientHelloOrder, then Unknown, padding and pre_shared_key.
func (m *ClientHello) AppendTo(b []byte) ([]byte, error) {
	w, mark := begin(b, iana.HandshakeClientHello)
	m.addPrefix(&w, m.SessionID)
	block := w.Begin16()
	for _, typ := range clientHelloOrder {
		addExtension(&w, typ, m.addExtension)
	}
	m.addTail(&w)
	w.End16(block)
	return end(&w, mark, iana.HandshakeClientHello)
}

// addPrefix appends everything before the extensions.
func (m *ClientHello) addPrefix(b *codec.Builder, sessionID []byte) {
	b.AddUint16(uint16(m.LegacyVersion))
	b.AddBytes(m.Random[:])
	b.AddVector8(sessionID)
	addNumbers16(b, m.CipherSuites)
	b.AddVector8(m.CompressionMethods)
}

// addTail appends the extensions that come last: RFC 9846, Section 4.2.11,
// keeps the very end for pre_shared_key.
func (m *ClientHello) addTail(b *codec.Builder) {
	addRaw(b, m.Unknown)
	addExtension(b, iana.ExtPadding, m.addExtension)
	addExtension(b, iana.ExtPreSharedKey, m.addExtension)
}

// clientHelloOrder is the order in which AppendTo writes extensions. Those
// that differ between the inner and the outer ClientHello of ECH come first,
// because the ones that the inner takes over from the outer have to stand
// together (RFC 9849, Section 5.1). Apart from that it is the order of the
// traces in RFC 8448.
var clientHelloOrder = []iana.ExtensionType{
	iana.ExtServerName,
	iana.ExtALPN,
	iana.ExtECH,
	iana.ExtECHOuterExtensions,
	iana.ExtRenegotiationInfo,
	iana.ExtExtendedMasterSecret,
	iana.ExtECPointFormats,
	iana.ExtMaxFragmentLength,
	iana.ExtSupportedGroups,
	iana.ExtSessionTicket,
	iana.ExtKeyShare,
	iana.ExtEarlyData,
	iana.ExtSupportedVersions,
	iana.ExtSignatureAlgorithms,
	iana.ExtSignatureAlgorithmsCert,
	iana.ExtDelegatedCredential,
	iana.ExtStatusRequest,
	iana.ExtSCT,
	iana.ExtCertificateAuthorities,
	iana.ExtCompressCertificate,
	iana.ExtClientCertType,
	iana.ExtServerCertType,
	iana.ExtPostHandshakeAuth,
	iana.ExtTicketRequest,
	iana.ExtCertWithExternPSK,
	iana.ExtCookie,
	iana.ExtPSKModes,
	iana.ExtRecordSizeLimit,
}

// parseExtension has a branch for each row of the registry that a ClientHello
// may carry; addExtension is its mirror image.
func (m *ClientHello) parseExtension(x *parser, typ iana.ExtensionType) bool {
	switch typ {
	case iana.ExtServerName:
		m.ServerName = x.serverName()
	case iana.ExtALPN:
		m.ALPN = x.alpnNames()
	case iana.ExtECH:
		m.ECH = x.echClientHello()
	case iana.ExtECHOuterExtensions:
		m.ECHOuterExtensions = numbers16Short[iana.ExtensionType](x)
	case iana.ExtRenegotiationInfo:
		m.RenegotiationInfo = x.vector8("", 0, 255)
	case iana.ExtExtendedMasterSecret:
		m.ExtendedMasterSecret = true
	case iana.ExtECPointFormats:
		m.ECPointFormats = x.vector8("", 1, 255)
	case iana.ExtMaxFragmentLength:
		m.MaxFragmentLength = x.maxFragmentLength()
	case iana.ExtSupportedGroups:
		m.SupportedGroups = numbers16[iana.NamedGroup](x)
	case iana.ExtSessionTicket:
		m.SessionTicket = x.Rest()
	case iana.ExtKeyShare:
		m.KeyShares = x.keyShares()
	case iana.ExtEarlyData:
		m.EarlyData = true
	case iana.ExtSupportedVersions:
		m.SupportedVersions = numbers16Short[iana.Version](x)
	case iana.ExtSignatureAlgorithms:
		m.SignatureAlgorithms = numbers16[iana.SignatureScheme](x)
	case iana.ExtSignatureAlgorithmsCert:
		m.SignatureAlgsCert = numbers16[iana.SignatureScheme](x)
	case iana.ExtDelegatedCredential:
		m.DelegatedCredential = numbers16[iana.SignatureScheme](x)
	case iana.ExtStatusRequest:
		m.StatusRequest = x.statusRequest()
	case iana.ExtSCT:
		m.SCT = true
	case iana.ExtCertificateAuthorities:
		m.CertAuthorities = x.authorities()
	case iana.ExtCompressCertificate:
		m.CompressCertificate = x.compressions()
	case iana.ExtClientCertType:
		m.ClientCertTypes = x.certificateTypes()
	case iana.ExtServerCertType:
		m.ServerCertTypes = x.certificateTypes()
	case iana.ExtPostHandshakeAuth:
		m.PostHandshakeAuth = true
	case iana.ExtTicketRequest:
		m.TicketRequest = &TicketRequest{x.uint8("new_session_count"), x.uint8("resumption_count")}
	case iana.ExtCertWithExternPSK:
		m.CertWithExternPSK = true
	case iana.ExtCookie:
		m.Cookie = x.vector16("", 1)
	case iana.ExtPSKModes:
		m.PSKModes = numbers8[iana.PSKMode](x)
	case iana.ExtRecordSizeLimit:
		m.RecordSizeLimit = x.recordSizeLimit()
	case iana.ExtPadding:
		m.Padding = len(x.Rest())
	case iana.ExtPreSharedKey:
		m.PSK = x.offeredPSKs()
	default:
		return false
	}
	return true
}

func (m *ClientHello) addExtension(b *codec.Builder, typ iana.ExtensionType) bool {
	switch typ {
	case iana.ExtServerName:
		return addServerName(b, m.ServerName)
	case iana.ExtALPN:
		return addALPNNames(b, m.ALPN)
	case iana.ExtECH:
		return addECHClientHello(b, m.ECH)
	case iana.ExtECHOuterExtensions:
		return addNumbers16Short(b, m.ECHOuterExtensions)
	case iana.ExtRenegotiationInfo:
		return addVector8(b, m.RenegotiationInfo)
	case iana.ExtExtendedMasterSecret:
		return m.ExtendedMasterSecret
	case iana.ExtECPointFormats:
		return addVector8(b, m.ECPointFormats)
	case iana.ExtMaxFragmentLength:
		return addUint8(b, m.MaxFragmentLength)
	case iana.ExtSupportedGroups:
		return addNumbers16(b, m.SupportedGroups)
	case iana.ExtSessionTicket:
		return addBytes(b, m.SessionTicket)
	case iana.ExtKeyShare:
		return addKeyShares(b, m.KeyShares)
	case iana.ExtEarlyData:
		return m.EarlyData
	case iana.ExtSupportedVersions:
		return addNumbers16Short(b, m.SupportedVersions)
	case iana.ExtSignatureAlgorithms:
		return addNumbers16(b, m.SignatureAlgorithms)
	case iana.ExtSignatureAlgorithmsCert:
		return addNumbers16(b, m.SignatureAlgsCert)
	case iana.ExtDelegatedCredential:
		return addNumbers16(b, m.DelegatedCredential)
	case iana.ExtStatusRequest:
		return addStatusRequest(b, m.StatusRequest)
	case iana.ExtSCT:
		return m.SCT
	case iana.ExtCertificateAuthorities:
		return addBlobs16(b, m.CertAuthorities)
	case iana.ExtCompressCertificate:
		return addNumbers16Short(b, m.CompressCertificate)
	case iana.ExtClientCertType:
		return addNumbers8(b, m.ClientCertTypes)
	case iana.ExtServerCertType:
		return addNumbers8(b, m.ServerCertTypes)
	case iana.ExtPostHandshakeAuth:
		return m.PostHandshakeAuth
	case iana.ExtTicketRequest:
		return addTicketRequest(b, m.TicketRequest)
	case iana.ExtCertWithExternPSK:
		return m.CertWithExternPSK
	case iana.ExtCookie:
		return addVector16(b, m.Cookie)
	case iana.ExtPSKModes:
		return addNumbers8(b, m.PSKModes)
	case iana.ExtRecordSizeLimit:
		return addUint16(b, m.RecordSizeLimit)
	case iana.ExtPadding:
		b.AddZeros(m.Padding)
		return m.Padding > 0
	case iana.ExtPreSharedKey:
		return addOfferedPSKs(b, m.PSK)
	}
	return false
}

// keyShares is key_share in ClientHello. RFC 9846, Section 4.2.8.
//
//	struct { KeyShareEntry client_shares<0..2^16-1>; } KeyShareClientHello;
//
// Clients MUST NOT offer two shares for one group.
func (p *parser) keyShares() []KeyShare {
	list := p.within(p.vector16("client_shares", 0))
	defer p.merge(&list)
	shares := make([]KeyShare, 0, countExtensions(list.Reader)) // entries have the form of extensions
	groups := make([]iana.NamedGroup, 0, 16)
	for !list.Empty() {
		shares = append(shares, list.keyShareEntry())
		groups = append(groups, shares[len(shares)-1].Group)
	}
	if list.err == nil && !distinct(groups) {
		list.illegal("", "two shares for one group")
	}
	return shares
}

func addKeyShares(b *codec.Builder, shares []KeyShare) bool {
	mark := b.Begin16()
	for _, s := range shares {
		addKeyShareEntry(b, s)
	}
	b.End16(mark)
	return shares != nil
}

func addTicketRequest(b *codec.Builder, r *TicketRequest) bool {
	if r == nil {
		return false
	}
	b.AddUint8(r.NewSession)
	b.AddUint8(r.Resumption)
	return true
}

// offeredPSKs is pre_shared_key in ClientHello. RFC 9846, Section 4.2.11.
//
//	struct {
//	    opaque identity<1..2^16-1>;
//	    uint32 obfuscated_ticket_age;
//	} PskIdentity;
//	opaque PskBinderEntry<32..255>;
//	struct {
//	    PskIdentity identities<7..2^16-1>;
//	    PskBinderEntry binders<33..2^16-1>;
//	} OfferedPsks;
func (p *parser) offeredPSKs() *OfferedPSKs {
	identities := p.within(p.vector16("identities", 7))
	binders := p.within(p.vector16("binders", 33))
	psks := &OfferedPSKs{
		Identities: make([]PSKIdentity, 0, countIdentities(identities.Reader)),
		Binders:    make([][]byte, 0, (binders.Len()+32)/33),
	}
	for !identities.Empty() {
		psks.Identities = append(psks.Identities, PSKIdentity{
			Identity:            identities.vector16("identity", 1),
			ObfuscatedTicketAge: identities.uint32("obfuscated_ticket_age"),
		})
	}
	for !binders.Empty() {
		psks.Binders = append(psks.Binders, binders.vector8("binder", 32, 255))
	}
	p.merge(&identities)
	p.merge(&binders)
	if p.err == nil && len(psks.Identities) != len(psks.Binders) {
		p.illegal("", fmt.Sprintf("identities and binders differ in number: %d and %d", len(psks.Identities), len(psks.Binders)))
	}
	return psks
}

func countIdentities(r codec.Reader) int {
	n := 0
	for !r.Empty() {
		_, ok := r.Vector16()
		if _, fits := r.Uint32(); !ok || !fits {
			break
		}
		n++
	}
	return n
}

func addOfferedPSKs(b *codec.Builder, psks *OfferedPSKs) bool {
	if psks == nil {
		return false
	}
	mark := b.Begin16()
	for _, id := range psks.Identities {
		b.AddVector16(id.Identity)
		b.AddUint32(id.ObfuscatedTicketAge)
	}
	b.End16(mark)
	mark = b.Begin16()
	for _, binder := range psks.Binders {
		b.AddVector8(binder)
	}
	b.End16(mark)
	return true
}

// BindersLen returns the bytes that the list of binders takes at the end of
// the encoded message, its length included: msg[:len(msg)-m.BindersLen()] is
// what the binders are computed over. It is 0 without pre_shared_key.
// RFC 9846, Section 4.2.11.2.
func (m *ClientHello) BindersLen() int {
	if m.PSK == nil {
		return 0
	}
	n := 2
	for _, binder := range m.PSK.Binders {
		n += 1 + len(binder)
	}
	return n
}

// PatchBinders overwrites the binders at the end of msg, an encoded
// ClientHello. They must have the lengths that the binders in msg have; else
// it changes nothing and returns an error.
func PatchBinders(msg []byte, binders [][]byte) error {
	n := 2
	for _, binder := range binders {
		n += 1 + len(binder)
	}
	tail := codec.NewReader(msg[max(0, len(msg)-n):])
	list, ok := tail.Vector16()
	fits := ok && tail.Empty()
	slots := codec.NewReader(list)
	for _, binder := range binders {
		slot, ok := slots.Vector8()
		fits = fits && ok && len(slot) == len(binder)
	}
	if !fits || !slots.Empty() {
		return errors.New("client_hello: the new binders have other lengths than those in the message")
	}
	slots = codec.NewReader(list)
	for _, binder := range binders {
		slot, _ := slots.Vector8()
		copy(slot, binder)
	}
	return nil
}
