package tunnel

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/fleet"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/admit"
)

// A link is a connection that is forwarded.
type link struct {
	r       *running
	info    *clientInfo
	pair    *pair
	backend *backend
	shared  netip.Prefix // whose bandwidth it shares; invalid if it shares none

	ended chan struct{} // closed when the link is over
	move  *move         // set before the pair is stopped
}

// A move is the hand-over of a link.
type move struct {
	parked  chan struct{} // receives a value when the pair has stopped
	verdict chan verdict
}

// A verdict is what becomes of a link whose pair has stopped.
type verdict uint8

const (
	resumed verdict = iota // it stays
	moved                  // another process has it
	lost                   // the hand-over failed half way
)

// serve forwards a connection that was accepted. The goroutine that forwards is a new one: the
// stack of this one has grown in the handshake.
func (s *Server) serve(a *accepted) {
	conn, b, err := a.pool.dial(s.ctx, a.r, a.info)
	if err != nil {
		s.pending.Add(-1)
		a.r.stats.refuse("backend")
		a.r.log.Warn("no backend", "conn", a.info.id, "peer", addrText(a.info.remote),
			"name", a.info.serverName, "error", errText(err))
		newEnd("the client", a.Conn).cut()
		a.release()
		return
	}
	p := newPair(a.Conn, conn)
	p.up.left, a.front = a.front, nil // a lives as long as the connection
	k := s.newLink(a.r, a.info, p, b)
	s.enter(k)
	s.pending.Add(-1)
	s.sessions.Go(func() {
		defer a.release()
		s.forward(k)
	})
}

func (s *Server) newLink(r *running, info *clientInfo, p *pair, b *backend) *link {
	l := &r.cfg.Limits
	p.idle, p.lifetime, p.limit = time.Duration(l.Idle), time.Duration(l.Lifetime), int64(l.Bytes)
	if l.Bandwidth > 0 {
		p.throttles = append(p.throttles, &throttle{rate: float64(l.Bandwidth)})
	}
	return &link{
		r: r, info: info, pair: p, backend: b, ended: make(chan struct{}),
	}
}

// enter makes a link one that can be handed over.
func (s *Server) enter(k *link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live[k] = struct{}{}
	if s.ctx.Err() != nil {
		k.pair.interrupt(context.Cause(s.ctx))
	}
}

// interrupt ends all connections, once the context of them all has ended.
func (s *Server) interrupt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k := range s.live {
		go k.pair.interrupt(context.Cause(s.ctx))
	}
}

// forward runs a link that has entered. The backend counts it already. The frame of forward is
// small, since the stack of each connection has it.
func (s *Server) forward(k *link) {
	s.begins(k)
	s.leaves(k, s.run(k))
}

// begins counts a link, and lets it share the bandwidth of its peer.
func (s *Server) begins(k *link) {
	stats := k.r.stats
	if per := k.r.cfg.Limits.BandwidthPerPeer; per > 0 {
		if network := admit.NetworkOf(k.info.remote); network.IsValid() {
			k.pair.throttles = append(k.pair.throttles, stats.share(network, float64(per)))
			k.shared = network
		}
	}
	stats.active.Add(1)
	if k.r.log.Enabled(s.ctx, slog.LevelInfo) {
		k.r.log.Info("forwarding", k.attrs()...)
	}
}

// leaves takes a link that has ended out of the counts.
func (s *Server) leaves(k *link, err error) {
	stats := k.r.stats
	close(k.ended)
	s.mu.Lock()
	delete(s.live, k)
	s.mu.Unlock()
	if k.shared.IsValid() {
		stats.unshare(k.shared)
	}
	stats.active.Add(-1)
	k.backend.stats.active.Add(-1)
	up, down := k.pair.up.bytes.Load(), k.pair.down.bytes.Load()
	stats.up.Add(up)
	stats.down.Add(down)
	if !k.r.log.Enabled(s.ctx, slog.LevelInfo) {
		return
	}
	k.r.log.Info("ended", "conn", k.info.id, "received", up, "sent", down,
		"seconds", time.Since(k.pair.began).Round(time.Millisecond).Seconds(), "reason", endOf(err),
		errAttr(err))
}

// attrs describe a link in the log.
func (k *link) attrs() []any {
	all := []any{"conn", k.info.id, "peer", addrText(k.info.remote), "backend", k.backend.Address}
	if k.info.serverName != "" {
		all = append(all, "name", k.info.serverName)
	}
	if k.info.alpn != "" {
		all = append(all, "alpn", k.info.alpn)
	}
	if t := k.info.tls; t != nil {
		all = append(all, "version", t.Version, "suite", t.Cipher)
		if t.CommonName != "" {
			all = append(all, "peer_cn", t.CommonName)
		}
	}
	if k.info.early > 0 {
		all = append(all, "early", k.info.early)
	}
	if k.info.pass {
		all = append(all, "passed", true)
	}
	return all
}

// errMoved is the end of a link that another process continues.
var errMoved = errors.New("another process has taken the connection over")

// errLost is the end of a link whose hand-over failed half way.
var errLost = errors.New("the hand-over to another process failed half way")

// run runs the pair, also again after a hand-over that did not happen.
func (s *Server) run(k *link) error {
	for {
		err := k.pair.run()
		if !errors.Is(err, errStopped) {
			return err
		}
		k.move.parked <- struct{}{}
		switch <-k.move.verdict {
		case moved:
			closeQuietly(k.pair)
			return errMoved
		case lost:
			k.pair.cut()
			return errLost
		}
		k.pair.resume()
	}
}

// closeQuietly closes the descriptors of this process, and sends nothing: another process has
// the connections.
func closeQuietly(p *pair) {
	for _, e := range []*end{p.client, p.backend} {
		if c, ok := e.conn.(*sealsock.Conn); ok {
			c.NetConn().Close()
			continue
		}
		e.conn.Close()
	}
}

// endOf is a word for how a link ended.
func endOf(err error) string {
	var r *refusal
	var own interface{ Alert() iana.Alert }
	switch {
	case err == nil:
		return "closed"
	case errors.Is(err, errMoved):
		return "moved"
	case errors.Is(err, errLost):
		return "lost"
	case errors.Is(err, errStopping), errors.Is(err, context.Canceled):
		return "stopped"
	case errors.As(err, &r):
		return r.reason
	case errors.As(err, &own):
		return "alert"
	}
	return "cut"
}

// tunnelStats count what a tunnel does. They outlive a reload.
type tunnelStats struct {
	places   admit.Places
	accepted atomic.Int64
	active   atomic.Int64
	up, down atomic.Int64 // bytes of connections that have ended
	moved    atomic.Int64 // connections that came from another process

	early, earlyRefused atomic.Int64 // 0-RTT attempts

	mu       sync.Mutex
	rate     Rate
	rates    fleet.Limiter
	refusals map[string]int64
	backends map[string]*backendStats
	shares   map[netip.Prefix]*share
}

// A share is what the connections of one peer may carry together.
type share struct {
	throttle
	users int
}

func newTunnelStats() *tunnelStats {
	return &tunnelStats{refusals: map[string]int64{}, backends: map[string]*backendStats{},
		shares: map[netip.Prefix]*share{}, places: admit.Places{Total: 1}}
}

func (t *tunnelStats) backend(address string) *backendStats {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.backends[address] == nil {
		t.backends[address] = new(backendStats)
	}
	return t.backends[address]
}

// refuse counts a client that is not served. There are few reasons.
func (t *tunnelStats) refuse(reason string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.refusals[reason]++
}

// setRate bounds the connections of each peer.
func (t *tunnelStats) setRate(r Rate, limiter func(int, time.Duration) fleet.Limiter) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if r == t.rate {
		return
	}
	if t.rate, t.rates = r, nil; !r.IsZero() {
		t.rates = limiter(r.Count, r.Per)
	}
}

// take reports whether a network may open one more connection.
func (t *tunnelStats) take(network netip.Prefix, now time.Time) bool {
	t.mu.Lock()
	rates := t.rates
	t.mu.Unlock()
	return rates == nil || rates.Take(network, now)
}

// share returns the throttle of a peer, which its connections use together.
func (t *tunnelStats) share(network netip.Prefix, rate float64) *throttle {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.shares[network]
	if s == nil {
		s = &share{throttle: throttle{rate: rate}}
		t.shares[network] = s
	}
	s.users++
	return &s.throttle
}

func (t *tunnelStats) unshare(network netip.Prefix) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.shares[network]; s != nil {
		if s.users--; s.users == 0 {
			delete(t.shares, network)
		}
	}
}

var _ net.Conn = (*accepted)(nil)
