package engine

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/sealsock/sealsock/iana"
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
	client, server := datagramConfigs(t, iana.TLS13)
	server.Tickets, server.MaxEarlyData = newMemory(), 10000
	server.AntiReplay = newMemory()
	// Without it the server asks for another key share, which refuses the data.
	server.Groups = []iana.NamedGroup{iana.X25519}
	first := newLink(t, client, server, DatagramOptions{AddressProved: true})
	first.open(t)
	if len(first.client.sessions) == 0 {
		t.Fatal("no session")
	}
	again, other := *client, *server
	again.EarlyData = true
	again.Session = first.client.sessions[0]
	if !takes {
		other.MaxEarlyData = 0
	}
	return newLink(t, &again, &other, DatagramOptions{})
}
