package sealsock_test

import (
	"context"
	"crypto/rand"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/certcompress"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/trust"
)

// counted counts what one end of a connection writes.
type counted struct {
	net.Conn
	n *atomic.Int64
}

func (c counted) Write(p []byte) (int, error) {
	c.n.Add(int64(len(p)))
	return c.Conn.Write(p)
}

// A cost is one way to shake hands.
type cost struct {
	name   string
	change func(b *testing.B, c, s *sealsock.Config)
}

// costs are the cases that docs/tls13.md describes.
var costs = []cost{
	{"full", func(*testing.B, *sealsock.Config, *sealsock.Config) {}},
	{"full, X25519 alone", func(_ *testing.B, c, _ *sealsock.Config) { c.Groups = []iana.NamedGroup{iana.X25519} }},
	{"two tickets", func(_ *testing.B, _, s *sealsock.Config) { s.NumTickets = 0 }},
	{"resumed", withSession},
	{"resumed without key exchange", func(b *testing.B, c, s *sealsock.Config) {
		withSession(b, c, s)
		c.PSKWithoutDHE, s.PSKWithoutDHE = true, true
		c.Groups, s.Groups = []iana.NamedGroup{iana.X25519}, []iana.NamedGroup{iana.SecP256r1}
	}},
	{"pre-shared key", func(_ *testing.B, c, s *sealsock.Config) {
		key := engine.NewPSK([]byte("device 12"), []byte("thirty-two random bytes, really."))
		c.PSKs, c.PSKOnly = []*engine.PSK{key}, true
		s.FindPSK = func(context.Context, []byte) (*engine.PSK, error) { return key, nil }
	}},
	{"client certificate", func(_ *testing.B, _, s *sealsock.Config) { s.ClientAuth = sealsock.RequireClientCert }},
	{"HelloRetryRequest", func(_ *testing.B, c, s *sealsock.Config) {
		c.Groups = []iana.NamedGroup{iana.X25519, iana.SecP256r1}
		s.Groups = c.Groups[1:]
	}},
	{"raw key", func(_ *testing.B, c, s *sealsock.Config) {
		id := *s.Identities[0]
		id.RawPublicKey = true
		s.Identities = []*identity.Identity{&id}
		c.OnlyRawKeys, c.Trust = true, &trust.Policy{Pins: []trust.Pin{trust.PinOf(id.Leaf)}, PinOnly: true}
	}},
	{"compressed certificate", func(_ *testing.B, c, s *sealsock.Config) {
		c.Compressors, s.Compressors = certcompress.All(), certcompress.All()
	}},
	{"Encrypted ClientHello", func(b *testing.B, c, s *sealsock.Config) {
		k, err := engine.NewECHKey(rand.Reader, 1, "localhost", 32)
		if err != nil {
			b.Fatal(err)
		}
		s.ECHKeys = []*engine.ECHKey{k}
		if c.ECHConfigs, err = engine.ECHConfigList(k); err != nil {
			b.Fatal(err)
		}
	}},
}

// withSession gives the client a session to resume.
func withSession(b *testing.B, c, s *sealsock.Config) {
	s.NumTickets = 0
	c.OnSession = func(got *engine.Session) { c.Session = got }
	handshake(b, c, s, new(atomic.Int64), new(atomic.Int64))
	c.OnSession, s.NumTickets = nil, -1
}

// BenchmarkCapabilities takes the time of both sides of a handshake with one
// byte behind it, and counts the bytes of each side.
func BenchmarkCapabilities(b *testing.B) {
	for _, bench := range costs {
		b.Run(bench.name, func(b *testing.B) {
			client, server := newConfigs(b)
			server.Tickets, server.NumTickets = sealsock.SealTickets(new(sealsock.RotatingKeys), nil), -1
			bench.change(b, client, server)
			var sent, answered atomic.Int64
			for b.Loop() {
				handshake(b, client, server, &sent, &answered)
			}
			b.ReportMetric(float64(sent.Load())/float64(b.N), "client-B/op")
			b.ReportMetric(float64(answered.Load())/float64(b.N), "server-B/op")
		})
	}
}

// handshake connects two ends, and the server sends one byte.
func handshake(b *testing.B, cc, sc *sealsock.Config, sent, answered *atomic.Int64) {
	b.Helper()
	near, far := net.Pipe()
	client, err := sealsock.Client(counted{near, sent}, cc)
	if err != nil {
		b.Fatal(err)
	}
	server, err := sealsock.Server(counted{far, answered}, sc)
	if err != nil {
		b.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := server.Write([]byte{1})
		done <- err
	}()
	if _, err := io.ReadFull(client, make([]byte, 1)); err != nil {
		b.Fatal(err)
	}
	if err := <-done; err != nil {
		b.Fatal(err)
	}
	near.SetDeadline(time.Now())
	far.SetDeadline(time.Now())
	near.Close()
	far.Close()
}
