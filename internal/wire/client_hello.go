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
//	    opaque legacy_cookie<0..2^8-1>;             // in DTLS only: RFC 9147, Section 5.3
//	    CipherSuite cipher_suites<2..2^16-2>;
//	    opaque legacy_compression_methods<1..2^8-1>;
//	    Extension extensions<8..2^16-1>;            // may be missing in TLS 1.2
//	} ClientHello;

// ParseClientHello parses the body of a ClientHello of TLS. RFC 9846, Section 4.1.2.
func ParseClientHello(body []byte) (*ClientHello, error) { return parseClientHello(body, false) }

// ParseDatagramClientHello parses the body of a ClientHello of DTLS. RFC 9147, Section 5.3.
func ParseDatagramClientHello(body []byte) (*ClientHello, error) {
	return parseClientHello(body, true)
}

// parseClientHello has the transport decide about the form, and not legacy_version, in which
// a client of TLS may put anything.
func parseClientHello(body []byte, datagram bool) (*ClientHello, error) {
	m, p := &ClientHello{Padding: -1, Datagram: datagram}, parse(iana.HandshakeClientHello, body)
	m.LegacyVersion = iana.Version(p.uint16("legacy_version"))
	p.fixed("random", m.Random[:])
	m.SessionID = p.vector8("legacy_session_id", 0, 32)
	if m.Datagram {
		m.LegacyCookie = p.vector8("legacy_cookie", 0, 255)
	}
	m.CipherSuites = list16[iana.CipherSuite](&p, "cipher_suites", p.vector16("cipher_suites", 2))
	m.CompressionMethods = p.vector8("legacy_compression_methods", 1, 255)
	if !p.Empty() {
		m.Present, m.Unknown = clientHelloTable.parse(m, &p)
	}
	if m.Datagram {
		m.SwapVersions()
	}
	// RFC 9846, Section 4.2.11: pre_shared_key MUST be the last extension, and
	// servers MUST check that.
	if n := len(m.Present); m.PSK != nil && n > 0 && m.Present[n-1] != iana.ExtPreSharedKey {
		p.illegal("pre_shared_key", "not the last extension")
	}
	return parsed(m, &p)
}

// AppendTo appends the whole message to b. Extensions stand in the order of
// clientHelloTable, Unknown before padding and pre_shared_key. It sets Present to the types
// that it appends.
func (m *ClientHello) AppendTo(b []byte) ([]byte, error) {
	if m.Datagram {
		m.SwapVersions()
		defer m.SwapVersions()
	}
	w, mark := begin(b, iana.HandshakeClientHello)
	m.addPrefix(&w, m.SessionID)
	block := w.Begin(2)
	present := make([]iana.ExtensionType, 0, len(clientHelloTable)+len(m.Unknown))
	part := borrow(&w)
	if m.Datagram { // else none leads
		present = m.addBody(part, present, true)
	}
	present = m.addBody(part, present, false)
	m.Present = m.addTail(part, present)
	settle(&w, part)
	w.End(block)
	return end(&w, mark, iana.HandshakeClientHello)
}

// addBody appends the extensions of clientHelloBody that lead, or all others, and their types
// to present.
func (m *ClientHello) addBody(
	b *codec.Builder, present []iana.ExtensionType, leading bool,
) []iana.ExtensionType {
	for i := range clientHelloBody {
		if r := &clientHelloBody[i]; m.leads(r.typ) == leading && r.append(m, b) {
			present = append(present, r.typ)
		}
	}
	return present
}

// addTail appends the extensions that come last, and their types to present:
// pre_shared_key MUST be the last one. RFC 9846, Section 4.2.11.
func (m *ClientHello) addTail(b *codec.Builder, present []iana.ExtensionType) []iana.ExtensionType {
	addRaw(b, m.Unknown)
	for _, e := range m.Unknown {
		present = append(present, e.Type)
	}
	for i := range clientHelloTail {
		if r := &clientHelloTail[i]; r.append(m, b) {
			present = append(present, r.typ)
		}
	}
	return present
}

// addPrefix appends everything before the extensions.
func (m *ClientHello) addPrefix(b *codec.Builder, sessionID []byte) {
	b.AddUint16(uint16(m.LegacyVersion))
	b.AddBytes(m.Random[:])
	b.AddVector(1, sessionID)
	if m.Datagram {
		b.AddVector(1, m.LegacyCookie)
	}
	addNumbers16(b, m.CipherSuites)
	b.AddVector(1, m.CompressionMethods)
}

// clientHelloTable lists the extensions of a ClientHello in the order in which they are
// appended. Those that differ between the inner and the outer ClientHello of ECH come
// first, because those that the inner takes from the outer stand together (RFC 9849,
// Section 5.1). Apart from that it is the order of the traces in RFC 8448.
var clientHelloTable = table[ClientHello]{
	field(iana.ExtServerName, func(m *ClientHello) *string { return &m.ServerName },
		(*parser).serverName, addServerName),
	field(iana.ExtALPN, func(m *ClientHello) *[]string { return &m.ALPN },
		(*parser).alpnNames, addALPNNames),
	field(iana.ExtECH, func(m *ClientHello) **ECHClientHello { return &m.ECH },
		(*parser).echClientHello, addECHClientHello),
	field(iana.ExtECHOuterExtensions,
		func(m *ClientHello) *[]iana.ExtensionType { return &m.ECHOuterExtensions },
		numbers16Short[iana.ExtensionType], addNumbers16Short),
	field(iana.ExtRenegotiationInfo, func(m *ClientHello) *[]byte { return &m.RenegotiationInfo },
		(*parser).renegotiationInfo, addVector8),
	flag(iana.ExtExtendedMasterSecret, func(m *ClientHello) *bool { return &m.ExtendedMasterSecret }),
	field(iana.ExtECPointFormats, func(m *ClientHello) *[]byte { return &m.ECPointFormats },
		(*parser).pointFormats, addVector8),
	field(iana.ExtMaxFragmentLength, func(m *ClientHello) *uint8 { return &m.MaxFragmentLength },
		(*parser).maxFragmentLength, addUint8),
	field(iana.ExtSupportedGroups,
		func(m *ClientHello) *[]iana.NamedGroup { return &m.SupportedGroups },
		numbers16[iana.NamedGroup], addNumbers16),
	field(iana.ExtSessionTicket, func(m *ClientHello) *[]byte { return &m.SessionTicket },
		(*parser).rest, addBytes),
	field(iana.ExtKeyShare, func(m *ClientHello) *[]KeyShare { return &m.KeyShares },
		(*parser).keyShares, addKeyShares),
	flag(iana.ExtEarlyData, func(m *ClientHello) *bool { return &m.EarlyData }),
	field(iana.ExtSupportedVersions,
		func(m *ClientHello) *[]iana.Version { return &m.SupportedVersions },
		numbers16Short[iana.Version], addNumbers16Short),
	field(iana.ExtSignatureAlgorithms,
		func(m *ClientHello) *[]iana.SignatureScheme { return &m.SignatureAlgorithms },
		numbers16[iana.SignatureScheme], addNumbers16),
	field(iana.ExtSignatureAlgorithmsCert,
		func(m *ClientHello) *[]iana.SignatureScheme { return &m.SignatureAlgsCert },
		numbers16[iana.SignatureScheme], addNumbers16),
	field(iana.ExtDelegatedCredential,
		func(m *ClientHello) *[]iana.SignatureScheme { return &m.DelegatedCredential },
		numbers16[iana.SignatureScheme], addNumbers16),
	field(iana.ExtStatusRequest, func(m *ClientHello) *bool { return &m.StatusRequest },
		(*parser).statusRequest, addStatusRequest),
	flag(iana.ExtSCT, func(m *ClientHello) *bool { return &m.SCT }),
	field(iana.ExtCertificateAuthorities,
		func(m *ClientHello) *[][]byte { return &m.CertAuthorities },
		(*parser).authorities, addBlobs16),
	field(iana.ExtCompressCertificate,
		func(m *ClientHello) *[]iana.CertificateCompression { return &m.CompressCertificate },
		(*parser).compressions, addNumbers16Short),
	field(iana.ExtClientCertType,
		func(m *ClientHello) *[]iana.CertificateType { return &m.ClientCertTypes },
		(*parser).certificateTypes, addNumbers8),
	field(iana.ExtServerCertType,
		func(m *ClientHello) *[]iana.CertificateType { return &m.ServerCertTypes },
		(*parser).certificateTypes, addNumbers8),
	flag(iana.ExtPostHandshakeAuth, func(m *ClientHello) *bool { return &m.PostHandshakeAuth }),
	field(iana.ExtTicketRequest, func(m *ClientHello) **TicketRequest { return &m.TicketRequest },
		(*parser).ticketRequest, addTicketRequest),
	field(iana.ExtQUICTransportParameters,
		func(m *ClientHello) *[]byte { return &m.QUICTransportParameters },
		(*parser).rest, addBytes),
	flag(iana.ExtCertWithExternPSK, func(m *ClientHello) *bool { return &m.CertWithExternPSK }),
	field(iana.ExtConnectionID, func(m *ClientHello) *[]byte { return &m.ConnectionID },
		(*parser).connectionID, addVector8),
	flag(iana.ExtRRC, func(m *ClientHello) *bool { return &m.RRC }),
	field(iana.ExtUseSRTP, func(m *ClientHello) **SRTP { return &m.SRTP },
		(*parser).srtp, addSRTP),
	field(iana.ExtCookie, func(m *ClientHello) *[]byte { return &m.Cookie },
		(*parser).cookie, addVector16),
	field(iana.ExtPSKModes, func(m *ClientHello) *[]iana.PSKMode { return &m.PSKModes },
		numbers8[iana.PSKMode], addNumbers8),
	field(iana.ExtRecordSizeLimit, func(m *ClientHello) *uint16 { return &m.RecordSizeLimit },
		(*parser).recordSizeLimit, addUint16),
	field(iana.ExtPadding, func(m *ClientHello) *int { return &m.Padding },
		(*parser).padding, addPadding),
	field(iana.ExtPreSharedKey, func(m *ClientHello) **OfferedPSKs { return &m.PSK },
		(*parser).offeredPSKs, addOfferedPSKs),
}

// clientHelloBody are the rows before the unknown extensions, clientHelloTail those after
// them: padding and pre_shared_key.
var (
	clientHelloBody = clientHelloTable[:len(clientHelloTable)-2]
	clientHelloTail = clientHelloTable[len(clientHelloTable)-2:]
)

// ticketRequest is ticket_request in ClientHello. RFC 9149, Section 3.
//
//	struct {
//	    uint8 new_session_count;
//	    uint8 resumption_count;
//	} ClientTicketRequest;
func (p *parser) ticketRequest() *TicketRequest {
	return &TicketRequest{p.uint8("new_session_count"), p.uint8("resumption_count")}
}

// padding is padding: its length in bytes. RFC 7685, Section 3.
func (p *parser) padding() int { return len(p.Rest()) }

func addPadding(b *codec.Builder, n int) bool {
	b.AddZeros(n)
	return n > 0
}

// keyShares is key_share in ClientHello. RFC 9846, Section 4.2.8.
//
//	struct { KeyShareEntry client_shares<0..2^16-1>; } KeyShareClientHello;
//
// Clients MUST NOT offer two shares for one group.
func (p *parser) keyShares() []KeyShare {
	list := p.within(p.vector16("client_shares", 0))
	defer p.merge(&list)
	shares := make([]KeyShare, 0, count(list.Reader, -2, 2))
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
	mark := b.Begin(2)
	for _, s := range shares {
		addKeyShareEntry(b, s)
	}
	b.End(mark)
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
		Identities: make([]PSKIdentity, 0, count(identities.Reader, 2, -4)),
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

func addOfferedPSKs(b *codec.Builder, psks *OfferedPSKs) bool {
	if psks == nil {
		return false
	}
	mark := b.Begin(2)
	for _, id := range psks.Identities {
		b.AddVector(2, id.Identity)
		b.AddUint32(id.ObfuscatedTicketAge)
	}
	b.End(mark)
	mark = b.Begin(2)
	for _, binder := range psks.Binders {
		b.AddVector(1, binder)
	}
	b.End(mark)
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
	list, ok := tail.Vector(2)
	fits := ok && tail.Empty()
	slots := codec.NewReader(list)
	for _, binder := range binders {
		slot, ok := slots.Vector(1)
		fits = fits && ok && len(slot) == len(binder)
	}
	if !fits || !slots.Empty() {
		return errors.New("client_hello: the new binders do not have the lengths of those in the message")
	}
	slots = codec.NewReader(list)
	for _, binder := range binders {
		slot, _ := slots.Vector(1)
		copy(slot, binder)
	}
	return nil
}
