package engine

import (
	"testing"
	"unsafe"
)

// TestIdleConnectionIsSmall bounds what each side of an idle connection holds in its
// own two structures, and tries that the events that were returned are let go of: a
// session would be kept as long as the connection.
func TestIdleConnectionIsSmall(t *testing.T) {
	for _, of := range []struct {
		what    string
		is, max uintptr
	}{
		{"Receiver", unsafe.Sizeof(Receiver{}), 576}, // a size class of the allocator
		{"Sender", unsafe.Sizeof(Sender{}), 128},
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
	if c.r.queue != nil {
		t.Errorf("a queue of capacity %d is kept when it is empty", cap(c.r.queue))
	}
}
