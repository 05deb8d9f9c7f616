package engine

import (
	"time"

	"github.com/sealsock/sealsock/iana"
)

// A rate bounds how often a peer may send a message that costs this side something.
type rate struct {
	what  string
	burst int           // so many at once
	every time.Duration // and one more after each such time
	data  int           // or after so many bytes of application data
}

// What a peer may send after the handshake. A server sends a few tickets for each
// connection, and requests a certificate now and then. Either side updates its key after
// much data, or at intervals. A session takes memory, the answer to a request takes a
// signature, and a key update takes two derivations and a new cipher on each side that
// changes its key.
var (
	ticketRate  = rate{"session tickets", 64, time.Second, 64 << 10}
	requestRate = rate{"requests for a certificate", 16, time.Second, 1 << 20}
	updateRate  = rate{"key updates", 32, time.Second, 1 << 10}
	idRate      = rate{"messages about connection IDs", 32, time.Second, 64 << 10}
)

// An allowance counts what a rate bounds.
type allowance struct {
	used  int32 // of the burst
	data  int32 // bytes of application data that have not reduced it yet
	since int64 // when used was reduced for the last time, in Unix nanoseconds
}

// received counts application data. More than the largest burst needs makes no difference.
func (a *allowance) received(n int) { a.data = int32(min(int(a.data)+n, 1<<30)) }

// spend counts one message, and reports whether it is within the rate. Without a clock
// only data counts.
func (a *allowance) spend(r rate, clock func() time.Time) bool {
	earned := int(a.data) / r.data
	a.data = int32(int(a.data) % r.data)
	if clock != nil {
		now := clock().UnixNano()
		passed := time.Duration(now - a.since)
		switch full := time.Duration(r.burst) * r.every; {
		case passed >= full: // also the first time
			earned, a.since = r.burst, now
		case passed < 0: // a clock that was set back earns nothing
			a.since = now
		default:
			earned += int(passed / r.every)
			a.since += int64(passed.Truncate(r.every))
		}
	}
	a.used = int32(max(0, int(a.used)-earned)) + 1
	return int(a.used) <= r.burst
}

// pace returns an error for a message that this side may not send yet, since a peer with the
// rate would end the connection. It counts n of them otherwise. Time counts half, because
// messages may reach the peer closer to each other than they were sent.
func (a *allowance) pace(r rate, n int, clock func() time.Time) error {
	r.every *= 2
	after := *a
	for range n {
		if !after.spend(r, clock) {
			return usage("too many %s: wait. A peer accepts %d at once, and one more for each %v or "+
				"%d bytes of data", r.what, r.burst, r.every, r.data)
		}
	}
	*a = after
	return nil
}

// allow refuses messages after the handshake that come too often.
func (r *Receiver) allow(m message) error {
	limit, count := ticketRate, &r.tickets
	switch {
	case !r.info.HandshakeDone:
		return nil
	case m.typ == iana.HandshakeNewSessionTicket:
	case m.typ == iana.HandshakeCertificateRequest:
		limit, count = requestRate, &r.requests
	case m.typ == iana.HandshakeKeyUpdate:
		limit, count = updateRate, &r.updates
	case m.typ == iana.HandshakeNewConnectionID, m.typ == iana.HandshakeRequestConnectionID:
		limit, count = idRate, &r.info.ids().rate
	default:
		return nil
	}
	if count.spend(limit, r.cfg.Now) {
		return nil
	}
	return overLimit(iana.AlertUnexpectedMessage,
		"too many %s: %d at once are accepted, and one more for each %v or %d bytes of data",
		limit.what, limit.burst, limit.every, limit.data)
}
