package engine

import (
	"bytes"
	"crypto/cipher"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/record"
)

// TestRest: a connection that rests continues as if it had not, in both directions, through
// key updates, alerts and tickets, and however often it rests. The numbers of its records
// continue too: no two are sealed with one nonce.
func TestRest(t *testing.T) {
	client, server := resumable(t)
	c, s := connect(t, client, server)
	seen := map[string]bool{}
	rest := func() {
		for _, e := range []*side{c, s} {
			e.r.Rest()
			e.s.Rest()
		}
		for _, half := range []any{c.r.opener, s.r.opener, c.s.sealer, s.s.sealer} {
			if _, ok := half.(resting); !ok {
				t.Fatalf("a %T is kept while the connection rests", half)
			}
		}
	}
	send := func(from, to *side, data string) {
		t.Helper()
		var err error
		if to.in, err = from.s.Seal(nil, []byte(data)); err != nil {
			t.Fatal(err)
		}
		if seen[string(to.in)] {
			t.Fatal("two records are equal")
		}
		seen[string(to.in)] = true
		if got := receive(t, to); got != data {
			t.Fatalf("%q arrives as %q", data, got)
		}
	}
	for i := range 3 {
		rest()
		rest()
		send(c, s, "the same each time")
		send(s, c, "the same each time")
		rest()
		var err error
		if s.in, err = c.s.Rekey(nil, true); err != nil {
			t.Fatal(i, err)
		}
		if err := pump(c, s); err != nil {
			t.Fatal(i, err)
		}
		send(c, s, "the same each time")
		send(s, c, "the same each time")
	}
	rest()
	if c.s.Overhead(100) != s.s.Overhead(100) || c.s.Overhead(100) < 22 {
		t.Errorf("the overhead is %d and %d bytes", c.s.Overhead(100), s.s.Overhead(100))
	}
	tickets, err := s.s.SendTickets(nil, 1)
	if err != nil || len(tickets) == 0 {
		t.Fatalf("tickets: %v", err)
	}
	rest()
	var last []byte
	if last, err = c.s.CloseNotify(nil); err != nil {
		t.Fatal(err)
	}
	s.in = last
	if _, ev, err := s.r.Receive(s.in); err != nil || ev.Kind != EventClosed {
		t.Errorf("close_notify: %v, %v", ev.Kind, err)
	}
}

// TestBeginsAtRest: after the handshake a client has no key to send with, nor a server one to
// receive with, until there is data. The first records have the number 0, and the limit that
// was agreed on.
func TestBeginsAtRest(t *testing.T) {
	client, server := resumable(t)
	client.RecordSizeLimit, server.RecordSizeLimit = 200, 100
	c, s := newPair(t, client, server)
	if err := pump(c, s); err != nil {
		t.Fatal(err)
	}
	if _, ok := c.s.sealer.(resting); !ok {
		t.Errorf("the client has a %T and has sent nothing", c.s.sealer)
	}
	if _, ok := s.r.opener.(resting); !ok {
		t.Errorf("the server has a %T and has received nothing", s.r.opener)
	}
	overhead := c.s.Overhead(100)
	var err error
	if s.in, err = c.s.Seal(nil, make([]byte, 50)); err != nil {
		t.Fatal(err)
	}
	if got := receive(t, s); len(got) != 50 {
		t.Fatalf("%d bytes arrive", len(got))
	}
	if now := c.s.Overhead(100); now != overhead {
		t.Errorf("the overhead was %d and is %d", overhead, now)
	}
	opener, ok := s.r.opener.(*record.Opener13)
	if !ok || opener.Sequence() != 1 || opener.MaxInner != 101 {
		t.Errorf("the server has a %T, with record %d and limit %d", s.r.opener,
			opener.Sequence(), opener.MaxInner)
	}
}

// TestMovesAtRest: a connection on which nothing was sent yet can be handed over by either side or
// both, or begin with a key update, and no key seals two records with one nonce.
func TestMovesAtRest(t *testing.T) {
	countNonces(t)
	for name, pair := range handoverPairs(t) {
		for mode := range 5 {
			c, s := newPair(t, pair[0], pair[1])
			if err := pump(c, s); err != nil {
				t.Fatal(name, err)
			}
			if mode == 3 || mode == 4 {
				if pair[0].MaxVersion == iana.TLS12 {
					continue
				}
				var err error
				if s.in, err = c.s.Rekey(nil, mode == 4); err != nil {
					t.Fatal(name, err)
				}
			}
			if mode != 1 {
				moved, h := handOver(t, c, &pair[0].Config, &Handover{Received: c.in})
				c, s.in = moved, append(s.in, h.Unsent...)
			}
			if mode == 1 || mode == 2 {
				moved, h := handOver(t, s, &pair[1].Config, &Handover{Received: s.in})
				s, c.in = moved, append(c.in, h.Unsent...)
			}
			if err := pump(c, s); err != nil {
				t.Fatal(name, mode, err)
			}
			send(t, c, s, "first")
			send(t, s, c, "first")
		}
	}
}

// erased reports whether a sealer or an opener of TLS 1.3 has no cipher: the AEAD is the first field
// of what is hidden in it.
func erased(key any) bool {
	hidden := reflect.ValueOf(key).Elem().FieldByName("hidden").FieldByName("p")
	return *(*cipher.AEAD)(hidden.UnsafePointer()) == nil
}

// TestReplacedKeysAreErased: a key that another one replaces, or that rests, is erased. The keys
// of the handshake are, too.
func TestReplacedKeysAreErased(t *testing.T) {
	client, server := resumable(t)
	c, s := newPair(t, client, server)
	seen := map[any]bool{}
	note := func() {
		for _, e := range []*side{c, s} {
			for _, key := range []any{e.r.opener, e.s.sealer} {
				switch key.(type) {
				case *record.Opener13, *record.Sealer13:
					seen[key] = true
				}
			}
		}
	}
	for range 4 {
		for _, e := range [][2]*side{{c, s}, {s, c}} {
			out, err := e[0].step()
			if err != nil {
				t.Fatal(err)
			}
			e[1].in = append(e[1].in, out...)
			note()
		}
	}
	data, err := c.s.Seal(nil, []byte("data"))
	if err != nil {
		t.Fatal(err)
	}
	s.in = append(s.in, data...)
	if got := receive(t, s); got != "data" {
		t.Fatalf("%q arrives", got)
	}
	note()
	rekeyed, err := c.s.Rekey(nil, true)
	if err != nil {
		t.Fatal(err)
	}
	s.in = append(s.in, rekeyed...)
	if err := pump(c, s); err != nil {
		t.Fatal(err)
	}
	note()
	inUse := 0
	for key := range seen {
		if key == c.r.opener || key == c.s.sealer || key == s.r.opener || key == s.s.sealer {
			inUse++
			if erased(key) {
				t.Errorf("a %T that is in use was erased", key)
			}
		} else if !erased(key) {
			t.Errorf("a %T that was replaced is not erased", key)
		}
	}
	if inUse != 4 || len(seen) < 9 {
		t.Errorf("%d keys were seen, of which %d are in use", len(seen), inUse)
	}
	for _, e := range []*side{c, s} {
		opener, sealer := e.r.opener, e.s.sealer
		e.r.Rest()
		e.s.Rest()
		if !erased(opener) || !erased(sealer) {
			t.Error("a key that rests is not erased")
		}
	}
}

// receive returns the data that e receives.
func receive(t *testing.T, e *side) string {
	t.Helper()
	var all bytes.Buffer
	for range 20 {
		n, ev, err := e.r.Receive(e.in)
		if err != nil {
			t.Fatal(err)
		}
		e.in = e.in[n:]
		all.Write(ev.Data)
		if ev.Kind == EventWantRead {
			break
		}
	}
	return all.String()
}

// TestRestWhereItCannot: what has no secret to make its keys of again keeps them.
func TestRestWhereItCannot(t *testing.T) {
	for _, version := range []iana.Version{iana.TLS12, iana.TLS13} {
		client, server := pair13(t)
		client.MinVersion, client.MaxVersion = version, version
		c, s := newPair(t, client, server)
		for _, e := range []*side{c, s} { // before the handshake
			e.r.Rest()
			e.s.Rest()
		}
		if err := pump(c, s); err != nil {
			t.Fatalf("%v: %v", version, err)
		}
		c.r.Rest()
		s.s.Rest()
		var err error
		if c.in, err = s.s.Seal(nil, []byte("after")); err != nil {
			t.Fatal(err)
		}
		if got := receive(t, c); got != "after" {
			t.Errorf("%v: %q arrives", version, got)
		}
	}
	var conn *Conn
	conn.Rest()
	(&Conn{}).Rest()
	if got := fmt.Sprint(resting{}.Left()); got != "0" {
		t.Errorf("a key that rests seals %s records", got)
	}
}

// TestDatagramRest: a connection of DTLS that rests continues as if it had not, in both
// directions and through key updates. A key that rests still refuses what has come before.
func TestDatagramRest(t *testing.T) {
	for _, v := range versionsOfDatagrams {
		client, server := datagramConfigs(t, v)
		l := newLink(t, client, server, DatagramOptions{AddressProved: true})
		l.client.Rest() // which changes nothing before the handshake is done
		l.server.Rest()
		l.open(t)
		rest := func() {
			for _, e := range []*end{l.client, l.server} {
				e.Rest()
				e.Rest()
			}
		}
		for round := range 3 {
			rest()
			most := l.client.MaxData()
			d, err := l.client.Send(nil, []byte("once"))
			if err != nil {
				t.Fatal(err)
			}
			if got := l.client.MaxData(); got != most {
				t.Errorf("%v: MaxData is %d while the connection rests, and %d after", v, most, got)
			}
			again := bytes.Clone(d)
			l.server.take(l.server.Receive(l.now, d))
			n := len(l.server.messages)
			rest()
			l.server.take(l.server.Receive(l.now, again))
			if len(l.server.messages) != n || string(l.server.messages[n-1]) != "once" {
				t.Errorf("%v: the messages are %q", v, l.server.messages)
			}
			l.send(t, l.server, l.client, "answer")
			if v != iana.TLS13 {
				continue
			}
			rest()
			if err := l.client.Rekey(l.now, true); err != nil {
				t.Fatal(err)
			}
			l.pump()
			for range 100 { // more than a key update needs
				if !l.client.update.sent {
					break
				}
				l.expire()
				rest()
				l.pump()
			}
			if got := l.client.sealer.Epoch(); got != epochApplication+uint64(round)+1 {
				t.Errorf("round %d: the epoch is %d", round, got)
			}
		}
		l.expire()
		rest()
		if v == iana.TLS13 && (l.client.exchange != nil || l.server.exchange != nil) {
			t.Error("a connection that rests keeps its exchange")
		}
		l.send(t, l.client, l.server, "at the end")
	}
}

// TestDatagramHandshakeKeys: a server answers a repetition of the client's last flight with an ACK
// for four minutes, also while it rests, and then drops the key. A client drops its own when the
// flight is acknowledged. RFC 9147, Section 5.8.1.
func TestDatagramHandshakeKeys(t *testing.T) {
	client, server := datagramConfigs(t, iana.TLS13)
	l := newLink(t, client, server, DatagramOptions{AddressProved: true})
	start := l.now
	l.lose = func(from *end, d []byte) bool { // what the server sends in epoch 3
		return from == l.server && d[0]&0xe3 == 0x23 && l.now.Sub(start) < 3*time.Minute
	}
	for l.pump(); !l.client.flight.Empty() && l.failed() == nil && l.expire(); l.pump() {
		l.server.Rest()
	}
	if took := l.now.Sub(start); l.failed() != nil || took < 3*time.Minute || took > 4*time.Minute {
		t.Fatalf("the last flight was acknowledged after %v: %v", took, l.failed())
	}
	if n := len(l.client.keys.list); n != 1 {
		t.Errorf("the client keeps %d receiving keys", n)
	}
	l.expire()
	if took := l.now.Sub(start); took != 4*time.Minute {
		t.Errorf("the server's key of the handshake is dropped after %v", took)
	}
	if n := len(l.server.keys.list); n != 1 {
		t.Errorf("the server keeps %d receiving keys after four minutes", n)
	}
	l.send(t, l.client, l.server, "later")
}
