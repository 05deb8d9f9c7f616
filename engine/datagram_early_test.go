package engine

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/record"
)

// TestDatagramEarlyNetwork: 0-RTT data on a bad network: each message is delivered once at most,
// before the handshake is done, and the handshake completes with a resumed session, accepted or
// not.
func TestDatagramEarlyNetwork(t *testing.T) {
	unanswered, accepted, delivered := 0, 0, 0
	for seed := range seeds(t) {
		random := rand.New(rand.NewPCG(uint64(seed), 9001))
		l := earlyLink(t, seed%3 != 0)
		n := &network{
			link: l, random: random, loss: random.Float64() * 0.3,
			twice: random.Float64() * 0.2, wrong: random.Float64() * 0.1,
		}
		sent := map[string]bool{}
		for i := range 5 {
			text := fmt.Sprint("early ", i, string(bytes.Repeat([]byte{'x'}, random.IntN(500))))
			if l.client.Early() < len(text) || l.client.Ready() {
				break
			}
			d, err := l.client.Send(nil, []byte(text))
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			sent[text] = true
			n.put(l.client, l.server)
			n.send(l.server, d)
			if random.IntN(2) == 0 {
				n.step()
			}
		}
		limit := n.now.Add(time.Hour)
		for !(l.client.had(EventHandshakeDone) && l.server.had(EventHandshakeDone)) {
			if n.failed() != nil || n.now.After(limit) || !n.step() {
				break
			}
		}
		if err := n.failed(); err != nil {
			if !isUnanswered(l.client.err) && !isUnanswered(l.server.err) {
				t.Fatalf("seed %d: %v", seed, err)
			}
			unanswered++
			continue
		}
		if s := l.server.State(); !s.Resumed || s.EarlyData != l.client.State().EarlyData {
			t.Fatalf("seed %d: resumed %v, 0-RTT data %v and %v", seed, s.Resumed, s.EarlyData,
				l.client.State().EarlyData)
		}
		for _, m := range l.server.early {
			if !sent[string(m)] || !l.server.State().EarlyData {
				t.Fatalf("seed %d: %q was not sent, or is delivered twice", seed, m)
			}
			delete(sent, string(m))
			delivered++
		}
		before := len(l.server.early)
		if l.server.State().EarlyData {
			accepted++
		}
		n.talk(t, seed)
		if len(l.server.early) != before {
			t.Fatalf("seed %d: 0-RTT data was delivered after the handshake", seed)
		}
	}
	if n := seeds(t); unanswered > n/20 || accepted < n/3 || delivered < n {
		t.Errorf("of %d handshakes %d were not answered, %d took 0-RTT data, %d messages of it came",
			n, unanswered, accepted, delivered)
	}
}

// earlyLink resumes a session whose server takes 0-RTT data, or takes none any more.
func earlyLink(t testing.TB, takes bool) *link {
	t.Helper()
	client, server := earlyConfigs(t, takes)
	return newLink(t, client, server, DatagramOptions{})
}

// earlyConfigs returns the configurations of earlyLink.
func earlyConfigs(t testing.TB, takes bool) (again, other *config) {
	t.Helper()
	client, server := datagramConfigs(t, iana.TLS13)
	server.Tickets, server.MaxEarlyData = newMemory(), 10000
	server.AntiReplay = newMemory()
	first := newLink(t, client, server, DatagramOptions{AddressProved: true})
	first.open(t)
	if len(first.client.sessions) == 0 {
		t.Fatal("no session")
	}
	again, other = new(config), new(config)
	*again, *other = *client, *server
	again.EarlyData = true
	again.Session = first.client.sessions[0]
	if !takes {
		other.MaxEarlyData = 0
	}
	return again, other
}

// TestDatagramEarlyReplay: a first flight that comes again is not taken again, by the same
// connection or by another one.
func TestDatagramEarlyReplay(t *testing.T) {
	client, server := earlyConfigs(t, true)
	l := newLink(t, client, server, DatagramOptions{})
	var flight [][]byte
	for d := l.client.NextDatagram(); d != nil; d = l.client.NextDatagram() {
		flight = append(flight, d)
	}
	d, err := l.client.Send(nil, []byte("early"))
	if err != nil {
		t.Fatal(err)
	}
	flight = append(flight, d)
	for i := range 2 {
		s, err := DatagramServer(&server.Config, DatagramOptions{})
		if err != nil {
			t.Fatal(err)
		}
		e := &end{DatagramConn: s}
		sent, received := 0, 0
		for range 3 {
			for _, d := range flight {
				received += len(d)
				e.take(s.Receive(l.now, bytes.Clone(d)))
			}
			for d := s.NextDatagram(); d != nil; d = s.NextDatagram() {
				sent += len(d)
			}
		}
		if e.err != nil || len(e.early) != 1-i || s.State().EarlyData != (i == 0) {
			t.Errorf("server %d: %v, %q", i, e.err, e.early)
		}
		if s.proved || sent > amplification*received {
			t.Errorf("server %d: the address counts as proved: %v; %d bytes for %d", i, s.proved, sent,
				received)
		}
	}
}

// TestDatagramEarlyPadding: what is sent before the client has proved its address counts with its
// padding.
func TestDatagramEarlyPadding(t *testing.T) {
	client, server := earlyConfigs(t, true)
	server.Padding = func(int) int { return 500 }
	l := newLink(t, client, server, DatagramOptions{})
	received, sent := 0, 0
	for d := l.client.NextDatagram(); d != nil; d = l.client.NextDatagram() {
		received += len(d)
		l.server.take(l.server.Receive(l.now, d))
	}
	for d := l.server.NextDatagram(); d != nil; d = l.server.NextDatagram() {
		sent += len(d)
	}
	n := 0
	for ; n < 100; n++ {
		d, err := l.server.Send(nil, []byte("x"))
		if err != nil {
			break
		}
		sent += len(d)
	}
	if n == 0 || sent > amplification*received {
		t.Errorf("%d messages; %d bytes for %d", n, sent, received)
	}
}

// TestDatagramForgedInTheClear: what is malformed in the clear, which anyone can send, does not end
// a connection that has keys.
func TestDatagramForgedInTheClear(t *testing.T) {
	client, server := datagramConfigs(t, iana.TLS13)
	server.Groups = []iana.NamedGroup{iana.X25519}
	for _, typ := range []iana.ContentType{
		iana.ContentHandshake, iana.ContentACK, iana.ContentAlert, iana.ContentChangeCipherSpec, 99,
	} {
		forged := replyRecord(record.Number{Sequence: 9}, typ, []byte{0})
		for _, done := range []bool{false, true} {
			l := newLink(t, client, server, DatagramOptions{AddressProved: true})
			if l.carry(l.client, l.server); done {
				l.open(t)
				l.client.take(l.client.Receive(l.now, bytes.Clone(forged)))
			}
			l.server.take(l.server.Receive(l.now, bytes.Clone(forged)))
			if err := l.failed(); err != nil {
				t.Errorf("type %d, done %v: %v", typ, done, err)
				continue
			}
			l.open(t)
		}
	}
}
