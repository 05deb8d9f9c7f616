//go:build !windows

package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock/internal/earlytest"
	"github.com/sealsock/sealsock/internal/natstest"
	"github.com/sealsock/sealsock/trust"
)

// startFleet starts two tunnels that share over NATS, with more settings of the server. certs has
// the certificates.
func startFleet(t *testing.T, nats, more string) (all [2]*tunnelProcess, certs string) {
	t.Helper()
	echo, dir := echoServer(t), t.TempDir()
	certs = filepath.Join(dir, "certs")
	if err := makeCertificates(certs); err != nil {
		t.Fatal(err)
	}
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, fmt.Appendf(nil, "%064x\n", 0xfeed), 0o600); err != nil {
		t.Fatal(err)
	}
	for i := range all {
		own := t.TempDir()
		if err := os.WriteFile(filepath.Join(own, "t.toml"), fmt.Appendf(nil, `pid = "pid"
admin = "unix://%s/admin"
fleet = { nats = %q, secret = %q }
[[tunnel]]
name = "echo"
listen = ["127.0.0.1:0"]
backend = [{ address = %q }]
server = { cert = "%s/server.pem", key = "%[5]s/server.key"%s }
limits = { rate = "100000/s" }
`, own, nats, secret, echo, certs, more), 0o600); err != nil {
			t.Fatal(err)
		}
		all[i] = startTunnel(t, own, "t.toml")
		all[i].await("the servers share their ticket keys", 1)
	}
	return all, certs
}

// TestTunnelFleet: a session that began at one tunnel resumes at another process, which shares its
// ticket keys over NATS.
func TestTunnelFleet(t *testing.T) {
	all, certs := startFleet(t, natstest.Start(t).URL, "")
	roots := rootsIn(t, certs)
	for end := time.Now().Add(2 * testTimeout); ; time.Sleep(50 * time.Millisecond) {
		cfg := &tls.Config{RootCAs: roots, ServerName: "localhost",
			ClientSessionCache: tls.NewLRUClientSessionCache(1)}
		resumed := false
		for _, p := range all {
			c, err := tls.Dial("tcp", p.address("echo"), cfg)
			if err != nil {
				t.Fatal(err)
			}
			io.WriteString(c, "x")
			if _, err := io.ReadFull(c, make([]byte, 1)); err != nil { // the ticket comes first
				t.Fatal(err)
			}
			resumed = c.ConnectionState().DidResume
			c.Close()
		}
		if resumed {
			return
		}
		if time.Now().After(end) {
			t.Fatal("no session of the first tunnel resumes at the second")
		}
	}
}

// TestTunnelFleetEarly: 0-RTT data with a session of one tunnel is accepted by another process
// once. A flight that is sent again is refused by both, and so is all 0-RTT data without NATS.
func TestTunnelFleetEarly(t *testing.T) {
	if testing.Short() {
		t.Skip("left out: the members of a fleet refuse 0-RTT data in their first minute")
	}
	t.Parallel()
	server := natstest.Start(t)
	all, certs := startFleet(t, server.URL, `, max_early_data = "1KiB"`)
	v := &earlytest.Client{Roots: new(trust.Roots)}
	if _, err := v.Roots.AddFile(filepath.Join(certs, "root.pem")); err != nil {
		t.Fatal(err)
	}
	one, two := all[0], all[1]
	for end := time.Now().Add(4 * time.Minute); ; time.Sleep(time.Second) {
		v.Visit(t, one.address("echo"), "early", "")
		got, accepted := v.Visit(t, two.address("echo"), "early", " late")
		if got != "early late" {
			t.Fatalf("%q", got)
		}
		if accepted {
			break
		}
		if time.Now().After(end) {
			t.Fatal("no 0-RTT data is accepted")
		}
	}
	two.await("early=5", 1)
	for _, p := range all {
		before, served := p.early(), strings.Count(p.log(), "forwarding")
		v.Replay(t, p.address("echo"))
		if after := p.early(); after[0] != before[0] || after[1] != before[1]+1 {
			t.Errorf("attempts accepted and refused: %v, and after a replay %v", before, after)
		}
		if now := strings.Count(p.log(), "forwarding"); now != served {
			t.Error("a replay was forwarded")
		}
	}
	server.Kill()
	two.await("the servers share nothing now", 1)
	got, accepted := v.Visit(t, two.address("echo"), "early", " late")
	if got != "early late" || accepted {
		t.Errorf("without NATS: %q, accepted %v", got, accepted)
	}
}

// early returns how many attempts of 0-RTT data were accepted and refused.
func (p *tunnelProcess) early() (n [2]int) {
	p.t.Helper()
	text := p.metrics()
	for i, label := range []string{"true", "false"} {
		const name = `sealsock_tunnel_early_data_total{tunnel="echo",accepted="`
		_, rest, _ := strings.Cut(text, name+label+`"} `)
		if _, err := fmt.Sscan(rest, &n[i]); err != nil {
			p.t.Fatalf("%v in\n%s", err, text)
		}
	}
	return n
}

// metrics returns the page of the tunnel's metrics.
func (p *tunnelProcess) metrics() string {
	p.t.Helper()
	client := &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(p.dir, "admin"))
		}, DisableKeepAlives: true,
	}}
	r, err := client.Get("http://localhost/metrics")
	if err != nil {
		p.t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(text)
}
