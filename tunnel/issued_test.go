package tunnel_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sealsock/sealsock/authority"
	"github.com/sealsock/sealsock/internal/pebbletest"
	"github.com/sealsock/sealsock/tunnel"
)

// issuedTunnel obtains its certificate.
func issuedTunnel(backend, how string) string {
	return fmt.Sprintf("[[tunnel]]\nname = \"t\"\nlisten = [\"127.0.0.1:0\"]\n"+
		"backend = [{ address = %q }]\n%s", backend, how)
}

// unasked is less than the minute after which a certificate is looked at again without being asked
// to, and issuing longer than a busy machine needs to obtain one.
const (
	unasked = 40 * time.Second
	issuing = 4 * time.Minute
)

// presented connects until a server presents a certificate that ok accepts.
func (b *bench) presented(
	within time.Duration, at net.Addr, cfg *tls.Config, ok func(*x509.Certificate) bool,
) *tls.Conn {
	b.t.Helper()
	var last error
	for end := time.Now().Add(within); time.Now().Before(end); {
		c, err := tls.DialWithDialer(&net.Dialer{Timeout: 20 * time.Second}, "tcp", at.String(), cfg)
		if err == nil && ok(c.ConnectionState().PeerCertificates[0]) {
			return c
		}
		if last = err; err == nil {
			c.Close()
		}
		time.Sleep(10 * time.Millisecond)
	}
	b.t.Fatalf("no such certificate: %v; log:\n%s", last, b.log)
	return nil
}

// TestLocalAuthority has a certificate of an authority in a folder, which is issued by itself and
// replaced once it was revoked. A connection that is open stays.
func TestLocalAuthority(t *testing.T) {
	b := newBench(t)
	a, err := authority.Create(filepath.Join(b.dir, "ca"), authority.Options{})
	if err != nil {
		t.Fatal(err)
	}
	text := issuedTunnel(b.echo("", nil),
		"server.authority = { folder = \"DIR/ca\", names = [\"localhost\"] }")
	s := b.start(text)
	roots := x509.NewCertPool()
	roots.AddCert(a.Root())
	cfg := &tls.Config{RootCAs: roots, ServerName: "localhost"}
	at := s.Addrs("t")[0]
	var first *x509.Certificate
	held := b.presented(issuing, at, cfg, func(c *x509.Certificate) bool { first = c; return true })
	serial, err := authority.SerialOf(first.Raw)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Revoke(serial, authority.ReasonSuperseded); err != nil {
		t.Fatal(err)
	}
	if err := s.Reload(t.Context(), b.parse(text)); err != nil {
		t.Fatal(err)
	}
	b.presented(unasked, at, cfg, func(c *x509.Certificate) bool { return !c.Equal(first) }).Close()
	if got, err := exchange(held, "still"); err != nil || got != "still" {
		t.Errorf("the connection of before: %q, %v", got, err)
	}
}

// A relay listens on a port that is known before the tunnel behind it has started.
type relay struct {
	port int
	to   atomic.Pointer[net.TCPAddr] // of the tunnel
}

// startRelay listens until the end of the test. A connection waits for the tunnel.
func startRelay(t *testing.T) *relay {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	r := &relay{port: l.Addr().(*net.TCPAddr).Port}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go r.carry(c)
		}
	}()
	return r
}

func (r *relay) carry(c net.Conn) {
	defer c.Close()
	to := r.to.Load()
	for end := time.Now().Add(time.Minute); to == nil && time.Now().Before(end); to = r.to.Load() {
		time.Sleep(time.Millisecond)
	}
	if to == nil {
		return
	}
	d, err := net.DialTCP("tcp", nil, to)
	if err != nil {
		return
	}
	defer d.Close()
	go func() {
		io.Copy(d, c)
		d.CloseWrite()
	}()
	io.Copy(c, d)
}

// TestACME obtains a certificate from pebble and from package authority, each of which asks the
// tunnel for a proof. The proof is not forwarded.
func TestACME(t *testing.T) {
	if testing.Short() {
		t.Skip("left out: an authority and its client wait for each other for 10 seconds")
	}
	b := newBench(t)
	front := startRelay(t)
	pebble := pebbletest.Start(t, 0, front.port)
	b.write("directory.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE",
		Bytes: pebble.Certificate().Raw}))
	own := httptest.NewServer(ownAuthority(t, front.port))
	defer own.Close()
	for name, directory := range map[string]string{
		"pebble": pebble.URL + pebbletest.Directory, "authority": own.URL + "/acme/directory",
	} {
		t.Run(name, func(t *testing.T) {
			front.to.Store(nil)
			s, stop := b.run(issuedTunnel(b.echo("", nil), fmt.Sprintf("[tunnel.server.acme]\n"+
				"names = [\"www.home.arpa\"]\ndirectory = %q\nca = [\"DIR/directory.pem\"]\n"+
				"cache = \"DIR/acme-%s\"\naccept_terms = true\n", directory, name)))
			defer stop()
			front.to.Store(s.Addrs("t")[0].(*net.TCPAddr))
			cfg := &tls.Config{ServerName: "www.home.arpa", InsecureSkipVerify: true}
			c := b.presented(issuing, s.Addrs("t")[0], cfg, func(c *x509.Certificate) bool {
				return c.VerifyHostname("www.home.arpa") == nil && !isSelfSigned(c)
			})
			if got, err := exchange(c, "hello"); err != nil || got != "hello" {
				t.Errorf("%q, %v\n%s", got, err, b.log)
			}
			b.logs("an authority has asked for a proof")
			cfg.ServerName = "other.home.arpa"
			if got, err := b.ask(s.Addrs("t")[0], cfg, "hello"); err == nil {
				t.Errorf("a name that is not listed: %q", got)
			}
		})
	}
}

func isSelfSigned(c *x509.Certificate) bool { return c.Issuer.String() == c.Subject.String() }

// ownAuthority serves ACME, and asks the given port for proofs.
func ownAuthority(t *testing.T, port int) http.Handler {
	a, err := authority.Create(t.TempDir(), authority.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return a.Handler(&authority.ACME{Dial: func(ctx context.Context, _, at string) (net.Conn, error) {
		if strings.HasSuffix(at, ":443") {
			return new(net.Dialer).DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		}
		return nil, fmt.Errorf("nothing is at %s", at)
	}})
}

// TestIssuedMistakes: each mistake has its line and column.
func TestIssuedMistakes(t *testing.T) {
	const head = "[[tunnel]]\nname = \"t\"\nlisten = [\":1\"]\nbackend = [{ address = \"b:2\" }]\n"
	const acme, names, cache = "[tunnel.server.acme]\n", "names = [\"a.example\"]\n", "cache = \"c\"\n"
	for text, want := range map[string]string{
		acme + cache + "accept_terms = true":            "5:16: tunnel[0].server.acme: it has no names",
		acme + "names = [\"*.a.example\"]\n" + cache:    "6:10: tunnel[0].server.acme.names[0]",
		acme + names + "accept_terms = true":            "it has no folder",
		acme + names + cache:                            "terms of service are not accepted",
		acme + names + cache + "directory = \"ca:1\"\n": "8:1: tunnel[0].server.acme.directory",
		"[tunnel.server]\ncert = \"a\"\nauthority = { folder = \"f\", names = [\"a\"] }": "" +
			"exclude each other",
		"[tunnel.server]\nauthority = { names = [\"a\"] }": "it has no folder",
		"[tunnel.client]\nauthority = { folder = \"f\", names = [\"a\"] }": "" +
			"is for [tunnel.server]",
	} {
		_, err := tunnel.Parse("f", []byte(head+text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v\nwant %s", text, err, want)
		}
	}
	b := newBench(t)
	_, err := tunnel.New(b.parse(issuedTunnel("b:1",
		"server.authority = { folder = \"DIR/none\", names = [\"a\"] }")), tunnel.Options{})
	if err == nil || !strings.Contains(err.Error(), "authority") {
		t.Errorf("a folder without an authority: %v", err)
	}
}
