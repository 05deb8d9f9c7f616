package capture

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/sealsock/sealsock/certificate"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/record"
	"github.com/sealsock/sealsock/internal/wire"
)

// A tracker follows one TCP connection. Until a ClientHello was seen, c is nil.
type tracker struct {
	reader *reader
	start  time.Time
	sides  [2]side // by who sent the first segment
	ended  bool    // by FIN or RST
	c      *Connection
	kept   int
	crypt  *decryption
	hello  *wire.ClientHello
	random [32]byte // of the ClientHello
}

// A side is one direction of a connection.
type side struct {
	stream   stream
	from, to string // addresses, to tell the sides apart
	tls      bool   // what follows is TLS
	client   bool
	pending  []byte // of a record
	message  []byte // of a handshake message
	taken    bool   // something that stood in front of pending or message
	broken   string // why it is not followed any more
	ccs      bool   // change_cipher_spec was sent
	opener   record.Opener
	stage    stage // of TLS 1.3
}

// maxPending bounds the bytes of a direction that wait: for the rest of a record or, with a
// key log, for the other side's ServerHello.
const maxPending = 256 << 10

// segment takes a segment of either side.
func (t *tracker) segment(s *segment) {
	from, to := s.from.String(), s.to.String()
	if t.sides[0].from == "" {
		t.sides[0].from, t.sides[0].to = from, to
		t.sides[1].from, t.sides[1].to = to, from
	}
	i := 0
	if from != t.sides[0].from {
		i = 1
	}
	if s.syn {
		t.ended = false
	}
	before := t.waiting()
	t.sides[i].stream.add(s, func(b []byte) { t.bytes(i, b, s) })
	t.sides[0].shrink()
	t.sides[1].shrink()
	t.reader.note(t, before)
	t.ended = t.ended || s.fin || s.reset
}

// bytes takes bytes of one side that are in order.
func (t *tracker) bytes(i int, b []byte, s *segment) {
	d := &t.sides[i]
	if d.broken != "" {
		return
	}
	d.pending = append(d.pending, b...)
	if !d.tls && !t.begins(i, s) {
		return
	}
	t.records(i)
	t.records(1 - i) // what waited for this
	if len(d.pending) > maxPending {
		d.broken, d.pending = "what it sends cannot be followed", nil
	}
}

// begins looks for the beginning of TLS at the beginning of what was sent last: a
// ClientHello, and after one a ServerHello or an alert. What comes before it, as with
// STARTTLS, is dropped.
func (t *tracker) begins(i int, s *segment) bool {
	d := &t.sides[i]
	b := d.pending
	begin := []byte{byte(iana.ContentHandshake), 3}
	if t.c != nil && len(b) > 0 && b[0] == byte(iana.ContentAlert) {
		begin[0] = b[0]
	}
	if n := min(len(b), len(begin)); !bytes.Equal(b[:n], begin[:n]) {
		d.pending = nil
		return false
	}
	if len(b) < record.HeaderLen+1 {
		return false
	}
	hello := iana.HandshakeType(b[record.HeaderLen])
	switch {
	case t.c == nil && hello == iana.HandshakeClientHello:
		t.c = &Connection{
			Start: t.start, Client: s.from, Server: s.to,
			FromClient: Traffic{Records: map[string]int{}},
			FromServer: Traffic{Records: map[string]int{}},
		}
		d.client = true
	case t.c != nil && (hello == iana.HandshakeServerHello || begin[0] == byte(iana.ContentAlert)):
	default:
		d.pending = nil
		return false
	}
	d.tls = true
	return true
}

// records takes the whole records of a side that can be taken now.
func (t *tracker) records(i int) {
	for d := &t.sides[i]; d.tls && d.broken == ""; {
		h, ok := record.ParseHeader(d.pending)
		if !ok {
			return
		}
		if h.Version>>8 != 3 || h.Type < iana.ContentChangeCipherSpec || h.Type > 26 ||
			h.Length > record.MaxCiphertext+1024 {
			d.broken, d.pending = "bytes that are no record of TLS", nil
			return
		}
		n := record.HeaderLen + h.Length
		if len(d.pending) < n || t.waits(d, h.Type) {
			return
		}
		whole := d.pending[:n]
		d.pending, d.taken = d.pending[n:], true
		t.record(d, h.Type, whole)
		if len(d.pending) == 0 {
			d.pending = nil
		}
	}
}

// record takes one record.
func (t *tracker) record(d *side, typ iana.ContentType, whole []byte) {
	body := whole[record.HeaderLen:]
	encrypted := t.encrypts(d, typ, body)
	open := !encrypted
	if encrypted {
		if inner, plain, ok := t.decrypt(d, whole); ok {
			typ, body, open = inner, plain, true
		}
	}
	t.count(d, typ, len(body), open)
	switch {
	case !open:
	case typ == iana.ContentChangeCipherSpec:
		d.ccs = d.ccs || !t.c.Retried || t.c.ServerHello != nil // RFC 9846, Appendix D.4
		t.afterChange(d)
	case typ == iana.ContentAlert && len(body) == 2:
		t.alert(d, body, encrypted)
	case typ == iana.ContentHandshake:
		t.handshake(d, body, encrypted)
	}
}

// count counts a record.
func (t *tracker) count(d *side, typ iana.ContentType, length int, open bool) {
	traffic := &t.c.FromServer
	if d.client {
		traffic = &t.c.FromClient
	}
	name := typ.String()
	switch {
	case typ == iana.ContentApplicationData:
		traffic.Bytes += int64(length)
	case !open:
		name = "encrypted " + name
	}
	traffic.Records[name]++
}

// encrypts reports whether a record is encrypted: application data always, and in TLS 1.2
// everything after change_cipher_spec. In TLS 1.3 a client may send change_cipher_spec before
// its second ClientHello.
func (t *tracker) encrypts(d *side, typ iana.ContentType, body []byte) bool {
	if typ == iana.ContentApplicationData {
		return true
	}
	second := t.c.ServerHello == nil && len(body) > 0 &&
		iana.HandshakeType(body[0]) == iana.HandshakeClientHello
	return d.ccs && d.stage == stagePlain && typ != iana.ContentChangeCipherSpec && !second
}

func (t *tracker) alert(d *side, body []byte, encrypted bool) {
	t.c.Alerts = append(t.c.Alerts, SentAlert{
		FromClient: d.client, Fatal: body[0] == 2, Name: iana.Alert(body[1]).String(),
	})
	if len(t.c.Alerts) > maxMessages {
		t.c.Alerts = t.c.Alerts[:maxMessages]
	}
	t.keep(Message{
		FromClient: d.client, Type: iana.ContentAlert, Name: "alert", Data: bytes.Clone(body),
		Length: len(body), Encrypted: encrypted,
	})
}

// keep keeps a message, within the bounds.
func (t *tracker) keep(m Message) {
	if len(t.c.Messages) >= maxMessages || t.kept+len(m.Data) > maxKept ||
		t.reader.kept+len(m.Data) > maxKeptAll {
		t.reader.result.LeftOut["messages beyond the bounds of what is kept"]++
		return
	}
	t.kept += len(m.Data)
	t.reader.kept += len(m.Data)
	t.c.Messages = append(t.c.Messages, m)
}

// handshake takes the content of a record of handshake messages.
func (t *tracker) handshake(d *side, body []byte, encrypted bool) {
	d.message = append(d.message, body...)
	for d.broken == "" {
		typ, n, ok := wire.ParseHeader(d.message)
		if !ok {
			return
		}
		if n > maxPending {
			d.broken, d.message = fmt.Sprintf("a message of %d bytes", n), nil
			return
		}
		if len(d.message) < wire.HeaderLen+n {
			return
		}
		whole := slices.Clone(d.message[:wire.HeaderLen+n])
		d.message, d.taken = d.message[wire.HeaderLen+n:], true
		t.keep(Message{
			FromClient: d.client, Type: iana.ContentHandshake, Name: typ.String(), Data: whole,
			Length: n, Encrypted: encrypted,
		})
		t.message(d, typ, whole[wire.HeaderLen:])
	}
}

// message takes a handshake message.
func (t *tracker) message(d *side, typ iana.HandshakeType, body []byte) {
	switch {
	case typ == iana.HandshakeClientHello && d.client:
		t.clientHello(d, body)
	case typ == iana.HandshakeServerHello && !d.client:
		t.serverHello(d, body)
	case typ == iana.HandshakeEncryptedExtensions && !d.client:
		if m, err := wire.ParseEncryptedExtensions(body); err == nil {
			t.c.ALPN = m.ALPN
		}
	case typ == iana.HandshakeCertificate && !d.client && t.c.Chain == nil:
		t.certificates(body)
	case typ == iana.HandshakeEndOfEarlyData, typ == iana.HandshakeFinished,
		typ == iana.HandshakeKeyUpdate:
		t.changeKeys(d, typ)
	}
}

func (t *tracker) clientHello(d *side, body []byte) {
	h, err := wire.ParseClientHello(body)
	if err != nil {
		d.broken = "the ClientHello is malformed: " + err.Error()
		return
	}
	names := len(h.CipherSuites) + len(h.SupportedGroups) + len(h.SignatureAlgorithms) +
		len(h.Present) + len(h.KeyShares) + len(h.SupportedVersions) + len(h.ALPN)
	if t.c.ClientHello == nil && t.reader.describes(names*nameSize+len(body)) {
		t.c.ClientHello = describeClient(h, wire.HeaderLen+len(body))
		t.hello, t.random = h, h.Random
	}
}

func (t *tracker) serverHello(d *side, body []byte) {
	h, err := wire.ParseServerHello(body)
	if err != nil {
		d.broken = "the ServerHello is malformed: " + err.Error()
		return
	}
	if h.IsHelloRetryRequest() {
		t.c.Retried = true
		return
	}
	if t.c.ServerHello != nil || t.hello == nil ||
		!t.reader.describes(len(h.Present)*nameSize+len(body)) {
		return
	}
	t.c.ServerHello = describeServer(h, t.hello.SessionID)
	t.c.ALPN = h.ALPN
	t.start13(h)
}

// certificates takes the chain of the server, in the form of either version.
func (t *tracker) certificates(body []byte) {
	if !t.reader.describes(len(body) * (1 + decodedSize)) {
		return
	}
	if m, err := wire.ParseCertificate(body); err == nil && t.c.ServerHello != nil &&
		t.c.ServerHello.Version == iana.TLS13.String() {
		for _, e := range m.Entries {
			t.c.Chain = append(t.c.Chain, e.Data)
		}
		return
	}
	if m, err := wire.ParseCertificate12(body); err == nil {
		t.c.Chain = m.Certificates
	}
}

// finish notes what is missing, and decodes the certificates.
func (t *tracker) finish() {
	for i := range t.sides {
		if why := t.sides[i].incomplete(t.ended); why != "" && t.c.Incomplete == "" {
			t.c.Incomplete = why
		}
	}
	for _, der := range t.c.Chain {
		if c, err := certificate.Parse(der); err == nil {
			t.c.Certificates = append(t.c.Certificates, c)
		}
	}
	if t.reader.keys != nil && !t.c.Decrypted && t.c.NotDecrypted == "" {
		t.c.NotDecrypted = "the key log does not have its keys"
	}
}

// incomplete tells why a direction cannot be followed to its end, or returns "".
func (d *side) incomplete(ended bool) string {
	who := "the server's direction: "
	if d.client {
		who = "the client's direction: "
	}
	switch {
	case d.broken != "":
		return who + d.broken
	case d.stream.gap():
		return who + "packets are missing in the capture"
	case d.tls && len(d.pending) > 0 && !ended:
		return who + "the capture ends within a record"
	}
	return ""
}
