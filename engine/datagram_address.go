package engine

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"time"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/dtls"
	"github.com/sealsock/sealsock/internal/keys"
	"github.com/sealsock/sealsock/internal/record"
	"github.com/sealsock/sealsock/internal/suites"
	"github.com/sealsock/sealsock/internal/wire"
)

// An AddressCheck makes clients of DTLS prove that they receive at their addresses before a
// server keeps anything about them or computes with keys for them. It answers a first
// ClientHello with a HelloRetryRequest (RFC 9147, Section 5.1) or a HelloVerifyRequest
// (RFC 6347, Section 4.2.1) that is at most three times as long as the ClientHello was, and whose
// cookie has all that the server needs later. It is for one goroutine at a time.
//
// Three kinds of first ClientHello cannot be answered without keeping them: one that is longer
// than a datagram, one whose Encrypted ClientHello has to be decrypted, and one with 0-RTT data,
// which a request to begin again would refuse. Their verdict is AddressUnproved. RFC 9147, Section
// 5.1, lets a server of 0-RTT data do without the cookie if it sends at most three times what it
// has received.
type AddressCheck struct {
	cfg *Config
	key func() []byte // which does not print
}

// An AddressVerdict is what is to be done with a datagram from an address that has no
// connection.
type AddressVerdict uint8

// The verdicts.
const (
	// AddressDiscard: it begins no connection.
	AddressDiscard AddressVerdict = iota
	// AddressReply: send the reply to the address, and keep nothing.
	AddressReply
	// AddressProved: make a DatagramServer with the proof, and give it the datagram.
	AddressProved
	// AddressUnproved: it cannot be answered without keeping it. A server may make a
	// DatagramServer without a proof, and must bound how many of these there are. Beyond the
	// bound it sends the reply, if there is one: that refuses the 0-RTT data of the client,
	// and has it prove its address.
	AddressUnproved
)

// An AddressProof is what a client has proved by the cookie in its second ClientHello. It is
// for one DatagramServer.
type AddressProof struct {
	suite    iana.CipherSuite // 0 in DTLS 1.2
	group    iana.NamedGroup  // that the client was asked for; 0 for none
	first    []byte           // the hash of the first ClientHello
	stable   [sha256.Size]byte
	cookie   []byte
	sequence uint64 // of the record
	message  uint16 // number of the ClientHello: 1, or more after several HelloVerifyRequests
}

// cookieLifetime is how long a client has to answer.
const cookieLifetime = time.Minute

// NewAddressCheck returns an AddressCheck for connections with a configuration. A Config that
// ForClient returns should have the same cipher suites and groups.
func NewAddressCheck(cfg *Config) (*AddressCheck, error) {
	if err := cfg.CheckServer(); err != nil {
		return nil, err
	}
	if cfg.ECHBackend {
		return nil, usage("a server behind one that decrypts Encrypted ClientHello has no " +
			"AddressCheck: each ClientHello would be kept")
	}
	key := make([]byte, sha256.Size)
	a := &AddressCheck{cfg: cfg, key: func() []byte { return key }}
	return a, cfg.fill(key)
}

// Check looks at a datagram from an address that has no connection. The bytes of the address
// may have any form, as long as it is always the same. The slices are not kept.
func (a *AddressCheck) Check(
	now time.Time, address, datagram []byte,
) (v AddressVerdict, reply []byte, proof *AddressProof) {
	if a == nil || a.cfg == nil {
		return AddressDiscard, nil, nil
	}
	f, number, ok := firstFragment(datagram)
	if !ok {
		return AddressDiscard, nil, nil
	}
	cookie := wire.FragmentCookie(f.Data)
	switch {
	case len(cookie) > 0:
		if proof = a.open(now, address, cookie, f.Data); proof.fits(f) {
			proof.sequence, proof.message = number.Sequence, f.Seq
			return AddressProved, nil, proof
		}
		v, reply = a.invalid(now, address, f, number)
	case f.Seq != 0:
		return AddressDiscard, nil, nil
	case len(f.Data) < f.Length:
		return AddressUnproved, nil, nil
	default:
		v, reply = a.answer(now, address, f, number)
	}
	if len(reply) > amplification*len(datagram) {
		return AddressDiscard, nil, nil
	}
	return v, reply, nil
}

// fits reports whether there is a proof, and the number of the ClientHello is one that it may have
// with it: behind one HelloRetryRequest, or several HelloVerifyRequests.
func (p *AddressProof) fits(f dtls.Fragment) bool {
	switch {
	case p == nil:
		return false
	case p.suite != 0:
		return f.Seq == 1
	}
	return 1 <= f.Seq && f.Seq <= maxVerifies
}

// maxVerifies is how many HelloVerifyRequests a handshake has at most. There is more than one if a
// cookie was too old when it came, or the server was started again.
const maxVerifies = 4

// invalid answers a ClientHello with a cookie that is not valid, such as an old one. RFC 6347,
// Section 4.2.1: it "SHOULD" be treated like one without a cookie. RFC 9147, Section 5.1: the
// server "MUST terminate the handshake with an "illegal_parameter" alert", so that the client can
// begin again.
func (a *AddressCheck) invalid(
	now time.Time, address []byte, f dtls.Fragment, n record.Number,
) (v AddressVerdict, reply []byte) {
	if len(f.Data) < f.Length || f.Seq >= maxVerifies {
		return AddressDiscard, nil
	}
	hello, err := wire.ParseDatagramClientHello(f.Data)
	if err != nil || checkDatagramVersion(hello.LegacyVersion) != nil {
		return AddressDiscard, nil
	}
	if len(hello.LegacyCookie) > 0 {
		hello.LegacyCookie = nil
		d, err := choose(a.cfg, hello, known{})
		if err == nil && d.version == iana.TLS12 {
			if reply = a.request(now, address, f, n, d); reply == nil {
				return AddressDiscard, nil
			}
			return AddressReply, reply
		}
	}
	alert := []byte{2, byte(iana.AlertIllegalParameter)}
	return AddressReply, replyRecord(n, iana.ContentAlert, alert)
}

// firstFragment returns the start of the ClientHello at the start of a datagram.
func firstFragment(datagram []byte) (f dtls.Fragment, n record.Number, ok bool) {
	rec, _, ok := record.NextRecord(datagram, 0)
	if !ok || rec.Unified || rec.Epoch != 0 || rec.Type != iana.ContentHandshake {
		return f, n, false
	}
	var open epochs
	r, ok, err := open.open(rec)
	if !ok || err != nil {
		return f, n, false
	}
	f, _, ok = dtls.ParseFragment(r.payload)
	return f, r.number, ok && f.Type == iana.HandshakeClientHello && f.Offset == 0
}

// answer answers a first ClientHello.
func (a *AddressCheck) answer(
	now time.Time, address []byte, f dtls.Fragment, n record.Number,
) (v AddressVerdict, reply []byte) {
	hello, err := wire.ParseDatagramClientHello(f.Data)
	if err == nil {
		err = checkDatagramVersion(hello.LegacyVersion)
	}
	if err == nil && hello.ECH != nil && len(a.cfg.ECHKeys) > 0 {
		return AddressUnproved, nil
	}
	var d *decision
	if err == nil {
		d, err = choose(a.cfg, hello, known{})
	}
	if err != nil {
		return AddressReply, replyRecord(n, iana.ContentAlert, []byte{2, byte(asError(err).Alert)})
	}
	if reply = a.request(now, address, f, n, d); reply == nil {
		return AddressDiscard, nil
	}
	if d.mayTakeEarly(a.cfg, hello) {
		return AddressUnproved, reply
	}
	return AddressReply, reply
}

// request asks the client to return a cookie. It returns nil if that is not possible.
func (a *AddressCheck) request(
	now time.Time, address []byte, f dtls.Fragment, n record.Number, d *decision,
) []byte {
	p := &AddressProof{stable: wire.StableHello(f.Data)}
	var m encoder
	if d.version == iana.TLS12 {
		m = &wire.HelloVerifyRequest{Cookie: a.seal12(uint32(now.Unix()), address, f.Data)}
	} else {
		p.suite = d.suite.ID
		if d.retries() {
			p.group = d.group.ID
		}
		p.first = hashHello(d.suite, f)
		p.cookie = a.seal(now, address, p)
		m = p.retryRequest()
	}
	raw, err := encode(m)
	if err != nil {
		return nil
	}
	return replyRecord(n, iana.ContentHandshake, dtls.Fragment{
		Type: iana.HandshakeType(raw[0]), Length: len(raw) - wire.HeaderLen, Seq: f.Seq,
		Data: raw[wire.HeaderLen:],
	}.AppendTo(nil))
}

// replyRecord returns a record with the number of the client's. RFC 6347, Section 4.2.1: the
// server "MUST use the record sequence number in the ClientHello".
func replyRecord(n record.Number, typ iana.ContentType, payload []byte) []byte {
	plain := record.PlainDatagrams{Version: iana.DTLS12}
	plain.SetSequence(n.Sequence)
	d, _, err := plain.SealDatagram(nil, typ, payload, 0)
	if err != nil {
		return nil
	}
	return d
}

// hashHello returns the hash of a ClientHello as it is in the transcript.
func hashHello(s *suites.Suite, f dtls.Fragment) []byte {
	h := s.Hash.New()
	h.Write([]byte{byte(f.Type), byte(f.Length >> 16), byte(f.Length >> 8), byte(f.Length)})
	h.Write(f.Data)
	return h.Sum(nil)
}

// retryRequest returns the HelloRetryRequest, which the server makes again from the cookie
// when the cookie is returned.
func (p *AddressProof) retryRequest() *wire.ServerHello {
	m := &wire.ServerHello{
		LegacyVersion: iana.TLS12, Datagram: true, Random: wire.HelloRetryRequestRandom,
		CipherSuite: p.suite, SupportedVersion: iana.TLS13, Cookie: p.cookie,
	}
	if p.group != 0 {
		m.KeyShare = &wire.KeyShare{Group: p.group}
	}
	return m
}

// seal makes the cookie:
//
//	struct {
//	    uint64 time;                // in seconds
//	    CipherSuite suite;          // of the HelloRetryRequest
//	    NamedGroup group;
//	    opaque stable[32];          // of the first ClientHello: what must not change
//	    opaque first[Hash.length];  // its hash
//	    opaque mac[32];             // of the rest, and of the address
//	} Cookie;
func (a *AddressCheck) seal(now time.Time, address []byte, p *AddressProof) []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(now.Unix()))
	b = binary.BigEndian.AppendUint16(b, uint16(p.suite))
	b = binary.BigEndian.AppendUint16(b, uint16(p.group))
	b = append(b, p.stable[:]...)
	b = append(b, p.first...)
	return a.mac(b, address).Sum(b)
}

const cookieHead = 8 + 2 + 2 + sha256.Size

func (a *AddressCheck) mac(content, address []byte) hash.Hash {
	h := hmac.New(sha256.New, a.key())
	h.Write(content)
	h.Write(address) // the content has a length that its suite determines
	return h
}

// cookieLen12 is the length of a cookie of DTLS 1.2: GnuTLS takes none that is longer.
const cookieLen12 = 32

// seal12 makes the cookie of DTLS 1.2: the time in seconds, and a MAC of it, of the version and
// the random of the ClientHello, and of the address.
func (a *AddressCheck) seal12(at uint32, address, hello []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, at)
	content := append([]byte("DTLS 1.2"), b...)
	content = append(content, hello[:min(len(hello), 2+32)]...)
	return a.mac(content, address).Sum(b)[:cookieLen12]
}

// open12 is open for a cookie of DTLS 1.2.
func (a *AddressCheck) open12(now time.Time, address, cookie, hello []byte) *AddressProof {
	at := binary.BigEndian.Uint32(cookie)
	if !hmac.Equal(cookie, a.seal12(at, address, hello)) {
		return nil
	}
	if age := uint32(now.Unix()) - at; time.Duration(age)*time.Second > cookieLifetime {
		return nil
	}
	return new(AddressProof)
}

// open returns what a cookie holds; nil if it is not one for the address, or too old.
func (a *AddressCheck) open(now time.Time, address, cookie, hello []byte) *AddressProof {
	if len(cookie) == cookieLen12 {
		return a.open12(now, address, cookie, hello)
	}
	n := len(cookie) - sha256.Size
	if n < cookieHead {
		return nil
	}
	content, mac := cookie[:n], cookie[n:]
	if !hmac.Equal(mac, a.mac(content, address).Sum(nil)) {
		return nil
	}
	age := now.Unix() - int64(binary.BigEndian.Uint64(content))
	if age < 0 || time.Duration(age)*time.Second > cookieLifetime {
		return nil
	}
	p := &AddressProof{
		suite:  iana.CipherSuite(binary.BigEndian.Uint16(content[8:])),
		group:  iana.NamedGroup(binary.BigEndian.Uint16(content[10:])),
		stable: [sha256.Size]byte(content[12:]),
		first:  append([]byte(nil), content[cookieHead:]...),
		cookie: append([]byte(nil), cookie...),
	}
	return p
}

// begin makes a server that decides about a second ClientHello know what the first was
// answered with.
func (p *AddressProof) begin(d *deciding) error {
	if p == nil {
		return nil
	}
	if d.ech != nil {
		// An AddressCheck gives no proof for a first ClientHello with the extension.
		return illegal("the second ClientHello adds encrypted_client_hello")
	}
	if p.suite == 0 {
		d.info.verifies = p.message
		return nil
	}
	if stable := wire.StableHello(d.m.body); !keys.Equal(p.stable[:], stable[:]) {
		return illegal("the second ClientHello changes what must be the same as in the first")
	}
	suite := suites.TLS13(p.suite)
	if suite == nil || d.hello.EarlyData {
		return illegal("the second ClientHello offers early data")
	}
	if p.group != 0 && (len(d.hello.KeyShares) != 1 || d.hello.KeyShares[0].Group != p.group) {
		return illegal("the second ClientHello does not have exactly the requested key share")
	}
	raw, err := encode(p.retryRequest())
	if err != nil {
		return err
	}
	d.info.Retried = true
	d.flow = &flow13{cfg: d.cfg, info: d.info, random: d.hello.Random[:], suite: suite}
	d.flow.transcript.choose(suite.Hash)
	d.flow.transcript.add(wire.MessageHash(p.first))
	d.flow.transcript.add(raw)
	return p.promise(d, suite)
}

// promise fixes what the HelloRetryRequest has fixed, and nothing else.
func (p *AddressProof) promise(d *deciding, suite *suites.Suite) error {
	first := &decision{suite: suite}
	if d.hello.KeyShares != nil {
		if err := first.chooseGroup13(d.cfg, d.hello); err != nil && !d.cfg.takesPSKAlone(d.hello) {
			return err
		}
	}
	var err error
	first.alpn, err = chooseALPN(d.cfg.ALPN, d.hello.ALPN)
	d.known.promised = first
	return err
}
