package sealsock

import (
	"context"
	"crypto"
	"crypto/tls"
	"net"
	"sync/atomic"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
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
// A Conn keeps no slice that a method was given. A nil *Conn and the zero Conn have no
// connection below: their methods return zero values and an error that is os.ErrInvalid.
type Conn struct {
	stream *stream.Conn
	cfg    *Config
	to     *target       // on a client
	claims *trust.Result // what the peer has shown and not proved yet
	peer   atomic.Pointer[trust.Result]

	tracing struct{ sent, received bool } // a call of Config.Trace is under way
}

var _ net.Conn = (*Conn)(nil)

// A target is the server that a client connects to.
type target struct {
	name    string // that it must prove
	address string // as dialled, or empty
	knownAs string // see trust.Peer.Address
	ech     []byte // its ECHConfigList
}

// Client returns the client's side of a connection over raw, which it takes
// over. Without Config.ServerName, or a Trust that waives the name, no server can
// be accepted. The handshake happens with Handshake or the first Read or Write.
// A nil cfg is the zero Config.
func Client(raw net.Conn, cfg *Config) (*Conn, error) {
	p, err := prepare(cfg, false)
	if err != nil {
		return nil, err
	}
	return p.client(raw, &target{name: p.ServerName, ech: p.ECHConfigs})
}

// client is Client with a target. It takes over raw only if it succeeds.
func (p *prepared) client(raw net.Conn, to *target) (c *Conn, err error) {
	defer caught(&c, &err)
	c = &Conn{cfg: p.Config, to: to}
	session := p.Session
	if session == nil && p.Sessions != nil && to.name != "" {
		session = p.Sessions.Take(to.sessionKey())
	}
	r, s, err := engine.Client(c.traced(p.engine), engine.Target{
		ServerName: sniName(to.name), Session: session, ECHConfigs: to.ech,
	})
	if err != nil {
		return nil, err
	}
	opts := stream.Options{Answer: c.answer, Session: c.keepSession, Proved: c.proved}
	if refused := p.EarlyRefused; refused != nil {
		opts.EarlyRefused = func(data []byte, s engine.State) []byte {
			return refused(data, s.ALPN)
		}
	}
	c.stream = stream.New(raw, r, s, opts)
	return c, nil
}

// sessionKey is what a session is kept under: the server's name, and the address
// if it is known, because two services may share a name.
func (t *target) sessionKey() string { return t.name + " " + t.address }

// keepSession is called with each session that the server offers.
func (c *Conn) keepSession(s *engine.Session) {
	if c.cfg.Sessions != nil && c.to.name != "" {
		c.cfg.Sessions.Put(c.to.sessionKey(), s)
	}
	if c.cfg.OnSession != nil {
		c.cfg.OnSession(s)
	}
}

// Server returns the server's side of a connection over raw, which it takes
// over. Config needs an identity. The handshake happens with Handshake or the
// first Read or Write.
func Server(raw net.Conn, cfg *Config) (*Conn, error) {
	p, err := prepare(cfg, true)
	if err != nil {
		return nil, err
	}
	return p.server(raw, nil)
}

// server is Server for connections that share the bound work on their handshakes.
func (p *prepared) server(raw net.Conn, work chan struct{}) (c *Conn, err error) {
	defer caught(&c, &err)
	c = &Conn{cfg: p.Config}
	r, s, err := engine.Server(c.traced(p.engine))
	if err != nil {
		return nil, err
	}
	c.stream = stream.New(raw, r, s, stream.Options{Answer: c.answer, Proved: c.proved, Work: work})
	return c, nil
}

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

// ConnectionState describes the connection in the standard library's type, so
// that net/http and others show it. Its ExportKeyingMaterial cannot be used.
func (c *Conn) ConnectionState() tls.ConnectionState {
	s := c.State()
	state := tls.ConnectionState{
		Version:                     uint16(s.Version),
		HandshakeComplete:           s.HandshakeDone,
		DidResume:                   s.Resumed,
		CipherSuite:                 uint16(s.CipherSuite),
		CurveID:                     tls.CurveID(s.Group),
		NegotiatedProtocol:          s.ALPN,
		ServerName:                  s.ServerName,
		SignedCertificateTimestamps: s.PeerSCTs,
		OCSPResponse:                s.PeerOCSP,
		HelloRetryRequest:           s.Retried,
		ECHAccepted:                 s.ECHAccepted,
	}
	if unique, err := s.Unique(); err == nil {
		state.TLSUnique = unique
	}
	if p := c.Peer(); p != nil {
		state.PeerCertificates = p.Certificates
		state.VerifiedChains = p.Chains
	}
	return state
}

// traced returns e with a Trace for c alone. After Config.Trace has panicked it is not
// called again, so that the alert can be sent. Each direction has one goroutine at a time.
func (c *Conn) traced(e *engine.Config) *engine.Config {
	see := e.Trace
	if see == nil {
		return e
	}
	own := *e
	own.Trace = func(t engine.Trace) {
		busy := &c.tracing.received
		if t.Sent {
			busy = &c.tracing.sent
		}
		if !*busy {
			*busy = true
			see(t)
			*busy = false
		}
	}
	return &own
}

// answer answers what the engine asks.
func (c *Conn) answer(ctx context.Context, q engine.Question) (engine.Answer, error) {
	switch q := q.(type) {
	case *engine.PeerCertificate:
		key, err := c.verify(ctx, q)
		return q.Accept(key), err
	case *engine.ClientHelloInfo:
		cfg, err := c.forClient(ctx, q)
		return q.Configure(cfg), err
	case *engine.PSKQuery:
		if c.to != nil {
			key, err := c.cfg.SelectPSK(ctx, q.Hint)
			return q.Use(key), err
		}
		key, err := c.cfg.FindPSK(ctx, q.Identity)
		return q.Use(key), err
	case *engine.CredentialRequest:
		id, err := c.cfg.SelectIdentity(context.WithValue(ctx, connKey{}, c), q)
		return q.Show(credential(id)), err
	}
	return engine.Answer{}, &engine.Error{
		Fault: engine.FaultUsage, Reason: "an unknown request from the engine",
	}
}

// connKey is the key of the *Conn in the context of Config.SelectIdentity.
type connKey struct{}

// forClient returns the configuration that ForClient chooses. That Config's own
// ForClient is not called.
func (c *Conn) forClient(
	ctx context.Context, hello *engine.ClientHelloInfo,
) (*engine.Config, error) {
	cfg, err := c.cfg.ForClient(ctx, hello)
	if cfg == nil || err != nil {
		return nil, err
	}
	p, err := prepare(cfg, true)
	if err != nil {
		return nil, err
	}
	c.cfg = cfg
	p.engine.ForClient = nil
	return c.traced(p.engine), p.engine.CheckServer()
}

func (c *Conn) verify(ctx context.Context, q *engine.PeerCertificate) (crypto.PublicKey, error) {
	peer := &trust.Peer{
		Server: q.Server, Chain: q.Chain, RawPublicKey: q.RawPublicKey, OCSPStaple: q.OCSPStaple, SCTs: q.SCTs, Now: c.cfg.now(),
		StapleAsked: q.Server, // a client always asks for one
	}
	switch {
	case q.ECHRejected:
		peer.Name, peer.ECHRejected = q.ServerName, true
	case q.Server:
		peer.Name, peer.Address = c.to.name, c.to.knownAs
	}
	var v Verifier = c.cfg.Trust
	if v == nil {
		v = defaultTrust
	}
	result, err := v.Verify(ctx, peer)
	if err != nil {
		return nil, err
	}
	if q.Delegation != nil {
		if err := checkDelegation(q.Delegation, result, c.cfg.now()); err != nil {
			return nil, err
		}
	}
	c.claims = result
	return result.PublicKey, nil
}

// proved is called once the peer has proved that it holds the key of what it
// has shown. Before that, c.claims is not authenticated.
func (c *Conn) proved() {
	if c.claims != nil {
		c.peer.Store(c.claims)
		c.claims = nil
	}
}

// defaultTrust is shared, so that its memory of verified chains is too.
var defaultTrust = new(trust.Policy)
