package natsfleet

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/sealsock/sealsock"
)

// TestTicketKeysAreKept: a ticket allocates the same with one key as with many, of which each
// computes its AEAD once. Keys that are gone are forgotten.
func TestTicketKeysAreKept(t *testing.T) {
	now := time.Now()
	m := &Member{
		nc: new(nats.Conn), opts: Options{Period: time.Hour, Lifetime: 1000 * time.Hour},
		state: State{Shared: true},
	}
	tickets := sealsock.SealTickets(m, func() time.Time { return now })
	var keys []key
	for i := range mostKeys {
		k := key{from: now.Unix() - int64(i)}
		k.secret[0] = byte(i + 1)
		keys = append([]key{k}, keys...)
	}
	unknown := make([]byte, 100)
	count := func(keys []key) float64 {
		m.mu.Lock()
		m.setKeys(keys)
		m.mu.Unlock()
		if n := len(m.TicketKeys(now)); n != len(keys)+1 { // and one of this member
			t.Errorf("%d keys of %d", n, len(keys))
		}
		return testing.AllocsPerRun(100, func() {
			if s, err := tickets.Redeem(unknown); s != nil || err != nil {
				t.Errorf("%v, %v", s, err)
			}
		})
	}
	one, many := count(keys[:1]), count(keys)
	if one != many {
		t.Errorf("%v allocations with one key, %v with %d", one, many, len(keys))
	}
	if count(keys[:2]); len(m.made) != 2 {
		t.Errorf("%d of 2 keys are kept", len(m.made))
	}
}

// TestWrongClock: a member whose clock is wrong by years makes the keys of the fleet by that of
// NATS, and uses them. One that an earlier version has stored for a time to come is removed.
func TestWrongClock(t *testing.T) {
	now := time.Now() // of NATS
	m := &Member{
		nc: new(nats.Conn), opts: Options{Period: time.Hour, Lifetime: 2 * time.Hour},
		state: State{Shared: true},
	}
	wrong := key{from: now.Add(1000 * time.Hour).Unix(), secret: [32]byte{1}}
	keys := m.next([]key{wrong}, now)
	if len(keys) != 1 || keys[0].from != now.Unix() {
		t.Fatalf("%d keys, of which the first begins at %d", len(keys), keys[0].from)
	}
	if again := m.next(keys, now.Add(50*time.Minute)); len(again) != 2 {
		t.Errorf("%d keys when the next one is due", len(again))
	}
	for name, ahead := range map[string]time.Duration{
		"ahead": 1000 * time.Hour, "behind": -1000 * time.Hour, "right": 0,
	} {
		m.ahead = skew([2]time.Duration{ahead - time.Millisecond, ahead + time.Millisecond})
		if (m.ahead - ahead).Abs() > time.Millisecond {
			t.Errorf("%s: a clock is found to be ahead by %v", name, m.ahead)
		}
		m.setKeys(keys)
		later := key{from: now.Add(time.Minute).Unix()}
		m.setKeys([]key{keys[0], later})
		if i := m.sealing(now.Add(ahead)); i != 0 {
			t.Errorf("%s: the key %d of the fleet seals", name, i)
		}
	}
}

// TestOvertaken: a member that was slower than another one looks again, also in a cluster of NATS,
// and does not take that for a failure of NATS.
func TestOvertaken(t *testing.T) {
	for code, want := range map[jetstream.ErrorCode]bool{
		jetstream.JSErrCodeStreamWrongLastSequence:         true,
		jetstream.JSErrCodeStreamWrongLastSequenceConstant: true,
		jetstream.JSErrCodeStreamNotFound:                  false,
	} {
		if got := overtaken(&jetstream.APIError{Code: 400, ErrorCode: code}); got != want {
			t.Errorf("%d: %v", code, got)
		}
	}
}
