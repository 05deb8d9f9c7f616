package sealsock_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/stream"
	"github.com/sealsock/sealsock/internal/testcert"
	"github.com/sealsock/sealsock/trust"
)

// duplicate returns a connection of another descriptor of the same socket, as another
// process would receive it.
func duplicate(t testing.TB, raw net.Conn) net.Conn {
	t.Helper()
	file, err := raw.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	c, err := net.FileConn(file)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// handOver moves a connection, with what the application gives along.
func handOver(t testing.TB, c *sealsock.Conn, cfg *sealsock.Config, extra []byte) (
	*sealsock.Conn, []byte,
) {
	t.Helper()
	to, err := sealsock.NewTakeover()
	if err != nil {
		t.Fatal(err)
	}
	state, err := c.HandOver(t.Context(), to.Token(), extra)
	if err != nil {
		t.Fatal(err)
	}
	raw := duplicate(t, c.NetConn())
	c.NetConn().Close()
	o, err := to.Open(raw, state)
	if err != nil {
		t.Fatal(err)
	}
	// A peer of crypto/tls that is in Write answers no request for a key update, and does not
	// read until it has.
	short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	moved, err := o.Conn(short, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { moved.Close() })
	return moved, o.Extra
}

// echoUntil sends back what it receives, and counts it, until the end or a deadline. left is
// what was received and not sent.
func echoUntil(c *sealsock.Conn, left []byte, count *int) ([]byte, error) {
	buf := make([]byte, 40_000)
	for {
		for len(left) > 0 {
			n, err := c.Write(left)
			*count += n
			if left = left[n:]; err != nil {
				return left, err
			}
		}
		n, err := c.Read(buf)
		if left = bytes.Clone(buf[:n]); err != nil {
			return left, err
		}
	}
}

// TestHandOverUnderTraffic hands a connection over many times while crypto/tls at its
// other end sends and receives. Not a byte is lost or repeated, though the connection rests
// whenever it waits.
func TestHandOverUnderTraffic(t *testing.T) {
	end, ended := make(chan struct{}), make(chan struct{})
	defer func() { close(end); <-ended }()
	go func() {
		defer close(ended)
		for {
			select {
			case <-end:
				return
			case <-time.After(100 * time.Microsecond):
				stream.SweepAll()
			}
		}
	}()
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, client := range []bool{false, true} {
			role := map[bool]string{true: "client", false: "server"}[client]
			t.Run(tls.VersionName(version)+" "+role, func(t *testing.T) {
				handOverUnderTraffic(t, version, client)
			})
		}
	}
}

func handOverUnderTraffic(t *testing.T, version uint16, client bool) {
	const hops = 25
	cfg, other := standardPair(t, version)
	a, b := socketPair(t, "tcp")
	c, peer := openWith(t, client, a, b, cfg, other)
	sent, received := make(chan []byte, 1), make(chan []byte, 1)
	stop := make(chan struct{})
	go sendRandom(peer, stop, sent)
	go func() {
		all, err := io.ReadAll(peer)
		if err != nil {
			t.Error("the peer:", err)
		}
		received <- all
	}()
	var left, want []byte
	echoed := 0
	for hop := 0; hop < hops || want == nil || echoed < len(want); hop++ {
		if hop == hops {
			close(stop)
		}
		select { // it may have to be read from before it stops
		case want = <-sent:
			if len(want) == 0 {
				t.Fatal("the peer sent nothing, or could not")
			}
		default:
		}
		c.SetDeadline(time.Now().Add(time.Duration(rand.IntN(3_000_000))))
		before := echoed
		rest, err := echoUntil(c, left, &echoed)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err)
		}
		left = rest
		if echoed == before {
			left = takeMore(t, c, left)
		}
		switch {
		case hop >= hops:
		case echoed == before: // crypto/tls takes no more than 16 key updates without data
			hop--
		default:
			c, left = handOver(t, c, cfg, rest)
		}
	}
	c.SetDeadline(time.Time{})
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got := <-received; len(want) == 0 || !bytes.Equal(want, got) {
		t.Errorf("%d bytes were sent, %d received", len(want), len(got))
	}
}

// takeMore appends what has come to left. While crypto/tls waits in Write for this side to read, it
// cannot answer a request for a key update, and reads nothing either: the two would wait for each
// other.
func takeMore(t *testing.T, c *sealsock.Conn, left []byte) []byte {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(time.Duration(rand.IntN(3_000_000))))
	buf := make([]byte, 40_000)
	n, err := c.Read(buf)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	return append(left, buf[:n]...)
}

// sendRandom sends random bytes until stop. Its side stays open: crypto/tls cannot answer a
// request for a key update after its close_notify.
func sendRandom(peer *tls.Conn, stop chan struct{}, sent chan []byte) {
	var all []byte
	source := rand.NewChaCha8([32]byte{})
	for {
		select {
		case <-stop:
			sent <- all
			return
		default:
		}
		b := make([]byte, rand.IntN(30_000))
		source.Read(b)
		if _, err := peer.Write(b); err != nil {
			sent <- nil
			return
		}
		all = append(all, b...)
	}
}

// standardPair returns a configuration for either role, and one of crypto/tls.
func standardPair(t *testing.T, version uint16) (*sealsock.Config, *tls.Config) {
	t.Helper()
	ca := testcert.New()
	leaf := ca.Issue(testcert.NewKey("p256"), nil, "localhost")
	id, err := identity.New(leaf.Chain, leaf.Key)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(ca.Cert)
	roots := new(trust.Roots)
	if err := roots.AddDER(ca.Cert.Raw); err != nil {
		t.Fatal(err)
	}
	cfg := &sealsock.Config{
		Identities: []*identity.Identity{id}, ServerName: "localhost",
		Trust:   &trust.Policy{Roots: roots},
		Options: engine.Options{ClientAuth: engine.RequireClientCert},
	}
	return cfg, &tls.Config{
		Certificates: []tls.Certificate{{Certificate: leaf.Chain, PrivateKey: leaf.Key}},
		RootCAs:      pool, ServerName: "localhost", MinVersion: version, MaxVersion: version,
	}
}

// openWith returns an open connection in either role, and the one of crypto/tls.
func openWith(t *testing.T, client bool, a, b net.Conn, cfg *sealsock.Config, other *tls.Config) (
	*sealsock.Conn, *tls.Conn,
) {
	t.Helper()
	peer, make := tls.Client(b, other), sealsock.Server
	if client {
		peer, make = tls.Server(b, other), sealsock.Client
	}
	c, err := make(a, cfg)
	if err != nil {
		t.Fatal(err)
	}
	done := goDo(peer.Handshake)
	if err := errors.Join(c.HandshakeContext(t.Context()), <-done); err != nil {
		t.Fatal(err)
	}
	return c, peer
}

func goDo(f func() error) <-chan error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	return done
}

// TestHandOverKeepsThePeer: the new process knows the peer's certificate and its chains.
func TestHandOverKeepsThePeer(t *testing.T) {
	cfg, other := standardPair(t, tls.VersionTLS13)
	a, b := socketPair(t, "unix")
	c, peer := openWith(t, false, a, b, cfg, other)
	before := c.Peer()
	var message [5]byte
	if _, err := peer.Write([]byte("first")); err != nil {
		t.Fatal(err)
	}
	reading := goDo(func() error { _, err := c.Read(make([]byte, 1)); return err })
	if err := <-reading; err != nil {
		t.Fatal(err)
	}
	moved, extra := handOver(t, c, cfg, []byte("of the application"))
	after := moved.Peer()
	if after == nil || !after.Leaf.Equal(before.Leaf) || len(after.Chains) != len(before.Chains) {
		t.Errorf("the peer was %+v and is %+v", before, after)
	}
	if string(extra) != "of the application" {
		t.Errorf("extra is %q", extra)
	}
	peer.Close()
	if _, err := io.ReadFull(moved, message[1:]); err != nil || string(message[1:]) != "irst" {
		t.Errorf("%q, %v", message, err)
	}
	if _, err := c.Read(message[:]); !errors.Is(err, net.ErrClosed) {
		t.Errorf("reading in the old process: %v", err)
	}
	if _, err := c.Write(message[:]); !errors.Is(err, net.ErrClosed) {
		t.Errorf("writing in the old process: %v", err)
	}
	if err := c.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closing in the old process: %v", err)
	}
}

// TestHandOverAllowsTruncation: the Config of the new process decides whether a connection may end
// without close_notify.
func TestHandOverAllowsTruncation(t *testing.T) {
	for allow, want := range map[bool]error{true: io.EOF, false: io.ErrUnexpectedEOF} {
		cfg, other := standardPair(t, tls.VersionTLS13)
		a, b := socketPair(t, "unix")
		c, peer := openWith(t, false, a, b, cfg, other)
		own := *cfg
		own.AllowTruncation = allow
		moved, _ := handOver(t, c, &own, nil)
		if err := peer.NetConn().(*net.UnixConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if _, err := moved.Read(make([]byte, 1)); !errors.Is(err, want) {
			t.Errorf("AllowTruncation %v: %v, want %v", allow, err, want)
		}
	}
}

// TestHandOverSendsWhatWaits: what Write has counted and the socket did not take arrives, in
// front of what the new process sends.
func TestHandOverSendsWhatWaits(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		cfg, other := standardPair(t, version)
		a, b := socketPair(t, "unix")
		c, peer := openWith(t, false, a, b, cfg, other)
		var want []byte
		for n, err := 0, error(nil); err == nil; want = append(want, make([]byte, n)...) {
			c.SetWriteDeadline(time.Now().Add(20 * time.Millisecond))
			n, err = c.Write(make([]byte, 1<<20))
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		to, err := sealsock.NewTakeover()
		if err != nil {
			t.Fatal(err)
		}
		state, err := c.HandOver(ended, to.Token(), nil)
		if err != nil {
			t.Fatal(err)
		}
		o, err := to.Open(a, state)
		if err != nil {
			t.Fatal(err)
		}
		moved, err := o.Conn(ended, cfg) // the socket takes nothing more
		if err != nil {
			t.Fatal(err)
		}
		if _, err := o.Conn(t.Context(), cfg); err == nil {
			t.Error("a connection is taken over twice")
		}
		want = append(want, "the end"...)
		limit := time.Now().Add(30 * time.Second) // if something is lost, both may wait
		peer.SetDeadline(limit)
		moved.SetDeadline(limit)
		writing := goDo(func() error {
			_, err := moved.Write([]byte("the end"))
			return errors.Join(err, moved.CloseWrite())
		})
		got, err := io.ReadAll(peer)
		b.Close() // if reading failed, so does writing
		if err := errors.Join(err, <-writing); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%d bytes, want %d", len(got), len(want))
		}
	}
}

// TestHandOverInterruptsCalls: a Read that waits ends, and the connection moves.
func TestHandOverInterruptsCalls(t *testing.T) {
	cfg, other := standardPair(t, tls.VersionTLS13)
	a, b := socketPair(t, "tcp")
	c, peer := openWith(t, true, a, b, cfg, other)
	reading := goDo(func() error { _, err := c.Read(make([]byte, 1)); return err })
	moved, _ := handOver(t, c, cfg, nil)
	if err := <-reading; !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	peer.Write([]byte("x"))
	if _, err := moved.Read(make([]byte, 1)); err != nil {
		t.Error(err)
	}
}

// TestHandOverIsRefused: what cannot move stays as it was.
func TestHandOverIsRefused(t *testing.T) {
	cfg, other := standardPair(t, tls.VersionTLS13)
	a, b := net.Pipe()
	c, _ := openWith(t, true, a, b, cfg, other)
	to, err := sealsock.NewTakeover()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.HandOver(t.Context(), to.Token(), nil); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("a connection in memory: %v", err)
	}
	a, b = socketPair(t, "tcp")
	c, err = sealsock.Client(a, cfg)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.HandOver(t.Context(), to.Token(), nil)
	if err == nil || !strings.Contains(err.Error(), "handshake is done") {
		t.Errorf("before the handshake: %v", err)
	}
	peer := tls.Server(b, other)
	done := goDo(peer.Handshake)
	if err := errors.Join(c.HandshakeContext(t.Context()), <-done); err != nil {
		t.Fatal(err)
	}
	if _, err := c.HandOver(t.Context(), []byte("short"), nil); err == nil {
		t.Error("a short token is accepted")
	}
	state, err := c.HandOver(t.Context(), to.Token(), nil)
	if err != nil {
		t.Fatal("after refusals:", err)
	}
	wrong, _ := socketPair(t, "tcp")
	if _, err := to.Open(wrong, state); err == nil {
		t.Error("a state is opened with the socket of another connection")
	}
	if _, err := to.Open(c.NetConn(), state); err == nil || to.Token() != nil {
		t.Error("a token is used twice")
	}
	if _, err := c.HandOver(context.Background(), to.Token(), nil); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}
