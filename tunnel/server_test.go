package tunnel_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock/proxyprotocol"
)

// TestServerMode decrypts for a plaintext backend.
func TestServerMode(t *testing.T) {
	b := newBench(t)
	s := b.start(serverTunnel(b.echo("one:", nil), ""))
	b.answers(s.Addrs("t")[0], b.tls(), "one:hello")
	long := strings.Repeat("0123456789abcdef", 1<<16)
	if got, err := b.ask(s.Addrs("t")[0], b.tls(), long); err != nil || got != "one:"+long {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// TestClientMode encrypts for a backend, by every address that a client can use, and verifies
// the backend's name.
func TestClientMode(t *testing.T) {
	b := newBench(t)
	addr := b.echo("sealed:", b.serverTLS())
	s := b.start(fmt.Sprintf(`
[[tunnel]]
name = "t"
listen = ["127.0.0.1:0", "unix://DIR/s"]
client = { ca = ["DIR/ca.pem"], server_name = "a.example" }
backend = [{ address = %q }]
[[tunnel]]
name = "wrong"
listen = ["127.0.0.1:0"]
client = { ca = ["DIR/ca.pem"], server_name = "c.example" }
backend = [{ address = %q }]
`, addr, addr))
	for _, at := range s.Addrs("t") {
		c, err := net.Dial(at.Network(), at.String())
		if err != nil {
			t.Fatal(err)
		}
		if got, err := exchange(c, "hello"); err != nil || got != "sealed:hello" {
			t.Errorf("%v: %q, %v", at, got, err)
		}
	}
	if got, err := plainly(s.Addrs("wrong")[0], "hello"); got != "" {
		t.Errorf("a backend with another name is used: %q, %v", got, err)
	}
}

// TestRoutes selects backends by name and protocol, and passes one name through.
func TestRoutes(t *testing.T) {
	b := newBench(t)
	s := b.start(fmt.Sprintf(`
[[tunnel]]
name = "t"
listen = ["127.0.0.1:0"]
backend = [{ address = %q }]
[[tunnel.route]]
server_names = ["*.pass.example"]
pass = true
backend = [{ address = %q }]
[[tunnel.route]]
server_names = ["denied.pass", "127.0.0.1"]
deny = true
[[tunnel.route]]
server_names = ["a.example"]
alpn = ["x"]
backend = [{ address = %q }]
[[tunnel.route]]
server_names = ["b.example"]
backend = [{ address = %q }]
[tunnel.server]
cert = "DIR/server.pem"
key = "DIR/server.key"
alpn = ["x", "y"]
`, b.echo("default:", nil), b.echo("passed:", b.serverTLS()), b.echo("a:", nil), b.echo("b:", nil)))
	at := s.Addrs("t")[0]
	for _, c := range []struct{ name, alpn, want string }{
		{"a.example", "x", "a:hello"}, {"a.example", "y", "default:hello"},
		{"b.example", "y", "b:hello"}, {"localhost", "x", "default:hello"},
		{"db.pass.example", "", "passed:hello"},
	} {
		cfg := b.tls()
		cfg.ServerName = c.name
		if c.alpn == "" {
			cfg.InsecureSkipVerify = true // the backend's certificate has another name
		} else {
			cfg.NextProtos = []string{c.alpn}
		}
		b.answers(at, cfg, c.want)
	}
	cfg := b.tls()
	cfg.ServerName = "denied.pass"
	b.refuses(at, cfg, "a route denies")
}

// TestPassWithoutTLS: what is no ClientHello is refused, and a plaintext tunnel of routes
// needs one.
func TestPassWithoutTLS(t *testing.T) {
	b := newBench(t)
	s := b.start(fmt.Sprintf(`
[[tunnel]]
name = "t"
listen = ["127.0.0.1:0"]
[[tunnel.route]]
server_names = ["a.example"]
pass = true
backend = [{ address = %q }]
`, b.echo("passed:", b.serverTLS())))
	at := s.Addrs("t")[0]
	cfg := b.tls()
	cfg.ServerName = "a.example"
	b.answers(at, cfg, "passed:hello")
	cfg.ServerName = "b.example"
	b.refuses(at, cfg, "no route is for the name")
	c, err := net.Dial("tcp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := exchange(c, "GET / HTTP/1.0\r\n\r\n"); got != "" {
		t.Errorf("%q", got)
	}
	b.logs("does not begin with a ClientHello")
}

// TestPeerRules: only certificates that a rule accepts are served, also on resumed connections.
func TestPeerRules(t *testing.T) {
	b := newBench(t)
	backend := b.echo("", nil)
	for _, c := range []struct {
		rule string
		ok   bool
	}{
		{`peer = [{ cn = ["alice"] }]`, true},
		{`peer = [{ cn = ["bob"] }]`, false},
		{`peer = [{ cn = ["bob"] }, { ou = ["o*"] }]`, true},
		{`peer = [{ cn = ["bob"] }, { ou = ["ops"] }]` + "\nmatch = \"all\"", false},
		{`peer = [{ cn = ["bob", "alice"], dns = ["*.example"] }]` + "\nmatch = \"all\"", true},
		{`peer = [{ uri = ["spiffe://example.org/ns/*/web"] }]`, true},
		{`peer = [{ uri = ["spiffe://example.org/*"] }]`, false},
		{`peer = [{ uri = ["spiffe://example.org/**"] }]`, true},
		{`peer = [{ issuer = ["another"] }]`, false},
	} {
		s, stop := b.run(serverTunnel(backend, "") + "ca = [\"DIR/ca.pem\"]\n" + c.rule)
		cfg := b.tls()
		cfg.ClientSessionCache = tls.NewLRUClientSessionCache(1)
		for range 2 {
			if got, err := b.ask(s.Addrs("t")[0], cfg, "hello"); (err == nil && got == "hello") != c.ok {
				t.Errorf("%s: %q, %v", c.rule, got, err)
			}
		}
		cfg.Certificates, cfg.ClientSessionCache = nil, nil
		if got, err := b.ask(s.Addrs("t")[0], cfg, "hello"); err == nil {
			t.Errorf("%s: a client without a certificate is served: %q", c.rule, got)
		}
		stop()
	}
}

// TestProxyHeaders: the address of the client comes from a header, decides about access, and
// goes to the backend with the facts about the encryption.
func TestProxyHeaders(t *testing.T) {
	b := newBench(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	headers := make(chan *proxyprotocol.Header, 8)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			h, err := proxyprotocol.Read(c)
			if err != nil {
				t.Error(err)
			}
			headers <- h
			io.WriteString(c, "ok")
			c.Close()
		}
	}()
	s := b.start(serverTunnel(l.Addr().String(), `proxy = { accept = ["127.0.0.0/8"], send = 2 }
access = { deny = ["192.0.2.9"] }`) + "ca = [\"DIR/ca.pem\"]\n")
	send := func(ip string) (string, error) {
		c, err := net.Dial("tcp", s.Addrs("t")[0].String())
		if err != nil {
			t.Fatal(err)
		}
		h := proxyprotocol.Header{Version: 1, Source: &net.TCPAddr{IP: net.ParseIP(ip), Port: 9},
			Destination: &net.TCPAddr{IP: net.ParseIP("198.51.100.1"), Port: 443}}
		head, err := h.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		c.Write(head)
		sealed := tls.Client(c, b.tls())
		defer sealed.Close()
		got, err := io.ReadAll(sealed)
		return string(got), err
	}
	if got, err := send("192.0.2.1"); err != nil || got != "ok" {
		t.Fatalf("%q, %v: %s", got, err, b.log)
	}
	h := <-headers
	if h.Source.String() != "192.0.2.1:9" || h.Destination.String() != "198.51.100.1:443" ||
		h.Authority != "localhost" || h.TLS == nil || h.TLS.CommonName != "alice" || !h.TLS.Verified ||
		h.TLS.Version != "TLSv1.3" || len(h.UniqueID) == 0 {
		t.Errorf("%+v %+v", h, h.TLS)
	}
	if got, err := send("192.0.2.9"); got != "" {
		t.Errorf("an address of access.deny is served: %q, %v", got, err)
	}
	b.refuses(s.Addrs("t")[0], b.tls(), "access.deny has its address") // and without a header
}

// TestFailover: a backend that is down is replaced, and one that is up again is used again. It
// listens on a path of the test's own folder, which no other process can take meanwhile.
func TestFailover(t *testing.T) {
	b := newBench(t)
	path := filepath.Join(b.dir, "one")
	s := b.start(fmt.Sprintf(`
[[tunnel]]
name = "t"
listen = ["127.0.0.1:0"]
balance = "first"
backend = [{ address = "unix://DIR/one" }, { address = %q }]
[tunnel.health]
retry = "1ms"
[tunnel.server]
cert = "DIR/server.pem"
key = "DIR/server.key"
`, b.echo("two:", nil)))
	at := s.Addrs("t")[0]
	b.answers(at, b.tls(), "two:hello")
	again, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	go func() {
		for {
			c, err := again.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				io.WriteString(c, "one")
				c.(*net.UnixConn).CloseWrite()
				io.Copy(io.Discard, c) // a connection closed with unread data is reset
			}()
		}
	}()
	time.Sleep(5 * time.Millisecond)
	b.answers(at, b.tls(), "one")
}

// TestLimits: connections, rate and bytes are bounded.
func TestLimits(t *testing.T) {
	b := newBench(t)
	backend := b.echo("", nil)
	s, stop := b.run(serverTunnel(backend, "limits = { connections = 1 }"))
	at := s.Addrs("t")[0]
	held, err := tls.Dial("tcp", at.String(), b.tls())
	if err != nil {
		t.Fatal(err)
	}
	b.refuses(at, b.tls(), "all places of limits.connections")
	held.Close()
	stop()
	s, stop = b.run(serverTunnel(backend, "limits = { rate = \"1/1h\" }"))
	b.answers(s.Addrs("t")[0], b.tls(), "hello")
	b.refuses(s.Addrs("t")[0], b.tls(), "limits.rate")
	stop()
	s, stop = b.run(serverTunnel(backend, "limits = { bytes = \"6\", bandwidth = \"1MiB\" }"))
	b.cuts(s.Addrs("t")[0], "limits.bytes")
	stop()
	s, stop = b.run(serverTunnel(backend, "limits = { idle = \"20ms\" }"))
	c, err := tls.Dial("tcp", s.Addrs("t")[0].String(), b.tls())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(c); err == nil {
		t.Error("an idle connection ends in order")
	}
	stop()
	b.logs("limits.idle")
}

// TestStartTLS begins in plaintext on both sides.
func TestStartTLS(t *testing.T) {
	b := newBench(t)
	backend := b.echo("mail:", nil)
	s := b.start(serverTunnel(backend, "") + "starttls = \"smtp\"\n")
	through := b.start(fmt.Sprintf(`
[[tunnel]]
name = "u"
listen = ["127.0.0.1:0"]
client = { ca = ["DIR/ca.pem"], server_name = "localhost", starttls = "smtp" }
backend = [{ address = %q }]
`, s.Addrs("t")[0]))
	c, err := net.Dial("tcp", through.Addrs("u")[0].String())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := exchange(c, "hello"); err != nil || got != "mail:hello" {
		t.Errorf("%q, %v; %s", got, err, b.log)
	}
}

// TestPSK joins two tunnels by a pre-shared key, without certificates.
func TestPSK(t *testing.T) {
	b := newBench(t)
	b.write("keys", []byte("alice:000102030405060708090a0b0c0d0e0f\n"+
		"bob:ff0102030405060708090a0b0c0d0e0f\n"))
	b.write("wrong", []byte("alice:00010203040506070809aaaaaaaaaaaa\n"))
	s := b.start(fmt.Sprintf("[[tunnel]]\nname=\"t\"\nlisten=[\"127.0.0.1:0\"]\n"+
		"server={psk_file=\"DIR/keys\"}\nbackend=[{address=%q}]\n", b.echo("psk:", nil)))
	client := func(file, identity string) (string, error) {
		if identity != "" {
			identity = fmt.Sprintf(", psk_identity=%q", identity)
		}
		through, stop := b.run(fmt.Sprintf("[[tunnel]]\nname=\"u\"\nlisten=[\"127.0.0.1:0\"]\n"+
			"client={psk_file=\"DIR/%s\"%s}\nbackend=[{address=%q}]\n", file, identity,
			s.Addrs("t")[0]))
		defer stop()
		return plainly(through.Addrs("u")[0], "hello")
	}
	for _, identity := range []string{"", "alice", "bob"} {
		if got, err := client("keys", identity); err != nil || got != "psk:hello" {
			t.Errorf("%q: %q, %v; %s", identity, got, err, b.log)
		}
	}
	if got, err := client("wrong", "alice"); got != "" {
		t.Errorf("a wrong key: %q, %v", got, err)
	}
}

// TestReload: another configuration takes effect without a gap, and a wrong one does not.
func TestReload(t *testing.T) {
	b := newBench(t)
	one, two := b.echo("one:", nil), b.echo("two:", nil)
	s := b.start(serverTunnel(one, ""))
	at := s.Addrs("t")[0]
	held, err := tls.Dial("tcp", at.String(), b.tls())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(held, make([]byte, len("one:"))); err != nil {
		t.Fatal(err)
	}
	if err := s.Reload(t.Context(), b.parse(serverTunnel(two, ""))); err != nil {
		t.Fatal(err)
	}
	if now := s.Addrs("t")[0]; now.String() != at.String() {
		t.Errorf("the listener moved from %v to %v", at, now)
	}
	b.answers(at, b.tls(), "two:hello")
	if got, err := exchange(held, "still"); err != nil || got != "still" {
		t.Errorf("the old connection: %q, %v", got, err)
	}
	bad := b.parse(strings.ReplaceAll(serverTunnel(one, ""), "server.pem", "none.pem"))
	if err := s.Reload(t.Context(), bad); err == nil {
		t.Errorf("a certificate that does not exist: %v", err)
	}
	b.answers(at, b.tls(), "two:hello")
	b.issue("server", nil, "localhost", "new.example")
	if err := s.Reload(t.Context(), b.parse(serverTunnel(two, ""))); err != nil {
		t.Fatal(err)
	}
	cfg := b.tls()
	cfg.ServerName = "new.example"
	b.answers(at, cfg, "two:hello")
}

// TestCut: a backend that is cut is no orderly end for the client.
func TestCut(t *testing.T) {
	b := newBench(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			io.WriteString(c, "half")
			c.(*net.TCPConn).SetLinger(0)
			io.ReadFull(c, make([]byte, 1))
			c.Close()
		}
	}()
	s := b.start(serverTunnel(l.Addr().String(), ""))
	c, err := tls.Dial("tcp", s.Addrs("t")[0].String(), b.tls())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, "x")
	if got, err := io.ReadAll(c); err == nil {
		t.Errorf("%q ended in order", got)
	}
}

// TestDrain: a connection that ends within Drain ends in order.
func TestDrain(t *testing.T) {
	b := newBench(t)
	s, stop := b.run(serverTunnel(b.echo("", nil), ""))
	if err := s.Reload(t.Context(), b.parse("drain = \"1h\"\n"+
		serverTunnel(b.echo("", nil), ""))); err != nil {
		t.Fatal(err)
	}
	c, err := tls.Dial("tcp", s.Addrs("t")[0].String(), b.tls())
	if err != nil {
		t.Fatal(err)
	}
	for s.Active() == 0 {
		time.Sleep(time.Millisecond)
	}
	stopped := make(chan struct{})
	go func() { stop(); close(stopped) }()
	b.logs("msg=draining connections=1 seconds=3600\n")
	if got, err := exchange(c, "late"); err != nil || got != "late" {
		t.Errorf("%q, %v", got, err)
	}
	<-stopped
	if _, err := net.Dial("tcp", c.RemoteAddr().String()); err == nil {
		t.Error("it still listens")
	}
	log := b.log.String()
	if !strings.Contains(log, "msg=ended") || strings.Contains(log, `error=""`) {
		t.Errorf("the log has errors that are empty:\n%s", log)
	}
}

// TestStopsAfterDrain: a connection that does not end within Drain is cut, also one whose
// bandwidth lets it wait, and Serve returns.
func TestStopsAfterDrain(t *testing.T) {
	for _, limits := range []string{"", "limits = { bandwidth = \"1\" }"} {
		b := newBench(t)
		s, stop := b.run(serverTunnel(b.echo("", nil), limits))
		c, err := tls.Dial("tcp", s.Addrs("t")[0].String(), b.tls())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(20 * time.Second))
		io.WriteString(c, strings.Repeat("x", 4<<10))
		for s.Active() == 0 {
			time.Sleep(time.Millisecond)
		}
		stopped := make(chan struct{})
		go func() { stop(); close(stopped) }()
		if _, err := io.Copy(io.Discard, c); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the connection was not cut: %v", err)
		}
		select {
		case <-stopped:
		case <-time.After(20 * time.Second):
			t.Fatal("Serve does not return")
		}
	}
}
