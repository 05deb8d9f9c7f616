package relay

import (
	"net"
	"sync"

	"github.com/sealsock/sealsock/message"
)

// payloadMemory is the memory of a long message.
type payloadMemory [maxMessage]byte

// leastShared is the length of the shortest message whose memory is used again. A shorter one
// has memory of its size, so that the limits of what waits for a member hold: the runtime takes
// 40 KiB for a payloadMemory.
const leastShared = maxMessage - maxMessage/8

var memories = sync.Pool{New: func() any { return new(payloadMemory) }}

// memoryFor returns the slice for a message of length bytes.
func memoryFor(length int) []byte {
	if length < leastShared || length > maxMessage {
		return make([]byte, 0, length)
	}
	return memories.Get().(*payloadMemory)[:0]
}

// parseOwned parses a message that was received with memoryFor.
func parseOwned(b []byte) (*Message, error) {
	m, err := Parse(b)
	if err == nil && cap(b) == maxMessage && len(b) >= leastShared {
		m.memory = (*payloadMemory)(b[:maxMessage])
	}
	return m, err
}

// Release gives the memory of a payload that [Member.Receive] returned back for later ones: it
// must not be used any more. A program that receives much needs less memory with it, and need
// not call it.
func (m *Message) Release() {
	if m == nil || m.memory == nil {
		return
	}
	memories.Put(m.memory)
	m.memory, m.Payload = nil, nil
}

// messagesOver returns a message.Conn for messages of the protocol.
func messagesOver(conn net.Conn) *message.Conn {
	return message.New(conn, message.Options{Limit: maxMessage, Buffer: memoryFor})
}

// An outgoing sends messages together. It is used by one goroutine at a time.
type outgoing struct {
	heads []byte
	parts [][]byte
	all   [][][]byte
}

// send sends messages. A payload is not copied into memory of its own before.
func (o *outgoing) send(to *message.Conn, messages ...*Message) error {
	o.heads, o.parts, o.all = o.heads[:0], o.parts[:0], o.all[:0]
	for _, m := range messages {
		start, first := len(o.heads), len(o.parts)
		o.heads = m.appendHead(o.heads)
		o.parts = append(o.parts, o.heads[start:])
		if len(m.Payload) > 0 {
			o.parts = append(o.parts, m.Payload)
		}
		o.all = append(o.all, o.parts[first:])
	}
	err := to.SendAll(o.all...)
	clear(o.parts) // they are not kept
	return err
}
