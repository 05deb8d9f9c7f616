package natsfleet

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"

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
