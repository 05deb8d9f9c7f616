//go:build !windows

package main

import (
	"io"
	"net"
	"strings"
	"testing"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/trust"
)

// TestLimitsBehindProxy: with --accept-proxy-header the address in the header decides, and
// the lines name it.
func TestLimitsBehindProxy(t *testing.T) {
	s := runSeal(t, t.TempDir(), nil, "listen", "--keep", "--echo", "--accept-proxy-header",
		"127.0.0.1", "--deny", "192.0.2.0/24", "--rate", "2/1h", "--max-per-address", "1",
		"localhost:0")
	addr := "127.0.0.1:" + s.await(t, &s.errors, `listening on 127\.0\.0\.1:(\d+) `)
	dial := func(header string) (*sealsock.Conn, error) {
		raw, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { raw.Close() })
		io.WriteString(raw, header)
		c, err := sealsock.Client(raw, &sealsock.Config{Trust: &trust.Policy{Insecure: true}})
		if err != nil {
			t.Fatal(err)
		}
		if err = c.HandshakeContext(t.Context()); err == nil {
			_, err = c.Write([]byte("x"))
		}
		if err == nil {
			_, err = io.ReadFull(c, make([]byte, 1))
		}
		return c, err
	}
	from := func(ip string) string { return "PROXY TCP4 " + ip + " 198.51.100.9 40112 443\r\n" }
	refusedWith := func(header, alert, line string) {
		t.Helper()
		if _, err := dial(header); err == nil || !strings.Contains(err.Error(), alert) {
			t.Errorf("%q: %v, want the alert %s", header, err, alert)
		}
		s.await(t, &s.errors, line)
	}
	refusedWith(from("192.0.2.7"), "access_denied",
		`no connection with 192\.0\.2\.7:40112: --deny has its address`)
	first, err := dial(from("198.51.100.1"))
	if err != nil {
		t.Fatal(err)
	}
	refusedWith(from("198.51.100.1"), "internal_error",
		`no connection with 198\.51\.100\.1:40112: 198\.51\.100\.1/32 has all 1 places`)
	first.Close()
	refusedWith(from("198.51.100.1"), "internal_error",
		`198\.51\.100\.1:40112: 198\.51\.100\.1/32 opens more than 2 connections`)
	if _, err := dial(from("198.51.100.2")); err != nil {
		t.Errorf("another client of the same proxy: %v", err)
	}
}

// TestRefusedBehindProxy: the line about a handshake that failed names the client of the proxy.
func TestRefusedBehindProxy(t *testing.T) {
	for _, more := range [][]string{nil, {"--legacy"}} {
		args := append([]string{"listen", "--keep", "--echo", "--accept-proxy-header",
			"127.0.0.1"}, more...)
		s := runSeal(t, t.TempDir(), nil, append(args, "localhost:0")...)
		port := s.await(t, &s.errors, `listening on 127\.0\.0\.1:(\d+) `)
		raw, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err != nil {
			t.Fatal(err)
		}
		defer raw.Close()
		io.WriteString(raw, "PROXY TCP4 198.51.100.3 198.51.100.9 40112 443\r\n"+
			"GET / HTTP/1.0\r\n\r\n")
		s.await(t, &s.errors, `no connection with 198\.51\.100\.3:40112: `)
	}
}
