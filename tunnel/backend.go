package tunnel

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/address"
	"github.com/sealsock/sealsock/internal/admit"
	"github.com/sealsock/sealsock/proxyprotocol"
	"github.com/sealsock/sealsock/starttls"
)

// A backend is a server that connections are forwarded to. Its counters outlive a reload.
type backend struct {
	Backend
	addr   address.Address
	dialer *sealsock.Dialer // nil for plaintext
	stats  *backendStats
}

// backendStats are what is known about a backend.
type backendStats struct {
	active   atomic.Int64 // connections
	total    atomic.Int64
	failures atomic.Int64 // attempts to connect
	down     atomic.Bool  // by the checks
	until    atomic.Int64 // left alone until then, without checks: see clock

	mu         sync.Mutex
	fell, rose int
}

// up reports whether the backend should be tried.
func (b *backend) up(now time.Time) bool {
	return !b.stats.down.Load() && b.stats.until.Load() <= int64(now.Sub(clock))
}

func (b *backend) weight() int64 { return int64(cmp.Or(b.Weight, 1)) }

// A pool is a group of backends.
type pool struct {
	backends []*backend
	balance  string
	next     atomic.Uint64 // of round-robin
}

// order returns the backends in the order in which they are tried for a client: those that
// are up, then the backups that are up, then the others, since a check may be wrong.
func (p *pool) order(client net.Addr, now time.Time) []*backend {
	if len(p.backends) == 1 {
		return p.backends
	}
	all := slices.Clone(p.backends)
	switch p.balance {
	case "first":
	case "round-robin":
		if len(all) > 0 {
			n := int((p.next.Add(1) - 1) % uint64(len(all)))
			all = append(all[n:], all[:n]...)
		}
	case "hash":
		p.byHash(all, client)
	default:
		n := int(p.next.Add(1) % uint64(max(1, len(all)))) // equals take turns
		all = append(all[n:], all[:n]...)
		load := make(map[*backend]float64, len(all))
		for _, b := range all {
			load[b] = float64(b.stats.active.Load()) / float64(b.weight())
		}
		slices.SortStableFunc(all, func(a, b *backend) int { return cmp.Compare(load[a], load[b]) })
	}
	rank := make(map[*backend]int, len(all))
	for _, b := range all {
		switch {
		case !b.up(now):
			rank[b] = 2
		case b.Backup:
			rank[b] = 1
		}
	}
	slices.SortStableFunc(all, func(a, b *backend) int { return cmp.Compare(rank[a], rank[b]) })
	return all
}

// byHash sorts by rendezvous hashing: a backend that comes or goes moves only its own clients.
// A weight w takes the logarithm of the hash's w-th root.
func (p *pool) byHash(all []*backend, client net.Addr) {
	key := admit.AddressOf(client).AsSlice()
	score := make(map[*backend]float64, len(all))
	for _, b := range all {
		h := fnv.New64a()
		h.Write([]byte(b.Address))
		h.Write([]byte{0})
		h.Write(key)
		u := (float64(mix(h.Sum64())>>11) + 0.5) / (1 << 53)
		score[b] = -math.Log(u) / float64(b.weight())
	}
	slices.SortStableFunc(all, func(a, b *backend) int { return cmp.Compare(score[a], score[b]) })
}

// mix spreads a hash over all of its bits, which FNV does not for short texts.
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}

// maxAttempts bounds the backends that are tried for one client.
const maxAttempts = 8

// dial connects to a backend for a client. The caller counts the connection down.
func (p *pool) dial(ctx context.Context, r *running, c *clientInfo) (net.Conn, *backend, error) {
	var all error
	for i, b := range p.order(c.remote, time.Now()) {
		if i == maxAttempts {
			break
		}
		b.stats.active.Add(1)
		conn, err := b.dial(ctx, r, c)
		if err == nil {
			b.stats.total.Add(1)
			return conn, b, nil
		}
		b.stats.active.Add(-1)
		b.failed(&r.cfg.Health)
		all = errors.Join(all, fmt.Errorf("%s: %w", b.Address, err))
		if ctx.Err() != nil {
			break
		}
	}
	if all == nil {
		all = errors.New("there is no backend")
	}
	return nil, nil, all
}

// failed notes that a client could not be forwarded.
func (b *backend) failed(h *Health) {
	b.stats.failures.Add(1)
	if h.Interval > 0 {
		b.stats.checked(false, h)
		return
	}
	b.stats.until.Store(int64(time.Since(clock) + h.Retry.or(5*time.Second)))
}

// checked counts the result of a check.
func (s *backendStats) checked(ok bool, h *Health) (changed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ok {
		s.fell = 0
		s.rose++
		return s.rose >= cmp.Or(h.Rise, 1) && s.down.Swap(false)
	}
	s.rose = 0
	s.fell++
	return s.fell >= cmp.Or(h.Fall, 2) && !s.down.Swap(true)
}

// dial connects to the backend.
func (b *backend) dial(ctx context.Context, r *running, c *clientInfo) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.Limits.Connect.or(10*time.Second))
	defer cancel()
	if b.dialer == nil || c != nil && c.pass {
		return b.plain(ctx, r, c)
	}
	return b.dialer.DialAddress(context.WithValue(ctx, clientKey{}, &dialing{r, b, c}), b.addr)
}

// clientKey is the key of a *dialing in the context of a Dialer, which connects for many
// clients.
type clientKey struct{}

type dialing struct {
	r *running
	b *backend
	c *clientInfo
}

// connect is a Dialer.Connect.
func connect(ctx context.Context, a address.Address) (net.Conn, error) {
	d := ctx.Value(clientKey{}).(*dialing)
	raw, err := d.b.plain(ctx, d.r, d.c)
	if err != nil {
		return nil, err
	}
	if name := d.r.cfg.Client.StartTLS; name != "" {
		if err := starttls.Client(ctx, raw, name, a.Host()); err != nil {
			raw.Close()
			return nil, err
		}
	}
	return raw, nil
}

// plain opens the connection below TLS, and sends the header about the client.
func (b *backend) plain(ctx context.Context, r *running, c *clientInfo) (net.Conn, error) {
	raw, err := b.addr.Dial(ctx)
	if err != nil || r.cfg.Proxy.Send == 0 {
		return raw, err
	}
	head, err := c.header(r.cfg.Proxy.Send).Append(nil)
	if err == nil {
		stop := context.AfterFunc(ctx, func() { raw.SetDeadline(time.Unix(1, 0)) })
		_, err = raw.Write(head)
		stop()
	}
	if err != nil {
		raw.Close()
		return nil, err
	}
	return raw, nil
}

// header is the header of the PROXY protocol about a client; nil is a check of ours.
func (c *clientInfo) header(version int) *proxyprotocol.Header {
	h := &proxyprotocol.Header{Version: version}
	if c == nil {
		h.Local = version == 2
		return h
	}
	if known(c.remote) && known(c.local) {
		h.Source, h.Destination = c.remote, c.local
	}
	if version == 2 {
		h.ALPN, h.Authority, h.TLS = c.alpn, c.serverName, c.tls
		if len(c.id) <= 128 {
			h.UniqueID = []byte(c.id)
		}
	}
	return h
}

// known reports whether a header can have an address.
func known(a net.Addr) bool {
	switch a.(type) {
	case *net.TCPAddr, *net.UnixAddr:
		return true
	}
	return false
}

// watch checks the backends of a pool until ctx ends.
func (p *pool) watch(ctx context.Context, r *running) {
	h := &r.cfg.Health
	if h.Interval == 0 {
		return
	}
	for _, b := range p.backends {
		go b.watch(ctx, r)
	}
}

func (b *backend) watch(ctx context.Context, r *running) {
	h := &r.cfg.Health
	tick := time.NewTicker(time.Duration(h.Interval))
	defer tick.Stop()
	for {
		within, cancel := context.WithTimeout(ctx, h.Timeout.or(2*time.Second))
		conn, err := b.dial(within, r, nil)
		cancel()
		if err == nil {
			conn.Close()
		}
		if ctx.Err() != nil {
			return
		}
		if b.stats.checked(err == nil, h) {
			r.log.Warn("backend changed", "backend", b.Address, "up", err == nil, errAttr(err))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
