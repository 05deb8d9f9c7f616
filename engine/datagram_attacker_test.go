package engine

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/dtls"
	"github.com/sealsock/sealsock/internal/record"
)

// An attacker sees every datagram of a network, and sends its own ones from the addresses of
// both ends: what it has seen, as it was, cut, put together or changed, and what it has made.
type attacker struct {
	*network
	seen []onTheWay
}

// watch remembers what is on its way.
func (a *attacker) watch() {
	for _, w := range a.way {
		if w.forged {
			continue
		}
		w.datagram = bytes.Clone(w.datagram)
		if len(a.seen) < 200 {
			a.seen = append(a.seen, w)
		} else {
			a.seen[a.random.IntN(len(a.seen))] = w
		}
	}
}

// inject sends one datagram, which arrives among the others.
func (a *attacker) inject() {
	if len(a.seen) == 0 {
		return
	}
	w := a.seen[a.random.IntN(len(a.seen))]
	w.at = a.now.Add(a.delay())
	d := bytes.Clone(w.datagram)
	switch a.random.IntN(7) {
	case 0: // again
	case 1: // a part of it
		d = d[:a.random.IntN(len(d)+1)]
	case 2: // with another one behind it
		if other := a.seen[a.random.IntN(len(a.seen))]; other.to == w.to {
			d = append(d, other.datagram...)
		}
	case 3: // one record of it
		for range a.random.IntN(3) {
			if _, rest, ok := record.NextRecord(d, w.to.ids.length()); ok && len(rest) > 0 {
				d = rest
			}
		}
	case 4: // to its sender
		if w.to = a.client; a.random.IntN(2) == 0 {
			w.to = a.server
		}
		if !w.to.encrypted() {
			return // as a change in the clear: see damage
		}
	case 5:
		d = a.damage(d)
	case 6:
		if d = a.forge(w.to); d == nil {
			return
		}
	}
	w.datagram, w.forged = d, true
	a.way = append(a.way, w)
}

// forge makes a record of any epoch, in the clear only if that cannot end a handshake, as a changed
// hello does.
func (a *attacker) forge(to *end) []byte {
	if !to.encrypted() {
		return nil
	}
	payload := make([]byte, a.random.IntN(60))
	for i := range payload {
		payload[i] = byte(a.random.IntN(256))
	}
	if a.random.IntN(2) == 0 {
		types := []iana.ContentType{
			iana.ContentAlert, iana.ContentHandshake, iana.ContentChangeCipherSpec,
			iana.ContentACK, iana.ContentApplicationData, iana.ContentRRC,
		}
		typ := types[a.random.IntN(len(types))]
		switch a.random.IntN(3) {
		case 0:
			payload = []byte{2, byte(iana.AlertHandshakeFailure)}
		case 1:
			payload = dtls.Fragment{
				Type: iana.HandshakeFinished, Seq: uint16(a.random.IntN(9)),
				Length: len(payload), Data: payload,
			}.AppendTo(nil)
		}
		return replyRecord(record.Number{Sequence: uint64(a.random.IntN(9))}, typ, payload)
	}
	b := []byte{0x20 | byte(a.random.IntN(32))}
	if b[0]&0x10 != 0 {
		b = append(b, to.ids.used()...)
	}
	return append(append(b, byte(a.random.IntN(4)), 0, byte(len(payload))), payload...)
}

// attacked adds an attacker to a network, who acts at one step in three.
func attacked(n *network) {
	a := &attacker{network: n}
	n.attack = func() {
		if a.watch(); n.random.IntN(3) == 0 {
			a.inject()
		}
	}
}

// TestDatagramAttacker: who sees the datagrams and sends others, but changes none in the clear
// before there are keys, does not end a handshake or a connection. Both ends export the same, and no
// message is delivered twice, changed or invented.
func TestDatagramAttacker(t *testing.T) {
	credential := newCredential(t, nil)
	unanswered := 0
	for seed := range seeds(t) {
		random := rand.New(rand.NewPCG(uint64(seed), 9853))
		n := newNetwork(t, random, versionsOfDatagrams[seed%2], credential)
		n.loss /= 2
		attacked(n)
		for limit := n.now.Add(time.Hour); !n.done() && n.failed() == nil; {
			if n.now.After(limit) || !n.step() {
				t.Fatalf("seed %d: no end", seed)
			}
			if random.IntN(8) == 0 { // which divides what is sent again otherwise
				if err := n.server.SetMTU(minMTU + random.IntN(1300)); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := n.failed(); err != nil {
			if !isUnanswered(n.client.err) && !isUnanswered(n.server.err) {
				t.Fatalf("seed %d: %v", seed, err)
			}
			unanswered++
			continue
		}
		n.compare(t, seed)
		n.talk(t, seed)
	}
	if n := seeds(t); unanswered > n/50 {
		t.Errorf("%d of %d handshakes were not answered", unanswered, n)
	}
}

func (n *network) done() bool {
	return n.client.had(EventHandshakeDone) && n.server.had(EventHandshakeDone)
}

// compare fails if the ends do not know the same.
func (n *network) compare(t *testing.T, seed int) {
	t.Helper()
	var exported [2][]byte
	for i, e := range []*end{n.client, n.server} {
		s := e.State()
		var err error
		if exported[i], err = s.Export("EXPORTER-attacker", nil, 32); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
	if !bytes.Equal(exported[0], exported[1]) {
		t.Fatalf("seed %d: the ends export different keys", seed)
	}
}
