package talk

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sealsock/sealsock/internal/relaytest"
)

const (
	crowd     = 50
	crowdEach = 5 // texts of each member
	// crowdMemory is more than a room of 50 members costs, with both ends of its 1,225 pairs and
	// the relay in one process: 150 to 230 KiB for an end.
	crowdMemory = 2 * 1225 * (256 << 10)
)

// TestRoomOfFifty: in a full room each text arrives once and in order at all others, everyone
// knows who is there and who has left, one more member finds no place, and the memory is bounded.
func TestRoomOfFifty(t *testing.T) {
	f := relaytest.New(t)
	invitation := invite(t)
	before := heap()
	var rooms []*Room
	var joining sync.WaitGroup
	for i := range crowd {
		rooms = append(rooms, enter(t, Options{Invitation: invitation, Dial: f.Dial,
			Name: fmt.Sprintf("member-%d", i)}))
	}
	for _, r := range rooms {
		joining.Go(func() {
			for range crowd - 1 {
				if _, err := receive(t, r, Joined); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	joining.Wait()
	if t.Failed() {
		return
	}
	for i, r := range rooms {
		if n := len(r.Members()); n != crowd-1 {
			t.Errorf("member %d knows %d others", i, n)
		}
	}
	late := Options{Invitation: invitation, Dial: f.Dial, Name: "late"}
	if r, err := Join(t.Context(), late); err == nil {
		t.Error("a member too many has joined")
		leave(r, 0)
	}
	everyoneTalks(t, rooms)
	used := heap() - before
	t.Logf("%d MiB for %d members and %d pairs", used>>20, crowd, crowd*(crowd-1)/2)
	if used > crowdMemory {
		t.Errorf("the room costs %d MiB, more than %d", used>>20, crowdMemory>>20)
	}
	const gone = 7
	if err := leave(rooms[gone], patience); err != nil {
		t.Error(err)
	}
	for i, r := range rooms {
		if i == gone {
			continue
		}
		e, err := receive(t, r, Left, Away)
		if err != nil || e.Member.Name != "member-7" || e.Err != nil {
			t.Errorf("member %d: %+v, %v", i, e, err)
		}
		if n := len(r.Members()); n != crowd-2 {
			t.Errorf("member %d knows %d others", i, n)
		}
	}
}

// everyoneTalks has all members send and receive at the same time.
func everyoneTalks(t *testing.T, rooms []*Room) {
	var talking sync.WaitGroup
	for i, r := range rooms {
		talking.Go(func() {
			for n := range crowdEach {
				text := fmt.Sprintf("%d %d", i, n)
				if to, err := r.Send(t.Context(), text); err != nil || to != crowd-1 {
					t.Errorf("a text went to %d: %v", to, err)
				}
			}
		})
		talking.Go(func() {
			next := make(map[string]int)
			for range (crowd - 1) * crowdEach {
				e, err := receive(t, r, Text)
				if err != nil {
					t.Error(err)
					return
				}
				from := strings.TrimPrefix(e.Member.Name, "member-")
				if want := fmt.Sprintf("%s %d", from, next[from]); e.Text != want {
					t.Errorf("member %d received %q, want %q", i, e.Text, want)
				}
				next[from]++
			}
		})
	}
	talking.Wait()
}

// receive returns the next event, which has to be of a kind, but for those about the way to the
// relay and the kinds that may come before it.
func receive(t *testing.T, r *Room, kind EventKind, before ...EventKind) (*Event, error) {
	for {
		e, err := r.Receive(t.Context())
		switch {
		case err != nil:
			return nil, err
		case e.Kind == kind:
			return e, nil
		case e.Kind != Connected && e.Kind != Irregular && !slices.Contains(before, e.Kind):
			return e, fmt.Errorf("an event of kind %d, want %d: %v", e.Kind, kind, e.Err)
		}
	}
}

// heap is the memory in use.
func heap() int64 {
	runtime.GC()
	runtime.GC() // pools keep what they have for one more
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
