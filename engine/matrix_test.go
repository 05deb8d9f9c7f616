package engine

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/record"
	"github.com/sealsock/sealsock/internal/wire"
)

// A row13 is a state of one role in TLS 1.3, what it takes, and which other
// records may come meanwhile.
type row13 struct {
	state  string
	server bool
	with   func(t *testing.T, client, server *config) // how to get there
	takes  []iana.HandshakeType
	ccs    bool // compatibility mode's change_cipher_spec is dropped
	data   bool // application data, or 0-RTT data, is handed out
}

// matrix13 lists what each state of TLS 1.3 takes. Any other message is an
// unexpected_message.
var matrix13 = []row13{
	{"awaitServerHello", false, nil, []iana.HandshakeType{iana.HandshakeServerHello}, true, false},
	{"awaitSecondServerHello", false, retried13, []iana.HandshakeType{iana.HandshakeServerHello}, true, false},
	{"awaitEncryptedExtensions", false, nil, []iana.HandshakeType{iana.HandshakeEncryptedExtensions}, true, false},
	{"awaitCertificateOrRequest", false, nil, []iana.HandshakeType{iana.HandshakeCertificate, iana.HandshakeCertificateRequest}, true, false},
	{"awaitCertificateOrRequest", false, compressed13, []iana.HandshakeType{iana.HandshakeCertificate, iana.HandshakeCertificateRequest, iana.HandshakeCompressedCertificate}, true, false},
	{"awaitCertificate", false, asked13, []iana.HandshakeType{iana.HandshakeCertificate}, true, false},
	{"awaitCertificateVerify", false, nil, []iana.HandshakeType{iana.HandshakeCertificateVerify}, true, false},
	{"awaitServerFinished", false, nil, []iana.HandshakeType{iana.HandshakeFinished}, true, false},
	{"awaitServerFinished", false, resumed13, []iana.HandshakeType{iana.HandshakeFinished}, true, false},
	{"open13", false, nil, []iana.HandshakeType{iana.HandshakeKeyUpdate, iana.HandshakeNewSessionTicket}, false, true},
	{"open13", false, late13, []iana.HandshakeType{iana.HandshakeKeyUpdate, iana.HandshakeNewSessionTicket, iana.HandshakeCertificateRequest}, false, true},

	{"awaitClientHello", true, nil, []iana.HandshakeType{iana.HandshakeClientHello}, false, false},
	{"awaitSecondClientHello", true, retried13, []iana.HandshakeType{iana.HandshakeClientHello}, true, false},
	{"awaitEndOfEarlyData", true, early13, []iana.HandshakeType{iana.HandshakeEndOfEarlyData}, true, true},
	{"awaitClientCertificate", true, asked13, []iana.HandshakeType{iana.HandshakeCertificate}, true, false},
	{"awaitClientCertificateVerify", true, asked13, []iana.HandshakeType{iana.HandshakeCertificateVerify}, true, false},
	{"awaitClientFinished", true, nil, []iana.HandshakeType{iana.HandshakeFinished}, true, false},
	{"awaitClientFinished", true, asked13, []iana.HandshakeType{iana.HandshakeFinished}, true, false},
	{"awaitClientFinished", true, early13, []iana.HandshakeType{iana.HandshakeFinished}, true, false},
	{"open13", true, nil, []iana.HandshakeType{iana.HandshakeKeyUpdate}, false, true},
	{"open13", true, late13, []iana.HandshakeType{iana.HandshakeKeyUpdate, iana.HandshakeCertificate}, false, true},
	{"awaitLateVerify", true, late13, []iana.HandshakeType{iana.HandshakeCertificateVerify}, false, false},
	{"awaitLateFinished", true, late13, []iana.HandshakeType{iana.HandshakeFinished}, false, false},
}

// Ways to a state.

func retried13(_ *testing.T, c, _ *config) { c.KeyShares = []iana.NamedGroup{} }

func compressed13(_ *testing.T, c, _ *config) { c.Compressors = []Compressor{zlibCompressor()} }

func asked13(_ *testing.T, c, s *config) {
	s.ClientAuth, s.Verifier, c.Credentials = RequireClientCert, acceptAll{}, s.Credentials
}

func resumed13(t *testing.T, c, s *config) { *c, *s = copies(resumable(t)) }

func early13(t *testing.T, c, s *config) {
	resumed13(t, c, s)
	c.EarlyData = true
}

func late13(_ *testing.T, c, s *config) {
	c.PostHandshakeAuth, s.Verifier, c.Credentials = true, acceptAll{}, s.Credentials
}

func copies(c, s *config) (config, config) { return *c, *s }

// reach13 runs a connection one message at a time until one side is in a state.
func reach13(t *testing.T, row row13) *side {
	t.Helper()
	client := &config{Verifier: acceptAll{}, MinVersion: iana.TLS13}
	server := &config{Credentials: []*Credential{newCredential(t, nil)}, MinVersion: iana.TLS13}
	if row.with != nil {
		row.with(t, client, server)
	}
	c, s := newPair(t, client, server)
	wanted := c
	if row.server {
		wanted = s
	}
	asked := false
	for range 200 {
		for _, way := range [][2]*side{{c, s}, {s, c}} {
			if stateName(wanted) == row.state && (wanted.r.started || row.server) {
				wanted.r.fragment = nil // what came along in the same record
				return wanted
			}
			once(t, way[0], way[1])
		}
		if s.s.late && !asked && strings.HasPrefix(row.state, "awaitLate") {
			asked = true
			ask(t, c, s)
		}
	}
	t.Fatalf("no way leads to %s", row.state)
	return nil
}

// once takes one step of one side.
func once(t *testing.T, e, peer *side) {
	t.Helper()
	n, ev, err := e.r.Receive(e.in)
	if err != nil {
		t.Fatal(err)
	}
	e.in = e.in[n:]
	out, err := e.s.Apply(nil, ev.Reply)
	if err != nil {
		t.Fatal(err)
	}
	peer.in = append(peer.in, out...)
}

// ask sends the client a late request.
func ask(t *testing.T, c, s *side) {
	t.Helper()
	out, q, err := s.s.RequestCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.r.Expect(q); err != nil {
		t.Fatal(err)
	}
	c.in = append(c.in, out...)
}

// outOfOrder reports whether an error is an unexpected_message.
func outOfOrder(err error) bool {
	var own *Error
	return errors.As(err, &own) && own.Alert == iana.AlertUnexpectedMessage
}

func TestEveryMessageInEveryState(t *testing.T) {
	for _, row := range matrix13 {
		for _, typ := range everyType {
			if typ == ccs {
				continue // not a handshake message; see below
			}
			e := reach13(t, row)
			if row.server && row.state == "open13" && row.with != nil {
				expectOne(t, e)
			}
			err := e.r.dispatch(newMessage(wire.AppendHeader(nil, typ, 0)))
			switch taken := slices.Contains(row.takes, typ); {
			case taken && outOfOrder(err):
				t.Errorf("%s does not take %v: %v", row.state, typ, err)
			case !taken && !outOfOrder(err):
				t.Errorf("%s takes %v: %v", row.state, typ, err)
			}
		}
	}
}

// expectOne makes an open server wait for an answer to a late request.
func expectOne(t *testing.T, e *side) {
	t.Helper()
	_, q, err := e.s.RequestCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.r.Expect(q); err != nil {
		t.Fatal(err)
	}
}

// TestOtherRecordsInEveryState tries what is not a handshake message.
func TestOtherRecordsInEveryState(t *testing.T) {
	for _, row := range matrix13 {
		e := reach13(t, row)
		if err := e.r.compatibilityCCS([]byte{1}); (err == nil) != row.ccs || err != nil && !outOfOrder(err) {
			t.Errorf("%s, change_cipher_spec: %v", row.state, err)
		}
		e = reach13(t, row)
		if err := e.r.compatibilityCCS([]byte{2}); !outOfOrder(err) {
			t.Errorf("%s, a wrong change_cipher_spec: %v", row.state, err)
		}
		if !strings.HasPrefix(row.state, "awaitLate") {
			e = reach13(t, row)
			if _, _, err := e.r.data([]byte("data")); (err == nil) != row.data || err != nil && !outOfOrder(err) {
				t.Errorf("%s, application data: %v", row.state, err)
			}
		}
		e = reach13(t, row)
		if err := e.r.handshake(nil); !outOfOrder(err) {
			t.Errorf("%s, an empty handshake record: %v", row.state, err)
		}
		e = reach13(t, row)
		_, err := e.r.alert([]byte{1, byte(iana.AlertHandshakeFailure)})
		var own *Error
		undecided := err == nil && (row.state == "awaitServerHello" || row.state == "awaitClientHello") // it could be TLS 1.2
		if !undecided && (!errors.As(err, &own) || own.Fault != FaultAlert || own.Alert != iana.AlertHandshakeFailure) {
			t.Errorf("%s, an alert called a warning: %v", row.state, err)
		}
		checkEmptyAlert13(t, row)
		checkClear13(t, row)
		e = reach13(t, row)
		kind, err := e.r.alert([]byte{1, byte(iana.AlertCloseNotify)})
		if open := strings.HasPrefix(row.state, "open") || strings.HasPrefix(row.state, "awaitLate"); (err == nil && kind == EventClosed) != open {
			t.Errorf("%s, close_notify: %v", row.state, err)
		}
	}
}

// checkEmptyAlert13 sends an alert record without content. RFC 9846, Section 5.4: an
// encrypted one MUST end in unexpected_message. In the clear it is a message that cannot
// be decoded.
func checkEmptyAlert13(t *testing.T, row row13) {
	t.Helper()
	e := reach13(t, row)
	want := iana.AlertUnexpectedMessage
	if e.r.phase == phasePlain {
		want = iana.AlertDecodeError
	}
	_, err := e.r.alert(nil)
	var own *Error
	if !errors.As(err, &own) || own.Fault == FaultAlert || own.Alert != want {
		t.Errorf("%s, an empty alert: %v, want %v", row.state, err, want)
	}
}

// checkClear13 sends records in the clear where encrypted ones are due. RFC 9846, Section
// 5: a record of an unexpected type MUST end in unexpected_message.
func checkClear13(t *testing.T, row row13) {
	t.Helper()
	for _, payload := range [][]byte{{20, 0, 0, 0}, {24, 0, 0, 1, 0}, {1, 0, 0, 0}} {
		e := reach13(t, row)
		if e.r.phase == phasePlain {
			return
		}
		e.in = record.AppendHeader(nil, iana.ContentHandshake, iana.TLS12, len(payload))
		e.in = append(e.in, payload...)
		if _, err := e.step(); !outOfOrder(err) {
			t.Errorf("%s, message %d in the clear: %v", row.state, payload[0], err)
		}
	}
	e := reach13(t, row)
	e.in = append(record.AppendHeader(nil, iana.ContentAlert, iana.TLS12, 2), 2, 40)
	_, err := e.step()
	var own *Error
	if heard := errors.As(err, &own) && own.Fault == FaultAlert; heard != (e.r.phase == phaseHandshake) ||
		!heard && !outOfOrder(err) {
		t.Errorf("%s, an alert in the clear: %v", row.state, err)
	}
}

// TestMatrix13IsWhole looks for states that the table does not list.
func TestMatrix13IsWhole(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	state := regexp.MustCompile(`func \(s \*(\w+)\) awaits\(\)`)
	// These take no message: one starts, one composes an answer, one only ends.
	other := []string{"clientStart", "decided", "endRejected"}
	seen := 0
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range state.FindAllStringSubmatch(string(text), -1) {
			if strings.HasSuffix(m[1], "12") || slices.Contains(other, m[1]) {
				continue
			}
			seen++
			if !slices.ContainsFunc(matrix13, func(row row13) bool { return row.state == m[1] }) {
				t.Errorf("the table does not have %s", m[1])
			}
		}
	}
	if seen < 16 {
		t.Errorf("only %d states were found", seen)
	}
}
