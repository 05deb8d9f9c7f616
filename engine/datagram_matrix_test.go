package engine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/dtls"
	"github.com/sealsock/sealsock/internal/record"
)

// A packetRow is a state of one role over datagrams, and the handshake messages that it takes.
type packetRow struct {
	state   string
	version iana.Version
	server  bool
	with    func(t *testing.T, client, server *config) // how to get there
	takes   []iana.HandshakeType
}

// packetMatrix lists what each state takes of DTLS. Any other message is an unexpected_message. In
// DTLS 1.2 a state that awaits change_cipher_spec keeps the messages that overtake it, and takes
// none.
var packetMatrix = []packetRow{
	{"awaitServerHello", iana.TLS13, false, nil,
		[]iana.HandshakeType{iana.HandshakeServerHello, iana.HandshakeHelloVerifyRequest}},
	{"awaitSecondServerHello", iana.TLS13, false, retried13,
		[]iana.HandshakeType{iana.HandshakeServerHello}},
	{"awaitEncryptedExtensions", iana.TLS13, false, nil,
		[]iana.HandshakeType{iana.HandshakeEncryptedExtensions}},
	{"awaitCertificateOrRequest", iana.TLS13, false, nil,
		[]iana.HandshakeType{iana.HandshakeCertificate, iana.HandshakeCertificateRequest}},
	{"awaitCertificateOrRequest", iana.TLS13, false, compressed13,
		[]iana.HandshakeType{
			iana.HandshakeCertificate, iana.HandshakeCertificateRequest,
			iana.HandshakeCompressedCertificate,
		}},
	{"awaitCertificate", iana.TLS13, false, asked13,
		[]iana.HandshakeType{iana.HandshakeCertificate}},
	{"awaitCertificateVerify", iana.TLS13, false, nil,
		[]iana.HandshakeType{iana.HandshakeCertificateVerify}},
	{"awaitServerFinished", iana.TLS13, false, nil, []iana.HandshakeType{iana.HandshakeFinished}},
	{"awaitServerFinished", iana.TLS13, false, packetResumed,
		[]iana.HandshakeType{iana.HandshakeFinished}},
	{"open13", iana.TLS13, false, unidentified,
		[]iana.HandshakeType{iana.HandshakeKeyUpdate, iana.HandshakeNewSessionTicket}},
	{"open13", iana.TLS13, false, late13,
		[]iana.HandshakeType{
			iana.HandshakeKeyUpdate, iana.HandshakeNewSessionTicket,
			iana.HandshakeCertificateRequest, iana.HandshakeNewConnectionID,
		}},
	{"open13", iana.TLS13, false, identified13,
		[]iana.HandshakeType{
			iana.HandshakeKeyUpdate, iana.HandshakeNewSessionTicket,
			iana.HandshakeRequestConnectionID, iana.HandshakeNewConnectionID,
		}},
	{"awaitClientHello", iana.TLS13, true, nil, []iana.HandshakeType{iana.HandshakeClientHello}},
	{"awaitSecondClientHello", iana.TLS13, true, retried13,
		[]iana.HandshakeType{iana.HandshakeClientHello}},
	{"awaitClientCertificate", iana.TLS13, true, asked13,
		[]iana.HandshakeType{iana.HandshakeCertificate}},
	{"awaitClientCertificateVerify", iana.TLS13, true, asked13,
		[]iana.HandshakeType{iana.HandshakeCertificateVerify}},
	{"awaitClientFinished", iana.TLS13, true, nil, []iana.HandshakeType{iana.HandshakeFinished}},
	{"awaitClientFinished", iana.TLS13, true, asked13,
		[]iana.HandshakeType{iana.HandshakeFinished}},
	{"awaitClientFinished", iana.TLS13, true, packetEarly,
		[]iana.HandshakeType{iana.HandshakeFinished}},
	{"open13", iana.TLS13, true, unidentified, []iana.HandshakeType{iana.HandshakeKeyUpdate}},
	{"open13", iana.TLS13, true, late13,
		[]iana.HandshakeType{
			iana.HandshakeKeyUpdate, iana.HandshakeCertificate,
			iana.HandshakeRequestConnectionID,
		}},
	{"open13", iana.TLS13, true, identified13,
		[]iana.HandshakeType{
			iana.HandshakeKeyUpdate, iana.HandshakeRequestConnectionID,
			iana.HandshakeNewConnectionID,
		}},
	{"awaitLateVerify", iana.TLS13, true, late13,
		[]iana.HandshakeType{iana.HandshakeCertificateVerify}},
	{"awaitLateFinished", iana.TLS13, true, late13, []iana.HandshakeType{iana.HandshakeFinished}},

	{"awaitServerHello", iana.TLS12, false, nil,
		[]iana.HandshakeType{iana.HandshakeServerHello, iana.HandshakeHelloVerifyRequest}},
	{"awaitServerCertificate12", iana.TLS12, false, nil,
		[]iana.HandshakeType{iana.HandshakeCertificate}},
	{"awaitCertificateStatus12", iana.TLS12, false, stapled12,
		[]iana.HandshakeType{iana.HandshakeCertificateStatus, iana.HandshakeServerKeyExchange}},
	{"awaitServerKeyExchange12", iana.TLS12, false, nil,
		[]iana.HandshakeType{iana.HandshakeServerKeyExchange}},
	{"awaitServerKeyExchange12", iana.TLS12, false, plainPSK12,
		[]iana.HandshakeType{iana.HandshakeServerKeyExchange, iana.HandshakeServerHelloDone}},
	{"awaitCertificateRequest12", iana.TLS12, false, nil,
		[]iana.HandshakeType{iana.HandshakeCertificateRequest, iana.HandshakeServerHelloDone}},
	{"awaitServerHelloDone12", iana.TLS12, false, packetAsked12,
		[]iana.HandshakeType{iana.HandshakeServerHelloDone}},
	{"awaitNewSessionTicket12", iana.TLS12, false, ticket12,
		[]iana.HandshakeType{iana.HandshakeNewSessionTicket}},
	{"awaitServerCCS12", iana.TLS12, false, nil, []iana.HandshakeType{ccs}},
	{"awaitServerCCS12", iana.TLS12, false, packetResumed, []iana.HandshakeType{ccs}},
	{"awaitServerFinished12", iana.TLS12, false, nil, []iana.HandshakeType{iana.HandshakeFinished}},
	{"awaitServerFinished12", iana.TLS12, false, packetResumed,
		[]iana.HandshakeType{iana.HandshakeFinished}},
	{"open12", iana.TLS12, false, unidentified, []iana.HandshakeType{iana.HandshakeFinished}},
	{"open12", iana.TLS12, false, packetResumed, []iana.HandshakeType{iana.HandshakeFinished}},
	{"awaitClientHello", iana.TLS12, true, nil, []iana.HandshakeType{iana.HandshakeClientHello}},
	{"awaitClientCertificate12", iana.TLS12, true, packetAsked12,
		[]iana.HandshakeType{iana.HandshakeCertificate}},
	{"awaitClientKeyExchange12", iana.TLS12, true, nil,
		[]iana.HandshakeType{iana.HandshakeClientKeyExchange}},
	{"awaitClientCertificateVerify12", iana.TLS12, true, packetAsked12,
		[]iana.HandshakeType{iana.HandshakeCertificateVerify}},
	{"awaitClientCCS12", iana.TLS12, true, nil, []iana.HandshakeType{ccs}},
	{"awaitClientCCS12", iana.TLS12, true, packetResumed, []iana.HandshakeType{ccs}},
	{"awaitClientFinished12", iana.TLS12, true, nil, []iana.HandshakeType{iana.HandshakeFinished}},
	{"awaitClientFinished12", iana.TLS12, true, packetResumed,
		[]iana.HandshakeType{iana.HandshakeFinished}},
	{"open12", iana.TLS12, true, nil, []iana.HandshakeType{iana.HandshakeFinished}},
	{"open12", iana.TLS12, true, packetResumed, []iana.HandshakeType{iana.HandshakeFinished}},
}

// Ways to a state.

func packetResumed(t *testing.T, c, s *config) {
	s.Tickets = newMemory()
	l := newLink(t, c, s, DatagramOptions{})
	l.open(t)
	c.Session = l.client.sessions[0]
}

func packetEarly(t *testing.T, c, s *config) { *c, *s = copies(earlyConfigs(t, true)) }

func packetAsked12(t *testing.T, c, s *config) {
	asked12(t, c, s)
	s.Verifier = acceptAll{}
}

func unidentified(_ *testing.T, c, s *config) {
	c.ConnectionIDLength, s.ConnectionIDLength = -1, -1
}

func identified13(_ *testing.T, c, s *config) { c.ConnectionIDLength, s.ConnectionIDLength = 4, 4 }

func (r packetRow) String() string {
	return fmt.Sprintf("%s of D%v, server %v", r.state, r.version, r.server)
}

// oneMessage is the size of a record's content that never holds two messages.
const oneMessage = dtls.FragmentHeaderLen + 11

// reach carries records one after the other until one side is in a state.
func (r packetRow) reach(t *testing.T) (*link, *end) {
	t.Helper()
	client, server := datagramConfigs(t, r.version)
	if r.with != nil {
		r.with(t, client, server)
	}
	l := newLink(t, client, server, DatagramOptions{AddressProved: true})
	wanted, ways := l.client, [2]struct {
		from, to *end
		records  [][]byte
	}{{from: l.client, to: l.server}, {from: l.server, to: l.client}}
	if r.server {
		wanted = l.server
	}
	// The first flight is on its way already; those that follow have records of one message.
	l.client.send.max, l.server.send.max = oneMessage, oneMessage
	for range 100_000 {
		if strings.TrimPrefix(fmt.Sprintf("%T", wanted.recv.state), "*engine.") == r.state {
			return l, wanted
		}
		if strings.HasPrefix(r.state, "awaitLate") && l.server.had(EventHandshakeDone) {
			if _, err := l.server.RequestCertificate(l.now); err != nil && ways[0].records == nil {
				t.Fatal(err)
			}
		}
		for i := range ways {
			w := &ways[i]
			for d := w.from.NextDatagram(); d != nil; d = w.from.NextDatagram() {
				w.records = append(w.records, recordsOf(d, w.to.ids.length())...)
			}
			if len(w.records) > 0 {
				w.to.take(w.to.Receive(l.now, w.records[0]))
				w.records = w.records[1:]
				break
			}
		}
		if err := l.failed(); err != nil {
			t.Fatalf("%v: %v", r, err)
		}
	}
	t.Fatalf("no way leads to %v", r)
	return nil, nil
}

// recordsOf divides a datagram into its records.
func recordsOf(datagram []byte, idLen int) (list [][]byte) {
	for len(datagram) > 0 {
		_, rest, ok := record.NextRecord(datagram, idLen)
		if !ok {
			return append(list, datagram)
		}
		list = append(list, datagram[:len(datagram)-len(rest)])
		datagram = rest
	}
	return list
}

// inject has one side act on a record that was opened with a key, nil for none.
func (l *link) inject(e *end, k *epoch, typ iana.ContentType, payload []byte) error {
	r := received{typ: typ, payload: payload, epoch: k, number: record.Number{Sequence: 1 << 30}}
	if k != nil {
		r.number.Epoch = k.Epoch()
	}
	e.events = nil
	return e.opened(l.now, r)
}

// newFragment is an empty message of a type, the next one or one that is ahead of it.
func (e *end) newFragment(typ iana.HandshakeType, ahead int) []byte {
	return dtls.Fragment{Type: typ, Seq: e.assembler.Next() + uint16(ahead)}.AppendTo(nil)
}

// ackOfNone acknowledges a record that was not sent.
var ackOfNone = append([]byte{0, 16, 0, 0, 0, 0, 0, 0, 0, 0}, 0, 0, 99, 0, 0, 0, 0, 0)

// packetTypes are all types of handshake messages, and some that do not exist.
var packetTypes = append(slices.Clone(everyType[:len(everyType)-1]),
	iana.HandshakeHelloVerifyRequest, iana.HandshakeRequestConnectionID,
	iana.HandshakeNewConnectionID, 200)

// TestPacketMatrix tries each handshake message in each state of DTLS, under the key that it should
// have.
func TestPacketMatrix(t *testing.T) {
	for _, row := range packetMatrix {
		for _, typ := range packetTypes {
			l, e := row.reach(t)
			if row.server && row.state == "open13" && row.with != nil {
				_, _ = e.RequestCertificate(l.now) // an answer is then awaited
			}
			err := l.inject(e, e.keys.latest(), iana.ContentHandshake, e.newFragment(typ, 0))
			var own *Error
			request := iana.HandshakeHelloRequest
			if row.server {
				request = iana.HandshakeClientHello
			}
			renegotiates := row.state == "open12" && typ == request
			switch taken := slices.Contains(row.takes, typ); {
			case slices.Contains(row.takes, ccs):
				if err != nil {
					t.Fatalf("%v, %v before change_cipher_spec: %v", row, typ, err)
				}
				err = l.inject(e, nil, iana.ContentChangeCipherSpec, []byte{1})
				if !outOfOrder(err) {
					t.Errorf("%v, change_cipher_spec behind %v: %v", row, typ, err)
				}
			case renegotiates:
				if !errors.As(err, &own) || own.Alert != iana.AlertNoRenegotiation {
					t.Errorf("%v, %v: %v", row, typ, err)
				}
			case taken && outOfOrder(err):
				t.Errorf("%v does not take %v: %v", row, typ, err)
			case !taken && !outOfOrder(err):
				t.Errorf("%v takes %v: %v", row, typ, err)
			}
		}
	}
}

// unmoved runs use a hundred times, and expects no error, no event, nothing to send but an ACK, and
// the same state.
func (row packetRow) unmoved(t *testing.T, name string, use func(l *link, e *end) error) {
	t.Helper()
	l, e := row.reach(t)
	for e.NextDatagram() != nil {
	}
	before, next := e.recv.state, e.assembler.Next()
	for range 100 {
		if err := use(l, e); err != nil {
			t.Errorf("%v, %s: %v", row, name, err)
			return
		}
	}
	if e.recv.state != before || e.assembler.Next() != next || e.assembler.Pending() {
		t.Errorf("%v, %s: the state changes", row, name)
	}
	if len(e.events) > 0 || len(e.out) > 0 || len(e.held) > 0 {
		t.Errorf("%v, %s: %d events, %d datagrams, %d messages held", row, name, len(e.events),
			len(e.out), len(e.held))
	}
}

// TestPacketMatrixInTheClear: where a state has a key, no record in the clear changes anything or
// ends the connection: anyone can have sent it.
func TestPacketMatrixInTheClear(t *testing.T) {
	for _, row := range packetMatrix {
		_, e := row.reach(t)
		keyed := e.keys.latest() != nil
		contents := map[string]struct {
			typ     iana.ContentType
			payload []byte
		}{
			"application data":            {iana.ContentApplicationData, []byte("data")},
			"a record of no type":         {99, []byte{1}},
			"a routability check":         {iana.ContentRRC, make([]byte, dtls.CheckLen)},
			"an empty handshake record":   {iana.ContentHandshake, nil},
			"an ACK of nothing":           {iana.ContentACK, []byte{0, 0}},
			"an ACK of what was not sent": {iana.ContentACK, ackOfNone},
			"a malformed ACK":             {iana.ContentACK, []byte{0, 7, 1}},
		}
		if keyed {
			contents["an alert"] = struct {
				typ     iana.ContentType
				payload []byte
			}{iana.ContentAlert, []byte{2, byte(iana.AlertHandshakeFailure)}}
			contents["half an alert"] = struct {
				typ     iana.ContentType
				payload []byte
			}{iana.ContentAlert, []byte{2}}
			contents["a wrong change_cipher_spec"] = struct {
				typ     iana.ContentType
				payload []byte
			}{iana.ContentChangeCipherSpec, []byte{2}}
		}
		for name, c := range contents {
			row.unmoved(t, name, func(l *link, e *end) error {
				return l.inject(e, nil, c.typ, slices.Clone(c.payload))
			})
		}
		for _, typ := range packetTypes {
			if !keyed {
				break
			}
			for ahead := range 2 {
				row.unmoved(t, "in the clear, "+typ.String(), func(l *link, e *end) error {
					return l.inject(e, nil, iana.ContentHandshake, e.newFragment(typ, ahead))
				})
			}
		}
	}
}

// TestPacketMatrixRecords tries what is not a handshake message, under the latest key.
func TestPacketMatrixRecords(t *testing.T) {
	for _, row := range packetMatrix {
		_, e := row.reach(t)
		if e.keys.latest() == nil {
			continue
		}
		open := strings.HasPrefix(row.state, "open") || strings.HasPrefix(row.state, "awaitLate")
		is12 := row.version == iana.TLS12
		refused := func(name string, alert iana.Alert, typ iana.ContentType, payload ...byte) {
			l, e := row.reach(t)
			err := l.inject(e, e.keys.latest(), typ, payload)
			var own *Error
			if !errors.As(err, &own) || own.Alert != alert || own.Fault == FaultAlert {
				t.Errorf("%v, %s: %v, expected %v", row, name, err, alert)
			}
		}
		refused("change_cipher_spec", iana.AlertUnexpectedMessage, iana.ContentChangeCipherSpec, 1)
		refused("a record of no type", iana.AlertUnexpectedMessage, 99, 1)
		if e.ids.checks {
			row.unmoved(t, "half a routability check", func(l *link, e *end) error {
				return l.inject(e, e.keys.latest(), iana.ContentRRC, []byte{0})
			})
		} else {
			refused("a routability check", iana.AlertUnexpectedMessage, iana.ContentRRC, 0)
		}
		refused("an empty handshake record", iana.AlertUnexpectedMessage, iana.ContentHandshake)
		refused("half a fragment", iana.AlertDecodeError, iana.ContentHandshake, 20, 0)
		refused("half an alert", iana.AlertDecodeError, iana.ContentAlert, 2)
		if is12 {
			refused("an ACK", iana.AlertUnexpectedMessage, iana.ContentACK, 0, 0)
		} else {
			refused("a malformed ACK", iana.AlertDecodeError, iana.ContentACK, 0, 7, 1)
			row.unmoved(t, "an ACK of what was not sent", func(l *link, e *end) error {
				return l.inject(e, e.keys.latest(), iana.ContentACK, slices.Clone(ackOfNone))
			})
		}
		switch {
		case open:
			l, e := row.reach(t)
			err := l.inject(e, e.keys.latest(), iana.ContentApplicationData, []byte("data"))
			if err != nil || len(e.events) != 1 || string(e.events[0].Data) != "data" {
				t.Errorf("%v, application data: %v, %v", row, err, e.events)
			}
		case is12: // it has overtaken Finished
			row.unmoved(t, "application data", func(l *link, e *end) error {
				return l.inject(e, e.keys.latest(), iana.ContentApplicationData, []byte("data"))
			})
		default:
			refused("application data", iana.AlertUnexpectedMessage, iana.ContentApplicationData, 1)
		}
		l, e := row.reach(t)
		denied := []byte{2, byte(iana.AlertAccessDenied)}
		err := l.inject(e, e.keys.latest(), iana.ContentAlert, denied)
		var own *Error
		if !errors.As(err, &own) || own.Fault != FaultAlert || own.Alert != iana.AlertAccessDenied {
			t.Errorf("%v, an alert: %v", row, err)
		}
	}
}

// TestPacketMatrixEpochs: a handshake message under a key of the past is refused if it is a new
// one, and ignored if it comes again. A message that is ahead waits, within a bound.
func TestPacketMatrixEpochs(t *testing.T) {
	for _, row := range packetMatrix {
		_, e := row.reach(t)
		for i := range len(e.keys.list) - 1 {
			l, e := row.reach(t)
			err := l.inject(e, e.keys.list[i], iana.ContentHandshake,
				e.newFragment(iana.HandshakeFinished, 0))
			if !outOfOrder(err) {
				t.Errorf("%v, a message under key %d: %v", row, i, err)
			}
		}
		if e.keys.latest() == nil || row.state == "open12" || e.assembler.Next() == 0 {
			continue
		}
		for i := range e.keys.list {
			row.unmoved(t, "a message that comes again", func(l *link, e *end) error {
				return l.inject(e, e.keys.list[i], iana.ContentHandshake,
					e.newFragment(iana.HandshakeFinished, -1))
			})
		}
		l, e := row.reach(t)
		before := e.recv.state
		for ahead := range 1000 {
			fragment := e.newFragment(iana.HandshakeFinished, ahead+1)
			if row.state == "open13" { // which refuses what it never awaits
				fragment = dtls.Fragment{
					Type: iana.HandshakeKeyUpdate, Seq: e.assembler.Next() + uint16(ahead+1),
					Length: 1, Data: []byte{0},
				}.AppendTo(nil)
			}
			err := l.inject(e, e.keys.latest(), iana.ContentHandshake, fragment)
			if err != nil || e.recv.state != before {
				t.Fatalf("%v, a message that is %d ahead: %v", row, ahead, err)
			}
		}
	}
}

// TestPacketMatrixIsWhole looks for states that the table does not list.
func TestPacketMatrixIsWhole(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	state := regexp.MustCompile(`func \(s \*?(\w+)\) (?:awaits|changeCipherSpec)\(`)
	seen := 0
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range state.FindAllStringSubmatch(string(text), -1) {
			seen++
			if m[1] == "awaitEndOfEarlyData" { // RFC 9147, Section 5.6: not used
				continue
			}
			listed := func(r packetRow) bool { return r.state == m[1] }
			if !slices.ContainsFunc(packetMatrix, listed) {
				t.Errorf("the table does not have %s", m[1])
			}
		}
	}
	if seen < 28 {
		t.Errorf("only %d states were found", seen)
	}
}
