//go:build !windows

package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sealsock/sealsock/internal/natstest"
)

// TestTunnelFleet: a session that began at one tunnel resumes at another process, which shares its
// ticket keys over NATS.
func TestTunnelFleet(t *testing.T) {
	server := natstest.Start(t)
	echo := echoServer(t)
	dir := t.TempDir()
	if err := makeCertificates(filepath.Join(dir, "certs")); err != nil {
		t.Fatal(err)
	}
	roots := rootsIn(t, filepath.Join(dir, "certs"))
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte(fmt.Sprintf("%064x\n", 0xfeed)), 0o600); err != nil {
		t.Fatal(err)
	}
	var at [2]string
	for i := range at {
		own := t.TempDir()
		if err := os.WriteFile(filepath.Join(own, "t.toml"), fmt.Appendf(nil, `pid = "pid"
fleet = { nats = %q, secret = %q }
[[tunnel]]
name = "echo"
listen = ["127.0.0.1:0"]
backend = [{ address = %q }]
server = { cert = "%s/certs/server.pem", key = "%s/certs/server.key" }
limits = { rate = "100000/s" }
`, server.URL, secret, echo, dir, dir), 0o600); err != nil {
			t.Fatal(err)
		}
		p := startTunnel(t, own, "t.toml")
		p.await("the servers share their ticket keys", 1)
		at[i] = p.address("echo")
	}
	for end := time.Now().Add(2 * testTimeout); ; time.Sleep(50 * time.Millisecond) {
		cfg := &tls.Config{RootCAs: roots, ServerName: "localhost",
			ClientSessionCache: tls.NewLRUClientSessionCache(1)}
		resumed := false
		for _, addr := range at {
			c, err := tls.Dial("tcp", addr, cfg)
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
