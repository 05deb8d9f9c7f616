package tunnel_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sealsock/sealsock/internal/testcert"
	"github.com/sealsock/sealsock/tunnel"
)

// A bench has files, and servers that answer.
type bench struct {
	t   testing.TB
	dir string
	ca  *testcert.CA
	log *logBuffer
}

// A logBuffer holds what was logged.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// discard forgets what was logged.
func (l *logBuffer) discard() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.b.Reset()
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// newBench makes server.pem and server.key for localhost and other names, client.pem and
// client.key for alice, and ca.pem.
func newBench(t testing.TB) *bench {
	b := &bench{t: t, dir: t.TempDir(), ca: testcert.New(), log: new(logBuffer)}
	b.write("ca.pem", b.ca.PEM())
	b.issue("server", nil, "localhost", "a.example", "b.example", "127.0.0.1")
	b.issue("client", func(c *x509.Certificate) {
		c.Subject.CommonName = "alice"
		c.Subject.OrganizationalUnit = []string{"ops"}
		c.URIs = []*url.URL{{Scheme: "spiffe", Host: "example.org", Path: "/ns/a/web"}}
	}, "alice.example")
	return b
}

func (b *bench) write(name string, data []byte) {
	b.t.Helper()
	if err := os.WriteFile(filepath.Join(b.dir, name), data, 0o600); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) issue(name string, change func(*x509.Certificate), names ...string) {
	leaf := b.ca.Issue(testcert.NewKey("p256"), change, names...)
	b.write(name+".pem", leaf.CertPEM())
	b.write(name+".key", leaf.KeyPEM())
}

// parse parses a configuration, in which DIR stands for the folder.
// Without a drain it is short.
func (b *bench) parse(text string) *tunnel.Config {
	b.t.Helper()
	if !strings.Contains(text, "drain") {
		text = "drain = \"1ms\"\n" + text
	}
	cfg, err := tunnel.Parse("test.toml", []byte(strings.ReplaceAll(text, "DIR", b.dir)))
	if err != nil {
		b.t.Fatal(err)
	}
	return cfg
}

// start runs tunnels until the end of the test.
func (b *bench) start(text string) *tunnel.Server {
	b.t.Helper()
	s, stop := b.run(text)
	b.t.Cleanup(stop)
	return s
}

// run runs tunnels until stop is called.
func (b *bench) run(text string) (s *tunnel.Server, stop func()) {
	b.t.Helper()
	s, err := tunnel.New(b.parse(text), tunnel.Options{Log: slog.New(
		slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		b.t.Fatal(err)
	}
	if err := s.Listen(context.Background()); err != nil {
		b.t.Fatal(err)
	}
	return s, b.serve(s)
}

func (b *bench) serve(s *tunnel.Server) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx) }()
	return func() {
		cancel()
		if err := <-served; err != nil {
			b.t.Error(err)
		}
	}
}

// echo starts a plaintext server that sends back what it receives, behind a name.
func (b *bench) echo(name string, cfg *tls.Config) string {
	b.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if cfg != nil {
				c = tls.Server(c, cfg)
			}
			go func() {
				defer c.Close()
				io.WriteString(c, name)
				io.Copy(c, c)
				c.(interface{ CloseWrite() error }).CloseWrite()
			}()
		}
	}()
	return l.Addr().String()
}

func (b *bench) tls() *tls.Config {
	roots := x509.NewCertPool()
	roots.AddCert(b.ca.Cert)
	pair, err := tls.LoadX509KeyPair(filepath.Join(b.dir, "client.pem"),
		filepath.Join(b.dir, "client.key"))
	if err != nil {
		b.t.Fatal(err)
	}
	return &tls.Config{RootCAs: roots, ServerName: "localhost", Certificates: []tls.Certificate{pair}}
}

func (b *bench) serverTLS() *tls.Config {
	pair, err := tls.LoadX509KeyPair(filepath.Join(b.dir, "server.pem"),
		filepath.Join(b.dir, "server.key"))
	if err != nil {
		b.t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}}
}

// exchange sends text and the end, and returns the whole answer.
func exchange(c net.Conn, text string) (string, error) {
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(c, text); err != nil {
		return "", err
	}
	if err := c.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		return "", err
	}
	got, err := io.ReadAll(c)
	return string(got), err
}

// plainly connects without TLS and exchanges a text. A client that is refused may see a reset at
// any time, also while it connects.
func plainly(addr net.Addr, text string) (string, error) {
	c, err := net.Dial(addr.Network(), addr.String())
	if err != nil {
		return "", err
	}
	return exchange(c, text)
}

// ask connects with TLS and exchanges a text.
func (b *bench) ask(addr net.Addr, cfg *tls.Config, text string) (string, error) {
	dialer := &net.Dialer{Timeout: 20 * time.Second}
	c, err := tls.DialWithDialer(dialer, addr.Network(), addr.String(), cfg)
	if err != nil {
		return "", err
	}
	return exchange(c, text)
}

// answers fails if a client receives another answer.
func (b *bench) answers(addr net.Addr, cfg *tls.Config, want string) {
	b.t.Helper()
	if got, err := b.ask(addr, cfg, "hello"); err != nil || got != want {
		b.t.Errorf("%q, %v: want %q; log:\n%s", got, err, want, b.log)
	}
}

// refuses fails if a client is served.
func (b *bench) refuses(addr net.Addr, cfg *tls.Config, reason string) {
	b.t.Helper()
	if got, err := b.ask(addr, cfg, "hello"); err == nil || got != "" {
		b.t.Errorf("%q, %v: the client was served", got, err)
	}
	b.logs(reason)
}

// logs waits until the log has a text.
func (b *bench) logs(text string) {
	b.t.Helper()
	for end := time.Now().Add(20 * time.Second); !strings.Contains(b.log.String(), text); {
		if time.Now().After(end) {
			b.t.Fatalf("no %q in the log:\n%s", text, b.log)
		}
		time.Sleep(time.Millisecond)
	}
}

func serverTunnel(backend, more string) string {
	return fmt.Sprintf("[[tunnel]]\nname = \"t\"\nlisten = [\"127.0.0.1:0\"]\n"+
		"backend = [{ address = %q }]\n%s\n[tunnel.server]\ncert = \"DIR/server.pem\"\n"+
		"key = \"DIR/server.key\"\n", backend, more)
}

// cuts fails unless a connection is cut for a reason.
func (b *bench) cuts(addr net.Addr, reason string) {
	b.t.Helper()
	if got, err := b.ask(addr, b.tls(), "hello"); err == nil {
		b.t.Errorf("%q: the connection ended in order", got)
	}
	b.logs(reason)
}
