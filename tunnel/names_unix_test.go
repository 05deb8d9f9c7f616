//go:build unix

package tunnel_test

import (
	"crypto/tls"
	"net"
	"path/filepath"
	"strings"
	"testing"
)

// TestNamesOfClients: a client chooses the name of its end of a UNIX socket. The page about the
// tunnels shows it in one line, and sends no control characters to a terminal.
func TestNamesOfClients(t *testing.T) {
	b := newBench(t)
	s := b.start(strings.Replace(serverTunnel(b.echo("hello", nil), ""), "127.0.0.1:0",
		"unix://"+filepath.Join(b.dir, "t"), 1))
	own := &net.UnixAddr{Net: "unix", Name: filepath.Join(b.dir, "\x1b[2J\nt  forged")}
	raw, err := net.DialUnix("unix", own, &net.UnixAddr{Net: "unix", Name: filepath.Join(b.dir, "t")})
	if err != nil {
		t.Fatal(err)
	}
	c := tls.Client(raw, b.tls())
	defer c.Close()
	if _, err := c.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	_, text := get(s.Handler(), "/")
	if !strings.Contains(text, "forged") || strings.Contains(text, "\x1b") ||
		strings.Contains(text, "\nt  forged") {
		t.Errorf("%q", text)
	}
}
