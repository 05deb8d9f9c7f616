package engine

import (
	"testing"
	"unsafe"
)

// TestIdleConnectionIsSmall bounds what an idle connection holds, structure by structure, and
// tries that the events that were returned are let go of: a session would be kept as long as
// the connection. Both halves stand in one piece of memory, which with the 8 bytes that the
// allocator adds is of its class of 704.
func TestIdleConnectionIsSmall(t *testing.T) {
	for _, of := range []struct {
		what    string
		is, max uintptr
	}{
		{"State", unsafe.Sizeof(State{}), 360},
		{"Receiver", unsafe.Sizeof(Receiver{}), 568}, // with its State
		{"Sender", unsafe.Sizeof(Sender{}), 128},
		{"open13", unsafe.Sizeof(open13{}), 64},
		{"ticketer", unsafe.Sizeof(ticketer{}), 64}, // of a server
		{"Conn", unsafe.Sizeof(Conn{}), 48},         // of an event loop
		{"resting", unsafe.Sizeof(resting{}), 16},   // of each half that rests
	} {
		if of.is > of.max {
			t.Errorf("a %s has %d bytes, at most %d are allowed", of.what, of.is, of.max)
		}
	}
	client, server := resumable(t)
	c, _ := connect(t, client, server)
	if len(c.sessions) == 0 {
		t.Fatal("the server offered no session")
	}
	if c.r.queue != nil || c.r.out != nil || c.r.scratch != nil || c.r.fragment != nil {
		t.Errorf("what the handshake needed is kept: a queue of capacity %d, replies of %d, "+
			"%d bytes of messages", cap(c.r.queue), cap(c.r.out), cap(c.r.fragment))
	}
}
