package engine

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/sealsock/sealsock/iana"
)

// A network is a bad one: it loses, repeats, delays and damages datagrams.
type network struct {
	*link
	random             *rand.Rand
	loss, twice, wrong float64
	way                []onTheWay
	moves              bool   // the client's address changes
	address            uint64 // of the client: what is sent to another one is lost
	attack             func() // at each step; nil for none
}

type onTheWay struct {
	to       *end
	at       time.Time
	datagram []byte
	address  uint64 // of the client
	forged   bool   // by an attacker
}

// put takes the datagrams that an end has to send.
func (n *network) put(from, to *end) {
	for d := from.NextDatagram(); d != nil; d = from.NextDatagram() {
		n.send(to, d)
	}
	for d, path := from.NextProbe(); d != nil; d, path = from.NextProbe() {
		n.sendTo(to, d, path)
	}
}

// send sends a datagram from or to the client's address, as the server knows it.
func (n *network) send(to *end, d []byte) {
	if to == n.client {
		n.sendTo(to, d, n.server.Path())
		return
	}
	n.sendTo(to, d, n.address)
}

func (n *network) sendTo(to *end, d []byte, address uint64) {
	if n.random.Float64() < n.loss {
		return
	}
	if n.random.Float64() < n.wrong {
		d = n.damage(d)
	}
	n.way = append(n.way, onTheWay{to, n.now.Add(n.delay()), d, address, false})
	if n.random.Float64() < n.twice {
		n.way = append(n.way, onTheWay{to, n.now.Add(n.delay()), bytes.Clone(d), address, false})
	}
}

// delay is mostly short, so that some datagrams overtake others.
func (n *network) delay() time.Duration {
	d := 10 * time.Millisecond
	if n.random.IntN(4) == 0 {
		d += time.Duration(n.random.IntN(int(400 * time.Millisecond)))
	}
	return d
}

// damage changes an encrypted record of a datagram. A change of what is in the clear ends a
// handshake, as a change on a stream does; that is no matter of the network.
func (n *network) damage(d []byte) []byte {
	if d[0]>>5 == 1 || len(d) > 13 && binary.BigEndian.Uint16(d[3:]) > 0 {
		d[n.random.IntN(len(d))] ^= 1 << n.random.IntN(8)
	}
	return d
}

// step delivers the next datagram, or lets the next timeout pass. It returns false if there
// is neither.
func (n *network) step() bool {
	n.put(n.client, n.server)
	n.put(n.server, n.client)
	if n.attack != nil {
		n.attack()
	}
	if n.random.IntN(4) == 0 {
		n.client.Rest()
		n.server.Rest()
	}
	first := -1
	for i, w := range n.way {
		if first < 0 || w.at.Before(n.way[first].at) {
			first = i
		}
	}
	timeout := earlier(n.client.Timeout(), n.server.Timeout())
	if first < 0 || !timeout.IsZero() && timeout.Before(n.way[first].at) {
		return n.expire()
	}
	w := n.way[first]
	n.way = append(n.way[:first], n.way[first+1:]...)
	if n.now.Before(w.at) {
		n.now = w.at
	}
	n.deliver(w)
	return true
}

func (n *network) deliver(w onTheWay) {
	switch {
	case w.to == n.server:
		n.server.take(n.server.ReceiveFrom(n.now, w.address, w.datagram))
	case w.address == n.address:
		n.client.take(n.client.Receive(n.now, w.datagram))
	}
}

// seeds is how many networks are tried; SEALSOCK_NETWORKS=10000 tries as many.
func seeds(t *testing.T) int {
	text := os.Getenv("SEALSOCK_NETWORKS")
	if text == "" {
		return 300
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("SEALSOCK_NETWORKS: %v", err)
	}
	return n
}

// TestDatagramNetwork: on a network that loses up to 40 % of the datagrams, repeats, reorders
// and damages them, each handshake completes or ends because its flight was sent
// twelve times without an answer, and no message is delivered twice, changed or invented, also if
// the ends rest meanwhile. A client whose address changes is followed, and the server sends to no
// other address than those.
func TestDatagramNetwork(t *testing.T) {
	credential := newCredential(t, nil)
	unanswered := 0
	for seed := range seeds(t) {
		random := rand.New(rand.NewPCG(uint64(seed), 9147))
		n := newNetwork(t, random, versionsOfDatagrams[seed%2], credential)
		limit := n.now.Add(time.Hour)
		for !n.done() {
			if n.failed() != nil || n.now.After(limit) || !n.step() {
				break
			}
		}
		switch err := n.failed(); {
		case err != nil:
			if !isUnanswered(n.client.err) && !isUnanswered(n.server.err) {
				t.Fatalf("seed %d: %v", seed, err)
			}
			unanswered++
			continue
		case !n.done():
			t.Fatalf("seed %d: no end after %v", seed, n.now.Sub(limit.Add(-time.Hour)))
		}
		n.talk(t, seed)
	}
	if n := seeds(t); unanswered > n/50 {
		t.Errorf("%d of %d handshakes were not answered", unanswered, n)
	}
}

func isUnanswered(err error) bool {
	e, ok := err.(*Error)
	return ok && e.Fault == FaultTransport
}

func newNetwork(t *testing.T, random *rand.Rand, v iana.Version, cred *Credential) *network {
	client, server := datagramConfigs(t, v)
	server.Credentials = []*Credential{cred}
	switch random.IntN(4) {
	case 0:
		server.ClientAuth, server.Verifier = RequireClientCert, acceptAll{}
		client.Credentials = []*Credential{cred}
	case 1:
		client.KeyShares = []iana.NamedGroup{} // a HelloRetryRequest in DTLS 1.3
	case 2:
		client.ConnectionIDLength = 1 + random.IntN(maxIDLength)
	}
	if random.IntN(2) == 0 {
		server.Tickets = newMemory()
	}
	mtus := []int{256, 400, 548, 1200, 1452, 9000}
	l := newLink(t, client, server, DatagramOptions{MTU: mtus[random.IntN(len(mtus))]})
	return &network{
		link: l, random: random, loss: random.Float64() * 0.4,
		twice: random.Float64() * 0.2, wrong: random.Float64() * 0.1, moves: random.IntN(2) == 0,
	}
}

// followed sends messages until the server has followed the client, if no side has given up.
func (n *network) followed(t *testing.T, seed int, sent map[string]bool) {
	t.Helper()
	limit := n.now.Add(time.Hour)
	for i := 0; n.server.Path() != n.address && n.failed() == nil; i++ {
		if n.now.After(limit) {
			t.Fatalf("seed %d: the server is on path %d, and the client on %d", seed, n.server.Path(),
				n.address)
		}
		text := "I am here: " + strconv.Itoa(i)
		sent[text] = true
		d, err := n.client.Send(nil, []byte(text))
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		n.send(n.server, d)
		for range 10 {
			n.step()
		}
		n.now = n.now.Add(100 * time.Millisecond)
	}
}

// talk sends messages both ways, with key updates between them, and checks those that arrive.
func (n *network) talk(t *testing.T, seed int) {
	t.Helper()
	sent := map[*end]map[string]bool{n.client: {}, n.server: {}}
	for i := range 40 {
		from, to := n.client, n.server
		if i%2 == 1 {
			from, to = to, from
		}
		text := strconv.Itoa(i) + string(bytes.Repeat([]byte{byte(i)}, n.random.IntN(500)))
		sent[to][text] = true
		d, err := from.Send(nil, []byte(text))
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		n.send(to, d)
		if i%10 == 9 && n.client.State().Version == iana.TLS13 {
			if err := from.Rekey(n.now, i%20 == 9); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
		if n.moves && n.random.IntN(8) == 0 {
			n.address++
		}
		for range n.random.IntN(4) {
			n.step()
		}
		if n.failed() != nil {
			break
		}
	}
	n.followed(t, seed, sent[n.server])
	for limit := n.now.Add(time.Hour); n.now.Before(limit) && n.failed() == nil && n.step(); {
	}
	if err := n.failed(); err != nil && !isUnanswered(n.client.err) && !isUnanswered(n.server.err) {
		t.Fatalf("seed %d: %v", seed, err)
	}
	for _, e := range []*end{n.client, n.server} {
		for _, m := range e.messages {
			if !sent[e][string(m)] {
				t.Fatalf("seed %d: %q was not sent, or is delivered twice", seed, m)
			}
			delete(sent[e], string(m))
		}
	}
}
