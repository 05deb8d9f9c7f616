package tunnel

import (
	"cmp"
	"reflect"
)

// addNames adds the services for names, which have sni = SERVICE:NAME, as routes of the services
// that they name. A route has a backend alone: what such a service demands of its clients, and what
// it begins a connection with, must be that of the service with the address. To leave it out would
// let clients without a certificate reach a backend that only those with one may reach.
func (r *stunnelReader) addNames(cfg *Config, tunnels map[string]int, all []*stunnelTunnel) {
	for _, t := range all {
		i, ok := tunnels[t.master]
		if !ok || cfg.Tunnels[i].Server == nil {
			r.fail(t.at, "", "sni names the service %q, which does not decrypt", t.master)
			continue
		}
		m := &cfg.Tunnels[i]
		const hint = "give it an address of its own in place of sni"
		switch {
		case t.tls.demands(m.Server):
			r.fail(t.at, hint, "the service %s has other demands on its clients than %s", t.Name, m.Name)
		case t.Proxy.Send != m.Proxy.Send || t.tls.StartTLS != m.Server.StartTLS:
			r.fail(t.at, hint, "the service %s has another protocol than %s", t.Name, m.Name)
		}
		m.Routes = append(m.Routes, Route{ServerNames: []string{t.pattern}, Backends: t.Backends})
		if t.tls.Cert != "" {
			m.Server.Certificates = append(m.Server.Certificates,
				Certificate{Cert: t.tls.Cert, Key: t.tls.Key})
		}
	}
}

// demands reports whether s demands something of clients that other does not.
func (s *TLS) demands(other *TLS) bool {
	of := func(t *TLS) []any {
		return []any{t.ClientAuth, t.CA, t.CADir, t.CRL, t.Revocation, t.Pins, t.Peers, t.PSKFile}
	}
	verifies := s.ClientAuth != "" || len(s.Peers) > 0 || s.PSKFile != ""
	return verifies && !reflect.DeepEqual(of(s), of(other)) ||
		cmp.Or(s.MinVersion, other.MinVersion) != other.MinVersion ||
		cmp.Or(s.MaxVersion, other.MaxVersion) != other.MaxVersion
}
