package link

import (
	"testing"
	"time"

	"github.com/sealsock/sealsock/relay"
)

// TestJoinedAgainAndAgain: a relay that tells without end that a member has joined does not cause
// as many packets.
func TestJoinedAgainAndAgain(t *testing.T) {
	a, _ := newFakeRelay(t).pair(t, Options{Window: 64 * maxData})
	c := newConn(a.hub, relay.MemberID{1}) // without a pump: the test composes the packets
	c.up, c.received = true, 1
	c.out.append(make([]byte, 4*maxData), 4*maxData)
	memory := make([]byte, relay.MaxPayload)
	data, acks := 0, 0
	const moments = 1000
	now := time.Now()
	for range moments {
		c.mu.Lock()
		c.resume(now)
		c.mu.Unlock()
		for {
			p, _ := c.nextPacket(now, memory)
			if p == nil {
				break
			}
			if p.kind == typeAck {
				acks++
			}
			data += len(p.data)
		}
		now = now.Add(time.Millisecond)
	}
	const most = 2 * int(moments*time.Millisecond/leastWait)
	if times := data / (4 * maxData); times < 3 || times > most {
		t.Errorf("everything was sent %d times, at most %d are due", times, most)
	}
	if acks > most {
		t.Errorf("%d acknowledgements, at most %d are due", acks, most)
	}
	c.arrivals.note(5)
	if err := c.arrivals.note(5); err != ErrRepeated {
		t.Fatal(err)
	}
	c.mu.Lock()
	c.resume(c.resumed)
	c.mu.Unlock()
	if err := c.arrivals.note(5); err != nil {
		t.Errorf("what the relay repeats is told again: %v", err)
	}
}
