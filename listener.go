package sealsock

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"runtime"
	"slices"
	"time"

	"github.com/sealsock/sealsock/address"
	"github.com/sealsock/sealsock/internal/admit"
	"github.com/sealsock/sealsock/internal/stream"
)

// A Listener accepts encrypted connections whose handshake is done. Handshakes
// run beside each other, each within Config.HandshakeTimeout. One that waits for
// its client occupies nothing that another needs, so slow and silent clients do not
// delay others. Config.MaxHandshakes and MaxHandshakesPerAddress bound how many are
// under way: beyond that the oldest ends, its client receives the alert
// internal_error, and Config.OnHandshakeError an *engine.Error with FaultLimit. A
// client that is refused for any reason is reported to Config.OnHandshakeError, and
// Accept does not return it. If Config.ALPN has h2 or http/1.1, a request in plaintext is
// answered with status 400, as net/http does.
type Listener struct {
	admitted *admit.Listener[*Conn]
	prepared *prepared
	work     chan struct{} // see stream.Options.Work
}

var _ net.Listener = (*Listener)(nil)

// worksPerCPU, times the number of CPUs, bounds the handshakes of a Listener that
// compute at once. It is more than one because a signature may be made by a device
// that takes its time.
const worksPerCPU = 32

// Listen listens on an address: host:port, or with a scheme, see package
// address. Config needs an identity.
func Listen(ctx context.Context, addr string, cfg *Config) (*Listener, error) {
	a, err := address.Parse(addr)
	if err != nil {
		return nil, err
	}
	return ListenAddress(ctx, a, cfg)
}

// ListenAddress is Listen for an address that was parsed.
func ListenAddress(ctx context.Context, a address.Address, cfg *Config) (*Listener, error) {
	if a.Packets() {
		return listenPackets(ctx, a, cfg)
	}
	inner, err := a.Listen(ctx)
	if err != nil {
		return nil, err
	}
	l, err := NewListener(inner, cfg)
	if err != nil {
		inner.Close()
	}
	return l, err
}

// NewListener returns a Listener over inner, which it takes over.
func NewListener(inner net.Listener, cfg *Config) (*Listener, error) {
	if inner == nil {
		return nil, errNoListener
	}
	// A configuration that cannot serve is found now, not at the first client.
	p, err := prepare(withTickets(cfg), true)
	if err != nil {
		return nil, err
	}
	l := &Listener{prepared: p, work: make(chan struct{}, worksPerCPU*runtime.GOMAXPROCS(0))}
	l.admitted = admit.New(inner, admit.Options[*Conn]{
		Total: p.MaxHandshakes, PerAddress: p.MaxHandshakesPerAddress,
		Handshake: l.handshake, Refused: p.OnHandshakeError,
	})
	return l, nil
}

// withTickets gives a listener's configuration what it takes to resume, if the
// user did not.
func withTickets(cfg *Config) *Config {
	if cfg == nil {
		return nil
	}
	own, r := *cfg, newResumption(cfg)
	own.Tickets, own.AntiReplay = r.tickets, r.antiReplay
	return &own
}

// maxReplay bounds the 0-RTT attempts that a resumption of its own remembers at a time.
const maxReplay = 1 << 16

// Accept returns the next connection whose handshake is done. It is a *Conn.
func (l *Listener) Accept() (net.Conn, error) { return l.below().Accept() }

// AcceptConn is Accept with a context and its true type.
func (l *Listener) AcceptConn(ctx context.Context) (*Conn, error) {
	return l.below().AcceptConn(ctx)
}

// Close stops listening. Connections that Accept has returned stay open;
// handshakes under way end.
func (l *Listener) Close() error { return l.below().Close() }

// Addr returns the address that is listened on, or nil if l was not made by Listen,
// ListenAddress or NewListener.
func (l *Listener) Addr() net.Addr { return l.below().Addr() }

// below returns what accepts connections. It is nil for a nil *Listener and the zero
// Listener, and its methods return an error then.
func (l *Listener) below() *admit.Listener[*Conn] {
	if l == nil {
		return nil
	}
	return l.admitted
}

// handshake proves one client.
func (l *Listener) handshake(ctx context.Context, raw net.Conn) (*Conn, error) {
	stream.GrowStack() // of a goroutine that has just begun
	ctx, cancel := l.prepared.withTimeout(ctx)
	defer cancel()
	below := raw
	var err error
	if l.prepared.Prologue != nil {
		below, err = l.prepared.Prologue(ctx, raw)
	}
	var c *Conn
	if err == nil {
		c, err = l.prepared.server(below, stream.Options{Work: l.work})
	}
	if err != nil {
		raw.Close()
		return nil, err
	}
	if err := c.HandshakeContext(ctx); err != nil {
		l.prepared.answerHTTP(err)
		c.GiveUp(err)
		return nil, &admit.PeerError{Peer: below.RemoteAddr(), Err: err}
	}
	return c, nil
}

// answerHTTP answers a client that sent an HTTP request in plaintext to a server of HTTP,
// as net/http does. err is that of the handshake.
func (p *prepared) answerHTTP(err error) {
	var plain tls.RecordHeaderError
	if !slices.Contains(p.ALPN, "h2") && !slices.Contains(p.ALPN, "http/1.1") ||
		!errors.As(err, &plain) {
		return
	}
	switch string(plain.RecordHeader[:]) {
	case "GET /", "HEAD ", "POST ", "PUT /", "OPTIO":
		plain.Conn.SetWriteDeadline(time.Now().Add(time.Second))
		io.WriteString(plain.Conn, "HTTP/1.0 400 Bad Request\r\n\r\n"+
			"Client sent an HTTP request to an HTTPS server.\n")
	}
}
