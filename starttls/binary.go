package starttls

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// LDAP, RFC 4511, Section 4.14; PostgreSQL, its frontend/backend protocol, SSLRequest;
// MySQL, its client/server protocol, SSLRequest; RDP, [MS-RDPBCGR], Sections 2.2.1.1 and
// 2.2.1.2.

// startTLSName is the name of LDAP's extended operation.
const startTLSName = "1.3.6.1.4.1.1466.20037"

// The tags of LDAP's extended operation: [APPLICATION 23] and [APPLICATION 24].
const (
	ldapRequest  = 0x77
	ldapResponse = 0x78
)

// requestName is the tag of the operation's name, [0].
var requestName = asn1.Tag(0).ContextSpecific()

func ldapClient(d *dialog, _ string) error {
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(1) // messageID
		b.AddASN1(asn1.Tag(ldapRequest), func(b *cryptobyte.Builder) {
			b.AddASN1(requestName, func(b *cryptobyte.Builder) { b.AddBytes([]byte(startTLSName)) })
		})
	})
	if err := d.send(string(b.BytesOrPanic())); err != nil {
		return err
	}
	body, err := d.ldapMessage()
	if err != nil {
		return err
	}
	id, _ := readBER(&body, byte(asn1.INTEGER))
	result, ok := readBER(&body, ldapResponse)
	code, coded := readBER(&result, byte(asn1.ENUM))
	if !ok || !coded || len(code) != 1 || !bytes.Equal(id, []byte{1}) {
		return d.wrong("the server's answer is not the one to StartTLS", "")
	}
	readBER(&result, byte(asn1.OCTET_STRING)) // matchedDN
	text, _ := readBER(&result, byte(asn1.OCTET_STRING))
	if code[0] != 0 {
		reason := fmt.Sprintf("the server refused StartTLS with result code %d", code[0])
		return d.refused(reason, string(text))
	}
	return nil
}

// readBER reads the content of an element with the tag. Unlike DER, BER allows a length in
// more bytes than it needs, which some servers use.
func readBER(in *cryptobyte.String, tag byte) (content cryptobyte.String, ok bool) {
	var first, n uint8
	if !in.ReadUint8(&first) || first != tag || !in.ReadUint8(&n) || n == 0x80 || n > 0x84 {
		return nil, false
	}
	length := int(n)
	if n > 0x80 {
		length = 0
		for range n - 0x80 {
			var b uint8
			if !in.ReadUint8(&b) {
				return nil, false
			}
			length = length<<8 | int(b)
		}
	}
	ok = in.ReadBytes((*[]byte)(&content), length)
	return content, ok
}

// ldapMessage reads an LDAPMessage and returns the content of its SEQUENCE.
func (d *dialog) ldapMessage() (cryptobyte.String, error) {
	head, err := d.bytes(2)
	if err != nil {
		return nil, err
	}
	n := int(head[1])
	if head[0] != byte(asn1.SEQUENCE) || n == 0x80 || n > 0x84 {
		return nil, d.wrong(d.peer+" did not send an LDAP message", string(head))
	}
	if n > 0x80 { // BER: the length need not be in its shortest form
		long, err := d.bytes(n - 0x80)
		if err != nil {
			return nil, err
		}
		n = 0
		for _, c := range long {
			n = n<<8 | int(c)
		}
	}
	return d.bytes(n)
}

func ldapServer(d *dialog, _ string) error {
	for {
		body, err := d.ldapMessage()
		if err != nil {
			return err
		}
		id, ok := readBER(&body, byte(asn1.INTEGER))
		if !ok {
			return d.wrong("the client's message has no messageID", "")
		}
		response := ldapResponseTo(body)
		switch response {
		case ldapUnbound:
			return d.refused("the client ended the session before TLS", "")
		case ldapSilence:
			continue
		}
		request, asks := readBER(&body, ldapRequest)
		name, _ := readBER(&request, byte(requestName))
		asks = asks && string(name) == startTLSName
		code := 0
		if !asks {
			code = 13 // confidentialityRequired, RFC 4511, Section 4.1.9
		}
		var b cryptobyte.Builder
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.INTEGER, func(b *cryptobyte.Builder) { b.AddBytes(id) })
			b.AddASN1(asn1.Tag(response), func(b *cryptobyte.Builder) {
				b.AddASN1Enum(int64(code))
				b.AddASN1OctetString(nil) // matchedDN
				b.AddASN1OctetString(nil) // diagnosticMessage
			})
		})
		if err := d.send(string(b.BytesOrPanic())); err != nil || asks {
			return err
		}
	}
}

// What ldapResponseTo returns for requests without a response.
const (
	ldapUnbound = 0
	ldapSilence = 1
)

// ldapResponseTo returns the tag of the response to a request. RFC 4511, Section 4.
func ldapResponseTo(request cryptobyte.String) uint8 {
	if len(request) == 0 {
		return ldapSilence
	}
	switch request[0] {
	case 0x42: // UnbindRequest
		return ldapUnbound
	case 0x50: // AbandonRequest
		return ldapSilence
	case 0x63: // SearchRequest: SearchResultDone
		return 0x65
	case 0x4a: // DelRequest
		return 0x6b
	case 0x60, 0x66, 0x68, 0x6c, 0x6e: // bind, modify, add, modifyDN, compare
		return request[0] + 1
	}
	return ldapResponse
}

// sslRequest is PostgreSQL's SSLRequest: the length and the code 80877103.
var sslRequest = []byte{0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f}

func postgresClient(d *dialog, _ string) error {
	if err := d.send(string(sslRequest)); err != nil {
		return err
	}
	b, err := d.bytes(1)
	switch {
	case err != nil:
		return err
	case b[0] == 'S':
		return nil
	case b[0] == 'N':
		return d.refused("the server does not offer TLS", "N")
	}
	return d.wrong("the server did not answer SSLRequest with S or N", string(b))
}

// gssRequest is PostgreSQL's GSSENCRequest: the length and the code 80877104.
var gssRequest = []byte{0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x30}

func postgresServer(d *dialog, _ string) error {
	b, err := d.bytes(len(sslRequest))
	if err == nil && bytes.Equal(b, gssRequest) {
		// A client with Kerberos credentials asks for its encryption first, and for TLS
		// after a refusal.
		if err = d.send("N"); err == nil {
			b, err = d.bytes(len(sslRequest))
		}
	}
	if err != nil {
		return err
	}
	if !bytes.Equal(b, sslRequest) {
		return d.wrong("the client did not begin with SSLRequest", string(b))
	}
	return d.send("S")
}

// MySQL's capability flags that an upgrade needs.
const (
	mysqlProtocol41 = 1 << 9
	mysqlSSL        = 1 << 11
	mysqlSecure     = 1 << 15
)

func mysqlClient(d *dialog, _ string) error {
	packet, sequence, err := d.mysqlPacket()
	if err != nil {
		return err
	}
	if len(packet) > 0 && packet[0] == 0xff {
		return d.refused("the server refused the connection", string(packet[min(3, len(packet)):]))
	}
	// Protocol version 10: version, name, thread ID, salt, filler, flags. All but the name
	// have fixed lengths.
	end := bytes.IndexByte(packet, 0)
	if len(packet) == 0 || packet[0] != 10 || end < 0 || len(packet) < end+1+4+8+1+2 {
		return d.wrong("the server did not begin with a handshake of protocol version 10", string(packet))
	}
	if binary.LittleEndian.Uint16(packet[end+1+4+8+1:])&mysqlSSL == 0 {
		return d.refused("the server does not offer TLS", "")
	}
	b := []byte{32, 0, 0, sequence + 1}
	b = binary.LittleEndian.AppendUint32(b, mysqlProtocol41|mysqlSSL|mysqlSecure)
	b = binary.LittleEndian.AppendUint32(b, 1<<24) // the largest packet
	b = append(b, 45)                              // utf8mb4
	return d.send(string(append(b, make([]byte, 23)...)))
}

// mysqlPacket reads a packet: its length in three bytes, its sequence number, its content.
func (d *dialog) mysqlPacket() (packet []byte, sequence byte, err error) {
	head, err := d.bytes(4)
	if err != nil {
		return nil, 0, err
	}
	packet, err = d.bytes(int(head[0]) | int(head[1])<<8 | int(head[2])<<16)
	return packet, head[3], err
}

func mysqlServer(d *dialog, _ string) error {
	b := append([]byte{10}, "8.0.0-sealsock\x00"...)
	b = binary.LittleEndian.AppendUint32(b, 1) // thread ID
	b = append(b, "\x01\x02\x03\x04\x05\x06\x07\x08\x00"...)
	b = binary.LittleEndian.AppendUint16(b, mysqlProtocol41|mysqlSSL|mysqlSecure)
	b = append(b, 45, 2, 0, 0, 0, 21) // character set, status, flags, length of the salt
	b = append(b, make([]byte, 10)...)
	b = append(b, "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x00"...)
	if err := d.send(string([]byte{byte(len(b)), 0, 0, 0}) + string(b)); err != nil {
		return err
	}
	packet, _, err := d.mysqlPacket()
	if err != nil {
		return err
	}
	if len(packet) != 32 || binary.LittleEndian.Uint32(packet)&mysqlSSL == 0 {
		return d.wrong("the client did not ask for TLS", "")
	}
	return nil // the client's next bytes are its ClientHello
}

// The protocols of RDP's negotiation, and its kinds of answer.
const (
	rdpTLS      = 1
	rdpResponse = 2
	rdpFailure  = 3
)

// rdpRequest is a TPKT with an X.224 Connection Request that has an RDP_NEG_REQ for TLS.
var rdpRequest = []byte{3, 0, 0, 19, 14, 0xe0, 0, 0, 0, 0, 0, 1, 0, 8, 0, rdpTLS, 0, 0, 0}

func rdpClient(d *dialog, _ string) error {
	if err := d.send(string(rdpRequest)); err != nil {
		return err
	}
	b, err := d.tpkt()
	switch {
	case err != nil:
		return err
	case len(b) < 7 || b[1]&0xf0 != 0xd0:
		return d.wrong("the server did not confirm the connection", string(b))
	case len(b) < 15:
		return d.refused("the server supports only standard RDP security", "")
	}
	switch kind, value := b[7], binary.LittleEndian.Uint32(b[11:]); {
	case kind == rdpResponse && value == rdpTLS:
		return nil
	case kind == rdpFailure:
		return d.refused(fmt.Sprintf("the server refused TLS with failure code %d", value), "")
	default:
		return d.refused(fmt.Sprintf("the server chose protocol %d instead of TLS", value), "")
	}
}

// tpkt reads a TPKT and returns its content. RFC 1006, Section 6.
func (d *dialog) tpkt() ([]byte, error) {
	head, err := d.bytes(4)
	if err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint16(head[2:]))
	if head[0] != 3 || n < 4 {
		return nil, d.wrong(d.peer+" did not send a TPKT", string(head))
	}
	return d.bytes(n - 4)
}

func rdpServer(d *dialog, _ string) error {
	b, err := d.tpkt()
	if err != nil {
		return err
	}
	// The RDP_NEG_REQ is the last eight bytes; a cookie may stand before it.
	if len(b) < 15 || b[1]&0xf0 != 0xe0 || b[len(b)-8] != 1 || b[len(b)-4]&rdpTLS == 0 {
		return d.wrong("the client did not ask for TLS", string(b))
	}
	confirm := []byte{
		3, 0, 0, 19, 14, 0xd0, 0, 0, 0x12, 0x34, 0, rdpResponse, 0, 8, 0, rdpTLS, 0, 0, 0,
	}
	return d.send(string(confirm))
}
