//go:build !windows

package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// greeter starts a server that sends a word and then sends back what it receives.
func greeter(t *testing.T, word string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				io.WriteString(c, word)
				io.Copy(c, c)
			}()
		}
	}()
	return l.Addr().String()
}

// TestTunnelWatch: a process that watches its files reads the configuration and an authority again
// when they change. A mistake changes nothing, and an open connection stays.
func TestTunnelWatch(t *testing.T) {
	dir := t.TempDir()
	certs := filepath.Join(dir, "certs")
	if err := makeCertificates(certs); err != nil {
		t.Fatal(err)
	}
	write := func(backend, more string) {
		if err := os.WriteFile(filepath.Join(dir, "t.toml"), fmt.Appendf(nil, `pid = "pid"
watch = "20ms"
[[tunnel]]
name = "echo"
listen = ["127.0.0.1:0"]
backend = [{ address = %q }]
[tunnel.server]
cert = "certs/server.pem"
key = "certs/server.key"
client_auth = "request"
ca = ["ca.pem"]
%s
`, backend, more), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.ReadFile(filepath.Join(certs, "root.pem"))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "ca.pem"), root, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	one, two := greeter(t, "one"), greeter(t, "two")
	write(one, "")
	p := startTunnel(t, dir, "t.toml")
	cfg := &tls.Config{RootCAs: rootsIn(t, certs), ServerName: "localhost"}
	greets := func(word string) *tls.Conn {
		t.Helper()
		for end := time.Now().Add(2 * testTimeout); time.Now().Before(end); {
			time.Sleep(10 * time.Millisecond)
			c, err := tls.Dial("tcp", p.address("echo"), cfg)
			if err != nil {
				t.Fatal(err)
			}
			got := make([]byte, len(word))
			if _, err := io.ReadFull(c, got); err != nil {
				t.Fatal(err)
			}
			if string(got) == word {
				return c
			}
			c.Close()
		}
		t.Fatalf("no connection reaches %q:\n%s", word, p.log())
		return nil
	}
	held := greets("one")
	defer held.Close()
	write(two, "")
	greets("two").Close()
	write(one, "no_such_key = 1")
	p.await("the old configuration stays", 1)
	greets("two").Close()
	write(one, "")
	greets("one").Close()
	if err := os.WriteFile(filepath.Join(dir, "ca.pem"), append(root, root...), 0o600); err != nil {
		t.Fatal(err)
	}
	p.await("msg=reloaded", 3)
	if _, err := io.WriteString(held, "still"); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len("still"))
	if _, err := io.ReadFull(held, got); err != nil || string(got) != "still" {
		t.Errorf("the connection of before: %q, %v", got, err)
	}
}
