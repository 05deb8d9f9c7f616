package engine

import (
	"bytes"
	"crypto"
	"encoding/binary"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/keys"
	"github.com/sealsock/sealsock/internal/record"
	"github.com/sealsock/sealsock/internal/suites"
)

// TestHandOverKeepsWhatMayCome: after it, sessions, tickets and late authentications work.
func TestHandOverKeepsWhatMayCome(t *testing.T) {
	client, server := fuzzConfigs(t)
	client.Rand, server.Rand = nil, nil
	c, s := newPair(t, client, server)
	if err := pump(c, s); err != nil {
		t.Fatal(err)
	}
	c, h := handOver(t, c, &client.Config, nil)
	s, back := handOver(t, s, &server.Config, &Handover{Received: h.Unsent})
	c.in = append(c.in, back.Unsent...)
	out, request, err := s.s.RequestCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.r.Expect(request); err != nil {
		t.Fatal(err)
	}
	if _, err := HandOver(s.r, s.s, nil, bytes.Repeat([]byte{1}, 32), nil); err == nil {
		t.Error("handed over while a request waits for its answer")
	}
	if out, err = s.s.SendTickets(out, 1); err != nil {
		t.Fatal(err)
	}
	c.in = append(c.in, out...)
	if out, err = c.step(); err != nil {
		t.Fatal(err)
	}
	s.in = append(s.in, out...)
	if _, err := s.step(); err != nil {
		t.Fatal(err)
	}
	if !containsEvent(s, EventClientAuth) || len(c.sessions) != 1 {
		t.Fatalf("events %v, %d sessions", s.events, len(c.sessions))
	}
	client.Session = c.sessions[0]
	again, other := newPair(t, client, server)
	if err := pump(again, other); err != nil || !again.r.State().Resumed {
		t.Errorf("resumption of a session from after the hand-over: %v", err)
	}
}

// TestTakeOverUnderAnotherConfig: a client that did not offer post_handshake_auth does not
// accept a request for its certificate because its new process would.
func TestTakeOverUnderAnotherConfig(t *testing.T) {
	pair := handoverPairs(t)["TLS 1.3 TLS_AES_128_GCM_SHA256"]
	c, s := newPair(t, pair[0], pair[1])
	if err := pump(c, s); err != nil {
		t.Fatal(err)
	}
	cfg := pair[0].Config
	cfg.PostHandshakeAuth = true
	moved, h := handOver(t, c, &cfg, nil)
	s.in = append(s.in, h.Unsent...)
	s.s.late = true
	out, _, err := s.s.RequestCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	moved.in = append(moved.in, out...)
	var e *Error
	if _, err := moved.step(); !errors.As(err, &e) || e.Alert != iana.AlertUnexpectedMessage {
		t.Error(err)
	}
	if _, _, err := (&Handover{state: hide(nil)}).TakeOver(new(Config)); err == nil {
		t.Error("a client's connection is taken over without a Verifier")
	}
}

func containsEvent(s *side, kind EventKind) bool {
	for _, k := range s.events {
		if k == kind {
			return true
		}
	}
	return false
}

// TestHandOverHasEveryFact fails if a field of State is not handed over.
func TestHandOverHasEveryFact(t *testing.T) {
	list := [][]byte{{1}, {2, 3}}
	secret := bytes.Repeat([]byte{7}, 32)
	master := keys.RestoreMaster12(suites.TLS13(iana.TLS_AES_128_GCM_SHA256).Hash, secret)
	full := State{
		Version: iana.TLS13, CipherSuite: iana.TLS_AES_128_GCM_SHA256, Group: 1, PeerScheme: 2,
		OwnScheme: 3, HandshakeDone: true, Retried: true, Resumed: true, EarlyData: true,
		ECHAccepted: true, ExtendedMasterSecret: true, ALPN: "a", ServerName: "b", PeerChain: list,
		PeerRawKey: secret, OwnChain: list, PeerOCSP: secret, PeerSCTs: list, PSKIdentity: secret,
		EarlyALPN: "c", authenticated: time.Unix(1e9, 0), delegation: secret,
		firstFinished: secret, sessionID: secret, asked: true, lateOffered: true, sendLimit: 99,
	}
	check := full // these have tests of their own; DTLS and QUIC are not handed over
	check.datagram, check.verifies, check.quic = true, 1, true
	check.Datagram = new(DatagramState)
	check.exporter = keys.RestoreExporter(crypto.SHA256, secret)
	check.earlyExporter = keys.RestoreExporter(crypto.SHA256, secret)
	check.master, check.late = master.Exporter(secret, secret), new(late)
	for v, i := reflect.ValueOf(check), 0; i < v.NumField(); i++ {
		if v.Field(i).IsZero() {
			t.Errorf("State.%s is not in this test, nor perhaps in a state that is handed over",
				v.Type().Field(i).Name)
		}
	}
	r, s := newHalves(new(Config), record.PlainTLS12)
	r.info = full
	plain, err := encodeHandover(r, s, new(Handover))
	if err != nil {
		t.Fatal(err)
	}
	h, err := parseHandover(plain)
	if err != nil {
		t.Fatal(err)
	}
	_, got, err := h.parse(h.state.bytes())
	if err != nil || !reflect.DeepEqual(*got, full) {
		t.Errorf("%v, handed over as\n%+v, was\n%+v", err, *got, full)
	}
}

// TestHandOverWithoutSessionIDs: the session of TLS 1.2 that another process keeps under an ID is
// forgotten after a fatal alert where there are SessionIDs, and is no error where there are none.
func TestHandOverWithoutSessionIDs(t *testing.T) {
	for _, keeps := range []bool{true, false} {
		client, server := pair12(t)
		kept := cache{}
		server.SessionIDs, client.NoTickets = kept, true
		_, s := connect(t, client, server)
		if len(kept) != 1 {
			t.Fatalf("%d sessions are kept", len(kept))
		}
		own := server.Config
		if !keeps {
			own.SessionIDs = nil
		}
		moved, _ := handOver(t, s, &own, new(Handover))
		moved.in = []byte("no record of TLS")
		_, err := moved.step()
		var failed *Error
		if !errors.As(err, &failed) || (len(kept) == 0) != keeps {
			t.Errorf("SessionIDs %v: %v, and %d sessions are kept", keeps, err, len(kept))
		}
	}
}

// FuzzHandover gives a state's parser what it must refuse or survive.
func FuzzHandover(f *testing.F) {
	client, server := fuzzConfigs(f)
	for _, v := range []iana.Version{iana.TLS12, iana.TLS13} {
		client.MaxVersion = v
		cr, cs, _ := startClient(client)
		sr, ss, _ := startServer(server)
		c, s := &side{r: cr, s: cs}, &side{r: sr, s: ss}
		if err := pump(c, s); err != nil {
			f.Fatal(err)
		}
		for _, e := range []*side{c, s} {
			plain, err := encodeHandover(e.r, e.s, &Handover{Unread: []byte("x")})
			if err != nil {
				f.Fatal(err)
			}
			f.Add(plain)
		}
	}
	bare := &Config{Credentials: server.Credentials} // which knows nothing else of before
	f.Fuzz(func(t *testing.T, plain []byte) {
		for _, cfg := range []*Config{&client.Config, &server.Config, bare} {
			continueFrom(plain, cfg)
		}
	})
}

// continueFrom takes a connection over, receives what can be no records, and sends.
func continueFrom(plain []byte, cfg *Config) {
	h, err := parseHandover(bytes.Clone(plain))
	if err != nil {
		return
	}
	r, s, err := h.TakeOver(cfg)
	if err != nil {
		return
	}
	e := &side{r: r, s: s, in: bytes.Clone(plain)}
	e.step()
	if s.Ready() {
		s.RequestCertificate(nil)
		s.SendTickets(nil, 1)
		s.Seal(nil, plain)
		s.Rekey(nil, true)
	}
	s.CloseNotify(nil)
}

// TestHandOverSendsTickets: tickets that wait for the first data are not lost if that comes from
// another process, as many as the client has asked for, and no more than that process makes. A
// program that does not know them can continue with the connection.
func TestHandOverSendsTickets(t *testing.T) {
	for _, tc := range []struct {
		request     *TicketRequest
		own, others int // NumTickets of both processes
		want        int
	}{
		{nil, 0, 0, defaultTickets},
		{&TicketRequest{New: 1, Resumed: 1}, 0, 0, 1},
		{&TicketRequest{New: 5, Resumed: 5}, 0, 0, 5},
		{nil, 20, 20, 20},
		{nil, 20, 10, 10},
		{nil, 20, 1, maxRequested},
		{nil, 0, -1, 0},
	} {
		client, server := resumable(t)
		client.TicketRequest = tc.request
		server.TicketsWithData, server.NumTickets = true, tc.own
		c, s := newPair(t, client, server)
		if err := pump(c, s); err != nil {
			t.Fatal(err)
		}
		next := server.Config
		next.NumTickets = tc.others
		s, h := handOver(t, s, &next, new(Handover))
		if h.head.Flags&^(flagTicketsWait-1) != 0 {
			t.Errorf("%+v: the flags are %b, which earlier programs refuse", tc, h.head.Flags)
		}
		data, err := s.s.Seal(h.Unsent, []byte("data"))
		if err != nil {
			t.Fatal(err)
		}
		c.in = append(c.in, data...)
		if _, err := c.step(); err != nil {
			t.Fatal(err)
		}
		if string(c.data) != "data" || len(c.sessions) != tc.want {
			t.Errorf("%+v: %q and %d sessions arrive", tc, c.data, len(c.sessions))
		}
	}
}

// TestStateOfAnotherProgram: a flag of an earlier program for tickets that wait is understood, and one
// of a later program is an error that names the cause.
func TestStateOfAnotherProgram(t *testing.T) {
	client, server := resumable(t)
	server.TicketsWithData = true
	c, s := newPair(t, client, server)
	if err := pump(c, s); err != nil {
		t.Fatal(err)
	}
	plain, err := encodeHandover(s.r, s.s, new(Handover))
	if err != nil {
		t.Fatal(err)
	}
	var head handoverHead
	n, err := binary.Decode(plain, binary.BigEndian, &head)
	if err != nil {
		t.Fatal(err)
	}
	with := func(flags uint32) []byte {
		head := head
		head.Flags, head.TicketsWaiting = head.Flags|flags, 0
		start, err := binary.Append(nil, binary.BigEndian, head)
		if err != nil {
			t.Fatal(err)
		}
		return append(start, plain[n:]...)
	}
	if _, err := parseHandover(with(knownFlags + 1)); !errors.Is(err, errLaterState) {
		t.Errorf("of a later program: %v", err)
	}
	for flags, want := range map[uint32]int{0: 0, flagTicketsWait: defaultTickets} {
		h, err := parseHandover(with(flags))
		if err != nil {
			t.Fatal(err)
		}
		_, taken, err := h.TakeOver(&server.Config)
		if err != nil || taken.tickets.waiting != want {
			t.Errorf("flags %b: %d tickets wait, %v", flags, taken.tickets.waiting, err)
		}
	}
}
