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
	"github.com/sealsock/sealsock/internal/record"
	"github.com/sealsock/sealsock/internal/suites"
	"github.com/sealsock/sealsock/internal/wire"
)

// ccs represents change_cipher_spec among the types of handshake messages.
const ccs = iana.HandshakeType(255)

// A row12 is a state of one role and what it takes.
type row12 struct {
	state  string
	server bool
	with   func(t *testing.T, client, server *config) // how to get there
	takes  []iana.HandshakeType
}

// matrix12 lists what each state of TLS 1.2 takes. Any other message is an
// unexpected_message.
var matrix12 = []row12{
	{"awaitServerHello", false, nil, []iana.HandshakeType{iana.HandshakeServerHello}},
	{"awaitServerCertificate12", false, nil, []iana.HandshakeType{iana.HandshakeCertificate}},
	{"awaitCertificateStatus12", false, stapled12, []iana.HandshakeType{iana.HandshakeCertificateStatus, iana.HandshakeServerKeyExchange}},
	{"awaitServerKeyExchange12", false, nil, []iana.HandshakeType{iana.HandshakeServerKeyExchange}},
	{"awaitServerKeyExchange12", false, stapled12, []iana.HandshakeType{iana.HandshakeServerKeyExchange}},
	{"awaitServerKeyExchange12", false, ecdhePSK12, []iana.HandshakeType{iana.HandshakeServerKeyExchange}},
	{"awaitServerKeyExchange12", false, plainPSK12, []iana.HandshakeType{iana.HandshakeServerKeyExchange, iana.HandshakeServerHelloDone}},
	{"awaitCertificateRequest12", false, nil, []iana.HandshakeType{iana.HandshakeCertificateRequest, iana.HandshakeServerHelloDone}},
	{"awaitServerHelloDone12", false, asked12, []iana.HandshakeType{iana.HandshakeServerHelloDone}},
	{"awaitServerHelloDone12", false, ecdhePSK12, []iana.HandshakeType{iana.HandshakeServerHelloDone}},
	{"awaitNewSessionTicket12", false, ticket12, []iana.HandshakeType{iana.HandshakeNewSessionTicket}},
	{"awaitServerCCS12", false, nil, []iana.HandshakeType{ccs}},
	{"awaitServerCCS12", false, ticket12, []iana.HandshakeType{ccs}},
	{"awaitServerCCS12", false, resumed12, []iana.HandshakeType{ccs}},
	{"awaitServerCCS12", false, resumedID12, []iana.HandshakeType{ccs}},
	{"awaitServerFinished12", false, nil, []iana.HandshakeType{iana.HandshakeFinished}},
	{"awaitServerFinished12", false, ticket12, []iana.HandshakeType{iana.HandshakeFinished}},
	{"awaitServerFinished12", false, resumed12, []iana.HandshakeType{iana.HandshakeFinished}},
	{"open12", false, nil, nil},
	{"open12", false, resumed12, nil},

	{"awaitClientHello", true, nil, []iana.HandshakeType{iana.HandshakeClientHello}},
	{"awaitClientCertificate12", true, asked12, []iana.HandshakeType{iana.HandshakeCertificate}},
	{"awaitClientKeyExchange12", true, nil, []iana.HandshakeType{iana.HandshakeClientKeyExchange}},
	{"awaitClientKeyExchange12", true, asked12, []iana.HandshakeType{iana.HandshakeClientKeyExchange}},
	{"awaitClientKeyExchange12", true, plainPSK12, []iana.HandshakeType{iana.HandshakeClientKeyExchange}},
	{"awaitClientCertificateVerify12", true, asked12, []iana.HandshakeType{iana.HandshakeCertificateVerify}},
	{"awaitClientCCS12", true, nil, []iana.HandshakeType{ccs}},
	{"awaitClientCCS12", true, asked12, []iana.HandshakeType{ccs}},
	{"awaitClientCCS12", true, plainPSK12, []iana.HandshakeType{ccs}},
	{"awaitClientCCS12", true, resumed12, []iana.HandshakeType{ccs}},
	{"awaitClientFinished12", true, nil, []iana.HandshakeType{iana.HandshakeFinished}},
	{"awaitClientFinished12", true, asked12, []iana.HandshakeType{iana.HandshakeFinished}},
	{"awaitClientFinished12", true, resumed12, []iana.HandshakeType{iana.HandshakeFinished}},
	{"open12", true, nil, nil},
	{"open12", true, resumed12, nil},
}

func stapled12(_ *testing.T, _, s *config) { s.Credentials[0].OCSPStaple = []byte("staple") }
func ticket12(_ *testing.T, _, s *config)  { s.Tickets = newMemory() }
func asked12(_ *testing.T, c, s *config) {
	s.ClientAuth, c.Credentials = RequireClientCert, s.Credentials
}

func resumed12(t *testing.T, c, s *config)   { *c, *s = copies(resumable12(t, true)) }
func resumedID12(t *testing.T, c, s *config) { *c, *s = copies(resumable12(t, false)) }

func ecdhePSK12(_ *testing.T, c, s *config) {
	psk := NewPSK([]byte("x"), []byte("key"))
	c.PSKs, s.FindPSK = []*PSK{psk}, func([]byte) (*PSK, error) { return psk, nil }
}

func plainPSK12(t *testing.T, c, s *config) {
	ecdhePSK12(t, c, s)
	_, plain := suites.DefaultPSK12()
	c.CipherSuites, s.CipherSuites = plain, plain
}

var everyType = []iana.HandshakeType{
	iana.HandshakeHelloRequest, iana.HandshakeClientHello, iana.HandshakeServerHello, iana.HandshakeNewSessionTicket,
	iana.HandshakeEndOfEarlyData, iana.HandshakeEncryptedExtensions, iana.HandshakeCertificate, iana.HandshakeServerKeyExchange,
	iana.HandshakeCertificateRequest, iana.HandshakeServerHelloDone, iana.HandshakeCertificateVerify, iana.HandshakeClientKeyExchange,
	iana.HandshakeFinished, iana.HandshakeCertificateStatus, iana.HandshakeKeyUpdate, iana.HandshakeCompressedCertificate,
	iana.HandshakeMessageHash, 99, ccs,
}

func TestEveryMessageInEveryState12(t *testing.T) {
	for _, row := range matrix12 {
		for _, typ := range everyType {
			e := reach12(t, row.state, row.server, row.with)
			var err error
			if typ == ccs {
				err = e.r.changeCipherSpec([]byte{1})
			} else {
				err = e.r.dispatch(newMessage(wire.AppendHeader(nil, typ, 0)))
			}
			taken := slices.Contains(row.takes, typ)
			var own *Error
			outOfOrder := errors.As(err, &own) && own.Alert == iana.AlertUnexpectedMessage
			renegotiates := row.state == "open12" && (row.server && typ == iana.HandshakeClientHello || !row.server && typ == iana.HandshakeHelloRequest)
			switch {
			case renegotiates:
				if own == nil || own.Alert != iana.AlertNoRenegotiation {
					t.Errorf("%s, %v: %v", row.state, typ, err)
				}
			case taken && outOfOrder:
				t.Errorf("%s does not take %v: %v", row.state, typ, err)
			case !taken && !outOfOrder:
				t.Errorf("%s takes %v: %v", row.state, typ, err)
			}
		}
	}
}

// TestOtherRecordsInEveryState12 tries what is not a handshake message, as it
// comes off the wire.
func TestOtherRecordsInEveryState12(t *testing.T) {
	// Before the version is known, any other than that of compatibility mode is unexpected.
	wrongLength := map[bool]iana.Alert{true: iana.AlertUnexpectedMessage, false: iana.AlertDecodeError}
	for _, row := range matrix12 {
		open := row.state == "open12"
		takesCCS := slices.Contains(row.takes, ccs)
		first := row.state == "awaitServerHello" || row.state == "awaitClientHello" // the version is not known yet
		for _, c := range []struct {
			name    string
			typ     iana.ContentType
			payload []byte
			taken   bool
			alert   iana.Alert // if it is not taken
		}{
			{"data", iana.ContentApplicationData, []byte("data"), open, iana.AlertUnexpectedMessage},
			{"no data", iana.ContentApplicationData, nil, open, iana.AlertUnexpectedMessage},
			{"change_cipher_spec", iana.ContentChangeCipherSpec, []byte{1}, takesCCS, iana.AlertUnexpectedMessage},
			{"a change_cipher_spec of another value", iana.ContentChangeCipherSpec, []byte{2}, false, map[bool]iana.Alert{true: iana.AlertUnexpectedMessage, false: iana.AlertIllegalParameter}[first]},
			{"an empty change_cipher_spec", iana.ContentChangeCipherSpec, nil, false, wrongLength[first]},
			{"two of change_cipher_spec", iana.ContentChangeCipherSpec, []byte{1, 1}, false, wrongLength[first]},
			{"an empty alert", iana.ContentAlert, nil, false, iana.AlertDecodeError},
			{"an empty handshake record", iana.ContentHandshake, nil, false, iana.AlertUnexpectedMessage},
			{"half an alert", iana.ContentAlert, []byte{2}, false, iana.AlertDecodeError},
			{"an alert called a warning", iana.ContentAlert, []byte{1, byte(iana.AlertHandshakeFailure)}, true, 0},
			{"a record of an unknown type", 24, []byte{1}, false, iana.AlertUnexpectedMessage},
		} {
			e := reach12(t, row.state, row.server, row.with)
			_, err := offTheWire(e, c.typ, c.payload)
			var own *Error
			switch ok := errors.As(err, &own); {
			case c.taken && err != nil:
				t.Errorf("%s, %s: %v", row.state, c.name, err)
			case !c.taken && (!ok || own.Alert != c.alert || own.Fault == FaultAlert):
				t.Errorf("%s, %s: %v, want %v", row.state, c.name, err, c.alert)
			}
		}
		e := reach12(t, row.state, row.server, row.with)
		ev, err := offTheWire(e, iana.ContentAlert, []byte{1, byte(iana.AlertCloseNotify)})
		if closed := err == nil && ev.Kind == EventClosed; closed != open {
			t.Errorf("%s, close_notify: %v, %v", row.state, ev.Kind, err)
		}
		e = reach12(t, row.state, row.server, row.with)
		if _, err = offTheWire(e, iana.ContentHandshake, []byte{byte(iana.HandshakeFinished), 0}); err == nil {
			_, err = offTheWire(e, iana.ContentApplicationData, []byte("data"))
		}
		if !outOfOrder(err) {
			t.Errorf("%s, data inside a handshake message: %v", row.state, err)
		}
	}
}

// offTheWire has one side open a record, in the clear even if it has keys.
func offTheWire(e *side, typ iana.ContentType, payload []byte) (Event, error) {
	e.r.opener, e.in = new(record.Plain), nil
	_, ev, err := e.r.Receive(append(record.AppendHeader(nil, typ, iana.TLS12, len(payload)), payload...))
	return ev, err
}

// TestMatrixIsWhole looks for states that the table does not list.
func TestMatrixIsWhole(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	state := regexp.MustCompile(`func \(s \*(\w+12)\) (?:awaits|changeCipherSpec)\(`)
	seen := 0
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range state.FindAllStringSubmatch(string(text), -1) {
			seen++
			if !slices.ContainsFunc(matrix12, func(row row12) bool { return row.state == m[1] }) {
				t.Errorf("the table does not have %s", m[1])
			}
		}
	}
	if seen < 14 {
		t.Errorf("only %d states were found", seen)
	}
}

// reach12 runs a handshake message by message until one side is in a state.
func reach12(t *testing.T, name string, server bool, with func(t *testing.T, c, s *config)) *side {
	t.Helper()
	client, srv := pair12(t)
	if with != nil {
		with(t, client, srv)
	}
	c, s := newPair(t, client, srv)
	wanted := c
	if server {
		wanted = s
	}
	var toServer, toClient [][]byte
	for range 100 {
		for _, way := range []struct {
			e       *side
			in, out *[][]byte
		}{{c, &toClient, &toServer}, {s, &toServer, &toClient}} {
			if stateName(wanted) == name {
				return wanted
			}
			if len(*way.in) > 0 {
				way.e.in, *way.in = append(way.e.in, (*way.in)[0]...), (*way.in)[1:]
			}
			out, err := way.e.step()
			if err != nil {
				t.Fatal(err)
			}
			*way.out = append(*way.out, split12(out)...)
		}
	}
	t.Fatalf("no way leads to %s", name)
	return nil
}

func stateName(e *side) string { return strings.TrimPrefix(fmt.Sprintf("%T", e.r.state), "*engine.") }

// split12 cuts what a side sends into records of one message each.
func split12(out []byte) (list [][]byte) {
	sealed := false
	for len(out) > 0 {
		h, _ := record.ParseHeader(out)
		rec := out[:record.HeaderLen+h.Length]
		out = out[len(rec):]
		if h.Type != iana.ContentHandshake || sealed {
			sealed = sealed || h.Type == iana.ContentChangeCipherSpec
			list = append(list, rec)
			continue
		}
		for body := rec[record.HeaderLen:]; len(body) > 0; {
			_, n, _ := wire.ParseHeader(body)
			n += wire.HeaderLen
			list = append(list, append(record.AppendHeader(nil, h.Type, h.Version, n), body[:n]...))
			body = body[n:]
		}
	}
	return list
}

// TestRecords12 tries what the record layer of TLS 1.2 must not let pass.
func TestRecords12(t *testing.T) {
	plain := func(typ iana.ContentType, v iana.Version, payload ...byte) []byte {
		return append(record.AppendHeader(nil, typ, v, len(payload)), payload...)
	}
	for _, c := range []struct {
		name  string
		state string
		send  []byte
		alert iana.Alert
	}{
		{"data before the keys", "awaitServerCertificate12", plain(iana.ContentApplicationData, iana.TLS12, 'x'), iana.AlertUnexpectedMessage},
		{"change_cipher_spec before the keys", "awaitServerKeyExchange12", plain(iana.ContentChangeCipherSpec, iana.TLS12, 1), iana.AlertUnexpectedMessage},
		{"change_cipher_spec of another value", "awaitServerCCS12", plain(iana.ContentChangeCipherSpec, iana.TLS12, 2), iana.AlertIllegalParameter},
		{"change_cipher_spec of two bytes", "awaitServerCCS12", plain(iana.ContentChangeCipherSpec, iana.TLS12, 1, 1), iana.AlertDecodeError},
		{"Finished before change_cipher_spec", "awaitServerCCS12", plain(iana.ContentHandshake, iana.TLS12, 20, 0, 0, 0), iana.AlertUnexpectedMessage},
		{"handshake bytes before change_cipher_spec", "awaitServerCCS12",
			append(plain(iana.ContentHandshake, iana.TLS12, 20), plain(iana.ContentChangeCipherSpec, iana.TLS12, 1)...), iana.AlertUnexpectedMessage},
		{"more behind the server's flight", "awaitCertificateRequest12",
			plain(iana.ContentHandshake, iana.TLS12, 14, 0, 0, 0, 4, 0), iana.AlertUnexpectedMessage},
		{"a record in the clear after the keys", "awaitServerFinished12", plain(iana.ContentHandshake, iana.TLS12, 20, 0, 0, 0), iana.AlertBadRecordMAC},
		{"an alert in the clear after the keys", "awaitServerFinished12", plain(iana.ContentAlert, iana.TLS12, 2, 40), iana.AlertBadRecordMAC},
		{"another version in the record", "awaitServerCertificate12", plain(iana.ContentHandshake, iana.TLS11, 11, 0, 0, 0), iana.AlertProtocolVersion},
		{"an empty handshake record", "awaitServerCertificate12", plain(iana.ContentHandshake, iana.TLS12), iana.AlertUnexpectedMessage},
		{"an alert of an unknown level", "awaitServerCertificate12", plain(iana.ContentAlert, iana.TLS12, 3, 40), iana.AlertIllegalParameter},
	} {
		e := reach12(t, c.state, false, nil)
		e.in = append(e.in, c.send...)
		_, err := e.step()
		var own *Error
		if !errors.As(err, &own) || own.Alert != c.alert || own.Fault == FaultAlert {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestWarnings12(t *testing.T) {
	warning := []byte{1, byte(iana.AlertUnrecognizedName)}
	for _, n := range []int{maxWarnings, maxWarnings + 1} {
		for _, at := range []string{"awaitServerHello", "awaitServerCertificate12"} {
			e := reach12(t, at, false, nil)
			for range n {
				e.in = append(record.AppendHeader(e.in, iana.ContentAlert, iana.TLS12, 2), warning...)
			}
			if _, err := e.step(); (err != nil) != (n > maxWarnings) {
				t.Errorf("%s: %d warnings: %v", at, n, err)
			}
		}
		client, server := pair12(t)
		c, s := connect(t, client, server)
		for range n {
			rec, err := s.s.sealer.Seal(nil, iana.ContentAlert, warning, 0)
			if err != nil {
				t.Fatal(err)
			}
			c.in = append(c.in, rec...)
		}
		if _, err := c.step(); (err != nil) != (n > maxWarnings) {
			t.Errorf("open: %d warnings: %v", n, err)
		}
	}
}

// TestRenegotiation12 asks for another handshake from either side.
func TestRenegotiation12(t *testing.T) {
	for _, server := range []bool{false, true} {
		client, srv := pair12(t)
		c, s := connect(t, client, srv)
		asks, refuses, message := s, c, wire.AppendEmpty(nil, iana.HandshakeHelloRequest)
		if server {
			o, err := newOffer(client.client())
			if err != nil {
				t.Fatal(err)
			}
			if err := o.write(nil); err != nil {
				t.Fatal(err)
			}
			asks, refuses, message = c, s, o.raw
		}
		rec, err := asks.s.records(nil, iana.ContentHandshake, message)
		if err != nil {
			t.Fatal(err)
		}
		refuses.in = append(refuses.in, rec...)
		out, err := refuses.step()
		wantAlert(t, err, iana.AlertNoRenegotiation)
		// The peer sees a warning, and the end behind it.
		var alerts [][]byte
		asks.r.cfg = &Config{Trace: func(tr Trace) {
			if !tr.Sent && tr.Type == iana.ContentAlert {
				alerts = append(alerts, slices.Clone(tr.Data))
			}
		}}
		asks.in = append(asks.in, out...)
		_, err = asks.step()
		var own *Error
		if !errors.As(err, &own) || own.Fault != FaultAlert || own.Alert != iana.AlertHandshakeFailure {
			t.Errorf("the side that asked hears %v", err)
		}
		want := [][]byte{{1, byte(iana.AlertNoRenegotiation)}, {2, byte(iana.AlertHandshakeFailure)}}
		if !slices.EqualFunc(alerts, want, slices.Equal) {
			t.Errorf("the alerts are %v, want %v", alerts, want)
		}
		if _, err := refuses.s.Seal(nil, []byte("x")); err == nil {
			t.Error("the connection goes on")
		}
	}
}

// TestTrace12: change_cipher_spec is one of the messages.
func TestTrace12(t *testing.T) {
	client, server := pair12(t)
	var got []string
	client.Trace = func(tr Trace) {
		way := map[bool]string{true: ">", false: "<"}[tr.Sent]
		if tr.Type == iana.ContentHandshake {
			got = append(got, way+iana.HandshakeType(tr.Data[0]).String())
		} else {
			got = append(got, way+tr.Type.String())
		}
	}
	connect(t, client, server)
	want := ">client_hello <server_hello <certificate <server_key_exchange <server_hello_done " +
		">client_key_exchange >change_cipher_spec >finished <change_cipher_spec <finished"
	if text := strings.Join(got, " "); text != want {
		t.Errorf("the trace is %s", text)
	}
}

// TestEmptyRecords12: the number of empty records in a row is bounded.
func TestEmptyRecords12(t *testing.T) {
	for _, n := range []int{maxIdleRecords, maxIdleRecords + 1} {
		client, server := pair12(t)
		c, s := connect(t, client, server)
		for range n {
			rec, err := s.s.Seal(nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			c.in = append(c.in, rec...)
		}
		if _, err := c.step(); (err != nil) != (n > maxIdleRecords) {
			t.Errorf("%d empty records: %v", n, err)
		}
	}
}

// TestAlertsTell checks the hint of the error for a peer's alert.
func TestAlertsTell(t *testing.T) {
	for _, alert := range []iana.Alert{iana.AlertHandshakeFailure, iana.AlertProtocolVersion} {
		e := reach12(t, "awaitServerHello", false, nil)
		e.in = []byte{byte(iana.ContentAlert), 3, 1, 0, 2, 2, byte(alert)}
		_, err := e.step()
		var own *Error
		if !errors.As(err, &own) || own.Fault != FaultAlert || own.Remedy != RemedyLegacy {
			t.Errorf("%v: %v", alert, err)
		}
	}
	e := reach12(t, "awaitServerHello", false, nil)
	old := &wire.ServerHello{LegacyVersion: iana.TLS10, CipherSuite: 0x002f}
	raw, err := old.AppendTo(nil)
	if err != nil {
		t.Fatal(err)
	}
	e.in = append(record.AppendHeader(nil, iana.ContentHandshake, iana.TLS10, len(raw)), raw...)
	_, err = e.step()
	var own *Error
	if !errors.As(err, &own) || own.Alert != iana.AlertProtocolVersion || own.Got != "TLS 1.0" || own.Remedy != RemedyLegacy {
		t.Errorf("a server with TLS 1.0: %v", err)
	}
}

// TestOldClients checks a server's error for clients that have nothing newer.
func TestOldClients(t *testing.T) {
	for _, c := range []struct {
		name  string
		edit  func(*helloEdit)
		alert iana.Alert
		say   string
	}{
		{"TLS 1.0", func(h *helloEdit) { h.LegacyVersion = iana.TLS10 }, iana.AlertProtocolVersion, "TLS 1.0"},
		{"CBC", func(h *helloEdit) { h.CipherSuites = []iana.CipherSuite{0xc013, 0x002f} }, iana.AlertHandshakeFailure, "TLS_RSA_WITH_AES_128_CBC_SHA"},
	} {
		client, server := pair12(t)
		cs, ss := newPair(t, client, server)
		err := pumpThrough(cs, ss, func(raw []byte) []byte { return editHello(raw, c.edit) })
		var own *Error
		if !errors.As(err, &own) || own.Alert != c.alert || !strings.Contains(own.Got, c.say) || own.Remedy != RemedyLegacy {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
