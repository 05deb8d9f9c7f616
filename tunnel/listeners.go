package tunnel

import (
	"context"
	"fmt"
	"net"

	"github.com/sealsock/sealsock/address"
	"github.com/sealsock/sealsock/internal/admit"
)

// Listen opens the listeners that are not open yet. A program that gives up privileges does so
// after Listen and before Serve. On an error no listener stays open.
func (s *Server) Listen(ctx context.Context) error {
	if !s.made() {
		return errNoServer
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	opened, err := s.open(ctx, s.cfg, s.tunnels)
	if err != nil {
		return err
	}
	if err := s.openAdmin(ctx, nil); err != nil {
		for _, l := range opened {
			l.close()
		}
		return err
	}
	for key, l := range opened {
		s.listeners[key] = l
	}
	return nil
}

// adminKey is the key of the listener of the pages among those that are handed over.
const adminKey = "admin "

// openAdmin listens for the pages, with a listener of another process if there is one.
func (s *Server) openAdmin(ctx context.Context, given map[string]net.Listener) error {
	if s.cfg.Admin == "" || s.admin != nil {
		return nil
	}
	key := adminKey + s.cfg.Admin
	if l := given[key]; l != nil {
		delete(given, key)
		s.admin, s.adminAt = newGate(l), s.cfg.Admin
		return nil
	}
	a, err := address.Parse(s.cfg.Admin)
	if err != nil {
		return err
	}
	l, err := a.Listen(ctx)
	if err != nil {
		return fmt.Errorf("admin: %w", err)
	}
	s.admin, s.adminAt = newGate(l), s.cfg.Admin
	return nil
}

// adopt uses the listeners of another process, and opens those that it does not have.
func (s *Server) adopt(ctx context.Context, given map[string]net.Listener) error {
	s.mu.Lock()
	for i := range s.cfg.Tunnels {
		t := &s.cfg.Tunnels[i]
		for n := range t.Listen {
			key := listenerKey(t, n)
			if inner := given[key]; inner != nil {
				delete(given, key)
				if p, ok := inner.(*net.UnixListener); ok {
					p.SetUnlinkOnClose(true) // this process has the path from now on
				}
				s.listeners[key] = s.newListener(key, inner, s.tunnels[t.Name])
			}
		}
	}
	err := s.openAdmin(ctx, given)
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return s.Listen(ctx)
}

// gates are the listeners by their keys.
func (s *Server) gates() map[string]*gate {
	all := make(map[string]*gate, len(s.listeners)+1)
	for key, l := range s.listeners {
		all[key] = l.gate
	}
	if s.admin != nil {
		all[adminKey+s.adminAt] = s.admin
	}
	return all
}

// begin starts the tunnels, once.
func (s *Server) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.began {
		return
	}
	s.began = true
	for _, r := range s.tunnels {
		r.start(s.ctx)
	}
}

// open opens the listeners that a configuration has and s has not.
func (s *Server) open(ctx context.Context, cfg *Config, all map[string]*running) (
	map[string]*listener, error,
) {
	opened := map[string]*listener{}
	var failed error
	for i := range cfg.Tunnels {
		t := &cfg.Tunnels[i]
		for n, text := range t.Listen {
			key := listenerKey(t, n)
			if s.listeners[key] != nil || failed != nil {
				continue
			}
			a, err := address.Parse(text)
			if err != nil {
				failed = err
				continue
			}
			inner, err := a.Listen(ctx)
			if err != nil {
				failed = fmt.Errorf("tunnel %q: %w", t.Name, err)
				continue
			}
			opened[key] = s.newListener(key, inner, all[t.Name])
		}
	}
	if failed != nil {
		for _, l := range opened {
			l.close()
		}
		return nil, failed
	}
	return opened, nil
}

// listenerKey names a listener: by its address, and, if the system chooses the port, by its
// tunnel too.
func listenerKey(t *Tunnel, n int) string {
	a, err := address.Parse(t.Listen[n])
	if err != nil {
		return t.Listen[n]
	}
	if _, port, ok := a.HostPort(); ok && port == "0" {
		return fmt.Sprintf("%s#%s#%d", a, t.Name, n)
	}
	return a.String()
}

// newListener puts admission in front of inner.
func (s *Server) newListener(key string, inner net.Listener, r *running) *listener {
	l := &listener{server: s, key: key, gate: newGate(inner)}
	l.tunnel.Store(r)
	perAddress := 0
	if len(r.cfg.Proxy.Accept) > 0 {
		perAddress = -1 // all come from the addresses of the proxies
	}
	l.admitted = admit.New(l.gate, admit.Options[*accepted]{
		Total: r.cfg.Limits.Handshakes, PerAddress: perAddress, Handshake: l.handshake,
		Refused: func(peer net.Addr, err error) { l.refused(peer, err) },
	})
	return l
}
