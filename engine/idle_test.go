package engine

import (
	"testing"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/wire"
)

// checkIdle tests Idle against what Receive does without bytes: a Receiver that is idle only asks
// for more.
func checkIdle(t *testing.T, what string, r *Receiver, want bool) {
	t.Helper()
	if got := r.Idle(); got != want {
		t.Errorf("%s: idle is %v", what, got)
	}
	if !want {
		return
	}
	n, ev, err := r.Receive(nil)
	if n != 0 || ev.Kind != EventWantRead || !ev.Reply.Empty() || err != nil {
		t.Errorf("%s: an idle Receiver returned event %v, %v", what, ev.Kind, err)
	}
}

// TestIdle: a Receiver is idle between the records of an open connection, and not while it has
// something to do or waits for the rest of a message.
func TestIdle(t *testing.T) {
	checkIdle(t, "nil", nil, false)
	checkIdle(t, "the zero value", new(Receiver), false)
	client, server := resumable(t)
	c, s := newPair(t, client, server)
	checkIdle(t, "a client before its hello", c.r, false)
	checkIdle(t, "a server before the hello", s.r, false)
	if err := pump(c, s); err != nil {
		t.Fatal(err)
	}
	checkIdle(t, "an open client", c.r, true)
	checkIdle(t, "an open server", s.r, true)

	tickets, err := s.s.makeTickets(2)
	if err != nil {
		t.Fatal(err)
	}
	in := s.seal(t, iana.ContentHandshake, tickets)
	for len(in) > 0 {
		n, _, err := c.r.Receive(in)
		if in = in[n:]; err != nil {
			t.Fatal(err)
		}
	}
	for sessions := 0; sessions < 2; {
		checkIdle(t, "with tickets to report", c.r, false)
		_, ev, err := c.r.Receive(nil)
		switch {
		case err != nil || ev.Kind == EventWantRead:
			t.Fatalf("%d sessions, %v", sessions, err)
		case ev.Session != nil:
			sessions++
		}
	}
	checkIdle(t, "once they are reported", c.r, true)

	for i, part := range [][]byte{tickets[:wire.HeaderLen+1], tickets[wire.HeaderLen+1:]} {
		in := s.seal(t, iana.ContentHandshake, part)
		if n, _, err := c.r.Receive(in); err != nil || n != len(in) {
			t.Fatal(i, err)
		}
		checkIdle(t, "with a message, or a part of one", c.r, false)
	}
	c.r.Abort(ErrClosed)
	checkIdle(t, "after a failure", c.r, false)
}

// TestReceiveToNeedsAnEvent: without an Event, nothing is done, and the connection continues.
func TestReceiveToNeedsAnEvent(t *testing.T) {
	client, server := resumable(t)
	c, s := connect(t, client, server)
	in := c.seal(t, iana.ContentApplicationData, []byte("data"))
	if n, err := s.r.ReceiveTo(nil, nil, in); n != 0 || !misused(err) {
		t.Fatalf("%d bytes, %v", n, err)
	}
	ev := Event{Kind: EventWantRead, Need: 7}
	n, err := s.r.ReceiveTo(&ev, nil, in)
	if n != len(in) || err != nil || string(ev.Data) != "data" || ev.Need != 0 {
		t.Errorf("%d bytes, %v %d %q, %v", n, ev.Kind, ev.Need, ev.Data, err)
	}
	var none *Receiver
	if _, err := none.ReceiveTo(&ev, nil, in); !misused(err) || ev.Data != nil {
		t.Errorf("a nil Receiver: %q, %v", ev.Data, err)
	}
}
