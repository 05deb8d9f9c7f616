package talk

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock/internal/link"
	"github.com/sealsock/sealsock/internal/relaytest"
)

// three returns the rooms of three members. The second receives nothing, and the third everything.
func three(t *testing.T) (a, stalled *Room) {
	t.Helper()
	f := relaytest.New(t)
	invitation := invite(t)
	a = enter(t, Options{Invitation: invitation, Dial: f.Dial, Name: "a"})
	stalled = enter(t, Options{Invitation: invitation, Dial: f.Dial, Name: "b"})
	c := enter(t, Options{Invitation: invitation, Dial: f.Dial, Name: "c"})
	await(t, a, Joined)
	await(t, a, Joined)
	go func() {
		for {
			if _, err := c.Receive(context.Background()); err != nil {
				return
			}
		}
	}()
	return a, stalled
}

// fill sends to p, which is away, until there is no space for another text.
func fill(t *testing.T, a *Room, p *peer) {
	t.Helper()
	for len(p.frames) < maxWaiting || p.link.Unacknowledged() < link.Window {
		if len(p.frames) < maxWaiting {
			send(t, a, strings.Repeat("x", MaxText), 1)
		}
		time.Sleep(time.Millisecond)
	}
}

// TestStalledMember: a member that takes nothing does not keep the others from talking for ever,
// and it is told that it may lack texts.
func TestStalledMember(t *testing.T) {
	a, _ := three(t)
	a.slowest = 2 * time.Second // nothing was sent yet
	text := strings.Repeat("x", 10_000)
	for n := 2; n == 2; {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		var err error
		if n, err = a.Send(ctx, text); err != nil {
			t.Fatal("the others wait for a member that takes nothing: ", err)
		}
		cancel()
	}
	if e := await(t, a, Left); e.Member.Name != "b" || !errors.Is(e.Err, ErrSlow) ||
		!errors.Is(e.Err, ErrUnsent) {
		t.Errorf("%s has left: %v", e.Member.Name, e.Err)
	}
	send(t, a, "to the other", 1)
	err := leave(a, patience)
	if !errors.Is(err, ErrUnsent) || !strings.Contains(err.Error(), "talk: b has not") {
		t.Errorf("the end of a member without some texts was reported as %v", err)
	}
}

// TestSlowMemberStays: a member that takes texts slowly, and faster than the bound, stays.
func TestSlowMemberStays(t *testing.T) {
	p := &peer{room: &Room{slowest: time.Minute, connected: true}, frames: make(chan []byte, 1)}
	text := make([]byte, 2*leastRate)
	for range 1000 {
		if p.unfit(900 * time.Millisecond) {
			t.Fatal("it had to leave")
		}
		p.post(t.Context(), text)
		<-p.frames
	}
	p.room.connected = false
	for range 1000 {
		if p.unfit(time.Second) {
			t.Fatal("it had to leave while this side had no connection")
		}
	}
}

// TestCloseEndsSend: a Send that waits for a member does not keep Close from its end.
func TestCloseEndsSend(t *testing.T) {
	a, stalled := three(t)
	var p *peer
	for _, other := range a.present() {
		if other.link.Peer() == stalled.self {
			p = other
		}
	}
	waits := make(chan error, 1)
	go func() {
		for {
			if _, err := a.Send(context.Background(), strings.Repeat("x", 10_000)); err != nil {
				waits <- err
				return
			}
		}
	}()
	for posted := int64(-1); posted != p.posted.Load() || len(p.frames) < maxWaiting; {
		posted = p.posted.Load()
		time.Sleep(200 * time.Millisecond) // on a slower machine the test shows less
	}
	closed := make(chan error, 1)
	go func() { closed <- leave(a, 100*time.Millisecond) }()
	select {
	case err := <-closed:
		if !errors.Is(err, ErrUnsent) {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Fatal("Close waits for a Send that waits for a member")
	}
	if err := <-waits; !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

// TestLostTextsAreReported: Close reports texts to a member that was away and had to leave before,
// and to one that has to leave then.
func TestLostTextsAreReported(t *testing.T) {
	for _, before := range []bool{true, false} {
		f := relaytest.New(t)
		invitation := invite(t)
		a := enter(t, Options{Invitation: invitation, Dial: f.Dial, Name: "a"})
		b := enter(t, Options{Invitation: invitation, Dial: f.Dial, Name: "b"})
		await(t, a, Joined)
		b.hub.Close() // as if the process had been killed
		await(t, a, Away)
		fill(t, a, a.present()[0])
		if before {
			if n, err := a.Send(t.Context(), "too many"); n != 0 || err != nil {
				t.Error(n, err)
			}
			await(t, a, Left)
		}
		if err := leave(a, patience); !errors.Is(err, ErrUnsent) || !errors.Is(err, ErrAbsent) {
			t.Errorf("before: %v: %v", before, err)
		}
	}
}

// TestNothingIsLost: a member that leaves without a farewell, and to which no text was sent, lacks
// none, although it has not acknowledged everything.
func TestNothingIsLost(t *testing.T) {
	a, b, _ := two(t)
	p := a.present()[0]
	b.hub.Close() // as if the process had been killed
	await(t, a, Away)
	offers(t.Context(), a, "x", []byte("x"))
	for p.link.Unacknowledged() == 0 {
		time.Sleep(time.Millisecond)
	}
	p.end(ErrAbsent)
	if e := await(t, a, Left); !errors.Is(e.Err, ErrAbsent) || errors.Is(e.Err, ErrUnsent) {
		t.Error(e.Err)
	}
	if err := leave(a, patience); err != nil {
		t.Error(err)
	}
}
