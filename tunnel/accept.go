package tunnel

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/identity/acme"
	"github.com/sealsock/sealsock/internal/admit"
	"github.com/sealsock/sealsock/internal/printable"
	"github.com/sealsock/sealsock/proxyprotocol"
	"github.com/sealsock/sealsock/starttls"
)

// A gate is a listener that can pause: no connection is accepted then, and none is lost.
type gate struct {
	net.Listener

	mu     sync.Mutex
	paused chan struct{} // closed when the pause ends; nil while it does not pause
	closed chan struct{}
	once   sync.Once
	left   atomic.Bool // another process has the socket
}

func newGate(inner net.Listener) *gate {
	return &gate{Listener: inner, closed: make(chan struct{})}
}

// A deadliner is a listener that can pause.
type deadliner interface{ SetDeadline(time.Time) error }

// Accept implements net.Listener.
func (g *gate) Accept() (net.Conn, error) {
	for {
		g.mu.Lock()
		paused := g.paused
		g.mu.Unlock()
		if paused != nil {
			select {
			case <-paused:
			case <-g.closed:
				return nil, net.ErrClosed
			}
		}
		c, err := g.Listener.Accept()
		if err != nil && errors.Is(err, os.ErrDeadlineExceeded) {
			continue
		}
		return c, err
	}
}

// pause makes Accept wait until resume is called. It reports whether the listener can.
func (g *gate) pause() bool {
	d, ok := g.Listener.(deadliner)
	if !ok {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.paused == nil {
		g.paused = make(chan struct{})
	}
	return d.SetDeadline(time.Unix(1, 0)) == nil
}

// resume ends a pause.
func (g *gate) resume() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.paused == nil {
		return
	}
	g.Listener.(deadliner).SetDeadline(time.Time{})
	close(g.paused)
	g.paused = nil
}

// Close implements net.Listener.
func (g *gate) Close() error {
	g.once.Do(func() { close(g.closed) })
	if g.left.Load() {
		return nil
	}
	return g.Listener.Close()
}

// leave ends Accept and leaves the socket to another process.
func (g *gate) leave() {
	g.left.Store(true)
	g.once.Do(func() { close(g.closed) })
	if _, ok := g.Listener.(*net.TCPListener); ok {
		g.Listener.Close() // the others remove the file of their path
	}
}

// A listener accepts the connections of a tunnel on one address.
type listener struct {
	server   *Server
	key      string
	gate     *gate
	admitted *admit.Listener[*accepted]
	tunnel   atomic.Pointer[running]
}

func (l *listener) close() { l.admitted.Close() }

// A clientInfo is what is known about a client.
type clientInfo struct {
	id            string
	remote, local net.Addr
	serverName    string
	alpn          string
	tls           *proxyprotocol.TLS // nil without encryption
	pass          bool               // forwarded without being decrypted
	early         int                // bytes of 0-RTT data
}

// An accepted connection has passed all checks that come before its backend.
type accepted struct {
	net.Conn // the client's: a *sealsock.Conn, or plaintext
	listener *listener
	r        *running
	info     *clientInfo
	pool     *pool
	front    []byte // what was read and is to be forwarded
	placed   bool
}

// Close ends a connection that is not served.
func (a *accepted) Close() error {
	a.release()
	a.listener.server.pending.Add(-1)
	return a.Conn.Close()
}

// release gives the place back.
func (a *accepted) release() {
	if a.placed {
		a.placed = false
		a.r.stats.places.Leave(a.info.remote)
	}
}

// handshake decides about a client, and runs its handshake.
func (l *listener) handshake(ctx context.Context, raw net.Conn) (*accepted, error) {
	r := l.tunnel.Load()
	ctx, cancel := context.WithTimeoutCause(ctx, r.within, r.late)
	defer cancel()
	a := &accepted{Conn: raw, listener: l, r: r, info: &clientInfo{
		id: l.server.nextID(), remote: raw.RemoteAddr(), local: raw.LocalAddr(),
	}}
	r.stats.accepted.Add(1)
	l.server.pending.Add(1)
	if err := a.begin(ctx, raw); err != nil {
		a.release()
		l.server.pending.Add(-1)
		raw.Close()
		return nil, &admit.PeerError{Peer: a.info.remote, Err: err}
	}
	return a, nil
}

// nextID numbers a connection.
func (s *Server) nextID() string { return s.origin + "-" + strconv.FormatInt(s.serial.Add(1), 10) }

// begin runs what comes before the data.
func (a *accepted) begin(ctx context.Context, raw net.Conn) error {
	if err := a.admit(ctx, raw); err != nil {
		return err
	}
	if s := a.r.cfg.Server; s != nil && s.StartTLS != "" {
		if err := starttls.Server(ctx, raw, s.StartTLS, ""); err != nil {
			return err
		}
	}
	below := raw
	if a.r.peeks {
		done, err := a.peek(ctx, raw)
		if done || err != nil {
			return err
		}
		below = &replayed{Conn: raw, front: a.front}
		a.front = nil
	}
	if a.r.server == nil {
		a.pool = a.r.pool
		return nil
	}
	return a.decrypt(ctx, below)
}

// admit judges the address of a client.
func (a *accepted) admit(ctx context.Context, raw net.Conn) error {
	r, info := a.r, a.info
	if len(r.cfg.Proxy.Accept) > 0 {
		if !r.accept.contain(info.remote) {
			return &refusal{reason: "proxy", text: "it is not in the networks of proxy.accept"}
		}
		_, h, err := proxyprotocol.Accept(ctx, raw)
		if err != nil {
			return err
		}
		if h.Source != nil {
			info.remote, info.local = h.Source, h.Destination
		}
	}
	network := admit.NetworkOf(info.remote)
	switch {
	case r.deny.contain(info.remote):
		return &refusal{reason: "denied", text: "access.deny has its address"}
	case len(r.cfg.Access.Allow) > 0 && !r.allow.contain(info.remote):
		return &refusal{reason: "denied", text: "access.allow does not have its address"}
	case network.IsValid() && !r.stats.take(network, time.Now()):
		return &refusal{reason: "rate", text: fmt.Sprintf("%v opens more than %d connections in %v "+
			"(limits.rate)", network, r.cfg.Limits.Rate.Count, r.cfg.Limits.Rate.Per)}
	}
	switch r.stats.places.Take(info.remote) {
	case admit.Full:
		return &refusal{reason: "full", text: "all places of limits.connections are taken"}
	case admit.PeerFull:
		return &refusal{reason: "full", text: fmt.Sprintf("%v has all its places of "+
			"limits.connections_per_peer", network)}
	}
	a.placed = true
	return nil
}

// peek reads the ClientHello, and reports whether the connection is passed through.
func (a *accepted) peek(ctx context.Context, raw net.Conn) (passed bool, err error) {
	interrupted := context.AfterFunc(ctx, func() { raw.SetReadDeadline(time.Unix(1, 0)) })
	h, front, err := readHello(raw)
	if !interrupted() {
		return false, context.Cause(ctx)
	}
	if err != nil {
		return false, err
	}
	a.front = front
	for _, one := range a.r.routes {
		if !one.matches(h.serverName, h.alpn) {
			continue
		}
		switch {
		case one.Deny:
			return false, denied(h.serverName)
		case one.Pass:
			a.info.serverName, a.info.pass, a.pool = h.serverName, true, one.pool
			return true, nil
		}
		return false, nil
	}
	if a.r.server == nil {
		return false, noRoute(h.serverName)
	}
	return false, nil
}

func denied(name string) error {
	return &refusal{"route", fmt.Sprintf("a route denies the name %q", name), iana.AlertAccessDenied}
}

func noRoute(name string) error {
	return &refusal{"route", fmt.Sprintf("no route is for the name %q", name),
		iana.AlertUnrecognizedName}
}

// matches reports whether a route is for a connection.
func (r *route) matches(name string, alpn []string) bool {
	if len(r.ServerNames) > 0 && !matchName(r.ServerNames, name) {
		return false
	}
	return len(r.ALPN) == 0 ||
		slices.ContainsFunc(alpn, func(p string) bool { return slices.Contains(r.ALPN, p) })
}

// decrypt runs the handshake and chooses the route.
func (a *accepted) decrypt(ctx context.Context, below net.Conn) error {
	conn, err := sealsock.Server(below, a.r.server.cfg)
	if err != nil {
		return err
	}
	if err := conn.HandshakeContext(ctx); err != nil {
		conn.GiveUp(err)
		return err
	}
	a.Conn = conn
	state := conn.ConnectionState()
	if state.NegotiatedProtocol == acme.Protocol {
		conn.Close() // the handshake was the proof: RFC 8737, Section 3
		return &refusal{reason: "proof", text: "an authority has asked for a proof"}
	}
	if a.front, err = takeEarly(conn); err != nil {
		conn.Close()
		return err
	}
	a.info.early = len(a.front)
	a.info.serverName, a.info.alpn = state.ServerName, state.NegotiatedProtocol
	a.info.tls = a.r.describe(conn, &state)
	a.pool = a.r.pool
	for _, one := range a.r.routes {
		if one.Pass || !one.matches(a.info.serverName, []string{a.info.alpn}) {
			continue
		}
		if one.Deny {
			err := denied(a.info.serverName)
			conn.Abort(iana.AlertAccessDenied)
			return err
		}
		a.pool = one.pool
		return nil
	}
	if len(a.pool.backends) == 0 {
		conn.Abort(iana.AlertUnrecognizedName)
		return noRoute(a.info.serverName)
	}
	return nil
}

// describe is what a PROXY header tells about an encrypted connection.
func (r *running) describe(conn *sealsock.Conn, state *tls.ConnectionState) *proxyprotocol.TLS {
	t := &proxyprotocol.TLS{
		Version: strings.Replace(tls.VersionName(state.Version), "TLS ", "TLSv", 1),
		Cipher:  tls.CipherSuiteName(state.CipherSuite),
	}
	if leaf, err := leafOf(conn); err == nil && leaf != nil {
		t.CertificateSess, t.CertificateConn = true, !state.DidResume
		t.Verified = conn.Peer() != nil && !r.cfg.Server.unverified()
		t.CommonName, t.Certificate = leaf.Subject.CommonName, leaf.Raw
	}
	return t
}

// refused reports a client that is not served.
func (l *listener) refused(peer net.Addr, err error) {
	r := l.tunnel.Load()
	reason := reasonOf(err)
	r.stats.refuse(reason)
	level := slog.LevelInfo
	if reason == "handshake" && (errors.Is(err, syscall.ECONNRESET) || errors.Is(err, net.ErrClosed)) {
		level = slog.LevelDebug
	}
	r.log.Log(context.Background(), level, "refused", "peer", addrText(peer), "reason", reason,
		"error", errText(err))
}

// addrText is an address for logs and pages. The name of a UNIX socket may be any text.
func addrText(a net.Addr) string {
	if a == nil {
		return ""
	}
	return printable.Line(a.String())
}

// errAttr is an error for logs, if there is one: handlers leave out an empty attribute.
func errAttr(err error) slog.Attr {
	if err == nil {
		return slog.Attr{}
	}
	return slog.String("error", errText(err))
}

// errText is the text of an error in one line: empty for none.
func errText(err error) string {
	if err == nil {
		return ""
	}
	return strings.ReplaceAll(err.Error(), "\n", "; ")
}

// rawOf returns the descriptor of a connection.
func rawOf(c net.Conn) (syscall.RawConn, error) {
	if below, ok := c.(syscall.Conn); ok {
		return below.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}
