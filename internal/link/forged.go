package link

import (
	"encoding/binary"
	"errors"

	"github.com/sealsock/sealsock/relay"
)

// What is not authentic. It is dropped: what a member had sent is sent again. A relay that alters
// the number of a packet makes it look like one that it made itself.
var (
	// ErrAltered: a packet that was due has arrived with other bytes.
	ErrAltered = errors.New("a message is not authentic: the relay or another program altered it, " +
		"and it is sent again")
	// ErrMade: a packet has arrived that no member sent.
	ErrMade = errors.New("a message is not authentic: the relay or another program made it")
	// ErrSwapped: a packet of one member has arrived as that of another.
	ErrSwapped = errors.New("a message is not authentic: the relay passed it off as that of " +
		"another member")
	// ErrStale: a packet of a member that has left has arrived again.
	ErrStale = errors.New("the relay repeated a message of a member that has left")
)

// maxForged is how many packets that are not authentic are reported in one connection to the
// relay, which can make any number of them.
const maxForged = 64

// suspect reports a packet that is not authentic. c is the Conn of its alleged sender, or nil.
func (h *Hub) suspect(c *Conn, b []byte) {
	h.report(c, func() error { return h.explain(c, b) })
}

// report reports what a relay did, a bounded number of times. Beyond it, why is not called.
func (h *Hub) report(c *Conn, why func() error) {
	if h.forged >= maxForged {
		return
	}
	h.forged++
	h.opts.Notify(Event{Kind: Suspect, Conn: c, Err: why()})
}

// explain returns what was done to a packet that is not authentic.
func (h *Hub) explain(c *Conn, b []byte) error {
	for _, other := range h.all() {
		if _, err := other.open.open(b); !errors.Is(err, errForged) {
			return ErrSwapped
		}
	}
	if c != nil && len(b) >= countEnd && c.isDue(binary.BigEndian.Uint64(b[countEnd-8:])) {
		return ErrAltered
	}
	return ErrMade
}

// isDue reports whether a packet with a number may be on its way.
func (c *Conn) isDue(count uint64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.arrivals.isDue(count)
}

// isDue reports whether the packet has not arrived and is near those that have.
func (a *arrivals) isDue(count uint64) bool {
	const near = Window / relay.MaxPayload * 64
	if count >= a.next {
		return count-a.next < near
	}
	behind := a.next - 1 - count
	return behind < 64 && a.window&(1<<behind) == 0
}
