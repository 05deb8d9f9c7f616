package wire

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/codec"
)

// The contents of extensions that more than one message carries, or that are more than a
// number: each parser beside its appender. An appender returns false if the extension is
// absent.

// numbers16 is a vector of two-byte values with its length in two bytes:
// supported_groups, signature_algorithms, signature_algorithms_cert,
// delegated_credential. RFC 9846, Sections 4.2.3 and 4.2.7.
func numbers16[T ~uint16](p *parser) []T { return list16[T](p, "", p.vector16("", 2)) }

func addNumbers16[T ~uint16](b *codec.Builder, list []T) bool {
	mark := b.Begin(2)
	for _, v := range list {
		b.AddUint16(uint16(v))
	}
	b.End(mark)
	return len(list) > 0
}

// numbers16Short is the same with its length in one byte: supported_versions,
// compress_certificate, ech_outer_extensions.
func numbers16Short[T ~uint16](p *parser) []T { return list16[T](p, "", p.vector8("", 2, 254)) }

func addNumbers16Short[T ~uint16](b *codec.Builder, list []T) bool {
	mark := b.Begin(1)
	for _, v := range list {
		b.AddUint16(uint16(v))
	}
	b.End(mark)
	return len(list) > 0
}

// numbers8 is a vector of one-byte values: psk_key_exchange_modes and the
// certificate types.
func numbers8[T ~uint8](p *parser) []T { return list8[T](p.vector8("", 1, 255)) }

// compressions reads a list of algorithms without repetition. RFC 8879, Section 3.
func (p *parser) compressions() []iana.CertificateCompression {
	list := numbers16Short[iana.CertificateCompression](p)
	if !distinct(list) {
		p.illegal("", "a duplicate algorithm")
	}
	return list
}

// certificateTypes reads a client's list of certificate types. RFC 7250, Section
// 4.1: with nothing but X.509 certificates the client "MUST omit" the extension.
func (p *parser) certificateTypes() []iana.CertificateType {
	list := numbers8[iana.CertificateType](p)
	if len(list) == 1 && list[0] == iana.CertTypeX509 {
		p.illegal("", "X.509 alone, which needs no extension")
	}
	return list
}

func addNumbers8[T ~uint8](b *codec.Builder, list []T) bool {
	mark := b.Begin(1)
	for _, v := range list {
		b.AddUint8(uint8(v))
	}
	b.End(mark)
	return len(list) > 0
}

func addVector8(b *codec.Builder, v []byte) bool {
	b.AddVector(1, v)
	return v != nil
}

func addVector16(b *codec.Builder, v []byte) bool {
	b.AddVector(2, v)
	return v != nil
}

func addBytes(b *codec.Builder, v []byte) bool {
	b.AddBytes(v)
	return v != nil
}

func addUint16[T ~uint16](b *codec.Builder, v T) bool {
	b.AddUint16(uint16(v))
	return v != 0
}

func addUint8(b *codec.Builder, v uint8) bool {
	b.AddUint8(v)
	return v != 0
}

// selectedIdentity is pre_shared_key in ServerHello. RFC 9846, Section 4.2.11.
func (p *parser) selectedIdentity() *uint16 {
	v := p.uint16("selected_identity")
	return &v
}

// expectedCount is ticket_request in EncryptedExtensions. RFC 9149, Section 3.
func (p *parser) expectedCount() *uint8 {
	v := p.uint8("expected_count")
	return &v
}

// maxEarlyData is early_data in NewSessionTicket. RFC 9846, Section 4.2.10.
func (p *parser) maxEarlyData() *uint32 {
	v := p.uint32("max_early_data_size")
	return &v
}

// addOptional8, addOptional16 and addOptional32 append a number that may be absent.
func addOptional8(b *codec.Builder, v *uint8) bool {
	if v != nil {
		b.AddUint8(*v)
	}
	return v != nil
}

func addOptional16(b *codec.Builder, v *uint16) bool {
	if v != nil {
		b.AddUint16(*v)
	}
	return v != nil
}

func addOptional32(b *codec.Builder, v *uint32) bool {
	if v != nil {
		b.AddUint32(*v)
	}
	return v != nil
}

// rest is opaque content of any length.
func (p *parser) rest() []byte { return p.Rest() }

// cookie is cookie. RFC 9846, Section 4.2.2.
//
//	struct { opaque cookie<1..2^16-1>; } Cookie;
func (p *parser) cookie() []byte { return p.vector16("", 1) }

// pointFormats is ec_point_formats. RFC 8422, Section 5.1.2.
func (p *parser) pointFormats() []byte { return p.vector8("", 1, 255) }

// renegotiationInfo is renegotiation_info. RFC 5746, Section 3.2.
func (p *parser) renegotiationInfo() []byte { return p.vector8("", 0, 255) }

// addCertType appends the one type a server chose. RFC 7250, Section 3.
func addCertType(b *codec.Builder, v *iana.CertificateType) bool {
	if v != nil {
		b.AddUint8(uint8(*v))
	}
	return v != nil
}

func (p *parser) certType() *iana.CertificateType {
	v := iana.CertificateType(p.uint8(""))
	return &v
}

// recordSizeLimit is record_size_limit. RFC 8449, Section 4: a limit below 64
// MUST be treated as illegal_parameter.
func (p *parser) recordSizeLimit() uint16 {
	v := p.uint16("")
	if v < 64 {
		p.illegal("", plural(int(v), "byte")+", at least 64 required")
	}
	return v
}

// maxFragmentLength is max_fragment_length: 1 to 4 for 2^9 to 2^12 bytes. Any
// other value MUST be refused with illegal_parameter. RFC 6066, Section 4.
func (p *parser) maxFragmentLength() uint8 {
	v := p.uint8("")
	if v < 1 || v > 4 {
		p.illegal("", fmt.Sprintf("value %d, 1 to 4 allowed", v))
	}
	return v
}

// alpnNames is the client's list of protocols. RFC 7301, Section 3.1.
//
//	opaque ProtocolName<1..2^8-1>;
//	struct { ProtocolName protocol_name_list<2..2^16-1>; } ProtocolNameList;
func (p *parser) alpnNames() []string {
	list := p.vector16("", 2)
	text := string(list) // one copy for all names
	names := make([]string, 0, count(codec.NewReader(list), 1))
	part := p.within(list)
	for !part.Empty() {
		end := len(text) - part.Len()
		name := part.vector8("protocol name", 1, 255)
		names = append(names, text[end+1:][:len(name)])
	}
	p.merge(&part)
	return names
}

// alpnChoice is the server's list, which MUST hold exactly one name.
// RFC 7301, Section 3.1.
func (p *parser) alpnChoice() string {
	names := p.alpnNames()
	if p.err == nil && len(names) != 1 {
		p.malformed("", plural(len(names), "protocol name")+", exactly 1 required")
	}
	if p.err != nil {
		return ""
	}
	return names[0]
}

func addALPNNames(b *codec.Builder, names []string) bool {
	list := b.Begin(2)
	for _, name := range names {
		mark := b.Begin(1)
		b.AddString(name)
		b.End(mark)
		if name == "" {
			b.Fail(errors.New("empty protocol name"))
		}
	}
	b.End(list)
	return len(names) > 0
}

func addALPNChoice(b *codec.Builder, name string) bool {
	return name != "" && addALPNNames(b, []string{name})
}

// serverName is server_name in ClientHello. RFC 6066, Section 3.
//
//	struct {
//	    NameType name_type;          // host_name(0)
//	    opaque HostName<1..2^16-1>;
//	} ServerName;
//	struct { ServerName server_name_list<1..2^16-1> } ServerNameList;
//
// host_name is the only type that was ever defined. Others, all of which "MUST begin with a
// 16-bit length field", are skipped; no type may appear twice. A name longer than DNS
// allows, or with a contains a zero byte, is no host name, and one with a dot at its end is
// not to be sent. The result is "" if there is no host_name.
func (p *parser) serverName() (host string) {
	list := p.within(p.vector16("", 1))
	defer p.merge(&list)
	var seen [256]bool
	for !list.Empty() {
		typ := list.uint8("name_type")
		if typ != hostName {
			list.vector16("name", 0)
		} else {
			host = list.hostName()
		}
		if seen[typ] && list.err == nil {
			list.malformed("", fmt.Sprintf("two names of name_type %d", typ))
		}
		seen[typ] = true
	}
	return host
}

const hostName = 0 // NameType of a DNS name

// hostName reads one HostName.
func (p *parser) hostName() string {
	name := p.vector16("host_name", 1)
	switch {
	case len(name) > 255:
		p.malformed("host_name", plural(len(name), "byte")+", at most 255 allowed")
	case bytes.IndexByte(name, 0) >= 0:
		p.malformed("host_name", "contains a zero byte")
	case bytes.HasSuffix(name, []byte{'.'}):
		p.malformed("host_name", "ends with a dot")
	}
	return string(name)
}

func addServerName(b *codec.Builder, name string) bool {
	list := b.Begin(2)
	b.AddUint8(hostName)
	mark := b.Begin(2)
	b.AddString(name)
	b.End(mark)
	b.End(list)
	return name != ""
}

const statusOCSP = 1

// statusRequest is status_request in ClientHello: true if it asks for OCSP. A
// status_type unknown to us is no error and means nothing. RFC 6066, Section 8.
//
//	struct {
//	    CertificateStatusType status_type;  // ocsp(1)
//	    ResponderID responder_id_list<0..2^16-1>;
//	    opaque request_extensions<0..2^16-1>;
//	} CertificateStatusRequest;
func (p *parser) statusRequest() bool {
	if typ := p.uint8("status_type"); typ != statusOCSP {
		p.Rest()
		return false
	}
	p.blobs("responder_id_list", p.vector16("responder_id_list", 0), 2)
	p.vector16("request_extensions", 0)
	return p.err == nil
}

func addStatusRequest(b *codec.Builder, ask bool) bool {
	b.AddUint8(statusOCSP)
	b.AddUint16(0) // no responder preferred
	b.AddUint16(0) // no extensions
	return ask
}

// status is the answer: one OCSP response, in DER. RFC 6066, Section 8.
//
//	struct {
//	    CertificateStatusType status_type;
//	    opaque OCSPResponse<1..2^24-1>;
//	} CertificateStatus;
func (p *parser) status() []byte {
	if typ := p.uint8("status_type"); p.err == nil && typ != statusOCSP {
		p.illegal("status_type", fmt.Sprintf("%d, expected ocsp", typ))
	}
	return p.vector24("response", 1)
}

func addStatus(b *codec.Builder, response []byte) bool {
	b.AddUint8(statusOCSP)
	b.AddVector(3, response)
	return len(response) > 0
}

// sctList is a SignedCertificateTimestampList. RFC 6962, Section 3.3.
//
//	opaque SerializedSCT<1..2^16-1>;
//	struct { SerializedSCT sct_list<1..2^16-1>; } ...;
func (p *parser) sctList() [][]byte { return p.blobs("", p.vector16("", 1), 2) }

func addBlobs16(b *codec.Builder, list [][]byte) bool {
	mark := b.Begin(2)
	for _, v := range list {
		b.AddVector(2, v)
	}
	b.End(mark)
	return len(list) > 0
}

// authorities is certificate_authorities: distinguished names in DER.
// RFC 9846, Section 4.2.4.
//
//	opaque DistinguishedName<1..2^16-1>;
//	struct { DistinguishedName authorities<3..2^16-1>; } ...;
func (p *parser) authorities() [][]byte { return p.blobs("", p.vector16("", 3), 2) }

// keyShareEntry reads one KeyShareEntry. RFC 9846, Section 4.2.8.
//
//	struct {
//	    NamedGroup group;
//	    opaque key_exchange<1..2^16-1>;
//	} KeyShareEntry;
func (p *parser) keyShareEntry() KeyShare {
	return KeyShare{iana.NamedGroup(p.uint16("group")), p.vector16("key_exchange", 1)}
}

func addKeyShareEntry(b *codec.Builder, s KeyShare) {
	b.AddUint16(uint16(s.Group))
	b.AddVector(2, s.Data)
}
