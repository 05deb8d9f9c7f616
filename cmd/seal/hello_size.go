package main

import (
	"fmt"
	"sync/atomic"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
)

// onePacket is the size of a ClientHello, in bytes, from which it may need two packets. Some
// middleboxes and servers wait forever for the rest, or drop the first.
const onePacket = 1400

// helloSize notes the size of the ClientHello of a connection, and whether it was answered.
type helloSize struct {
	sent     atomic.Int64
	answered atomic.Bool
}

// trace notes a message, and passes it to next, which may be nil.
func (h *helloSize) trace(next func(engine.Trace)) func(engine.Trace) {
	return func(t engine.Trace) {
		switch {
		case !t.Sent:
			h.answered.Store(true)
		case t.Type == iana.ContentHandshake && len(t.Data) > 0 &&
			iana.HandshakeType(t.Data[0]) == iana.HandshakeClientHello:
			h.sent.Store(int64(len(t.Data)))
		}
		if next != nil {
			next(t)
		}
	}
}

// hint returns what to try if the time is over, or "" if the size cannot be the reason.
func (h *helloSize) hint() string {
	n := h.sent.Load()
	if h.answered.Load() || n <= onePacket {
		return ""
	}
	return fmt.Sprintf("; or it, or a middlebox, may drop a ClientHello of more than %d bytes: "+
		"try one without a post-quantum key (--groups X25519)", onePacket)
}
