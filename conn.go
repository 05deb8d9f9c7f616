package sealsock

import (
	"context"
	"crypto/tls"
	"net"
	"sync/atomic"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/datagram"
	"github.com/sealsock/sealsock/internal/panics"
	"github.com/sealsock/sealsock/internal/stream"
	"github.com/sealsock/sealsock/trust"
)

// A Conn is an encrypted connection. It is a [net.Conn] and full duplex: one
// goroutine may read while another writes, and neither waits for the other. Any
// method may be called from any goroutine; calls in one direction take turns.
//
// [Dial] and [Listener.Accept] return connections whose handshake is done. On a
// Conn of [Client] or [Server] it runs with Handshake, or with the first method
// that needs it, such as Read or Write.
//
// The end of a deadline or of a context interrupts a call and not the connection: no
// byte is lost, and the call may be repeated. A method that takes a context returns the
// cause of its end. An *[engine.Error] with FaultUsage reports a mistake of the caller,
// which changes nothing. Any other error of the handshake, of reading and of writing is
// final. It is an *engine.Error, which names the side at fault, or an error of the
// connection below.
//
// Over datagrams (udp://, udplite:// and unixgram://) a Conn speaks DTLS, in which messages
// may be lost, reordered and, by their sender alone, repeated. There each Write sends one
// message, and one that does not fit into a datagram of Config.MTU is an error that names the
// limit. Each Read returns one message; for one that is longer than the buffer it returns
// io.ErrShortBuffer, and keeps the message. Unwrap, Detach and HandOver are for streams.
//
// A Conn keeps no slice that a method was given. A nil *Conn and the zero Conn have no
// connection below: their methods return zero values and an error that is os.ErrInvalid.
type Conn struct {
	stream  *stream.Conn
	packets *datagram.Conn // in place of stream, over datagrams
	view    *view          // in place of stream, of an EngineConn or a QUICConn
	watch   atomic.Pointer[watch]
	answers
}

var _ net.Conn = (*Conn)(nil)

// Client returns the client's side of a connection over raw, which it takes
// over. Without Config.ServerName, or a Trust that waives the name, no server can
// be accepted. The handshake happens with Handshake or the first Read or Write.
// A nil cfg is the zero Config.
func Client(raw net.Conn, cfg *Config) (*Conn, error) {
	p, err := prepare(cfg, false)
	if err != nil {
		return nil, err
	}
	return p.client(raw, &target{name: p.ServerName, ech: p.ECHConfigs}, p.bound())
}

// bound returns the options that bound the handshake of a Conn that its caller drives.
func (p *prepared) bound() stream.Options {
	limit := p.handshakeTimeout()
	switch {
	case limit <= 0:
		return stream.Options{}
	case limit == defaultHandshakeTimeout:
		return stream.Options{Timeout: limit, TimedOut: defaultTimedOut}
	}
	return stream.Options{Timeout: limit, TimedOut: timedOut(limit)}
}

// defaultTimedOut is shared by connections: nothing changes it.
var defaultTimedOut = timedOut(defaultHandshakeTimeout)

// client is Client with a target. It takes over raw only if it succeeds.
func (p *prepared) client(raw net.Conn, to *target, opts stream.Options) (c *Conn, err error) {
	defer caught(&c, &err)
	room := new(struct {
		conn   Conn // not embedded: the type would have its methods
		stream stream.Conn
		to     target
	})
	room.to = *to
	c = &room.conn
	c.answers = answers{cfg: p.Config, to: &room.to, conn: c}
	r, s, err := c.startClient(p.engine)
	if err != nil {
		return nil, err
	}
	c.start(&room.stream, raw, r, s, opts)
	return c, nil
}

// start makes c's stream, of which below is the memory.
func (c *Conn) start(
	below *stream.Conn, raw net.Conn, r *engine.Receiver, s *engine.Sender, opts stream.Options,
) {
	opts.Owner, opts.AllowTruncation = (*owner)(c), c.cfg.AllowTruncation
	opts.Checks = c.cfg.VerifyConnection != nil || c.cfg.ForClient != nil
	opts.KernelTLS = c.cfg.KernelTLS
	c.observe()
	c.stream = below
	c.stream.Begin(raw, r, s, opts)
}

// Server returns the server's side of a connection over raw, which it takes
// over. Config needs an identity. The handshake happens with Handshake or the
// first Read or Write. Like a Listener, the connections of one *Config resume sessions, with
// ticket keys of their own if it has none. These tickets go out with the first Write.
func Server(raw net.Conn, cfg *Config) (*Conn, error) {
	p, err := prepareServer(cfg)
	if err != nil {
		return nil, err
	}
	return p.server(raw, p.bound())
}

// prepareServer prepares a connection of Server.
func prepareServer(cfg *Config) (*prepared, error) {
	p, err := prepare(cfg, true)
	if err != nil {
		return nil, err
	}
	p.resumes = resumptionOf(cfg)
	p.engine.Tickets, p.engine.AntiReplay = p.resumes.tickets, p.resumes.antiReplay
	p.engine.TicketsWithData = p.TicketsWithData || p.Tickets == nil
	return p, nil
}

// server is Server with some of the stream's options.
func (p *prepared) server(raw net.Conn, opts stream.Options) (c *Conn, err error) {
	defer caught(&c, &err)
	room := new(struct {
		conn   Conn // not embedded: the type would have its methods
		stream stream.Conn
	})
	c = &room.conn
	c.answers = answers{cfg: p.Config, conn: c, resumes: p.resumes}
	r, s, err := engine.Server(c.traced(p.engine))
	if err != nil {
		return nil, err
	}
	c.start(&room.stream, raw, r, s, opts)
	return c, nil
}

// An owner is a Conn as its stream sees it.
type owner Conn

var _ stream.Owner = (*owner)(nil)

// Answer implements stream.Owner.
func (o *owner) Answer(ctx context.Context, q engine.Question) (engine.Answer, error) {
	return o.answer(ctx, q)
}

// Session implements stream.Owner.
func (o *owner) Session(s *engine.Session) { o.keepSession(s) }

// EarlyRefused implements stream.Owner.
func (o *owner) EarlyRefused(data []byte, s engine.State) (instead []byte, decided bool) {
	if o.cfg.EarlyRefused == nil {
		return data, false
	}
	return o.cfg.EarlyRefused(data, s.ALPN), true
}

// Proved implements stream.Owner.
func (o *owner) Proved() { o.proved((*Conn)(o).State().Resumed) }

// Failed implements stream.Owner. It gives a final error its counterpart in package
// crypto/tls. The errors that it changes belong to one connection.
func (o *owner) Failed(err error) {
	e, ok := err.(*engine.Error)
	switch {
	case !ok:
	case e.Plaintext != nil:
		record := tls.RecordHeaderError{Msg: e.Reason, Conn: (*Conn)(o).NetConn()}
		copy(record.RecordHeader[:], e.Plaintext)
		e.Standard = record
	case e.Fault == engine.FaultAlert && e.Alert != 0:
		e.Standard = tls.AlertError(e.Alert)
	}
	if w := o.watch.Load(); w != nil {
		w.end(err) // last: another goroutine may report the error from now on
	}
}

// Check implements stream.Owner: it calls Config.VerifyConnection.
func (o *owner) Check() error { return o.verifyConnection((*Conn)(o)) }

// caught makes a panic in a callback of a Config the error *err, in place of *made.
func caught[T any](made **T, err *error) {
	if v := recover(); v != nil {
		*made, *err = nil, &engine.Error{
			Fault: engine.FaultLocal, Alert: iana.AlertInternalError,
			Reason: "a callback of Config panicked", Err: panics.New(v),
		}
	}
}

// A PanicError is a panic in a callback, such as one of Config, that was recovered.
// It is the cause in the *engine.Error that ends the connection, and has the stack.
type PanicError = engine.PanicError

// Peer returns what was found out about the peer's certificate, or nil until the
// peer has proved it and for a client without one.
func (c *Conn) Peer() *trust.Result {
	if c == nil {
		return nil
	}
	return c.peer.Load()
}
