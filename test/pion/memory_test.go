//go:build !windows

package pion

import (
	"context"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/dtls/v3/pkg/crypto/elliptic"
	dtlsnet "github.com/pion/dtls/v3/pkg/net"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/iana"
)

// BenchmarkMemory runs full handshakes with both ends in this process and no sockets, and closes
// the connections. DTLS 1.3, TLS 1.3 and pion/dtls take turns, so that all of them meet the same
// load; the first two change places, because goroutines of pion/dtls end in the time of the one
// behind it. Reported are the medians of the processor time of both ends for each handshake in
// microseconds, and how many handshakes of DTLS take the time of one of TLS ("of-tls") and of
// pion/dtls ("of-pion"). No side proves its address. Give it -cpu 1.
func BenchmarkMemory(b *testing.B) {
	for _, group := range []iana.NamedGroup{iana.X25519, iana.X25519MLKEM768} {
		b.Run(group.String(), func(b *testing.B) { memoryHandshakes(b, group) })
	}
}

func memoryHandshakes(b *testing.B, group iana.NamedGroup) {
	const chunk = 20
	p := memoryParties(b, group)
	turns := []func() error{
		func() error { return own(b.Context(), p, sealsock.ClientPacket, sealsock.ServerPacket) },
		func() error { return own(b.Context(), p, sealsock.Client, sealsock.Server) },
		func() error { return theirs(b.Context(), p, elliptic.X25519) },
	}
	times := make([][]time.Duration, len(turns))
	order := []int{0, 1, 2}
	for b.Loop() {
		order[0], order[1] = order[1], order[0]
		for _, i := range order {
			before := processorTime(b)
			for range chunk {
				if err := turns[i](); err != nil {
					b.Fatal(err)
				}
			}
			times[i] = append(times[i], (processorTime(b)-before)/chunk)
		}
	}
	median := func(i int) float64 {
		slices.Sort(times[i])
		return float64(times[i][len(times[i])/2].Nanoseconds()) / 1000
	}
	dtls, tls, pion := median(0), median(1), median(2)
	b.ReportMetric(dtls, "dtls-µs")
	b.ReportMetric(tls, "tls-µs")
	b.ReportMetric(pion, "pion-µs")
	b.ReportMetric(tls/dtls, "of-tls")
	b.ReportMetric(pion/dtls, "of-pion")
}

func memoryParties(b *testing.B, group iana.NamedGroup) *parties {
	p := benchParties(b)
	groups := []iana.NamedGroup{group}
	p.client.Groups, p.server.Groups, p.server.NumTickets = groups, groups, -1
	// A hello with fewer suites is so short that the server, which has no proof of the client's
	// address, may not send all of its flight.
	p.client.CipherSuites, p.server.CipherSuites = nil, nil
	return p
}

// own runs one handshake of sealsock.
func own(
	ctx context.Context, p *parties,
	client, server func(net.Conn, *sealsock.Config) (*sealsock.Conn, error),
) error {
	near, far := memoryPair()
	defer near.Close()
	defer far.Close()
	s, err := server(far, p.server)
	if err != nil {
		return err
	}
	defer s.Close()
	c, err := client(near, p.client)
	if err != nil {
		return err
	}
	defer c.Close()
	return both(ctx, c, s)
}

// theirs runs one handshake of pion/dtls.
func theirs(ctx context.Context, p *parties, group elliptic.Curve) error {
	near, far := memoryPair()
	defer near.Close()
	defer far.Close()
	groups := dtls.WithEllipticCurves(group)
	s, err := dtls.ServerWithOptions(dtlsnet.PacketConnFromConn(far), far.RemoteAddr(), append(
		serverOptions(append(p.pionServer, groups)), dtls.WithInsecureSkipVerifyHello(true))...)
	if err != nil {
		return err
	}
	c, err := dtls.ClientWithOptions(dtlsnet.PacketConnFromConn(near), near.RemoteAddr(),
		clientOptions(append(p.pionClient, groups))...)
	if err != nil {
		return err
	}
	defer c.Close()
	defer s.Close()
	return both(ctx, c, s)
}

// both runs the handshake of two sides.
func both(ctx context.Context, c, s interface{ HandshakeContext(context.Context) error }) error {
	done := make(chan error, 1)
	go func() { done <- s.HandshakeContext(ctx) }()
	if err := c.HandshakeContext(ctx); err != nil {
		return err
	}
	return <-done
}

// A memoryConn is one end of a connection in memory, which keeps what is written at once apart if
// it is read into room enough.
type memoryConn struct {
	in, out  chan []byte
	mu       sync.Mutex
	rest     []byte // of what was read in part
	closed   chan struct{}
	once     sync.Once
	deadline chan struct{} // closed when the deadline for reading passes
	timer    *time.Timer
}

func memoryPair() (a, b *memoryConn) {
	one, other := make(chan []byte, 64), make(chan []byte, 64)
	end := func(in, out chan []byte) *memoryConn {
		return &memoryConn{
			in: in, out: out, closed: make(chan struct{}), deadline: make(chan struct{}),
		}
	}
	return end(one, other), end(other, one)
}

func (c *memoryConn) Read(p []byte) (int, error) {
	c.mu.Lock()
	deadline := c.deadline
	if n := copy(p, c.rest); n > 0 {
		c.rest = c.rest[n:]
		c.mu.Unlock()
		return n, nil
	}
	c.mu.Unlock()
	select {
	case b := <-c.in:
		n := copy(p, b)
		c.mu.Lock()
		c.rest = b[n:]
		c.mu.Unlock()
		return n, nil
	case <-c.closed:
		return 0, net.ErrClosed
	case <-deadline:
		return 0, os.ErrDeadlineExceeded
	}
}

func (c *memoryConn) Write(p []byte) (int, error) {
	select {
	case c.out <- slices.Clone(p):
		return len(p), nil
	case <-c.closed:
		return 0, io.ErrClosedPipe
	}
}

func (c *memoryConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return nil
}

func (c *memoryConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timer != nil && !c.timer.Stop() || c.timer == nil {
		select {
		case <-c.deadline:
			c.deadline = make(chan struct{})
		default:
		}
	}
	c.timer = nil
	if t.IsZero() {
		return nil
	}
	passed := c.deadline
	c.timer = time.AfterFunc(time.Until(t), func() { close(passed) })
	return nil
}

func (c *memoryConn) SetDeadline(t time.Time) error    { return c.SetReadDeadline(t) }
func (c *memoryConn) SetWriteDeadline(time.Time) error { return nil }
func (c *memoryConn) LocalAddr() net.Addr              { return memoryAddr{} }
func (c *memoryConn) RemoteAddr() net.Addr             { return memoryAddr{} }

type memoryAddr struct{}

func (memoryAddr) Network() string { return "memory" }
func (memoryAddr) String() string  { return "memory" }
