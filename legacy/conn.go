package legacy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/address"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/trust"
)

// A Conn is a connection of crypto/tls whose peer Config.Trust has accepted. It
// is a net.Conn, with CloseWrite. Read returns io.EOF only after the peer's
// close_notify. If the connection ends without it, Read returns an error.
type Conn struct {
	knownAs string // see trust.Peer.Address

	*tls.Conn
	raw    *noticing
	cfg    *sealsock.Config
	server bool
	ctx    atomic.Pointer[context.Context] // of the handshake under way
	peer   atomic.Pointer[trust.Result]
	failed atomic.Pointer[error] // a failure after the handshake: nothing is sent any more
}

var _ net.Conn = (*Conn)(nil)

// Dial connects to an address, as sealsock.Dial does, and completes the
// handshake, including the verification of the server. ctx applies to the whole
// call, and Config.HandshakeTimeout to the handshake. A nil cfg is equivalent
// to the zero Config.
func Dial(ctx context.Context, addr string, cfg *sealsock.Config) (*Conn, error) {
	a, err := address.Parse(addr)
	if err != nil {
		return nil, err
	}
	return DialAddress(ctx, a, cfg)
}

// DialAddress is Dial for an address that was parsed.
func DialAddress(ctx context.Context, a address.Address, cfg *sealsock.Config) (*Conn, error) {
	if cfg == nil {
		cfg = new(sealsock.Config)
	}
	if cfg.ServerName == "" && a.Host() != "" {
		named := *cfg
		named.ServerName = a.Host()
		cfg = &named
	}
	raw, err := a.Dial(ctx)
	if err != nil {
		return nil, err
	}
	c, err := Client(raw, cfg)
	if err != nil {
		raw.Close()
		return nil, err
	}
	c.knownAs = sealsock.KnownAs(a, cfg.ServerName)
	if err := c.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, err
	}
	return c, nil
}

// Client returns the client side of a connection over raw, which it then owns.
// The handshake runs on the first call of Handshake, Read or Write. A nil cfg
// is equivalent to the zero Config.
func Client(raw net.Conn, cfg *sealsock.Config) (*Conn, error) {
	if raw == nil {
		return nil, errNoConn
	}
	return newConn(raw, cfg, false)
}

var errNoConn = usage("the connection below is nil: make one with net.Dial or Accept")

// Server returns the server side of a connection over raw, which it then owns.
// Config needs an identity. The handshake runs on the first call of Handshake,
// Read or Write.
func Server(raw net.Conn, cfg *sealsock.Config) (*Conn, error) {
	if raw == nil {
		return nil, errNoConn
	}
	return newConn(raw, cfg, true)
}

func newConn(raw net.Conn, cfg *sealsock.Config, server bool) (*Conn, error) {
	if cfg == nil {
		cfg = new(sealsock.Config)
	}
	c := &Conn{cfg: cfg, server: server, raw: &noticing{Conn: raw}}
	std, err := standard(cfg, c.verify)
	if err != nil {
		return nil, err
	}
	if !server {
		c.Conn = tls.Client(c.raw, std)
		return c, nil
	}
	if len(std.Certificates) == 0 && std.GetCertificate == nil {
		return nil, usage("a server needs a certificate: set Identities, Source or SelectIdentity")
	}
	c.Conn = tls.Server(c.raw, std)
	return c, nil
}

// NetConn returns the underlying connection. Reading from it or writing to it
// corrupts this connection.
func (c *Conn) NetConn() net.Conn {
	if !c.made() {
		return nil
	}
	return c.raw.Conn
}

// Peer returns the verified peer, or nil before the handshake is complete and
// for a client without a certificate.
func (c *Conn) Peer() *trust.Result {
	if !c.ConnectionState().HandshakeComplete {
		return nil
	}
	return c.peer.Load()
}

// Handshake runs the handshake if it has not yet run, within
// Config.HandshakeTimeout.
func (c *Conn) Handshake() error { return c.HandshakeContext(context.Background()) }

// HandshakeContext is like Handshake and also ends when ctx is done. A failed
// handshake cannot be retried.
func (c *Conn) HandshakeContext(ctx context.Context) error {
	if !c.made() {
		return errNotMade
	}
	if c.ConnectionState().HandshakeComplete {
		return nil
	}
	ctx, cancel := withTimeout(ctx, c.cfg.HandshakeTimeout)
	defer cancel()
	c.ctx.CompareAndSwap(nil, &ctx)
	err := c.Conn.HandshakeContext(ctx)
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return c.explain(err)
}

// withTimeout bounds ctx by a Config.HandshakeTimeout.
func withTimeout(
	ctx context.Context, limit time.Duration,
) (context.Context, context.CancelFunc) {
	if limit == 0 {
		limit = defaultTimeout
	}
	if limit < 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, limit, &engine.Error{
		Fault:  engine.FaultTransport,
		Reason: fmt.Sprintf("the handshake did not complete within %v", limit),
		Err:    context.DeadlineExceeded,
		Hint:   "the peer may be slow, may have stopped, or may not use TLS",
	})
}

const defaultTimeout = 10 * time.Second

// Read reads data. It runs the handshake first if necessary.
func (c *Conn) Read(p []byte) (int, error) {
	if err := c.Handshake(); err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(p)
	err = c.explain(err)
	if fatal(err) {
		c.failed.CompareAndSwap(nil, &err)
	}
	return n, err
}

// fatal reports whether an error of reading has ended the connection for both
// directions: not the peer's close_notify, a deadline, a cut, nor Close.
func fatal(err error) bool {
	var timeout net.Error
	var own *engine.Error
	switch {
	case err == nil, errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed):
		return false
	case errors.As(err, &timeout) && timeout.Timeout():
		return false
	case errors.As(err, &own):
		return own.Fault != engine.FaultTransport
	}
	return true
}

// Write writes data. It runs the handshake first if necessary.
func (c *Conn) Write(p []byte) (int, error) {
	if err := c.Handshake(); err != nil {
		return 0, err
	}
	if err := c.failed.Load(); err != nil {
		return 0, *err
	}
	n, err := c.Conn.Write(p)
	return n, c.explain(err)
}

// CloseWrite sends close_notify and ends writing. After a fatal alert it sends nothing and
// returns the failure.
func (c *Conn) CloseWrite() error {
	if !c.made() {
		return errNotMade
	}
	if err := c.failed.Load(); err != nil {
		return *err
	}
	return c.Conn.CloseWrite()
}

// Close closes the connection, with close_notify first unless it has failed. RFC 5246,
// Section 7.2.2: after a fatal alert "both parties immediately close the connection".
func (c *Conn) Close() error {
	if !c.made() {
		return errNotMade
	}
	if c.failed.Load() != nil {
		return c.raw.Close()
	}
	return c.Conn.Close()
}

// verify passes the peer's certificates to Config.Trust.
func (c *Conn) verify(state tls.ConnectionState) error {
	if c.server && len(state.PeerCertificates) == 0 {
		return nil // crypto/tls has already returned an error if one is required
	}
	peer := &trust.Peer{
		Server: !c.server, OCSPStaple: state.OCSPResponse, SCTs: state.SignedCertificateTimestamps,
		Decrypts: !c.server && rsaExchange(iana.CipherSuite(state.CipherSuite)),
	}
	if peer.Server {
		peer.Name, peer.Address = c.cfg.ServerName, c.knownAs
	}
	if c.cfg.Now != nil {
		peer.Now = c.cfg.Now()
	}
	for _, cert := range state.PeerCertificates {
		peer.Chain = append(peer.Chain, cert.Raw)
	}
	var v sealsock.Verifier = c.cfg.Trust
	if v == nil {
		v = defaultTrust
	}
	ctx := context.Background() // if the Handshake of the embedded Conn was called
	if p := c.ctx.Load(); p != nil {
		ctx = *p
	}
	result, err := v.Verify(ctx, peer)
	if err == nil {
		c.peer.Store(result)
	}
	return err
}

// defaultTrust is shared by all connections, so that they share its cache of
// verified chains.
var defaultTrust = new(trust.Policy)

// explain converts errors of crypto/tls to those of this module: alerts from
// the peer, and an EOF without close_notify, which crypto/tls does not report.
func (c *Conn) explain(err error) error {
	var op *net.OpError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF) && c.raw.cut.Load():
		return &engine.Error{
			Fault: engine.FaultTransport, Reason: "the connection ended without close_notify", Err: io.ErrUnexpectedEOF,
			Hint: "the received data may be incomplete",
		}
	case errors.As(err, &op) && op.Op == "remote error":
		return &engine.Error{Fault: engine.FaultAlert, Alert: alertOf(op.Err)}
	}
	return err
}

// alertOf returns the number of an alert of crypto/tls, whose type is not
// exported.
func alertOf(err error) (a iana.Alert) {
	fmt.Sscan(fmt.Sprintf("%d", err), &a)
	return a
}

// noticing records when the underlying connection returns EOF.
type noticing struct {
	net.Conn
	cut atomic.Bool
}

// Read implements net.Conn.
func (n *noticing) Read(p []byte) (int, error) {
	got, err := n.Conn.Read(p)
	if got == 0 && errors.Is(err, io.EOF) {
		n.cut.Store(true)
	}
	return got, err
}
