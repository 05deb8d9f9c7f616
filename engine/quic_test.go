package engine

import (
	"bytes"
	"context"
	"crypto"
	"crypto/tls"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/wire"
)

// A quicLog is what one side of a connection of QUIC has asked for and reported.
type quicLog struct {
	read, write [4][]byte // secrets by level
	suite       iana.CipherSuite
	params      []byte
	out         []quicFrame
	kinds       []QUICEventKind
	sessions    []*Session
	question    Question
}

func (l *quicLog) had(kind QUICEventKind) bool { return slices.Contains(l.kinds, kind) }

// A quicFrame is handshake bytes on their way.
type quicFrame struct {
	level QUICLevel
	data  []byte
}

// A quicPeer is one side of a connection of QUIC: of this package, or of crypto/tls.
type quicPeer interface {
	start() error
	handle(f quicFrame) error
	log() *quicLog
}

// ownQUIC is a side of this package.
type ownQUIC struct {
	*QUICConn
	quicLog
	onEvent func(QUICEvent) // nil for nothing
}

func (o *ownQUIC) log() *quicLog { return &o.quicLog }
func (o *ownQUIC) start() error  { return errors.Join(o.Start(), o.drain()) }

func (o *ownQUIC) handle(f quicFrame) error {
	return errors.Join(o.HandleData(f.level, f.data), o.drain())
}

func (o *ownQUIC) drain() error {
	for ev := o.NextEvent(); ev.Kind != QUICNoEvent; ev = o.NextEvent() {
		o.kinds = append(o.kinds, ev.Kind)
		switch ev.Kind {
		case QUICSetReadSecret:
			o.read[ev.Level], o.suite = ev.Secret(), ev.Suite
		case QUICSetWriteSecret:
			o.write[ev.Level] = ev.Secret()
		case QUICWriteData:
			o.out = append(o.out, quicFrame{ev.Level, ev.Data})
		case QUICTransportParameters:
			o.params = ev.Data
		case QUICStoreSession:
			o.sessions = append(o.sessions, ev.Session)
		case QUICWaiting:
			o.question = ev.Question
		case QUICTransportParametersRequired:
			if o.asked == nil {
				break // the test has answered
			}
			if err := o.SetTransportParameters(append([]byte("late, for "), o.params...)); err != nil {
				return err
			}
		}
		if o.onEvent != nil {
			o.onEvent(ev)
		}
	}
	return nil
}

// standardQUIC is a side of crypto/tls.
type standardQUIC struct {
	*tls.QUICConn
	quicLog
	own     []byte // transport parameters
	refuses bool   // 0-RTT data
	extra   [][]byte
}

func (s *standardQUIC) log() *quicLog { return &s.quicLog }

func (s *standardQUIC) start() error {
	return errors.Join(s.Start(context.Background()), s.drain())
}

func (s *standardQUIC) handle(f quicFrame) error {
	return errors.Join(s.HandleData(tls.QUICEncryptionLevel(f.level), f.data), s.drain())
}

func (s *standardQUIC) drain() error {
	for ev := s.NextEvent(); ev.Kind != tls.QUICNoEvent; ev = s.NextEvent() {
		data := bytes.Clone(ev.Data)
		switch ev.Kind {
		case tls.QUICSetReadSecret:
			s.read[ev.Level], s.suite = data, iana.CipherSuite(ev.Suite)
		case tls.QUICSetWriteSecret:
			s.write[ev.Level] = data
		case tls.QUICWriteData:
			s.out = append(s.out, quicFrame{QUICLevel(ev.Level), data})
		case tls.QUICTransportParameters:
			s.params = data
		case tls.QUICTransportParametersRequired:
			s.SetTransportParameters(s.own)
		case tls.QUICHandshakeDone:
			s.kinds = append(s.kinds, QUICHandshakeDone)
		case tls.QUICRejectedEarlyData:
			s.kinds = append(s.kinds, QUICRejectedEarlyData)
		case tls.QUICResumeSession:
			s.extra = ev.SessionState.Extra
			ev.SessionState.EarlyData = ev.SessionState.EarlyData && !s.refuses
		case tls.QUICStoreSession:
			if err := s.StoreSession(ev.SessionState); err != nil {
				return err
			}
		}
	}
	return nil
}

// pumpQUIC moves handshake bytes both ways, in pieces, until nothing moves. What a side cannot
// read yet waits.
func pumpQUIC(client, server quicPeer, piece int) error {
	for moved := true; moved; {
		moved = false
		for _, way := range [][2]quicPeer{{client, server}, {server, client}} {
			from, to := way[0].log(), way[1]
			for len(from.out) > 0 {
				f := from.out[0]
				if f.level > QUICInitial && to.log().read[f.level] == nil {
					break
				}
				n := min(piece, len(f.data))
				from.out[0].data = f.data[n:]
				if len(from.out[0].data) == 0 {
					from.out = from.out[1:]
				}
				moved = true
				if err := to.handle(quicFrame{f.level, f.data[:n]}); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// openQUIC makes a handshake and compares what both sides know.
func openQUIC(t *testing.T, client, server quicPeer) {
	t.Helper()
	if err := errors.Join(server.start(), client.start(), pumpQUIC(client, server, 700)); err != nil {
		t.Fatal(err)
	}
	c, s := client.log(), server.log()
	if !c.had(QUICHandshakeDone) || !s.had(QUICHandshakeDone) || c.suite != s.suite {
		t.Fatalf("client %v %v, server %v %v", c.kinds, c.suite, s.kinds, s.suite)
	}
	for level := QUICHandshake; level <= QUICApplication; level++ {
		if c.read[level] == nil || !bytes.Equal(c.read[level], s.write[level]) ||
			s.read[level] == nil || !bytes.Equal(c.write[level], s.read[level]) {
			t.Errorf("other secrets at the %v level", level)
		}
	}
	if c.params == nil || s.params == nil {
		t.Error("no transport parameters")
	}
}

// quicConfigs returns configurations whose connections can be resumed, with 0-RTT data.
func quicConfigs(t testing.TB) (client, server *config) {
	now := time.Unix(1_000_000_000, 0)
	clock := func() time.Time { return now }
	client = &config{
		Verifier: acceptAll{}, ServerName: "example.com", ALPN: []string{"h3"}, Now: clock,
		EarlyData: true,
	}
	m := newMemory()
	server = &config{
		Credentials: []*Credential{newCredential(t, nil)}, ALPN: []string{"h3"}, Now: clock,
		Tickets: m, AntiReplay: m, MaxEarlyData: 1,
	}
	return client, server
}

func newOwnQUIC(t testing.TB, c *config, client bool, o QUICOptions) *ownQUIC {
	t.Helper()
	var conn *QUICConn
	var err error
	if client {
		conn, err = QUICClient(&c.Config, c.Target, o)
	} else {
		conn, err = QUICServer(&c.Config, o)
	}
	if err != nil {
		t.Fatal(err)
	}
	return &ownQUIC{QUICConn: conn}
}

// newQUICPair returns both sides. The server sets its transport parameters when it is asked.
func newQUICPair(t testing.TB, client, server *config) (c, s *ownQUIC) {
	accept := func(old *Session) bool { return string(old.Extra) == "remembered" }
	return newOwnQUIC(t, client, true, QUICOptions{TransportParameters: []byte("the client's")}),
		newOwnQUIC(t, server, false, QUICOptions{AcceptEarly: accept})
}

// quicSession makes a connection and returns the session that its ticket is for.
func quicSession(t *testing.T, client, server *config, ticket QUICTicket) *Session {
	t.Helper()
	c, s := newQUICPair(t, client, server)
	openQUIC(t, c, s)
	if err := errors.Join(s.SendTicket(ticket), s.drain(), pumpQUIC(c, s, 50)); err != nil {
		t.Fatal(err)
	}
	if len(c.sessions) != 1 {
		t.Fatalf("%d sessions", len(c.sessions))
	}
	return c.sessions[0]
}

// TestQUIC: transport parameters reach the other side, also those that a server sets when it
// has the client's. Nothing is at the level of 0-RTT data, and no message is of TCP alone.
func TestQUIC(t *testing.T) {
	client, server := quicConfigs(t)
	var types []iana.HandshakeType
	client.Trace = func(tr Trace) { types = append(types, iana.HandshakeType(tr.Data[0])) }
	c, s := newQUICPair(t, client, server)
	openQUIC(t, c, s)
	if string(s.params) != "the client's" || string(c.params) != "late, for the client's" {
		t.Errorf("transport parameters %q and %q", s.params, c.params)
	}
	state := c.State()
	if state.Version != iana.TLS13 || state.ALPN != "h3" || state.PeerChain == nil {
		t.Errorf("%+v", state)
	}
	if c.write[QUICEarly] != nil || s.read[QUICEarly] != nil {
		t.Error("a secret for 0-RTT data, which was not offered")
	}
	want := []iana.HandshakeType{
		iana.HandshakeClientHello, iana.HandshakeServerHello, iana.HandshakeEncryptedExtensions,
		iana.HandshakeCertificate, iana.HandshakeCertificateVerify, iana.HandshakeFinished,
		iana.HandshakeFinished,
	}
	if !slices.Equal(types, want) {
		t.Errorf("messages %v", types)
	}
	a, err := state.Export("EXPORTER-test", nil, 32)
	other := s.State()
	b, err2 := other.Export("EXPORTER-test", nil, 32)
	if err != nil || err2 != nil || !bytes.Equal(a, b) {
		t.Error("exported keying material differs", err, err2)
	}
}

// TestQUICClientCertificate: a client shows a certificate, and each question may wait. What
// arrives meanwhile is kept.
func TestQUICClientCertificate(t *testing.T) {
	client, server := quicConfigs(t)
	cred := newCredential(t, nil)
	client.SelectCredential = func(*CredentialRequest) (*Credential, error) { return nil, ErrPending }
	server.ClientAuth, server.Verifier = RequireClientCert, pendingVerifier{}
	server.ForClient = func(*ClientHelloInfo) (*Config, error) { return nil, ErrPending }
	c, s := newQUICPair(t, client, server)
	if err := errors.Join(s.start(), c.start(), pumpQUIC(c, s, 1<<20)); err != nil {
		t.Fatal(err)
	}
	hello := s.question.(*ClientHelloInfo)
	other := server.Config // which must become one for QUIC too
	other.ForClient, other.MinVersion = nil, 0
	must(t, s.Resume(hello.Configure(&other)), s.drain(), pumpQUIC(c, s, 1<<20))
	if s.State().HandshakeDone || c.State().HandshakeDone {
		t.Fatal("done without an answer")
	}
	request := c.question.(*CredentialRequest)
	if err := errors.Join(c.Resume(request.Show(cred)), c.drain(), pumpQUIC(c, s, 1<<20)); err != nil {
		t.Fatal(err)
	}
	peer := s.question.(*PeerCertificate)
	key, err := acceptAll{}.VerifyPeer(peer)
	if err := errors.Join(err, s.Resume(peer.Accept(key)), s.drain(), pumpQUIC(c, s, 9)); err != nil {
		t.Fatal(err)
	}
	if state := s.State(); !state.HandshakeDone || len(state.PeerChain) != 1 {
		t.Errorf("%+v", state)
	}
}

// pendingVerifier leaves every decision to Resume.
type pendingVerifier struct{}

func (pendingVerifier) VerifyPeer(*PeerCertificate) (crypto.PublicKey, error) {
	return nil, ErrPending
}

// TestQUICRetry: a HelloRetryRequest stays at the Initial level.
func TestQUICRetry(t *testing.T) {
	client, server := quicConfigs(t)
	client.Groups = []iana.NamedGroup{iana.X25519, iana.SecP256r1}
	server.Groups = []iana.NamedGroup{iana.SecP256r1}
	c, s := newQUICPair(t, client, server)
	openQUIC(t, c, s)
	if !c.State().Retried || !s.State().Retried {
		t.Error("no HelloRetryRequest")
	}
}

// TestQUICEarlyData: a session carries what the server has put into the ticket, and 0-RTT data
// is accepted if the server finds it there.
func TestQUICEarlyData(t *testing.T) {
	for _, test := range []struct {
		name, extra string
		retry       bool
		accepted    bool
	}{
		{"accepted", "remembered", false, true},
		{"refused for its transport parameters", "others", false, false},
		{"refused by a HelloRetryRequest", "remembered", true, false},
	} {
		client, server := quicConfigs(t)
		ticket := QUICTicket{EarlyData: true, Extra: []byte(test.extra)}
		client.Session = quicSession(t, client, server, ticket)
		if test.retry {
			client.KeyShares = []iana.NamedGroup{iana.X25519}
			server.Groups = []iana.NamedGroup{iana.SecP256r1}
		}
		c, s := newQUICPair(t, client, server)
		openQUIC(t, c, s)
		if !c.State().Resumed || !s.State().Resumed {
			t.Errorf("%s: not resumed", test.name)
		}
		if c.State().EarlyData != test.accepted || s.State().EarlyData != test.accepted ||
			c.had(QUICRejectedEarlyData) == test.accepted {
			t.Errorf("%s: client %v %v, server %v",
				test.name, c.State().EarlyData, c.kinds, s.State().EarlyData)
		}
		same := bytes.Equal(c.write[QUICEarly], s.read[QUICEarly])
		if c.write[QUICEarly] == nil || test.accepted != same {
			t.Errorf("%s: other secrets of 0-RTT data", test.name)
		}
		// The secret of the handshake has to come with the ServerHello: QUIC acknowledges.
		early := slices.Index(c.kinds, QUICSetReadSecret)
		if c.kinds[early-1] != QUICSetWriteSecret && c.kinds[early+1] != QUICSetWriteSecret {
			t.Errorf("%s: events %v", test.name, c.kinds)
		}
	}
}

// TestQUICEarlyDataNeedsConsent: without AcceptEarly, with a key instead of a session, or if it
// was seen before, no 0-RTT data is accepted.
func TestQUICEarlyDataNeedsConsent(t *testing.T) {
	client, server := quicConfigs(t)
	ticket := QUICTicket{EarlyData: true, Extra: []byte("remembered")}
	client.Session = quicSession(t, client, server, ticket)
	c, s := newQUICPair(t, client, server)
	s.side.early = nil
	openQUIC(t, c, s)
	if s.State().EarlyData || !c.had(QUICRejectedEarlyData) {
		t.Error("accepted without AcceptEarly")
	}
	key := NewPSK([]byte("a"), bytes.Repeat([]byte{1}, 32))
	key.MaxEarlyData, key.ALPN, key.CipherSuite = 100, "h3", iana.TLS_AES_128_GCM_SHA256
	client.Session, client.PSKs = nil, []*PSK{key}
	server.FindPSK = func([]byte) (*PSK, error) { return key, nil }
	c, s = newQUICPair(t, client, server)
	openQUIC(t, c, s)
	if c.write[QUICEarly] != nil || s.State().PSKIdentity == nil {
		t.Error("0-RTT data is offered with an external key")
	}
}

// TestQUICTicketWithoutEarlyData: the server decides for each ticket.
func TestQUICTicketWithoutEarlyData(t *testing.T) {
	client, server := quicConfigs(t)
	session := quicSession(t, client, server, QUICTicket{})
	if session.MaxEarlyData != 0 {
		t.Errorf("%d bytes of 0-RTT data", session.MaxEarlyData)
	}
	client.Session = session
	c, s := newQUICPair(t, client, server)
	openQUIC(t, c, s)
	if !s.State().Resumed || c.write[QUICEarly] != nil {
		t.Error("not resumed, or with 0-RTT data")
	}
	server.MaxEarlyData = 0
	c, s = newQUICPair(t, client, server)
	openQUIC(t, c, s)
	if err := s.SendTicket(QUICTicket{EarlyData: true}); err == nil {
		t.Error("a ticket for 0-RTT data that is never accepted")
	}
}

// TestQUICSessionsAreOfQUIC: a session of TCP is not resumed over QUIC, nor the other way.
func TestQUICSessionsAreOfQUIC(t *testing.T) {
	client, server := quicConfigs(t)
	overQUIC := quicSession(t, client, server, QUICTicket{EarlyData: true})
	tc, ts := newPair(t, client, server)
	if err := pump(tc, ts); err != nil {
		t.Fatal(err)
	}
	overTCP := tc.sessions[0]
	client.Session = overQUIC
	tc, ts = newPair(t, client, server)
	if err := pump(tc, ts); err != nil || ts.r.State().Resumed || tc.s.Early() > 0 {
		t.Error("a session of QUIC was offered over TCP", err)
	}
	client.Session = overTCP
	c, _ := newQUICPair(t, client, server)
	must(t, c.start())
	hello, err := wire.ParseClientHello(c.out[0].data[wire.HeaderLen:])
	if err != nil || hello.PSK != nil {
		t.Error("a session of TCP was offered over QUIC", err)
	}
	forged := *overTCP // a client that offers it
	forged.QUIC = true
	client.Session = &forged
	c, s := newQUICPair(t, client, server)
	openQUIC(t, c, s)
	if s.State().Resumed {
		t.Error("a session of TCP was resumed over QUIC")
	}
}

// TestSessionExtra: the data of the application is kept with and without QUIC.
func TestSessionExtra(t *testing.T) {
	client, server := quicConfigs(t)
	session := quicSession(t, client, server, QUICTicket{EarlyData: true})
	for _, extra := range [][]byte{nil, []byte("x"), bytes.Repeat([]byte("y"), 1<<17)} {
		for _, quic := range []bool{true, false} {
			session.Extra, session.QUIC = extra, quic
			raw, err := session.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			again, err := ParseSession(raw)
			if err != nil || !bytes.Equal(again.Extra, extra) || again.QUIC != quic {
				t.Errorf("%d bytes, QUIC %v: %v", len(extra), quic, err)
			}
		}
	}
}
