package tunnel

import (
	"context"
	"errors"

	"github.com/sealsock/sealsock/internal/readfile"
)

// Reload continues with another configuration. Connections that exist keep the old one;
// listeners that both have stay open, without a gap. An error changes nothing. It also reads
// all files again that cfg names, and refuses pipes among them: it waits for none.
func (s *Server) Reload(ctx context.Context, cfg *Config) error {
	if !s.made() {
		return errNoServer
	}
	if err := cfg.Check(); err != nil {
		return err
	}
	own := *cfg
	own.Fleet = Fleet{} // which is not read again
	read, _ := own.Files()
	if err := readfile.Check(read...); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || s.upgrading {
		return errors.New("tunnel: a process that is stopping or hands over does not reload")
	}
	all, err := s.build(cfg)
	if err != nil {
		return err
	}
	opened, err := s.open(ctx, cfg, all)
	if err != nil {
		return err
	}
	s.swap(cfg, all, opened)
	s.reloads++
	s.log.Info("reloaded", "tunnels", len(all))
	return nil
}

// swap makes a configuration the current one.
func (s *Server) swap(cfg *Config, all map[string]*running, opened map[string]*listener) {
	old := s.tunnels
	s.cfg, s.tunnels = cfg, all
	for _, r := range all {
		r.start(s.ctx)
	}
	keep := map[string]bool{}
	for i := range cfg.Tunnels {
		t := &cfg.Tunnels[i]
		for n := range t.Listen {
			key := listenerKey(t, n)
			keep[key] = true
			if l := s.listeners[key]; l != nil {
				l.tunnel.Store(all[t.Name])
			}
		}
	}
	for key, l := range s.listeners {
		if !keep[key] {
			l.close()
			delete(s.listeners, key)
		}
	}
	for key, l := range opened {
		s.listeners[key] = l
		s.accept(l)
	}
	for _, r := range old {
		if r.stop != nil {
			r.stop()
		}
	}
}
