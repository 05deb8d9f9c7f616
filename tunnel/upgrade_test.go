//go:build unix

package tunnel_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"hash/crc64"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sealsock/sealsock/tunnel"
)

// everyKind has a tunnel of each kind in front of a backend: t decrypts, u encrypts for t, both
// encrypts and decrypts, p passes through.
const everyKind = `
drain = "20s"
admin = "unix://DIR/admin"
[[tunnel]]
name = "t"
listen = ["127.0.0.1:0", "unix://DIR/t"]
server = { cert = "DIR/server.pem", key = "DIR/server.key" }
backend = [{ address = "PLAIN" }]
[[tunnel]]
name = "u"
listen = ["127.0.0.1:0"]
client = { ca = ["DIR/ca.pem"], server_name = "localhost" }
backend = [{ address = "SEALED" }]
[[tunnel]]
name = "both"
listen = ["127.0.0.1:0"]
server = { cert = "DIR/server.pem", key = "DIR/server.key", max_version = "1.2" }
client = { ca = ["DIR/ca.pem"], server_name = "localhost", max_version = "1.2" }
backend = [{ address = "SEALED" }]
[[tunnel]]
name = "p"
listen = ["127.0.0.1:0"]
route = [{ pass = true, backend = [{ address = "SEALED" }] }]
`

// upgrade moves everything from one Server to another, and waits until the old one has ended.
func (b *bench) upgrade(old *tunnel.Server, stop func(), text string) (*tunnel.Server, func()) {
	b.t.Helper()
	ours, theirs := unixPair(b.t.(*testing.T))
	defer ours.Close()
	s, err := tunnel.New(b.parse(text), tunnel.Options{Log: slog.New(
		slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		b.t.Fatal(err)
	}
	given := make(chan error, 1)
	go func() { given <- old.HandOver(context.Background(), ours) }()
	if err := s.TakeOver(context.Background(), theirs); err != nil {
		b.t.Fatal(err, <-given)
	}
	next := b.serve(s)
	if err := <-given; err != nil {
		b.t.Fatal(err)
	}
	stop() // Serve has returned before
	return s, next
}

// pump sends blocks that it chooses at random until stop is closed, checks that they return
// unchanged, and ends its direction. Bytes that were lost do not come later: it waits for them for
// a time.
func pump(c net.Conn, stop <-chan struct{}, seed uint64) error {
	defer c.Close()
	go func() {
		<-stop
		c.SetDeadline(time.Now().Add(30 * time.Second))
	}()
	table := crc64.MakeTable(crc64.ECMA)
	sent, got := crc64.New(table), crc64.New(table)
	var n, m, seen int64
	var reading sync.WaitGroup
	var failed error
	back := make(chan int64, 1) // the last is what has come
	reading.Go(func() {
		buf := make([]byte, 30_000)
		for failed == nil {
			var k int
			k, failed = c.Read(buf)
			got.Write(buf[:k])
			m += int64(k)
			select {
			case <-back:
			default:
			}
			back <- m
		}
		if errors.Is(failed, io.EOF) {
			failed = nil
		}
		close(back)
	})
	source := rand.New(rand.NewPCG(seed, 1))
	for {
		select {
		case <-stop:
			// crypto/tls cannot answer a request for a key update after its close_notify.
			for ok := true; seen < n && ok; {
				var k int64
				k, ok = <-back
				seen = max(seen, k)
			}
			if err := c.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
				return err
			}
			reading.Wait()
			if failed != nil || n != m || sent.Sum64() != got.Sum64() {
				return fmt.Errorf("%d bytes were sent and %d received: %v", n, m, failed)
			}
			return nil
		default:
		}
		block := make([]byte, 1+source.IntN(5_000))
		for i := range block {
			block[i] = byte(source.Uint32())
		}
		for ok := true; n-seen > 40_000 && ok; {
			var k int64
			k, ok = <-back
			seen = max(seen, k)
		}
		k, err := c.Write(block)
		sent.Write(block[:k])
		if n += int64(k); err != nil {
			return err
		}
	}
}

// dialers connect to the tunnels of everyKind.
func (b *bench) dialers(s *tunnel.Server) map[string]func() (net.Conn, error) {
	sealed := func(name string, version uint16) func() (net.Conn, error) {
		return func() (net.Conn, error) {
			cfg := b.tls()
			cfg.MaxVersion = version
			at := s.Addrs(name)[0]
			return tls.Dial(at.Network(), at.String(), cfg)
		}
	}
	return map[string]func() (net.Conn, error){
		"t": sealed("t", 0), "both": sealed("both", tls.VersionTLS12), "p": sealed("p", 0),
		"t12": sealed("t", tls.VersionTLS12),
		"u":   func() (net.Conn, error) { return net.Dial("tcp", s.Addrs("u")[0].String()) },
		"unix": func() (net.Conn, error) {
			return tls.Dial("unix", b.dir+"/t", b.tls())
		},
	}
}

// TestUpgrade moves tunnels of every kind to another Server several times while data flow both
// ways. Not a byte is lost, and the listeners stay.
func TestUpgrade(t *testing.T) {
	b := newBench(t)
	text := strings.NewReplacer("PLAIN", b.echo("", nil), "SEALED", b.echo("", b.serverTLS())).
		Replace(everyKind)
	s, end := b.run(text)
	stop := make(chan struct{})
	results := make(chan error, 32)
	running := 0
	for round := range 4 {
		for name, dial := range b.dialers(s) {
			c, err := dial()
			if err != nil {
				t.Fatalf("%s, round %d: %v", name, round, err)
			}
			running++
			seed := uint64(running)
			go func() {
				if err := pump(c, stop, seed); err != nil {
					results <- fmt.Errorf("%s, since round %d: %w", name, round, err)
				} else {
					results <- nil
				}
			}()
		}
		time.Sleep(20 * time.Millisecond) // any: data flow at every moment
		if round < 3 {
			s, end = b.upgrade(s, end, text)
		}
	}
	close(stop)
	for range running {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	if code, page := get(s.Handler(), "/metrics"); code != 200 ||
		!strings.Contains(page, `taken_over_total{tunnel="u"}`) {
		t.Error(page)
	}
	c, err := net.Dial("unix", b.dir+"/admin")
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(c, "GET /health HTTP/1.0\r\n\r\n")
	if page, err := io.ReadAll(c); err != nil || !strings.Contains(string(page), "200 OK") {
		t.Errorf("%s, %v", page, err)
	}
	end()
	if t.Failed() {
		t.Log(b.log)
	}
}

// TestUpgradeAfterOtherAdmin: a reload leaves the address of the pages, and the new process has the
// one that its configuration names.
func TestUpgradeAfterOtherAdmin(t *testing.T) {
	b := newBench(t)
	text := serverTunnel(b.echo("", nil), "")
	first := "admin = \"unix://DIR/first\"\n" + text
	second := "admin = \"unix://DIR/second\"\n" + text
	s, end := b.run(first)
	if err := s.Reload(t.Context(), b.parse(second)); err != nil {
		t.Fatal(err)
	}
	if at := s.AdminAddr().String(); at != b.dir+"/first" {
		t.Errorf("after the reload the pages are at %s", at)
	}
	s, end = b.upgrade(s, end, second)
	defer end()
	if at := s.AdminAddr().String(); at != b.dir+"/second" {
		t.Errorf("after the upgrade the pages are at %s", at)
	}
}

// TestUpgradeThatFails: a new process that ends before it is ready changes nothing.
func TestUpgradeThatFails(t *testing.T) {
	b := newBench(t)
	s := b.start(serverTunnel(b.echo("one:", nil), ""))
	at := s.Addrs("t")[0]
	held, err := tls.Dial("tcp", at.String(), b.tls())
	if err != nil {
		t.Fatal(err)
	}
	for _, bytes := range []string{"", "\x00\x00\x00\x02{}", "\xff\xff\xff\xff",
		"\x00\x00\x00\x1c" + `{"kind":"hello","version":9}`,
		"\x00\x00\x00\x1c" + `{"kind":"hello","version":1}`} {
		ours, theirs := unixPair(t)
		io.WriteString(theirs, bytes)
		theirs.CloseWrite()
		if err := s.HandOver(t.Context(), ours); err == nil {
			t.Errorf("%q: HandOver succeeded", bytes)
		}
		theirs.Close()
		b.answers(at, b.tls(), "one:hello")
		if t.Failed() {
			return // each client that is not served takes its time
		}
	}
	ours, _ := unixPair(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.HandOver(ctx, ours); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end of its context: %v", err)
	}
	if got, err := exchange(held, "still"); err != nil || got != "one:still" {
		t.Errorf("the old connection: %q, %v", got, err)
	}
	b.answers(at, b.tls(), "one:hello")
}

// TestUpgradeToAnotherConfiguration: connections of a tunnel that is no longer configured live on.
func TestUpgradeToAnotherConfiguration(t *testing.T) {
	b := newBench(t)
	backend := b.echo("one:", nil)
	s, stop := b.run(serverTunnel(backend, ""))
	held, err := tls.Dial("tcp", s.Addrs("t")[0].String(), b.tls())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(held, make([]byte, 4)); err != nil {
		t.Fatal(err)
	}
	s, stop = b.upgrade(s, stop, strings.Replace(serverTunnel(backend, ""), `"t"`, `"other"`, 1))
	answer := make([]byte, len("still"))
	io.WriteString(held, "still") // crypto/tls answers no key update after its end
	if _, err := io.ReadFull(held, answer); err != nil || string(answer) != "still" {
		t.Errorf("%q, %v\n%s", answer, err, b.log)
	}
	if got, err := exchange(held, ""); err != nil || got != "" {
		t.Errorf("%q, %v\n%s", got, err, b.log)
	}
	b.answers(s.Addrs("other")[0], b.tls(), "one:hello")
	stop()
}
