package tunnel

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/address"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/fleet"
)

// Options are what a program gives to a [Server] beside the Config.
type Options struct {
	// Log receives what happens; nil discards it.
	Log *slog.Logger
	// TicketKeys, if set, are the keys of session tickets, which several processes may share. A
	// session is resumed by the tunnel of its name alone.
	TicketKeys sealsock.TicketKeys
	// AntiReplay, if set, is the memory of 0-RTT attempts of the processes that share TicketKeys.
	// Without it, tunnels that use TicketKeys accept no 0-RTT data: each process would accept the
	// same attempt once.
	AntiReplay engine.AntiReplay
	// Limiter, if set, makes the limiter of a tunnel's rate of connections, in place of
	// fleet.NewRates.
	Limiter func(tunnel string, most int, per time.Duration) fleet.Limiter
}

// A Server runs the tunnels of a [Config]. Its methods may be called from any goroutine.
type Server struct {
	log    *slog.Logger
	opts   Options
	origin string // in front of the numbers of connections
	serial atomic.Int64
	since  time.Time

	ctx  context.Context // of connections; ends with them all
	kill context.CancelCauseFunc

	mu        sync.Mutex
	cfg       *Config
	tunnels   map[string]*running
	stats     map[string]*tunnelStats
	listeners map[string]*listener
	live      map[*link]struct{}
	ended     bool // no more listeners
	reloads   int64
	upgrading bool
	began     bool         // the tunnels have started
	admin     *gate        // of the pages; nil for none
	adminAt   string       // Config.Admin of the admin listener, which stays when a reload has another
	pages     *http.Server // over admin, while Serve runs
	pending   atomic.Int64 // connections between accept and live

	accepts  sync.WaitGroup // loops of listeners
	sessions sync.WaitGroup
	done     chan struct{} // closed when another process has taken over
	over     sync.Once
}

// New checks cfg, opens the files that it names, and returns a Server that does not listen
// yet. cfg must not be changed afterwards.
func New(cfg *Config, opts Options) (*Server, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	var random [4]byte
	rand.Read(random[:])
	s := &Server{
		log: opts.Log, opts: opts, origin: hex.EncodeToString(random[:]), since: time.Now(),
		tunnels: map[string]*running{}, stats: map[string]*tunnelStats{},
		listeners: map[string]*listener{}, live: map[*link]struct{}{}, done: make(chan struct{}),
	}
	s.ctx, s.kill = context.WithCancelCause(context.Background())
	context.AfterFunc(s.ctx, s.interrupt)
	all, err := s.build(cfg)
	if err != nil {
		return nil, err
	}
	s.cfg, s.tunnels = cfg, all
	return s, nil
}

var errNoServer = fmt.Errorf("tunnel: this Server is nil or a zero value: %w", os.ErrInvalid)

// made reports whether s was made by New.
func (s *Server) made() bool { return s != nil && s.ctx != nil }

// A running is a Tunnel at work. A reload replaces it; connections keep theirs.
type running struct {
	cfg            *Tunnel
	log            *slog.Logger
	server, client *side
	pool           *pool
	routes         []*route
	accept         networks // that send a PROXY header
	allow, deny    networks
	stats          *tunnelStats
	limiter        func(most int, per time.Duration) fleet.Limiter
	stop           context.CancelFunc // of checks
	peeks          bool               // a ClientHello is read before anything else
	within         time.Duration      // limits.handshake
	late           error              // the cause of the end of a handshake that took longer
}

// A route is a Route at work. Without backends of its own it uses those of the tunnel.
type route struct {
	Route
	pool *pool
}

// build makes the tunnels of a configuration. It changes nothing of s that is in use.
func (s *Server) build(cfg *Config) (map[string]*running, error) {
	all := make(map[string]*running, len(cfg.Tunnels))
	for i := range cfg.Tunnels {
		t := &cfg.Tunnels[i]
		r, err := s.tunnel(t)
		if err != nil {
			return nil, fmt.Errorf("tunnel %q: %w", t.Name, err)
		}
		all[t.Name] = r
	}
	return all, nil
}

func (s *Server) tunnel(t *Tunnel) (r *running, err error) {
	within := t.Limits.Handshake.or(10 * time.Second)
	r = &running{cfg: t, log: s.log.With("tunnel", t.Name), stats: s.statsOf(t), within: within,
		late: fmt.Errorf("the handshake did not end within %v: %w", within, context.DeadlineExceeded)}
	if s.opts.Limiter != nil {
		r.limiter = func(most int, per time.Duration) fleet.Limiter {
			return s.opts.Limiter(t.Name, most, per)
		}
	}
	notify := func(file string, err error) {
		if err != nil {
			r.log.Error("certificate not reloaded", "file", file, "error", err.Error())
		} else {
			r.log.Info("certificate reloaded", "file", file)
		}
	}
	old := s.tunnels[t.Name]
	if t.Server != nil {
		if r.server, err = newSide(t.Server, true, notify); err != nil {
			return nil, fmt.Errorf("server: %w", err)
		}
		r.keepTickets(old, &s.opts)
		r.keepIssuer(old)
	}
	if t.Client != nil {
		if r.client, err = newSide(t.Client, false, notify); err != nil {
			return nil, fmt.Errorf("client: %w", err)
		}
	}
	return r, r.destinations(t)
}

// destinations prepares networks, backends and routes.
func (r *running) destinations(t *Tunnel) (err error) {
	for _, n := range []struct {
		to   *networks
		list []string
	}{{&r.accept, t.Proxy.Accept}, {&r.allow, t.Access.Allow}, {&r.deny, t.Access.Deny}} {
		if *n.to, err = parseNetworks(n.list); err != nil {
			return err
		}
	}
	if r.pool, err = r.newPool(t.Backends); err != nil {
		return err
	}
	for _, c := range t.Routes {
		one := &route{Route: c, pool: r.pool}
		if len(c.Backends) > 0 {
			if one.pool, err = r.newPool(c.Backends); err != nil {
				return err
			}
		}
		r.routes = append(r.routes, one)
		r.peeks = r.peeks || c.Pass || t.Server == nil
	}
	return nil
}

// keepTickets lets sessions survive a reload, unless they stand for certificates that the new
// configuration may no longer accept. The memory of 0-RTT attempts goes with the ticket keys.
func (r *running) keepTickets(old *running, opts *Options) {
	cfg := r.server.cfg
	switch {
	case cfg.Tickets == nil || cfg.ClientAuth != engine.NoClientCert:
	case opts.TicketKeys != nil:
		cfg.Tickets = &ownTickets{sealsock.SealTickets(opts.TicketKeys, nil), r.cfg.Name}
		if cfg.AntiReplay = opts.AntiReplay; cfg.AntiReplay == nil {
			cfg.MaxEarlyData = 0
		}
	case old != nil && old.server != nil && old.server.cfg.Tickets != nil &&
		reflect.DeepEqual(old.cfg.Server, r.cfg.Server):
		cfg.Tickets, cfg.AntiReplay = old.server.cfg.Tickets, old.server.attempts
	}
	r.server.attempts = cfg.AntiReplay
	cfg.AntiReplay = &countedAttempts{cfg.AntiReplay, r.stats}
}

func (r *running) newPool(all []Backend) (*pool, error) {
	p := &pool{balance: r.cfg.Balance}
	for _, c := range all {
		a, err := address.Parse(c.Address)
		if err != nil {
			return nil, err
		}
		b := &backend{Backend: c, addr: a, stats: r.stats.backend(c.Address)}
		if r.client != nil {
			cfg := *r.client.cfg
			cfg.ServerName = cmp.Or(c.ServerName, cfg.ServerName)
			cfg.HandshakeTimeout = r.cfg.Limits.Connect.or(10 * time.Second)
			if b.dialer, err = sealsock.NewDialer(&cfg); err != nil {
				return nil, fmt.Errorf("backend %s: %w", c.Address, err)
			}
			b.dialer.Connect = connect
		}
		p.backends = append(p.backends, b)
	}
	return p, nil
}

// start applies the bounds of the tunnel and begins the checks.
func (r *running) start(ctx context.Context) {
	l := &r.cfg.Limits
	if r.limiter == nil {
		r.limiter = func(most int, per time.Duration) fleet.Limiter { return fleet.NewRates(most, per) }
	}
	r.stats.places.Resize(cmp.Or(l.Connections, 16384), l.ConnectionsPerPeer)
	r.stats.setRate(l.Rate, r.limiter)
	ctx, r.stop = context.WithCancel(ctx)
	if r.server != nil && r.server.issuer != nil {
		go obtain(ctx, r.server.issuer, r.log)
	}
	r.pool.watch(ctx, r)
	for _, one := range r.routes {
		if one.pool != r.pool {
			one.pool.watch(ctx, r)
		}
	}
}

// Addrs returns the addresses that a tunnel listens on, in the order of its Listen.
func (s *Server) Addrs(tunnel string) (all []net.Addr) {
	if !s.made() {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.cfg.Tunnels {
		t := &s.cfg.Tunnels[i]
		for n := range t.Listen {
			if l := s.listeners[listenerKey(t, n)]; l != nil && t.Name == tunnel {
				all = append(all, l.gate.Addr())
			}
		}
	}
	return all
}

// AdminAddr returns the address of the pages, whose port the system may have chosen, or nil
// without Config.Admin and before Listen.
func (s *Server) AdminAddr() net.Addr {
	if !s.made() {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.admin == nil {
		return nil
	}
	return s.admin.Addr()
}

// Serve accepts connections until ctx ends, and then closes the listeners and gives the
// connections the time of Config.Drain. It also returns, with nil, once [Server.HandOver] has
// given everything to another process. Listen comes first.
func (s *Server) Serve(ctx context.Context) error {
	if !s.made() {
		return errNoServer
	}
	s.mu.Lock()
	if len(s.listeners) == 0 || s.ended {
		s.mu.Unlock()
		return errors.New("tunnel: Serve needs a Listen before it, and works once")
	}
	s.mu.Unlock()
	s.begin()
	s.mu.Lock()
	for _, l := range s.listeners {
		s.accept(l)
	}
	if s.admin != nil {
		s.pages = &http.Server{Handler: s.Handler(), ReadHeaderTimeout: pageTime,
			WriteTimeout: pageTime, MaxHeaderBytes: 16 << 10}
		go s.pages.Serve(s.admin)
	}
	s.mu.Unlock()
	select {
	case <-ctx.Done():
		s.drain()
		if s.pages != nil {
			s.pages.Close()
		}
	case <-s.done:
		s.leave()
	}
	s.kill(errStopping)
	s.accepts.Wait()
	s.sessions.Wait()
	return nil
}

// pageTime bounds a request for a page and its answer.
const pageTime = 10 * time.Second

// leave stops listening after another process has taken over. The paths of UNIX sockets stay,
// since the other process listens on them.
func (s *Server) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	for _, g := range s.gates() {
		g.leave()
	}
}

var errStopping = errors.New("this process is stopping")

// drain closes the listeners and gives connections time to end.
func (s *Server) drain() {
	s.mu.Lock()
	s.ended = true
	for _, l := range s.listeners {
		l.close()
	}
	wait, n := s.cfg.Drain.or(30*time.Second), len(s.live)
	s.mu.Unlock()
	s.log.Info("draining", "connections", n, "seconds", wait.Seconds())
	ended := make(chan struct{})
	go func() {
		s.accepts.Wait()
		s.sessions.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(wait):
	}
}

// Active is the number of connections that are forwarded now.
func (s *Server) Active() int {
	if !s.made() {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.live)
}

// names are those of the tunnels, sorted.
func (s *Server) names() []string {
	var all []string
	for name := range s.tunnels {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

// statsOf returns the counters of a tunnel, which outlive a reload.
func (s *Server) statsOf(t *Tunnel) *tunnelStats {
	if s.stats[t.Name] == nil {
		s.stats[t.Name] = newTunnelStats()
	}
	return s.stats[t.Name]
}

// accept starts the loop of a listener.
func (s *Server) accept(l *listener) {
	s.accepts.Go(func() { l.admitted.Serve(s.serve) })
}
