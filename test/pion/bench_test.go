//go:build !windows

package pion

import (
	"context"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/dtls/v3/pkg/crypto/elliptic"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/udpbatch"
)

// A carrier sends messages in datagrams to another end.
type carrier struct {
	send    func(messages [][]byte) error
	receive func(got func(n int)) error // calls got with how many messages have come
}

// messageSize is that of the benchmarks: the payload of many protocols over UDP.
const messageSize = 1200

// BenchmarkDatagrams sends messages over UDP on the loopback interface, from one goroutine to
// another. Compare the medians of several runs of all of it: -count does not alternate. The
// processor time of both ends depends less than the time on what else the machine does.
func BenchmarkDatagrams(b *testing.B) {
	for _, bench := range []struct {
		name  string
		batch int
		open  func(*testing.B) carrier
	}{
		{"sealsock batches", 32, sealsockCarrier},
		{"sealsock", 1, sealsockCarrier},
		{"pion", 1, pionCarrier},
		{"plain batches", 32, plainCarrier},
		{"plain", 1, plainCarrier},
	} {
		b.Run(bench.name, func(b *testing.B) { carry(b, bench.batch, bench.open(b)) })
	}
}

// carry sends b.N messages.
func carry(b *testing.B, batch int, c carrier) {
	f := newFlow(batch, c)
	b.SetBytes(messageSize)
	before := processorTime(b)
	b.ResetTimer()
	if err := f.carry(b.N); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(processorTime(b)-before)/float64(b.N), "cpu-ns/op")
	b.ReportMetric(float64(f.lost)/float64(b.N), "lost/op")
}

// A flow sends messages in batches. At most a window of them is under way, which the socket has
// room for.
type flow struct {
	carrier
	messages [][]byte // of a batch
	got      atomic.Int64
	room     chan struct{}
	sent     int64
	lost     int64
}

func newFlow(batch int, c carrier) *flow {
	f := &flow{carrier: c, room: make(chan struct{}, 1), messages: make([][]byte, batch)}
	for i := range f.messages {
		f.messages[i] = make([]byte, messageSize)
	}
	go func() {
		for c.receive(func(n int) { f.got.Add(int64(n)) }) == nil {
			select {
			case f.room <- struct{}{}:
			default:
			}
		}
	}()
	return f
}

// carry sends n messages, and waits until they have arrived.
func (f *flow) carry(n int) error {
	const window = 64
	for n > 0 {
		some := f.messages[:min(n, len(f.messages))]
		if err := f.send(some); err != nil {
			return err
		}
		f.sent += int64(len(some))
		n -= len(some)
		f.wait(window - int64(len(f.messages)))
	}
	f.wait(0)
	return nil
}

// wait waits until no more than left messages are under way.
func (f *flow) wait(left int64) {
	for f.sent-f.got.Load()-f.lost > left {
		select {
		case <-f.room:
		case <-time.After(time.Second):
			f.lost = f.sent - f.got.Load()
		}
	}
}

// processorTime is what this process has used so far.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func benchParties(b *testing.B) *parties {
	p := &parties{client: &sealsock.Config{}, server: new(sealsock.Config)}
	p.client.ServerName = serverName
	p.client.MTU, p.server.MTU = 1400, 1400
	suite := []iana.CipherSuite{iana.TLS_AES_128_GCM_SHA256,
		iana.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}
	p.client.CipherSuites, p.server.CipherSuites = suite, suite
	id := []dtls.CipherSuiteID{dtls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}
	p.pionClient = []dtls.Option{dtls.WithServerName(serverName), dtls.WithCipherSuites(id...)}
	p.pionServer = []dtls.Option{dtls.WithCipherSuites(id...)}
	p.certify(b, scenario{key: "p256"})
	return p
}

func sealsockCarrier(b *testing.B) carrier {
	p := benchParties(b)
	l, err := sealsock.Listen(b.Context(), "udp://127.0.0.1:0", p.server)
	if err != nil {
		b.Fatal(err)
	}
	accepted := make(chan *sealsock.Conn, 1)
	go func() {
		s, _ := l.AcceptConn(context.Background())
		accepted <- s
	}()
	c, err := sealsock.Dial(b.Context(), "udp://"+l.Addr().String(), p.client)
	if err != nil {
		b.Fatal(err)
	}
	s := <-accepted
	b.Cleanup(func() { c.Close(); s.Close(); l.Close() })
	buffers := make([][]byte, 64)
	for i := range buffers {
		buffers[i] = make([]byte, 2000)
	}
	return carrier{
		send: func(messages [][]byte) error {
			if len(messages) == 1 {
				_, err := c.Write(messages[0])
				return err
			}
			_, err := c.WriteBatch(messages)
			return err
		},
		receive: func(got func(int)) error {
			n, err := s.ReadBatch(buffers)
			for i := range buffers[:n] {
				buffers[i] = buffers[i][:cap(buffers[i])]
			}
			got(n)
			return err
		},
	}
}

func pionCarrier(b *testing.B) carrier {
	p := benchParties(b)
	l, err := dtls.ListenWithOptions("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)},
		serverOptions(p.pionServer)...)
	if err != nil {
		b.Fatal(err)
	}
	accepted := make(chan *dtls.Conn, 1)
	go func() {
		inner, err := l.Accept()
		if err != nil {
			return
		}
		s := inner.(*dtls.Conn)
		if err := s.HandshakeContext(context.Background()); err == nil {
			accepted <- s
		}
	}()
	c, err := dtls.DialWithOptions("udp", l.Addr().(*net.UDPAddr), clientOptions(p.pionClient)...)
	if err == nil {
		err = c.HandshakeContext(b.Context())
	}
	if err != nil {
		b.Fatal(err)
	}
	s := <-accepted
	b.Cleanup(func() { c.Close(); s.Close(); l.Close() })
	buf := make([]byte, 2000)
	return carrier{
		send: func(messages [][]byte) error {
			_, err := c.Write(messages[0])
			return err
		},
		receive: func(got func(int)) error {
			_, err := s.Read(buf)
			got(1)
			return err
		},
	}
}

// plainCarrier is UDP without DTLS, with the same system calls.
func plainCarrier(b *testing.B) carrier {
	s, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		b.Fatal(err)
	}
	raw, err := net.DialUDP("udp4", nil, s.LocalAddr().(*net.UDPAddr))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { raw.Close(); s.Close() })
	c, r := udpbatch.New(raw), udpbatch.New(s).NewReader(8)
	var all []byte
	var sizes []int
	return carrier{
		send: func(messages [][]byte) error {
			all, sizes = all[:0], sizes[:0]
			for _, m := range messages {
				all, sizes = append(all, m...), append(sizes, len(m))
			}
			_, err := c.Write(all, sizes, netip.AddrPort{})
			return err
		},
		receive: func(got func(int)) error {
			n := 0
			err := r.Read(func(run udpbatch.Run) {
				run.Each(func([]byte) { n++ })
			})
			got(n)
			return err
		},
	}
}

// BenchmarkHandshakes runs full handshakes over the loopback interface: UDP, and TCP for TLS. Give
// it -cpu 1.
func BenchmarkHandshakes(b *testing.B) {
	for group, theirs := range map[iana.NamedGroup]elliptic.Curve{
		iana.X25519: elliptic.X25519, iana.X25519MLKEM768: elliptic.Curve(iana.X25519MLKEM768),
	} {
		p := benchParties(b)
		groups := []iana.NamedGroup{group}
		p.client.Groups, p.server.Groups, p.server.NumTickets = groups, groups, -1
		for name, run := range map[string]func(*testing.B){
			"sealsock DTLS": func(b *testing.B) { handshakes(b, p, "udp") },
			"sealsock TLS":  func(b *testing.B) { handshakes(b, p, "tcp") },
			"pion":          func(b *testing.B) { pionHandshakes(b, p, theirs) },
		} {
			b.Run(name+"/"+group.String(), func(b *testing.B) {
				before := processorTime(b)
				run(b)
				b.ReportMetric(float64(processorTime(b)-before)/float64(b.N), "cpu-ns/op")
			})
		}
	}
}

func handshakes(b *testing.B, p *parties, network string) {
	dial := dialing(b, p, network)
	for b.Loop() {
		if err := dial(); err != nil {
			b.Fatal(err)
		}
	}
}

// dialing returns a function that makes a connection to a Listener and closes it.
func dialing(b *testing.B, p *parties, network string) func() error {
	l, err := sealsock.Listen(b.Context(), network+"://127.0.0.1:0", p.server)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	d, err := sealsock.NewDialer(p.client)
	if err != nil {
		b.Fatal(err)
	}
	return func() error {
		c, err := d.Dial(b.Context(), network+"://"+l.Addr().String())
		if err == nil {
			c.Close()
		}
		return err
	}
}

func pionHandshakes(b *testing.B, p *parties, group elliptic.Curve) {
	dial := pionDialing(b, p, group)
	for b.Loop() {
		if err := dial(); err != nil {
			b.Skip(err) // a group that it does not have
		}
	}
}

// pionDialing is dialing for pion/dtls.
func pionDialing(b *testing.B, p *parties, group elliptic.Curve) func() error {
	groups := dtls.WithEllipticCurves(group)
	l, err := dtls.ListenWithOptions("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)},
		serverOptions(append(p.pionServer, groups))...)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_ = c.(*dtls.Conn).HandshakeContext(context.Background())
				c.Close()
			}()
		}
	}()
	return func() error {
		c, err := dtls.DialWithOptions("udp", l.Addr().(*net.UDPAddr),
			clientOptions(append(p.pionClient, groups))...)
		if err == nil {
			err = c.HandshakeContext(b.Context())
			c.Close()
		}
		return err
	}
}
