package talk

import (
	"testing"
	"time"

	"github.com/sealsock/sealsock/internal/relaytest"
)

// TestEventsAreBounded: whatever a relay or a member causes, few events wait for a program that
// does not receive them. A member joins when there is a place for it.
func TestEventsAreBounded(t *testing.T) {
	q := newQueue()
	stop := make(chan struct{})
	for range maxTexts {
		q.put(&Event{Kind: Joined}, stop)
	}
	close(stop)
	q.put(&Event{Kind: Joined}, stop)
	q.put(&Event{Kind: Text}, stop)
	if q.reserve(stop) {
		t.Error("another member has joined")
	}
	for range maxEvents {
		for _, kind := range []EventKind{
			Away, Back, Refused, Lost, Connected, Suspect, Irregular, Crowded} {
			q.put(&Event{Kind: kind}, nil)
		}
	}
	if n := len(q.list); n != maxEvents {
		t.Errorf("%d events wait, want %d", n, maxEvents)
	}
	q.put(&Event{Kind: Left}, nil) // which is not dropped, because a member is listed that joined
	kinds := make(map[EventKind]int)
	for range maxEvents + 1 {
		e, err := q.get(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		kinds[e.Kind]++
	}
	if kinds[Joined] != maxTexts || kinds[Left] != 1 || len(q.texts) != 0 {
		t.Errorf("%v, and %d places are taken", kinds, len(q.texts))
	}
}

// TestPeersAreBounded: members that join and leave while a program receives no events cost it no
// more than a bound.
func TestPeersAreBounded(t *testing.T) {
	const members = 3
	f := relaytest.New(t)
	invitation := invite(t)
	a := enter(t, Options{Invitation: invitation, Dial: f.Dial, Name: "a", Members: members})
	for range maxTexts {
		a.events.texts <- struct{}{}
	}
	for range 4 * members {
		b := enter(t, Options{Invitation: invitation, Dial: f.Dial, Name: "b", Members: 2})
		for paired := time.Now(); len(b.Members()) == 0 && time.Since(paired) < time.Second/2; {
			time.Sleep(time.Millisecond)
		}
		leave(b, 0)
	}
	a.mu.Lock()
	n := len(a.peers)
	a.mu.Unlock()
	if n > 2*members {
		t.Errorf("%d peers", n)
	}
	for range maxTexts {
		a.events.release()
	}
	await(t, a, Left)
}

// TestReceivedIsFreed: an event that was received takes no memory any more.
func TestReceivedIsFreed(t *testing.T) {
	q := newQueue()
	for range 2 {
		q.put(&Event{Kind: Text}, nil)
	}
	list := q.list
	q.next()
	if list[0] != nil || list[1] == nil {
		t.Errorf("the list has %v", list)
	}
}
