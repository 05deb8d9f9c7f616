package stream

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/internal/testcert"
)

// anybody is a Verifier that accepts every peer, for tests of other things than trust.
type anybody struct{}

func (anybody) VerifyPeer(p *engine.PeerCertificate) (crypto.PublicKey, error) {
	cert, err := x509.ParseCertificate(p.Chain[0])
	if err != nil {
		return nil, err
	}
	return cert.PublicKey, nil
}

// configs returns configurations that accept each other, with late authentication.
func configs() (client, server *engine.Config) {
	leaf := testcert.New().Issue(testcert.NewKey("p256"), nil, "localhost")
	cred := []*engine.Credential{{Chain: leaf.Chain, Signer: engine.NewSigner(leaf.Key)}}
	client = &engine.Config{
		Verifier: anybody{}, Credentials: cred, PostHandshakeAuth: true, Now: leaping(),
	}
	return client, &engine.Config{Verifier: anybody{}, Credentials: cred}
}

// leaping returns a clock that is a minute later each time it is read, so that the engine's
// bound on requests for a certificate per second does not end a test of another bound.
func leaping() func() time.Time {
	var minutes atomic.Int64
	start := time.Now()
	return func() time.Time { return start.Add(time.Duration(minutes.Add(1)) * time.Minute) }
}

// wrap seals two ends of a connection.
func wrap(t *testing.T, a, b net.Conn) (client, server *Conn) {
	t.Helper()
	return wrapFor(t, a, b, func(*engine.Config) {})
}

// wrapFor is wrap with a change of the client's configuration.
func wrapFor(t testing.TB, a, b net.Conn, change func(*engine.Config)) (client, server *Conn) {
	t.Helper()
	cc, sc := configs()
	change(cc)
	sc.Now = cc.Now
	cr, cs, err := engine.Client(cc, engine.Target{})
	if err != nil {
		t.Fatal(err)
	}
	sr, ss, err := engine.Server(sc)
	if err != nil {
		t.Fatal(err)
	}
	client, server = New(a, cr, cs, Options{}), New(b, sr, ss, Options{})
	t.Cleanup(func() { client.Close(); server.Close() })
	return client, server
}

// opened is wrap with the handshake done.
func opened(t *testing.T, a, b net.Conn) (client, server *Conn) {
	t.Helper()
	return openedFor(t, a, b, func(*engine.Config) {})
}

// hurried gives both sides a clock that is a minute on at each look: requests for a
// certificate are sent and accepted as if they came slowly.
func hurried(client *engine.Config) {
	var looks atomic.Int64
	start := time.Now()
	client.Now = func() time.Time { return start.Add(time.Duration(looks.Add(1)) * time.Minute) }
}

// openedFor is opened with a change of the client's configuration.
func openedFor(t testing.TB, a, b net.Conn, change func(*engine.Config)) (client, server *Conn) {
	t.Helper()
	client, server = wrapFor(t, a, b, change)
	done := make(chan error, 1)
	go func() { done <- server.Handshake(t.Context()) }()
	if err := errors.Join(client.Handshake(t.Context()), <-done); err != nil {
		t.Fatal(err)
	}
	return client, server
}

// sockets returns two ends of a socket.
func sockets(t *testing.T) (a, b net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if a, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if b, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	return a, b
}

// A gate is a connection whose writes can be held up, or made to run into a
// deadline.
type gate struct {
	net.Conn
	mu     sync.Mutex
	closed chan struct{} // writes wait for it; nil lets them through
	late   int           // which write runs into a deadline, counted from 1
	wrote  int
}

func (g *gate) close() (open func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	ch := make(chan struct{})
	g.closed = ch
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		close(ch)
		g.closed = nil
	}
}

func (g *gate) Write(p []byte) (int, error) {
	g.mu.Lock()
	g.wrote++
	closed, late := g.closed, g.wrote == g.late
	g.mu.Unlock()
	if late {
		return 0, os.ErrDeadlineExceeded
	}
	if closed != nil {
		<-closed
	}
	return g.Conn.Write(p)
}

// A deadline that passes when the handshake is all but done is not its end.
func TestDeadlineAtTheEndOfTheHandshake(t *testing.T) {
	a, b := sockets(t)
	client, server := wrap(t, &gate{Conn: a, late: 2}, b)
	go func() {
		server.Write([]byte("hello"))
	}()
	if err := client.Handshake(t.Context()); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("the deadline does not pass: %v", err)
	}
	if err := client.Handshake(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 5)
	if _, err := io.ReadFull(client, got); err != nil || string(got) != "hello" {
		t.Errorf("%q, %v", got, err)
	}
}

// An answer that comes up while the sending half is held must be sent when it is
// free again, for each method that holds it.
func TestAnswerBehindRekey(t *testing.T) {
	for name, hold := range map[string]func(*Conn) error{
		"rekey":       func(c *Conn) error { return c.Rekey(context.Background(), false) },
		"write":       func(c *Conn) error { _, err := c.Write([]byte("x")); return err },
		"close write": (*Conn).CloseWrite,
	} {
		t.Run(name, func(t *testing.T) {
			a, b := sockets(t)
			g := &gate{Conn: a}
			client, server := opened(t, g, b)
			go io.Copy(io.Discard, client)
			open := g.close()
			held := make(chan error, 1)
			go func() { held <- hold(client) }()
			for !isHeld(&client.out) {
				time.Sleep(time.Millisecond)
			}
			asked := make(chan error, 1)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			go func() { asked <- server.RequestClientCertificate(ctx) }()
			for !client.out.mail.urgent.Load() {
				time.Sleep(time.Millisecond)
			}
			open()
			if err := <-held; err != nil {
				t.Fatal(err)
			}
			if err := <-asked; err != nil && name != "close write" {
				t.Errorf("the answer does not come: %v", err)
			}
			if client.out.mail.urgent.Load() {
				t.Error("the answer is left in the mailbox")
			}
		})
	}
}

// A client that does not answer must not make the server's own requests end the
// connection.
func TestTooManyLateRequests(t *testing.T) {
	a, b := sockets(t)
	client, server := openedFor(t, a, b, hurried)
	count := func() int32 {
		server.late.Lock()
		defer server.late.Unlock()
		return server.late.asked
	}
	asked := func() error { // and gives up once it has asked
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		ended, before := make(chan error, 1), count()
		go func() { ended <- server.RequestClientCertificate(ctx) }()
		for count() == before {
			select {
			case err := <-ended:
				return err
			default:
				runtime.Gosched()
			}
		}
		cancel()
		return <-ended
	}
	for range engine.MaxLateRequests {
		if err := asked(); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	if err := asked(); !errors.Is(err, errAsked) {
		t.Errorf("one request too many ends in %v", err)
	}
	go func() {
		client.Write([]byte("alive"))
		io.Copy(io.Discard, client)
	}()
	got := make([]byte, 5)
	if _, err := io.ReadFull(server, got); err != nil || string(got) != "alive" {
		t.Errorf("%q, %v", got, err)
	}
	go io.Copy(io.Discard, server)
	// The client accepts another request after 1 MiB of data.
	if _, err := server.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err := errors.New("not asked")
	for err != nil && ctx.Err() == nil { // the answers have to be read first
		err = server.RequestClientCertificate(ctx)
	}
	if err != nil {
		t.Errorf("once the client has answered: %v", err)
	}
}

// A server that asks without end and takes no answers must not fill the client's
// memory.
func TestMailboxIsBounded(t *testing.T) {
	a, b := sockets(t)
	g := &gate{Conn: a}
	client, server := openedFor(t, g, b, hurried)
	open := g.close()
	defer open()
	go client.Write([]byte("held up"))
	for !isHeld(&client.out) {
		time.Sleep(time.Millisecond)
	}
	go func() {
		for range 2 * maxMail {
			out, _, err := server.out.send.RequestCertificate(nil)
			if err != nil {
				t.Error(err)
				b.Close()
				return
			}
			b.Write(out)
		}
	}()
	if _, err := client.Read(make([]byte, 1)); !errors.Is(err, errMail) {
		t.Errorf("the client goes on: %v", err)
	}
}

// The same if a write deadline has passed that the application does not set again: what waits
// behind it is bounded too.
func TestMailboxBehindDeadlineIsBounded(t *testing.T) {
	a, b := sockets(t)
	client, server := openedFor(t, a, b, hurried)
	client.SetWriteDeadline(time.Unix(1, 0))
	go func() {
		for range 2 * maxMail {
			out, _, err := server.out.send.RequestCertificate(nil)
			if err != nil {
				t.Error(err)
				break
			}
			b.Write(out)
		}
		b.Close()
	}()
	if _, err := client.Read(make([]byte, 1)); !errors.Is(err, errMail) {
		t.Errorf("the client goes on: %v, and keeps %d bytes", err, len(client.out.unsent))
	}
}

func isHeld(out *writing) bool {
	if out.TryLock() {
		out.Unlock()
		return false
	}
	return true
}

// A read deadline applies to Read, not to a call that waits for an answer.
func TestLateRequestAndReadDeadline(t *testing.T) {
	a, b := sockets(t)
	client, server := opened(t, a, b)
	server.SetReadDeadline(time.Now().Add(-time.Second))
	asked := make(chan error, 1)
	go func() { asked <- server.RequestClientCertificate(t.Context()) }()
	go io.Copy(io.Discard, client)
	select {
	case err := <-asked:
		t.Fatalf("the reader's deadline ends the request: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	server.SetReadDeadline(time.Time{})
	if err := <-asked; err != nil {
		t.Error(err)
	}
}

// deadlines records which deadlines are set.
type deadlines struct {
	net.Conn
	writes int
}

func (d *deadlines) SetReadDeadline(time.Time) error  { return nil }
func (d *deadlines) SetWriteDeadline(time.Time) error { d.writes++; return nil }

// Interrupting a read must not change the deadline of another goroutine's write.
func TestInterruptOneHalf(t *testing.T) {
	d := new(deadlines)
	c := &Conn{raw: d}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	release := c.interruptible(ctx, true, false)
	time.Sleep(time.Millisecond)
	release()
	if d.writes > 0 {
		t.Error("the deadline for writing was set")
	}
}

// A peer that breaks the rules and does not read must not block this side.
func TestLastWordsDoNotWaitForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := net.Pipe()
		client, _ := wrap(t, a, b)
		go func() {
			io.ReadFull(b, make([]byte, 5))
			go io.CopyN(io.Discard, b, 1)
			b.Read(make([]byte, 1<<16))
			b.Write([]byte("HTTP/1.1 400 Bad Request\r\n"))
		}()
		start := time.Now()
		err := client.Handshake(t.Context())
		var e *engine.Error
		if !errors.As(err, &e) || e.Fault != engine.FaultPeer {
			t.Errorf("%v", err)
		}
		if took := time.Since(start); took > closeTimeout {
			t.Errorf("the client waits for %v", took)
		}
	})
}

// Data that was kept for Read is returned once, and its memory is released.
func TestHeldDataIsGivenBack(t *testing.T) {
	a, b := sockets(t)
	client, server := opened(t, a, b)
	go io.Copy(io.Discard, client)
	want := bytes.Repeat([]byte("x"), 10_000)
	if _, err := client.Write(want); err != nil {
		t.Fatal(err)
	}
	if err := server.RequestClientCertificate(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(want))
	if _, err := io.ReadFull(server, got); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes came, %v", len(got), err)
	}
	if server.in.held != nil {
		t.Error("the room for kept data is kept")
	}
}
