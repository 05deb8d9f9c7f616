package engine

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/sealsock/sealsock/internal/record"
)

// twin returns a Sender that seals what s would seal.
func twin(t *testing.T, s *Sender) *Sender {
	t.Helper()
	own := *s
	sealer, err := record.NewSealer13(s.suite, s.traffic)
	if err != nil {
		t.Fatal(err)
	}
	sealer.SetSequence(s.sealer.(*record.Sealer13).Sequence())
	own.sealer = sealer
	return &own
}

// TestReserve: with records that are reserved and sealed later, a Sender sends the bytes that
// it sends without, through key updates at the same records. RFC 9846, Section 5.5.
func TestReserve(t *testing.T) {
	for _, perKey := range []uint64{0, 1, 2, 3, 50} {
		client, server := resumable(t)
		client.MaxRecordsPerKey = perKey
		c, s := connect(t, client, server)
		serial := twin(t, c.s)
		random := rand.New(rand.NewPCG(1, perKey))
		var want, got, all []byte
		reserved := 0
		var room Reserved // for all of them, one after another
		for range 60 {
			data := bytes.Repeat([]byte{byte(random.Int())}, random.IntN(6*record.MaxPlaintext))
			all = append(all, data...)
			var err error
			if want, err = serial.Seal(want, data); err != nil {
				t.Fatal(err)
			}
			if !c.s.ReserveInto(&room, len(data)) {
				got, err = c.s.Seal(got, data)
			} else {
				reserved++
				got, err = room.Seal(got, data)
				if _, more := room.Seal(nil, []byte("more")); more == nil {
					t.Fatal("more than was reserved is sealed")
				}
				if room.max != 0 {
					t.Fatal("records that are sealed keep a key in use")
				}
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%d records a key: other bytes than without Reserve", perKey)
		}
		if reserved == 0 && perKey != 1 {
			t.Errorf("%d records a key: nothing was reserved", perKey)
		}
		arrived := ""
		for s.in = got; len(s.in) > 0; {
			arrived += receive(t, s)
		}
		if arrived != string(all) {
			t.Errorf("%d records a key: other data arrives", perKey)
		}
	}
}

// TestReserveIsRefused: nothing is reserved that has to be sealed in its turn.
func TestReserveIsRefused(t *testing.T) {
	client, server := resumable(t)
	changes := map[string]func(*config){
		"padding":       func(c *config) { c.Padding = func(int) int { return 1 } },
		"small records": func(c *config) { c.DynamicRecords = true },
	}
	for name, change := range changes {
		with := *client
		change(&with)
		if c, _ := connect(t, &with, server); c.s.Reserve(100) != nil {
			t.Errorf("%s: records are reserved", name)
		}
	}
	c, _ := newPair(t, client, server)
	if c.s.Reserve(100) != nil {
		t.Error("records are reserved before the handshake")
	}
	c, _ = connect(t, client, server)
	if c.s.Reserve(0) != nil || c.s.Reserve(-1) != nil {
		t.Error("no records are reserved")
	}
	if c.s.ReserveInto(nil, 100) {
		t.Error("records are reserved in no memory")
	}
	if _, err := c.s.CloseNotify(nil); err != nil || c.s.Reserve(100) != nil {
		t.Error("records are reserved after the end")
	}
	old, oldServer := pair12(t)
	if c, _ = connect(t, old, oldServer); c.s.Reserve(100) != nil {
		t.Error("records of TLS 1.2 are reserved")
	}
}

// TestReservedOutlivesKey: what was reserved is sealed with the key of its time, also when that
// key was replaced meanwhile, the connection rests, and others have new keys.
func TestReservedOutlivesKey(t *testing.T) {
	for name, change := range map[string]func(s *Sender) ([]byte, error){
		"key update":        func(s *Sender) ([]byte, error) { return s.Rekey(nil, false) },
		"the peer asks":     func(s *Sender) ([]byte, error) { return s.peerUpdated(nil, true) },
		"the key is at end": func(s *Sender) ([]byte, error) { s.perKey = 1; return s.Seal(nil, nil) },
		"rest":              func(s *Sender) ([]byte, error) { s.Rest(); return nil, nil },
	} {
		client, server := resumable(t)
		c, s := connect(t, client, server)
		first := bytes.Repeat([]byte("first"), 9000)
		reserved := c.s.Reserve(len(first))
		behind, err := change(c.s)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 { // these take the memory of keys that were dropped
			other, _ := connect(t, client, server)
			if _, err := other.s.Seal(nil, []byte("another connection")); err != nil {
				t.Fatal(err)
			}
		}
		if behind, err = c.s.Seal(behind, []byte(" second")); err != nil {
			t.Fatal(err)
		}
		sealed, err := reserved.Seal(nil, first)
		if err != nil {
			t.Fatal(err)
		}
		n, arrived := 0, ""
		for s.in = append(sealed, behind...); len(s.in) > 0; n++ {
			arrived += receive(t, s)
		}
		if arrived != string(first)+" second" {
			t.Errorf("%s: %d bytes arrive in %d steps", name, len(arrived), n)
		}
	}
}

// TestReservedCopy: a copy of a Reserved seals nothing, as it would with the nonces of the first,
// and reserves with room of its own.
func TestReservedCopy(t *testing.T) {
	client, server := resumable(t)
	c, s := connect(t, client, server)
	var first Reserved
	if !c.s.ReserveInto(&first, 3) {
		t.Fatal("nothing is reserved")
	}
	second := first
	if sealed, err := second.Seal(nil, []byte("two")); err == nil || len(sealed) > 0 {
		t.Error("a copy seals with the nonce of another record")
	}
	out, err := first.Seal(nil, []byte("one"))
	if err != nil {
		t.Fatal(err)
	}
	second = first // nothing is left to seal in either
	if !c.s.ReserveInto(&first, 5) || !c.s.ReserveInto(&second, 4) {
		t.Fatal("nothing is reserved")
	}
	for i, r := range []*Reserved{&first, &second} {
		if out, err = r.Seal(out, []byte([]string{"three", "four"}[i])); err != nil {
			t.Fatal(err)
		}
	}
	arrived := ""
	for s.in = out; len(s.in) > 0; {
		arrived += receive(t, s)
	}
	if arrived != "onethreefour" {
		t.Errorf("%q arrives", arrived)
	}
}

// TestReserveBehindTickets: the tickets that go out with the first data do so also if a program
// reserves all that it sends, as Conn.Write does with much.
func TestReserveBehindTickets(t *testing.T) {
	client, server := resumable(t)
	client.Session = nil
	server.TicketsWithData = true
	c, s := newPair(t, client, server)
	if err := pump(c, s); err != nil {
		t.Fatal(err)
	}
	const size = 4 * record.MaxPlaintext
	var out []byte
	for i := range 3 {
		if r := s.s.Reserve(size); (r == nil) != (i == 0) {
			t.Fatalf("batch %d: is it reserved: %v", i, r != nil)
		} else if r != nil {
			out, _ = r.Seal(out, make([]byte, size))
		} else {
			out, _ = s.s.Seal(out, make([]byte, size))
		}
	}
	c.in = out
	if err := pump(c, s); err != nil || len(c.sessions) != defaultTickets {
		t.Errorf("%d tickets arrive, %v", len(c.sessions), err)
	}
}
