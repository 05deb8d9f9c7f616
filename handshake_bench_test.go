package sealsock_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/fipstest"
	"github.com/sealsock/sealsock/internal/gcm"
	"github.com/sealsock/sealsock/internal/testcert"
	"github.com/sealsock/sealsock/trust"
)

// BenchmarkHandshake compares the handshakes of sealsock with those of crypto/tls. The
// figures are of both ends, with a P-256 certificate under a P-256 root. In those that
// resume a session, the server issues a ticket.
func BenchmarkHandshake(b *testing.B) {
	for _, group := range []iana.NamedGroup{iana.X25519, iana.X25519MLKEM768} {
		for _, resumed := range []bool{false, true} {
			name := group.String()
			if resumed {
				name += " resumed"
			}
			ours, theirs := newShakers(b, group, resumed)
			b.Run(name+"/sealsock", ours.benchmark(resumed))
			b.Run(name+"/standard", theirs.benchmark(resumed))
		}
	}
}

// TestHandshakeAllocations bounds what a full handshake allocates at both ends together.
// The garbage collection may empty the pools meanwhile, so the best of some rounds counts.
func TestHandshakeAllocations(t *testing.T) {
	fipstest.Skip(t, "the standard library does what internal packages do with less memory")
	for group, most := range map[iana.NamedGroup]struct{ objects, bytes float64 }{
		iana.X25519:         {objects: 120, bytes: 18 << 10},
		iana.X25519MLKEM768: {objects: 129, bytes: 33 << 10},
	} {
		ours, _ := newShakers(t, group, false)
		near, far := memoryEnds()
		shake := func() {
			if _, _, err := ours(near, far); err != nil {
				t.Fatal(err)
			}
		}
		shake() // what is made once
		objects, size := math.Inf(1), math.Inf(1)
		for range 10 {
			const n = 10
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for range n {
				shake()
			}
			runtime.ReadMemStats(&after)
			objects = min(objects, float64(after.Mallocs-before.Mallocs)/n)
			size = min(size, float64(after.TotalAlloc-before.TotalAlloc)/n)
		}
		t.Logf("%v: %.0f objects, %.0f bytes", group, objects, size)
		if !gcm.Accelerated() { // then each AEAD of the standard library is larger
			most.objects, most.bytes = most.objects+10, most.bytes+(7<<10)
		}
		if racing { // then the pools lose some of what goes back
			most.objects, most.bytes = most.objects+15, math.Inf(1)
		}
		if objects > most.objects || size > most.bytes {
			t.Errorf("%v: %.0f objects and %.0f bytes, at most %.0f and %.0f are expected",
				group, objects, size, most.objects, most.bytes)
		}
	}
}

// A shaker does one handshake between two ends and returns them.
type shaker func(client, server net.Conn) (c, s shakable, err error)

// A shakable is a connection of either implementation.
type shakable interface {
	net.Conn
	HandshakeContext(context.Context) error
	ConnectionState() tls.ConnectionState
}

func (f shaker) benchmark(resumed bool) func(*testing.B) {
	return func(b *testing.B) {
		near, far := memoryEnds()
		b.ReportAllocs()
		for b.Loop() {
			client, _, err := f(near, far)
			if err != nil || client.ConnectionState().DidResume != resumed {
				b.Fatal(client.ConnectionState().DidResume, err)
			}
			near.in.reset()
			far.in.reset()
		}
	}
}

// BenchmarkParallel has handshakes on all processors at the same time. With -mutexprofile it
// shows the locks that they share.
func BenchmarkParallel(b *testing.B) {
	for name, resumed := range map[string]bool{"full": false, "resumed": true} {
		b.Run(name, func(b *testing.B) {
			ours, _ := newShakers(b, iana.X25519, resumed)
			b.RunParallel(func(pb *testing.PB) {
				near, far := memoryEnds()
				for pb.Next() {
					if _, _, err := ours(near, far); err != nil {
						b.Error(err)
						return
					}
					near.in.reset()
					far.in.reset()
				}
			})
		})
	}
}

// newShakers returns the handshakes of sealsock and of crypto/tls.
func newShakers(tb testing.TB, group iana.NamedGroup, resumed bool) (ours, theirs shaker) {
	tb.Helper()
	ca := testcert.New()
	leaf := ca.Issue(testcert.NewKey("p256"), nil, "localhost")
	ours = newOurs(tb, ca, leaf, group, resumed)
	theirs = newTheirs(ca, leaf, group, resumed)
	if resumed {
		ours.keepSession(tb)
		theirs.keepSession(tb)
	}
	return ours, theirs
}

// keepSession does a handshake whose session the next ones resume.
func (f shaker) keepSession(tb testing.TB) {
	tb.Helper()
	near, far := memoryEnds()
	client, server, err := f(near, far)
	if err != nil {
		tb.Fatal(err)
	}
	go server.Write([]byte{1})
	if _, err := io.ReadFull(client, make([]byte, 1)); err != nil {
		tb.Fatal(err)
	}
}

func newOurs(
	tb testing.TB, ca *testcert.CA, leaf *testcert.Leaf, group iana.NamedGroup, resumed bool,
) shaker {
	tb.Helper()
	roots := new(trust.Roots)
	id, err := identity.New(leaf.Chain, leaf.Key)
	if err = errors.Join(err, roots.AddDER(ca.Cert.Raw)); err != nil {
		tb.Fatal(err)
	}
	cc := &sealsock.Config{Trust: &trust.Policy{Roots: roots}, ServerName: "localhost"}
	sc := &sealsock.Config{Identities: []*identity.Identity{id}}
	cc.Groups = []iana.NamedGroup{group}
	sc.Groups, sc.NumTickets = cc.Groups, -1
	cc.HandshakeTimeout, sc.HandshakeTimeout = -1, -1 // crypto/tls has none here
	if resumed {
		sc.Tickets, sc.NumTickets = sealsock.SealTickets(new(sealsock.RotatingKeys), nil), 1
		cc.OnSession = func(s *engine.Session) { cc.Session = s }
	}
	return func(near, far net.Conn) (c, s shakable, err error) {
		client, err := sealsock.Client(near, cc)
		if err != nil {
			return nil, nil, err
		}
		server, err := sealsock.Server(far, sc)
		if err != nil {
			return nil, nil, err
		}
		return shake(client, server)
	}
}

func newTheirs(ca *testcert.CA, leaf *testcert.Leaf, group iana.NamedGroup, resumed bool) shaker {
	cc := &tls.Config{
		RootCAs: x509.NewCertPool(), ServerName: "localhost", MinVersion: tls.VersionTLS13,
		CurvePreferences: []tls.CurveID{tls.CurveID(group)},
	}
	cc.RootCAs.AddCert(ca.Cert)
	sc := &tls.Config{
		Certificates: []tls.Certificate{{Certificate: leaf.Chain, PrivateKey: leaf.Key}},
		MinVersion:   tls.VersionTLS13, CurvePreferences: cc.CurvePreferences,
		SessionTicketsDisabled: !resumed,
	}
	if resumed {
		cc.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	}
	return func(near, far net.Conn) (c, s shakable, err error) {
		return shake(tls.Client(near, cc), tls.Server(far, sc))
	}
}

// shake runs both halves of a handshake.
func shake(client, server shakable) (c, s shakable, err error) {
	done := make(chan error, 1)
	go func() { done <- server.HandshakeContext(context.Background()) }()
	err = client.HandshakeContext(context.Background())
	return client, server, errors.Join(err, <-done)
}

// A lane is one direction of a connection in memory.
type lane struct {
	sync.Mutex
	change sync.Cond
	data   []byte
	read   int
}

func newLane() *lane {
	l := &lane{data: make([]byte, 0, 16<<10)}
	l.change.L = &l.Mutex
	return l
}

// reset drops what was not read.
func (l *lane) reset() { l.data, l.read = l.data[:0], 0 }

// A memoryEnd is a net.Conn that allocates nothing, so that a benchmark counts only
// what a handshake allocates.
type memoryEnd struct{ in, out *lane }

// memoryEnds returns the two ends of a connection.
func memoryEnds() (client, server *memoryEnd) {
	a, b := newLane(), newLane()
	return &memoryEnd{a, b}, &memoryEnd{b, a}
}

func (e *memoryEnd) Read(p []byte) (int, error) {
	l := e.in
	l.Lock()
	defer l.Unlock()
	for l.read == len(l.data) {
		l.change.Wait()
	}
	n := copy(p, l.data[l.read:])
	if l.read += n; l.read == len(l.data) {
		l.reset()
	}
	return n, nil
}

func (e *memoryEnd) Write(p []byte) (int, error) {
	l := e.out
	l.Lock()
	defer l.Unlock()
	l.data = append(l.data, p...)
	l.change.Signal()
	return len(p), nil
}

func (*memoryEnd) Close() error                     { return nil }
func (*memoryEnd) LocalAddr() net.Addr              { return memoryAddr }
func (*memoryEnd) RemoteAddr() net.Addr             { return memoryAddr }
func (*memoryEnd) SetDeadline(time.Time) error      { return nil }
func (*memoryEnd) SetReadDeadline(time.Time) error  { return nil }
func (*memoryEnd) SetWriteDeadline(time.Time) error { return nil }

var memoryAddr = &net.UnixAddr{Name: "memory"}

// A heldEnd keeps what is written until it is let go.
type heldEnd struct {
	*memoryEnd
	hold bool
	held []byte
}

func (e *heldEnd) Write(p []byte) (int, error) {
	if !e.hold {
		return e.memoryEnd.Write(p)
	}
	e.held = append(e.held, p...)
	return len(p), nil
}

// Read holds what is written after the first flight.
func (e *heldEnd) Read(p []byte) (int, error) {
	e.hold = true
	return e.memoryEnd.Read(p)
}

// TestDataBehindTheHandshake sends the largest record in one piece with the client's last
// flight. The buffer that a server has for handshakes is smaller than that.
func TestDataBehindTheHandshake(t *testing.T) {
	cc, sc := newConfigs(t)
	near, far := memoryEnds()
	held := &heldEnd{memoryEnd: near}
	client, err := sealsock.Client(held, cc)
	if err != nil {
		t.Fatal(err)
	}
	server, err := sealsock.Server(far, sc)
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 40_000)
	done := make(chan error, 1)
	go func() {
		_, err := io.ReadFull(server, got)
		done <- err
	}()
	data := make([]byte, len(got))
	for i := range data {
		data[i] = byte(i >> 3)
	}
	if _, err := client.Write(data); err != nil {
		t.Fatal(err)
	}
	if _, err := near.Write(held.held); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil || !bytes.Equal(got, data) {
		t.Errorf("the data does not arrive: %v", err)
	}
}
