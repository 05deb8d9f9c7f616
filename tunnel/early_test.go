package tunnel_test

import (
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/internal/earlytest"
	"github.com/sealsock/sealsock/trust"
	"github.com/sealsock/sealsock/tunnel"
)

// A memory accepts each attempt once, and counts them.
type memory struct {
	mu       sync.Mutex
	seen     map[string]bool
	attempts int
}

// Fresh implements engine.AntiReplay.
func (m *memory) Fresh(id []byte, _ time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.attempts++
	known := m.seen[string(id)]
	if m.seen == nil {
		m.seen = map[string]bool{}
	}
	m.seen[string(id)] = true
	return !known
}

func (m *memory) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.attempts
}

func (b *bench) earlyClient() *earlytest.Client {
	b.t.Helper()
	v := &earlytest.Client{Roots: new(trust.Roots)}
	if _, err := v.Roots.AddFile(filepath.Join(b.dir, "ca.pem")); err != nil {
		b.t.Fatal(err)
	}
	return v
}

// startWith runs a tunnel with options until the end of the test.
func (b *bench) startWith(text string, opts tunnel.Options) *tunnel.Server {
	b.t.Helper()
	opts.Log = slog.New(slog.NewTextHandler(b.log, nil))
	s, err := tunnel.New(b.parse(text), opts)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := s.Listen(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(b.serve(s))
	return s
}

// earlyTunnel takes 0-RTT data.
func earlyTunnel(backend string) string {
	return serverTunnel(backend, "") + "max_early_data = \"1KiB\"\n"
}

// TestEarlyData: 0-RTT data arrives in front of the rest, at a tunnel that shares ticket keys and
// attempts with the one that gave the session. A flight that is sent again is refused by both.
func TestEarlyData(t *testing.T) {
	b, attempts := newBench(t), new(memory)
	opts := tunnel.Options{TicketKeys: new(sealsock.RotatingKeys), AntiReplay: attempts}
	text := earlyTunnel(b.echo("", nil))
	one, two := b.startWith(text, opts), b.startWith(text, opts)
	v := b.earlyClient()
	if got, _ := v.Visit(t, one.Addrs("t")[0].String(), "", "first"); got != "first" {
		t.Fatalf("%q", got)
	}
	got, accepted := v.Visit(t, two.Addrs("t")[0].String(), "early ", "late")
	if got != "early late" || !accepted {
		t.Fatalf("%q, accepted %v", got, accepted)
	}
	b.logs("early=6")
	served := strings.Count(b.log.String(), "forwarding")
	for n, s := range []*tunnel.Server{one, two} {
		v.Replay(t, s.Addrs("t")[0].String())
		if attempts.count() != n+2 {
			t.Errorf("%d attempts were judged, not %d", attempts.count(), n+2)
		}
		b.metric(s, `early_data_total{tunnel="t",accepted="false"} 1`)
	}
	b.metric(one, `early_data_total{tunnel="t",accepted="true"} 0`)
	b.metric(two, `early_data_total{tunnel="t",accepted="true"} 1`)
	if now := strings.Count(b.log.String(), "forwarding"); now != served {
		t.Errorf("%d connections were forwarded, not %d", now, served)
	}
}

// TestEarlyDataWithoutMemory: a tunnel that shares ticket keys and no memory of attempts refuses
// 0-RTT data, which the client sends again, and gives no tickets for it.
func TestEarlyDataWithoutMemory(t *testing.T) {
	b := newBench(t)
	opts := tunnel.Options{TicketKeys: new(sealsock.RotatingKeys), AntiReplay: new(memory)}
	text := earlyTunnel(b.echo("", nil))
	one := b.startWith(text, opts)
	opts.AntiReplay = nil
	two := b.startWith(text, opts)
	v := b.earlyClient()
	v.Visit(t, one.Addrs("t")[0].String(), "", "first")
	got, accepted := v.Visit(t, two.Addrs("t")[0].String(), "early ", "late")
	if got != "early late" || accepted {
		t.Errorf("%q, accepted %v", got, accepted)
	}
	if v.Session.MaxEarlyData != 0 {
		t.Error("its ticket allows 0-RTT data")
	}
}

// metric fails unless the metrics of a tunnel have a line.
func (b *bench) metric(s *tunnel.Server, want string) {
	b.t.Helper()
	if _, text := get(s.Handler(), "/metrics"); !strings.Contains(text, "sealsock_tunnel_"+want+"\n") {
		b.t.Errorf("no %s in\n%s", want, text)
	}
}

// TestEarlyDataMistakes: 0-RTT data is bounded, and needs tickets and TLS 1.3.
func TestEarlyDataMistakes(t *testing.T) {
	for more, want := range map[string]string{
		"max_early_data = \"1MiB\"":                        "more than 65536 bytes",
		"max_early_data = \"65537\"":                       "more than 65536 bytes",
		"max_early_data = \"1KiB\"\ntickets = -1":          "without a ticket",
		"max_early_data = \"1KiB\"\nmax_version = \"1.2\"": "no 0-RTT data",
		"[tunnel.client]\nmax_early_data = \"1KiB\"":       "is for [tunnel.server]",
	} {
		_, err := tunnel.Parse("f", []byte(serverTunnel("127.0.0.1:1", "")+more+"\n"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", more, err)
		}
	}
}

// TestEarlyDataOfAnotherBound: a tunnel refuses 0-RTT data for which another process that shares
// its ticket keys, or itself before a reload, allowed more bytes than it does. The client sends
// them again.
func TestEarlyDataOfAnotherBound(t *testing.T) {
	b, early := newBench(t), strings.Repeat("early ", 10<<10)
	opts := tunnel.Options{TicketKeys: new(sealsock.RotatingKeys), AntiReplay: new(memory)}
	text := serverTunnel(b.echo("", nil), "")
	one := b.startWith(text+"max_early_data = \"64KiB\"\n", opts)
	for _, less := range []string{"", "max_early_data = \"1KiB\"\n", "max_early_data = \"63KiB\"\n"} {
		two := b.startWith(text+less, opts)
		v := b.earlyClient()
		v.Visit(t, one.Addrs("t")[0].String(), "", "first")
		got, accepted := v.Visit(t, two.Addrs("t")[0].String(), early, "late")
		if got != early+"late" || accepted {
			t.Errorf("%s%d bytes, accepted %v", less, len(got), accepted)
		}
	}
}
