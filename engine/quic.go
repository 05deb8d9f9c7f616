package engine

import (
	"bytes"
	"slices"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/record"
	"github.com/sealsock/sealsock/internal/wire"
)

// A QUICConn is one side of the TLS handshake of a QUIC connection (RFC 9001). QUIC carries
// the messages in its CRYPTO frames and protects its packets with the secrets; the QUICConn
// has neither packets nor records. It does no I/O, starts no goroutine, and is for one
// goroutine at a time.
//
// Call Start, give HandleData what arrives in CRYPTO frames, in order at each level, and act
// on the events of NextEvent until there are none, after every call of any method. When a
// method returns an error the connection is over; QUICErrorCode is the code for the peer.
//
// The version is TLS 1.3. ALPN and transport parameters are mandatory. Not for QUIC are the
// Options MinVersion, NoCompatibilityMode, PostHandshakeAuth, RecordSizeLimit,
// MaxFragmentLength, Padding, DynamicRecords, MaxRecordsPerKey and NumTickets, and HandOver.
type QUICConn struct {
	recv   Receiver
	send   Sender
	side   quicSide
	keys   quicKeys
	level  QUICLevel // of the newest secret for sending
	events []QUICEvent
	asked  Question // the last that was reported
}

// QUICOptions are what a connection of QUIC has beside its Config. The zero value is usable.
type QUICOptions struct {
	// TransportParameters are those of this side, encoded. RFC 9000, Section 18. With nil
	// they are set later: see QUICConn.SetTransportParameters.
	TransportParameters []byte
	// AcceptEarly reports, on a server, whether 0-RTT data may be accepted that a client
	// sends with a session: whether this server's transport parameters and settings of the
	// application allow all that those in Session.Extra did. RFC 9000, Section 7.4.1. With
	// nil none is accepted. Config.MaxEarlyData, which QUIC takes as yes or no, and
	// Config.AntiReplay are needed too.
	AcceptEarly func(*Session) bool
}

// A QUICLevel is an encryption level. RFC 9001, Section 2.1.
type QUICLevel uint8

// The encryption levels, in order.
const (
	QUICInitial QUICLevel = iota
	QUICEarly             // 0-RTT
	QUICHandshake
	QUICApplication // 1-RTT
)

// String returns the name of the level as RFC 9001 has it.
func (l QUICLevel) String() string {
	if l > QUICApplication {
		return "unknown"
	}
	return [...]string{"Initial", "0-RTT", "Handshake", "1-RTT"}[l]
}

// QUICClient returns a client's side of the handshake of a QUIC connection. Start begins it.
func QUICClient(cfg *Config, to Target, o QUICOptions) (*QUICConn, error) {
	c := newQUICConn(o)
	cfg, err := c.start(cfg, true)
	if err != nil {
		return nil, err
	}
	all := &clientConfig{Config: cfg, Target: to}
	if err := all.checkTarget(); err != nil {
		return nil, err
	}
	c.recv.client = true
	c.recv.state = &clientStart{cfg: all, info: &c.recv.info}
	return c, nil
}

// QUICServer returns a server's side of the handshake of a QUIC connection.
func QUICServer(cfg *Config, o QUICOptions) (*QUICConn, error) {
	c := newQUICConn(o)
	cfg, err := c.start(cfg, false)
	if err != nil {
		return nil, err
	}
	c.recv.state = &awaitClientHello{cfg: cfg, info: &c.recv.info}
	return c, nil
}

func newQUICConn(o QUICOptions) *QUICConn {
	c := &QUICConn{side: quicSide{params: bytes.Clone(o.TransportParameters), early: o.AcceptEarly}}
	c.recv.opener = &c.keys
	c.recv.info.quic = true
	c.send.sealer = record.PlainTLS12 // never used
	return c
}

// start checks a Config and returns the one to use.
func (c *QUICConn) start(cfg *Config, client bool) (*Config, error) {
	if cfg == nil {
		return nil, usage("a connection of QUIC needs a Config")
	}
	cfg, err := c.side.config(cfg, client)
	if err != nil {
		return nil, err
	}
	c.recv.cfg, c.send.cfg = cfg, cfg
	return cfg, cfg.check(client)
}

var errNoQUICConn = usage("this QUICConn is nil or a zero value: one comes from QUICClient or " +
	"QUICServer")

// usable returns the error that ended the connection, or that of one which was not made by
// QUICClient or QUICServer.
func (c *QUICConn) usable() error {
	if c == nil || c.recv.cfg == nil {
		return errNoQUICConn
	}
	return c.recv.err
}

// Start begins a client's handshake. It needs the transport parameters. On a server it does
// nothing.
func (c *QUICConn) Start() error {
	if err := c.usable(); err != nil || !c.recv.client {
		return err
	}
	switch {
	case c.recv.started:
		return usage("the handshake has begun already")
	case c.side.params == nil:
		return usage("a client of QUIC needs its transport parameters before Start")
	}
	return c.run()
}

// SetTransportParameters sets this side's transport parameters, encoded, which it copies. A
// client's are set before Start. A server may wait for QUICTransportParametersRequired, and
// has the client's then. RFC 9001, Section 8.2.
func (c *QUICConn) SetTransportParameters(params []byte) error {
	if err := c.usable(); err != nil {
		return err
	}
	if c.side.params != nil {
		return usage("the transport parameters are set already")
	}
	c.side.params = append([]byte{}, params...)
	if q, ok := c.asked.(*paramsQuery); ok {
		return c.Resume(Answer{to: q})
	}
	return nil
}

// HandleData takes bytes of CRYPTO frames of a level, in the order of their offsets and each
// byte once. It keeps no part of data. The level is that of the packets that the bytes came
// in: bytes at a level of which no secret for reading was given yet stay with QUIC until then.
func (c *QUICConn) HandleData(level QUICLevel, data []byte) error {
	if err := c.usable(); err != nil || len(data) == 0 {
		return err
	}
	if c.recv.client && !c.recv.started {
		return usage("HandleData before Start")
	}
	switch at := c.reads(); {
	case level == QUICEarly:
		// RFC 9001, Section 8.3: "A server MUST treat receipt of a CRYPTO frame in a 0-RTT
		// packet as a connection error of type PROTOCOL_VIOLATION."
		return c.Abort(violation("handshake messages in a 0-RTT packet"))
	case level < at:
		// RFC 9001, Section 4.1.3: data of an earlier level "MUST NOT" extend past the end
		// of what was received there.
		return c.Abort(violation("more handshake messages at the %v level, after the change "+
			"to %v", level, at))
	case level > at:
		return usage("data of the %v level, before its secret was given", level)
	}
	c.recv.fragment = append(c.recv.fragment, data...)
	return c.run()
}

// reads is the level at which messages are received.
func (c *QUICConn) reads() QUICLevel {
	switch c.recv.phase {
	case phasePlain:
		return QUICInitial
	case phaseApplication:
		return QUICApplication
	}
	return QUICHandshake
}

// NextEvent returns the next event. Its kind is QUICNoEvent if there is none.
func (c *QUICConn) NextEvent() QUICEvent {
	if c == nil || len(c.events) == 0 {
		return QUICEvent{}
	}
	ev := c.events[0]
	c.events[0] = QUICEvent{}
	if c.events = c.events[1:]; len(c.events) == 0 {
		c.events = nil
	}
	return ev
}

// Resume gives the answer to the question of the last QUICWaiting.
func (c *QUICConn) Resume(a Answer) error {
	if err := c.usable(); err != nil {
		return err
	}
	if err := c.recv.Resume(a); err != nil {
		return err
	}
	c.asked = nil
	return c.run()
}

// Abort ends the connection with err, for a failure outside of the handshake, and returns the
// error that all methods return from now on. One that has ended already stays as it is.
func (c *QUICConn) Abort(err error) error {
	if e := c.usable(); e != nil {
		return e
	}
	c.recv.Abort(err)
	return c.recv.err
}

// State returns what is known of the connection so far.
func (c *QUICConn) State() State {
	if c == nil {
		return State{}
	}
	return c.recv.info
}

// A QUICTicket is a ticket to be sent.
type QUICTicket struct {
	// EarlyData lets the client send 0-RTT data with the ticket. It needs
	// Config.MaxEarlyData and Config.AntiReplay.
	EarlyData bool
	// Extra is what Session.Extra is when the client resumes, such as the transport
	// parameters that its 0-RTT data has to keep to. It is in the ticket: a few KiB at most.
	Extra []byte
}

// SendTicket sends a ticket for the client to resume with, on a server whose handshake is
// done. It needs Config.Tickets, and a client that takes tickets.
func (c *QUICConn) SendTicket(o QUICTicket) error {
	if err := c.usable(); err != nil {
		return err
	}
	t := c.send.tickets
	switch {
	case t == nil:
		return usage("this connection cannot issue tickets")
	case o.EarlyData && !c.send.cfg.takesEarly():
		return usage("a ticket for 0-RTT data needs MaxEarlyData and AntiReplay")
	}
	made := t.common()
	made.Extra = bytes.Clone(o.Extra)
	t.info, t.session, t.maxEarly = nil, &made, 0
	if o.EarlyData {
		t.maxEarly = quicEarlyData
	}
	raw, err := c.send.makeTickets(1)
	if err != nil {
		return err
	}
	if len(raw) == 0 {
		return usage("the session does not fit into a ticket, or the client proved itself too " +
			"long ago")
	}
	c.messages(raw)
	return nil
}

// messages queues handshake messages for the level of the moment. Those that follow a
// client's 0-RTT data are of the Initial level.
func (c *QUICConn) messages(raw []byte) {
	c.send.cfg.traceMessages(raw)
	level := c.level
	if level == QUICEarly {
		level = QUICInitial
	}
	c.events = append(c.events, QUICEvent{Kind: QUICWriteData, Level: level, Data: bytes.Clone(raw)})
}

// run lets the states act on the messages that are whole, and collects what comes of it.
func (c *QUICConn) run() error {
	for {
		if err := c.check(); err != nil {
			c.recv.fail(err)
		}
		_, ev, err := c.recv.Receive(nil)
		c.collect(ev)
		switch {
		case err != nil:
			return err
		case ev.Kind == EventWaiting:
			c.ask(ev.Question)
			return c.bounded()
		case ev.Kind == EventWantRead:
			return nil
		}
	}
}

// check refuses the next message before it is whole, or before the state sees it.
func (c *QUICConn) check() error {
	typ, _, ok := wire.ParseHeader(c.recv.fragment)
	if ok && c.recv.client && c.recv.info.HandshakeDone && typ == iana.HandshakeCertificateRequest {
		// RFC 9001, Section 4.4: clients MUST treat post-handshake authentication "as a
		// connection error of type PROTOCOL_VIOLATION."
		return violation("a CertificateRequest after the handshake")
	}
	if _, waits := c.recv.state.(waiter); waits {
		return nil
	}
	if s, is := c.recv.state.(handler); ok && is && !slices.Contains(s.awaits(), typ) {
		return unexpected(s, typ.String()) // a peer must not make this side keep the rest
	}
	return c.recv.checkSize()
}

// bounded limits what is kept while a question waits for its answer: a flight of the peer. At
// the Initial level, where peers are anyone, it is nothing: this side's hello comes next.
func (c *QUICConn) bounded() error {
	if c.recv.phase == phasePlain && len(c.recv.fragment) > 0 {
		return c.Abort(unconsumed())
	}
	if most := 2 * c.recv.cfg.maxMessage(); len(c.recv.fragment) > most {
		e := overLimit(iana.AlertInternalError,
			"more than %d bytes of handshake messages came before the answer", most)
		e.quic = quicCryptoBufferExceeded
		return c.Abort(e)
	}
	return nil
}
