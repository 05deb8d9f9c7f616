package sealsock_test

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/testcert"
)

// serve answers each connection of a listener with do.
func serve(t *testing.T, cfg *sealsock.Config, do func(*sealsock.Conn)) (addr string) {
	t.Helper()
	l, err := sealsock.Listen(t.Context(), "127.0.0.1:0", cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.AcceptConn(context.Background())
			if err != nil {
				return
			}
			go do(c)
		}
	}()
	return l.Addr().String()
}

func echo(c *sealsock.Conn) {
	io.Copy(c, c)
	c.Close()
}

// exchange sends data and expects it back.
func exchange(t *testing.T, c *sealsock.Conn, data string) {
	t.Helper()
	if _, err := c.Write([]byte(data)); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(data))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != data {
		t.Fatalf("%q came back of %q: %v", got, data, err)
	}
}

func TestResumption(t *testing.T) {
	cc, sc := newConfigs(t)
	cache := sealsock.NewMemoryCache(8)
	cc.Sessions = cache
	for _, tickets := range []engine.Tickets{nil, sealsock.KeepTickets(100)} {
		sc.Tickets = tickets
		addr := serve(t, sc, echo)
		for i := range 4 {
			c, err := sealsock.Dial(t.Context(), addr, cc)
			if err != nil {
				t.Fatal(err)
			}
			exchange(t, c, "hello")
			if got := c.ConnectionState().DidResume; got != (i > 0) {
				t.Errorf("connection %d: resumed %v", i, got)
			}
			if len(c.ConnectionState().PeerCertificates) != 1 {
				t.Error("a resumed connection does not know its peer")
			}
			c.Close()
		}
	}
	if s := cache.Stats(); s.Hits != 6 || s.Misses != 2 || s.Servers != 2 {
		t.Errorf("the cache says %+v", s)
	}
}

func TestEarlyData(t *testing.T) {
	cc, sc := newConfigs(t)
	now := time.Now
	sc.MaxEarlyData = 4096
	sc.AntiReplay = sealsock.NewAntiReplay(100, func() func() time.Time {
		first := true
		return func() time.Time { // the memory is older than its window
			if first {
				first = false
				return now().Add(-time.Hour)
			}
			return now()
		}
	}())
	cc.Sessions, cc.EarlyData = sealsock.NewMemoryCache(8), true
	addr := serve(t, sc, func(c *sealsock.Conn) {
		early, err := io.ReadAll(readEarly{c})
		if err != nil {
			t.Error(err)
		}
		c.Write([]byte("[" + string(early) + "]"))
		echo(c)
	})
	for i := range 3 {
		raw, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		c, err := sealsock.Client(raw, cc)
		if err != nil {
			t.Fatal(err)
		}
		want := "[early]"
		if _, err := c.WriteEarly([]byte("early")); i == 0 {
			if !errors.Is(err, sealsock.ErrNoEarlyData) {
				t.Fatalf("early data without a session: %v", err)
			}
			want = "[]"
		} else if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(want))
		if _, err := io.ReadFull(c, got); err != nil || string(got) != want {
			t.Fatalf("connection %d: the server answers %q, %v", i, got, err)
		}
		exchange(t, c, "more")
		c.Close()
	}
}

type readEarly struct{ c *sealsock.Conn }

func (r readEarly) Read(p []byte) (int, error) { return r.c.ReadEarly(p) }

func TestRefusedEarlyDataComesAgain(t *testing.T) {
	cc, sc := newConfigs(t)
	sc.MaxEarlyData = 4096
	sc.AntiReplay = sealsock.NewAntiReplay(100, nil) // too young to accept
	sessions := make(chan *engine.Session, 8)
	cc.EarlyData, cc.OnSession = true, func(s *engine.Session) { sessions <- s }
	addr := serve(t, sc, echo)
	c, err := sealsock.Dial(t.Context(), addr, cc)
	if err != nil {
		t.Fatal(err)
	}
	exchange(t, c, "first")
	c.Close()
	cc.Session = <-sessions
	raw, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	if c, err = sealsock.Client(raw, cc); err != nil {
		t.Fatal(err)
	}
	if _, err := c.WriteEarly([]byte("early, ")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte("late")); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len("early, late"))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != "early, late" {
		t.Errorf("%q came back, %v", got, err)
	}
	if c.State().EarlyData {
		t.Error("early data was accepted by a server that has just started")
	}
	c.Close()
}

// A listener whose ticket keys are as new as its memory takes early data at once; one
// whose keys are older does not, since others may have accepted what comes.
func TestListenerTakesEarlyDataAtOnce(t *testing.T) {
	for _, test := range []struct {
		tickets engine.Tickets
		want    bool
	}{{nil, true}, {sealsock.KeepTickets(10), false}} {
		cc, sc := newConfigs(t)
		sc.MaxEarlyData, sc.Tickets = 4096, test.tickets
		cc.EarlyData, cc.Sessions = true, sealsock.NewMemoryCache(1)
		addr := serve(t, sc, func(c *sealsock.Conn) {
			early, err := io.ReadAll(readEarly{c})
			if err != nil {
				t.Error(err)
			}
			c.Write(early)
			echo(c)
		})
		for i := range 2 {
			raw, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			c, err := sealsock.Client(raw, cc)
			if err != nil {
				t.Fatal(err)
			}
			c.WriteEarly([]byte("early")) // the first time there is no session
			if i == 0 {
				c.Write([]byte("early"))
			}
			got := make([]byte, len("early"))
			if _, err := io.ReadFull(c, got); err != nil || string(got) != "early" {
				t.Fatalf("%q came back, %v", got, err)
			}
			if accepted := c.State().EarlyData; accepted != (i > 0 && test.want) {
				t.Errorf("connection %d, tickets %T: accepted %v", i, test.tickets, accepted)
			}
			c.Close()
		}
	}
}

func TestLateAuthenticationUnderLoad(t *testing.T) {
	cc, sc := newConfigs(t)
	cc.PostHandshakeAuth = true
	a, b := socketPair(t, "tcp")
	client, server := sealPair(t, a, b, cc, sc)
	asked := make(chan struct{}) // closed when all requests are answered
	var wg, requests sync.WaitGroup
	for _, end := range []*sealsock.Conn{client, server} {
		wg.Go(func() {
			data := make([]byte, 10_000)
			for n := 0; ; n++ {
				if _, err := end.Write(data); err != nil {
					t.Error(err)
					return
				}
				if n%10 == 0 {
					if err := end.Rekey(t.Context(), true); err != nil {
						t.Error(err)
					}
				}
				select {
				case <-asked:
					end.CloseWrite()
					return
				default:
				}
			}
		})
		wg.Go(func() {
			if _, err := io.Copy(io.Discard, end); err != nil {
				t.Error(err)
			}
		})
	}
	for range 4 {
		requests.Go(func() {
			for range 3 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				if err := server.RequestClientCertificate(ctx); err != nil {
					t.Error(err)
				}
				cancel()
			}
		})
	}
	wg.Go(func() { // who only looks
		for {
			if _, err := server.Export("EXPORTER-test", nil, 32); err != nil {
				t.Error(err)
			}
			server.ConnectionState()
			select {
			case <-asked:
				return
			case <-time.After(time.Millisecond):
			}
		}
	})
	requests.Wait()
	close(asked)
	wg.Wait()
	if server.Peer() == nil || len(server.ConnectionState().PeerCertificates) != 1 {
		t.Error("the server does not know the client")
	}
}

// impostor shows a certificate without having its key.
type impostor struct{ crypto.Signer }

func (i impostor) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return testcert.NewKey("p256").Sign(random, digest, opts)
}

func TestImpostorIsNobody(t *testing.T) {
	cc, sc := newConfigs(t)
	victim := *cc.Identities[0]
	victim.Signer = identity.NewSigner(impostor{victim.Signer})
	cc.Identities, cc.PostHandshakeAuth = []*identity.Identity{&victim}, true
	a, b := socketPair(t, "tcp")
	client, server := sealPair(t, a, b, cc, sc)
	go io.Copy(io.Discard, client)
	if err := server.RequestClientCertificate(t.Context()); err == nil {
		t.Error("a certificate without its key is accepted")
	}
	if server.Peer() != nil || len(server.ConnectionState().PeerCertificates) != 0 {
		t.Error("the server takes the impostor for whom it says it is")
	}
}

// A reader that is slow to come must not fail the request.
// TestStateAfterLateAuthentication: a client can see what it has shown.
func TestStateAfterLateAuthentication(t *testing.T) {
	cc, sc := newConfigs(t)
	cc.PostHandshakeAuth = true
	a, b := socketPair(t, "tcp")
	client, server := sealPair(t, a, b, cc, sc)
	if s := client.State(); s.OwnScheme != 0 || s.OwnChain != nil {
		t.Errorf("before: %v, %d certificates", s.OwnScheme, len(s.OwnChain))
	}
	read := make(chan struct{})
	go func() { client.Read(make([]byte, 1)); close(read) }()
	if err := server.RequestClientCertificate(t.Context()); err != nil {
		t.Fatal(err)
	}
	server.Write([]byte("x"))
	<-read
	if s := client.State(); s.OwnScheme == 0 || len(s.OwnChain) != 1 {
		t.Errorf("after: %v, %d certificates", s.OwnScheme, len(s.OwnChain))
	}
	client.Close()
	server.Close()
}

func TestLateAuthenticationWithSlowReader(t *testing.T) {
	cc, sc := newConfigs(t)
	cc.PostHandshakeAuth = true
	a, b := socketPair(t, "tcp")
	client, server := sealPair(t, a, b, cc, sc)
	go io.Copy(io.Discard, client)
	go client.Write(make([]byte, 3<<20))
	time.AfterFunc(50*time.Millisecond, func() { io.Copy(io.Discard, server) })
	time.Sleep(10 * time.Millisecond)
	if err := server.RequestClientCertificate(t.Context()); err != nil {
		t.Error(err)
	}
	if server.Peer() == nil {
		t.Error("the server does not know the client")
	}
}

func TestLateAuthenticationWithoutReader(t *testing.T) {
	cc, sc := newConfigs(t)
	cc.PostHandshakeAuth = true
	a, b := socketPair(t, "tcp")
	client, server := sealPair(t, a, b, cc, sc)
	go io.Copy(io.Discard, client)
	if _, err := client.Write([]byte("before the answer")); err != nil {
		t.Fatal(err)
	}
	if err := server.RequestClientCertificate(t.Context()); err != nil {
		t.Fatal(err)
	}
	client.CloseWrite()
	if got, err := io.ReadAll(server); err != nil || string(got) != "before the answer" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestUnwrap(t *testing.T) {
	a, b := socketPair(t, "tcp")
	client, server := newPair(t, a, b)
	for range 3 {
		exchangeBoth(t, client, server)
		done := make(chan net.Conn, 1)
		go func() {
			io.ReadAll(server) // up to the client's close_notify
			plain, err := server.Unwrap(t.Context())
			if err != nil {
				t.Error(err)
				close(done)
				return
			}
			plain.Write([]byte("plain from the server")) // right behind the close_notify
			done <- plain
		}()
		pc, err := client.Unwrap(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ps := <-done
		got := make([]byte, len("plain from the server"))
		if _, err := io.ReadFull(pc, got); err != nil || string(got) != "plain from the server" {
			t.Fatalf("%q, %v", got, err)
		}
		if _, err := pc.Write([]byte("plain from the client")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(ps, got); err != nil || !bytes.HasSuffix(got, []byte("client")) {
			t.Fatalf("%q, %v", got, err)
		}
		client, server = newPair(t, pc, ps) // and seal it again
	}
	client.Close()
	server.Close()
}

func exchangeBoth(t *testing.T, a, b *sealsock.Conn) {
	t.Helper()
	for _, way := range [][2]*sealsock.Conn{{a, b}, {b, a}} {
		if _, err := way[0].Write([]byte("sealed")); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 6)
		if _, err := io.ReadFull(way[1], got); err != nil || string(got) != "sealed" {
			t.Fatalf("%q, %v", got, err)
		}
	}
}

func TestPreSharedKey(t *testing.T) {
	key := engine.NewPSK([]byte("device"), bytes.Repeat([]byte{1}, 32))
	addr := serve(t, &sealsock.Config{FindPSK: func(_ context.Context, identity []byte) (*engine.PSK, error) {
		if string(identity) == "device" {
			return key, nil
		}
		return nil, nil
	}}, echo)
	c, err := sealsock.Dial(t.Context(), addr, &sealsock.Config{PSKs: []*engine.PSK{key}, PSKOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	exchange(t, c, "hello")
	c.Close()
	wrong := engine.NewPSK([]byte("stranger"), bytes.Repeat([]byte{1}, 32))
	if c, err := sealsock.Dial(t.Context(), addr, &sealsock.Config{PSKs: []*engine.PSK{wrong}, PSKOnly: true}); err == nil {
		c.Close()
		t.Error("a stranger is accepted")
	}
}

func TestForClient(t *testing.T) {
	cc, sc := newConfigs(t)
	seen := ""
	addr := serve(t, &sealsock.Config{ForClient: func(_ context.Context, hello *engine.ClientHelloInfo) (*sealsock.Config, error) {
		seen = hello.ServerName
		return sc, nil
	}}, echo)
	c, err := sealsock.Dial(t.Context(), addr, cc)
	if err != nil {
		t.Fatal(err)
	}
	exchange(t, c, "hello")
	c.Close()
	if seen != "localhost" {
		t.Errorf("the server saw the name %q", seen)
	}
}

func TestTicketKeyNeverPrints(t *testing.T) {
	key := sealsock.NewTicketKey([32]byte{123, 123, 123})
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x"} {
		if got := fmt.Sprintf(verb, key); got != "[redacted]" {
			t.Errorf("%s prints %s", verb, got)
		}
	}
}

func TestAntiReplayRefusesWhatHasNoDate(t *testing.T) {
	now := time.Unix(1e9, 0)
	memory := sealsock.NewAntiReplay(10, func() time.Time { return now })
	now = now.Add(time.Minute)
	if !memory.Fresh([]byte("a"), now.Add(time.Minute)) {
		t.Error("an attempt is refused the first time")
	}
	if memory.Fresh([]byte("b"), time.Time{}) {
		t.Error("an attempt that can be made again at any time is taken")
	}
}
