package probe

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"slices"
	"strings"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/record"
	"github.com/sealsock/sealsock/internal/wire"
)

// Numbers of RFC 6520, which no version of the engine implements.
const (
	extHeartbeat     iana.ExtensionType = 15
	contentHeartbeat iana.ContentType   = 24
)

// attacks looks for implementations with published flaws. Each question sends what a
// correct server refuses, and looks at how it refuses. No content that a flawed server
// returns is kept.
func (p *prober) attacks(ctx context.Context, old iana.Version) {
	p.together(
		func() { p.oldCompression(ctx, old) },
		func() { p.heartbeats(ctx, old) },
		func() { p.earlyChange(ctx, old) },
		func() { p.ticketbleed(ctx) },
		func() { p.robot(ctx) },
	)
}

// A reaction is the first record that a server sends in response to a message that it
// should refuse.
type reaction struct {
	typ    iana.ContentType
	alert  iana.Alert // if typ is alert and the record is not encrypted
	closed bool
}

// react sends records and returns the server's reaction. Application data that the server
// had sent before is passed over.
func react(conn net.Conn, records []byte) (reaction, error) {
	if _, err := conn.Write(records); err != nil {
		return closedBy(err)
	}
	for total := 0; total < maxFlight; {
		var head [record.HeaderLen]byte
		if _, err := io.ReadFull(conn, head[:]); err != nil {
			return closedBy(err)
		}
		h, _ := record.ParseHeader(head[:])
		body := make([]byte, h.Length)
		if _, err := io.ReadFull(conn, body); err != nil {
			return closedBy(err)
		}
		if total += len(head) + len(body); h.Type == iana.ContentApplicationData {
			continue
		}
		r := reaction{typ: h.Type}
		if h.Type == iana.ContentAlert && len(body) == 2 {
			r.alert = iana.Alert(body[1])
		}
		return r, nil
	}
	return reaction{}, fmt.Errorf("the server sent over %d bytes", maxFlight)
}

// unlessBroken asks for a reaction. A connection that the server closes without an alert may have
// broken by chance: so it asks again, and takes that reaction.
func unlessBroken(ask func() (reaction, error)) (reaction, error) {
	r, err := ask()
	if err == nil && r.closed || broke(err) {
		return ask()
	}
	return r, err
}

// closedBy returns the reaction that a failed read or write stands for.
func closedBy(err error) (reaction, error) {
	if _, err := refusedBy(err); err != nil {
		return reaction{}, err
	}
	return reaction{closed: true}, nil
}

// oldCompression offers compression. RFC 5246, Section 7.4.1.2. A server that refuses those who do
// compresses nothing.
func (p *prober) oldCompression(ctx context.Context, v iana.Version) {
	o := offerOf(v, suitesOf(v))
	o.change = func(h *wire.ClientHello) {
		h.CompressionMethods = []byte{1, 64, 0} // DEFLATE, LZS, null
	}
	a, err := p.ask(ctx, o)
	if err == nil && a.hello == nil && !p.steady(ctx, v) {
		err = errUnsteady
	}
	if err != nil {
		p.leftOpen("compression", err, flawCRIME)
		return
	}
	if a.dropped {
		p.dropped("compression")
	}
	p.note(func(r *Report) { r.TLSCompression = a.hello != nil && a.hello.Compression != 0 })
}

// heartbeats offers them, and if they are accepted looks for Heartbleed. RFC 6520.
func (p *prober) heartbeats(ctx context.Context, v iana.Version) {
	o := offerOf(v, suitesOf(v))
	o.change = func(h *wire.ClientHello) {
		if v > iana.SSL30 {
			h.Unknown = append(h.Unknown, wire.Extension{Type: extHeartbeat, Data: []byte{1}})
		}
	}
	has, refused := false, false
	err := p.askAnd(ctx, o, func(conn net.Conn, a *answer) (err error) {
		if a.dropped {
			return errDropped
		}
		if refused = a.hello == nil; refused {
			return nil
		}
		accepted := slices.Contains(a.hello.Present, extHeartbeat)
		p.note(func(r *Report) { r.Heartbeat = accepted })
		switch {
		case !accepted:
			return nil
		case a.cut != nil:
			return a.cut
		}
		has, err = heartbleed(conn, v)
		return err
	})
	if err == nil && refused { // asked now that this connection leaves room for another one
		err = p.ifSteady(ctx, v)
	}
	p.answered(flawHeartbleed, has, err)
}

// ifSteady returns an error unless the server still accepts a version.
func (p *prober) ifSteady(ctx context.Context, v iana.Version) error {
	if !p.steady(ctx, v) {
		return errUnsteady
	}
	return nil
}

// answered notes whether the server has a flaw, or the error that left it open. What a server or a
// middlebox drops does no harm.
func (p *prober) answered(flaw string, has bool, err error) {
	switch err {
	case errDropped:
		p.dropped(flaw)
		fallthrough
	case nil:
		p.note(func(r *Report) { r.probed[flaw] = has && err == nil })
	default:
		p.leftOpen(flaw, err, flaw)
	}
}

// heartbleed sends a heartbeat that claims to be longer than its record. RFC 6520, Section
// 4, has it discarded; the handshake message after it is refused by every server, so that
// there is an answer in any case.
func heartbleed(conn net.Conn, v iana.Version) (bool, error) {
	request := []byte{1, 0, 64} // heartbeat_request, payload_length
	b := append(record.AppendHeader(nil, contentHeartbeat, v, len(request)), request...)
	b = appendRecord(b, v, []byte{byte(iana.HandshakeServerHelloDone), 0, 0, 0})
	r, err := react(conn, b)
	if err == nil && r.closed {
		err = errCut
	}
	return r.typ == contentHeartbeat, err
}

// earlyChange sends change_cipher_spec before the key exchange, twice (CVE-2014-0224). A
// flawed server takes the first one, and cannot decrypt the second.
func (p *prober) earlyChange(ctx context.Context, v iana.Version) {
	r, err := unlessBroken(func() (r reaction, err error) {
		err = p.askAnd(ctx, offerOf(v, suitesOf(v)), func(conn net.Conn, a *answer) error {
			if a.hello == nil {
				return errUnsteady
			}
			if a.cut != nil {
				return a.cut
			}
			r, err = react(conn, appendChange(appendChange(nil, v), v))
			return err
		})
		return r, err
	})
	flawed := r.alert == iana.AlertBadRecordMAC || r.alert == iana.AlertDecryptionFailed
	p.answered(flawEarlyChange, flawed, err)
}

func appendChange(b []byte, v iana.Version) []byte {
	return append(record.AppendHeader(b, iana.ContentChangeCipherSpec, v, 1), 1)
}

// ticketbleed resumes a session of TLS 1.2 with a short session ID (CVE-2016-9244). A
// flawed server returns 32 bytes: the ID, and memory behind it.
func (p *prober) ticketbleed(ctx context.Context) {
	if !p.speaks(iana.TLS12) {
		return
	}
	var s *seen
	err := p.insist(ctx, func(ctx context.Context, _ int) (err error) {
		s, err = p.shake(ctx, sealsock.Config{MaxVersion: iana.TLS12}, ticketStep)
		return err
	})
	if err != nil {
		p.failed("ticket with a short session ID", err, flawTicketbleed)
		return
	}
	if len(s.sessions) == 0 || len(s.sessions[0].Ticket) == 0 {
		p.answered(flawTicketbleed, false, nil)
		return
	}
	id := make([]byte, 16)
	rand.Read(id)
	o := offerOf(iana.TLS12, []iana.CipherSuite{s.sessions[0].CipherSuite})
	o.change = func(h *wire.ClientHello) { h.SessionTicket, h.SessionID = s.sessions[0].Ticket, id }
	a, err := p.ask(ctx, o)
	switch {
	case err != nil:
	case a.dropped:
		err = errDropped
	case a.hello == nil && !a.alerted: // an alert has nothing of its memory
		err = p.ifSteady(ctx, iana.TLS12)
	}
	flawed := false
	if err == nil && a.hello != nil {
		got := a.hello.SessionID
		flawed = len(got) > len(id) && string(got[:len(id)]) == string(id)
	}
	p.answered(flawTicketbleed, flawed, err)
}

// A padding is one form of the block that RSA key exchange encrypts, around the secret.
type padding func(block, secret []byte)

// paddings are the right form and wrong ones. A server that reacts differently to them
// decrypts for others (ROBOT; RFC 5246, Section 7.4.7.1).
var paddings = []padding{
	func([]byte, []byte) {},                                            // right, apart from Finished
	func(block, _ []byte) { block[0], block[1] = 0x41, 0x17 },          // no type
	func(block, secret []byte) { block[len(block)-len(secret)-1] = 7 }, // no separator
	func(block, _ []byte) { block[5] = 0 },                             // a separator too early
	func(_, secret []byte) { secret[0], secret[1] = 2, 2 },             // another version
}

// robot compares the reactions to the paddings, for a server with RSA key exchange.
func (p *prober) robot(ctx context.Context) {
	var rsaSuites []iana.CipherSuite
	v := p.newestOld()
	for _, s := range suitesOf(v) {
		if strings.HasPrefix(s.String(), "TLS_RSA_WITH_") {
			rsaSuites = append(rsaSuites, s)
		}
	}
	first, err := p.reactions(ctx, offerOf(v, rsaSuites))
	if err == errNoRSA {
		err = nil
	}
	differs := func(r reaction) bool { return r != first[0] }
	flawed := err == nil && slices.ContainsFunc(first, differs)
	if flawed {
		// A connection that broke by chance tells nothing about the paddings.
		var again []reaction
		again, err = p.reactions(ctx, offerOf(v, rsaSuites))
		if err == errDropped || err == nil && !slices.Equal(first, again) {
			err = errors.New("the server reacts to the same padding in different ways")
		}
	}
	p.answered(flawROBOT, flawed, err)
}

// reactions returns those to each of the paddings, or errNoRSA for a server that refuses all, and
// errDropped for one that drops all.
func (p *prober) reactions(ctx context.Context, o *offer) ([]reaction, error) {
	reactions := make([]reaction, len(paddings))
	failed := make([]error, len(paddings))
	var questions []func()
	for i, pad := range paddings {
		questions = append(questions, func() { reactions[i], failed[i] = p.exchange(ctx, o, pad) })
	}
	p.together(questions...)
	for _, all := range []error{errNoRSA, errDropped} {
		if !slices.ContainsFunc(failed, func(err error) bool { return err != all }) {
			return nil, all
		}
	}
	for _, err := range failed {
		switch err {
		case nil:
		case errNoRSA: // and yet it accepted it with another padding
			return nil, errUnsteady
		case errDropped:
			return nil, errors.New("the server answers to some paddings alone")
		default:
			return nil, err
		}
	}
	return reactions, nil
}

var errNoRSA = errors.New("the server refused RSA key exchange")

// exchange makes a handshake with RSA key exchange up to a wrong Finished.
func (p *prober) exchange(ctx context.Context, o *offer, pad padding) (reaction, error) {
	var r reaction
	err := p.askAnd(ctx, o, func(conn net.Conn, a *answer) error {
		switch {
		case a.dropped:
			return errDropped
		case a.hello == nil:
			return errNoRSA
		case a.cut != nil:
			return a.cut
		}
		key := a.rsaKey()
		if key == nil {
			return errors.New("the server's certificate has no RSA key that can be read")
		}
		sealed := encryptRaw(key, o.version, pad)
		body := sealed
		if o.version > iana.SSL30 {
			body = append(binary.BigEndian.AppendUint16(nil, uint16(len(sealed))), sealed...)
		}
		message := wire.AppendHeader(nil, iana.HandshakeClientKeyExchange, len(body))
		b := appendRecord(nil, o.version, append(message, body...))
		b = appendChange(b, o.version)
		b = appendRecord(b, o.version, make([]byte, 64)) // Finished, which does not decrypt
		var err error
		r, err = react(conn, b)
		return err
	})
	return r, err
}

// rsaKey returns the RSA key of the server's certificate.
func (a *answer) rsaKey() *rsa.PublicKey {
	m, err := wire.ParseCertificate12(a.messages[iana.HandshakeCertificate])
	if err != nil || len(m.Certificates) == 0 {
		return nil
	}
	leaf, err := x509.ParseCertificate(m.Certificates[0])
	if err != nil {
		return nil
	}
	key, _ := leaf.PublicKey.(*rsa.PublicKey)
	if key == nil || key.N.BitLen() < 1024 || key.N.BitLen() > 16384 {
		return nil
	}
	return key
}

// encryptRaw encrypts a premaster secret in a block that pad has changed. crypto/rsa makes
// right blocks only.
func encryptRaw(key *rsa.PublicKey, v iana.Version, pad padding) []byte {
	block := make([]byte, key.Size())
	rand.Read(block)
	for i := range block {
		block[i] |= 1 // no zeros in the padding
	}
	secret := block[len(block)-48:]
	block[0], block[1], block[len(block)-49] = 0, 2, 0
	secret[0], secret[1] = byte(v>>8), byte(v)
	pad(block, secret)
	m := new(big.Int).SetBytes(block)
	return m.Exp(m, big.NewInt(int64(key.E)), key.N).FillBytes(make([]byte, key.Size()))
}
