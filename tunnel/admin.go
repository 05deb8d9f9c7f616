package tunnel

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Handler serves the pages for operators: "/" is a page of text about the tunnels,
// "/metrics" has the metrics in the text format of Prometheus, and "/health" answers 200, or
// 503 if a tunnel has no backend that is up or the process is stopping. It changes nothing and
// shows no secret, but it tells the addresses of backends and clients.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		var page bytes.Buffer // no lock is held while a slow client reads
		s.writeStatus(&page)
		w.Write(page.Bytes())
	})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		s.writeMetrics(w)
	})
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		if text := s.failure(); text != "" {
			http.Error(w, text, http.StatusServiceUnavailable)
			return
		}
		io.WriteString(w, "ok\n")
	})
	return mux
}

// failure is why the tunnels do not work; empty if they do.
func (s *Server) failure() string {
	if !s.made() {
		return errNoServer.Error()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return "stopping"
	}
	for _, name := range s.names() {
		all := s.tunnels[name].all()
		if len(all) > 0 && !slices.ContainsFunc(all, func(b *backend) bool { return b.up(time.Now()) }) {
			return fmt.Sprintf("the tunnel %q has no backend that is up", name)
		}
	}
	return ""
}

// all are the backends of a tunnel and its routes, each address once.
func (r *running) all() (all []*backend) {
	pools := []*pool{r.pool}
	for _, one := range r.routes {
		pools = append(pools, one.pool)
	}
	seen := map[string]bool{}
	for _, p := range pools {
		for _, b := range p.backends {
			if !seen[b.Address] {
				seen[b.Address] = true
				all = append(all, b)
			}
		}
	}
	return all
}

// writeStatus writes the page about the tunnels, under the lock that each new connection needs.
func (s *Server) writeStatus(to io.Writer) {
	if !s.made() {
		fmt.Fprintln(to, errNoServer)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	w := tabwriter.NewWriter(to, 0, 8, 2, ' ', 0)
	defer w.Flush()
	fmt.Fprintf(w, "seal tunnel, running for %v, %d reloads\n", time.Since(s.since).Round(time.Second),
		s.reloads)
	for _, name := range s.names() {
		r := s.tunnels[name]
		up, down := s.carried(r.stats)
		fmt.Fprintf(w, "\ntunnel %s on %s\n", name, strings.Join(r.cfg.Listen, ", "))
		fmt.Fprintf(w, "  connections\t%d open\t%d accepted\t%d bytes received\t%d sent\n",
			r.stats.active.Load(), r.stats.accepted.Load(), up, down)
		for reason, n := range r.stats.refused() {
			fmt.Fprintf(w, "  refused\t%s\t%d\n", reason, n)
		}
		for _, b := range r.all() {
			state := "up"
			if !b.up(time.Now()) {
				state = "down"
			}
			fmt.Fprintf(w, "  backend %s\t%s\t%d open\t%d in all\t%d failures\n", b.Address, state,
				b.stats.active.Load(), b.stats.total.Load(), b.stats.failures.Load())
		}
	}
	s.writeLive(w)
}

// maxShown bounds the connections that the page lists.
const maxShown = 100

// writeLive lists the oldest connections.
func (s *Server) writeLive(w io.Writer) {
	live := make([]*link, 0, len(s.live))
	for k := range s.live {
		live = append(live, k)
	}
	slices.SortFunc(live, func(a, b *link) int {
		return cmp.Or(a.pair.began.Compare(b.pair.began), cmp.Compare(a.info.id, b.info.id))
	})
	if len(live) > maxShown {
		live = live[:maxShown]
	}
	for i, k := range live {
		if i == 0 {
			fmt.Fprintf(w, "\nconnection\ttunnel\tpeer\tbackend\tseconds\treceived\tsent\n")
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%.0f\t%d\t%d\n", k.info.id, k.r.cfg.Name,
			addrText(k.info.remote), k.backend.Address, time.Since(k.pair.began).Seconds(),
			k.pair.up.bytes.Load(), k.pair.down.bytes.Load())
	}
}

// carried are the bytes of a tunnel, those of open connections too.
func (s *Server) carried(t *tunnelStats) (up, down int64) {
	up, down = t.up.Load(), t.down.Load()
	for k := range s.live {
		if k.r.stats == t {
			up += k.pair.up.bytes.Load()
			down += k.pair.down.bytes.Load()
		}
	}
	return up, down
}

// refused returns the refusals by their reasons.
func (t *tunnelStats) refused() map[string]int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	copied := make(map[string]int64, len(t.refusals))
	for reason, n := range t.refusals {
		copied[reason] = n
	}
	return copied
}

// goroutines is the metric about those of the process.
func goroutines() *metric {
	m := &metric{name: "goroutines", kind: "gauge", help: "Goroutines of the process."}
	m.add(int64(runtime.NumGoroutine()))
	return m
}

// A metric is a family of samples.
type metric struct {
	name, kind, help string
	samples          []string
}

func (m *metric) add(value int64, labels ...string) {
	var all []string
	for i := 0; i+1 < len(labels); i += 2 {
		all = append(all, fmt.Sprintf("%s=\"%s\"", labels[i], labelEscapes.Replace(labels[i+1])))
	}
	text := "sealsock_tunnel_" + m.name
	if len(all) > 0 {
		text += "{" + strings.Join(all, ",") + "}"
	}
	m.samples = append(m.samples, fmt.Sprintf("%s %d", text, value))
}

// labelEscapes are those of the text format for the value of a label.
var labelEscapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// writeMetrics writes the metrics in the text format of Prometheus, version 0.0.4.
func (s *Server) writeMetrics(w io.Writer) {
	if !s.made() {
		return
	}
	open := &metric{name: "connections", kind: "gauge", help: "Connections that are forwarded now."}
	accepted := &metric{name: "accepted_total", kind: "counter",
		help: "Connections that were accepted."}
	refused := &metric{name: "refused_total", kind: "counter",
		help: "Connections that were not served."}
	moved := &metric{name: "taken_over_total", kind: "counter",
		help: "Connections that came from another process."}
	early := &metric{name: "early_data_total", kind: "counter",
		help: "Attempts of 0-RTT data that the memory of attempts accepted or refused."}
	received := &metric{name: "received_bytes_total", kind: "counter", help: "Bytes from clients."}
	sent := &metric{name: "sent_bytes_total", kind: "counter", help: "Bytes to clients."}
	up := &metric{name: "backend_up", kind: "gauge", help: "Whether the backend is up."}
	busy := &metric{name: "backend_connections", kind: "gauge",
		help: "Connections to the backend now."}
	failed := &metric{name: "backend_failures_total", kind: "counter",
		help: "Attempts to connect that failed."}
	reloads := &metric{name: "reloads_total", kind: "counter", help: "Reloads of the configuration."}
	started := &metric{name: "start_time_seconds", kind: "gauge",
		help: "Start of the process, Unix time."}
	s.mu.Lock()
	reloads.add(s.reloads)
	started.add(s.since.Unix())
	for _, name := range s.names() {
		r := s.tunnels[name]
		in, out := s.carried(r.stats)
		open.add(r.stats.active.Load(), "tunnel", name)
		accepted.add(r.stats.accepted.Load(), "tunnel", name)
		moved.add(r.stats.moved.Load(), "tunnel", name)
		early.add(r.stats.early.Load(), "tunnel", name, "accepted", "true")
		early.add(r.stats.earlyRefused.Load(), "tunnel", name, "accepted", "false")
		received.add(in, "tunnel", name)
		sent.add(out, "tunnel", name)
		for reason, n := range r.stats.refused() {
			refused.add(n, "tunnel", name, "reason", reason)
		}
		for _, b := range r.all() {
			state := int64(0)
			if b.up(time.Now()) {
				state = 1
			}
			up.add(state, "tunnel", name, "backend", b.Address)
			busy.add(b.stats.active.Load(), "tunnel", name, "backend", b.Address)
			failed.add(b.stats.failures.Load(), "tunnel", name, "backend", b.Address)
		}
	}
	s.mu.Unlock()
	for _, m := range []*metric{open, accepted, refused, moved, early, received, sent, up, busy,
		failed, reloads, started, goroutines()} {
		slices.Sort(m.samples)
		name := "sealsock_tunnel_" + m.name
		fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n", name, m.help, name, m.kind)
		for _, line := range m.samples {
			fmt.Fprintln(w, line)
		}
	}
}
