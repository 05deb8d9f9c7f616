package talk

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sealsock/sealsock/internal/relaytest"
	"github.com/sealsock/sealsock/relay"
)

// A hostileRelay changes every fifth payload.
type hostileRelay struct {
	do    func(h *hostileRelay, m *relay.Message) []*relay.Message
	count int
	held  *relay.Message
	ids   []relay.MemberID
}

func (h *hostileRelay) tamper(m *relay.Message) []*relay.Message {
	if m.Kind != relay.KindDeliver {
		h.ids = append(append(h.ids, m.Members...), m.Member)
		return []*relay.Message{m}
	}
	if held := h.held; held != nil {
		h.held = nil
		return []*relay.Message{m, held}
	}
	if h.count++; h.count%5 != 0 {
		return []*relay.Message{m}
	}
	return h.do(h, m)
}

// altered returns a copy of a message with another payload.
func altered(m *relay.Message) *relay.Message {
	other := *m
	other.Payload = slices.Clone(m.Payload)
	other.Payload[len(other.Payload)/2] ^= 1
	return &other
}

// other returns a member that is not the sender.
func (h *hostileRelay) other(than relay.MemberID) relay.MemberID {
	for _, id := range h.ids {
		if id != than && id != (relay.MemberID{}) {
			return id
		}
	}
	return relay.MemberID{1}
}

// hostilities are what a relay can do to messages, and how its members are told.
var hostilities = map[string]struct {
	do   func(h *hostileRelay, m *relay.Message) []*relay.Message
	kind EventKind
	told string
}{
	"alters": {func(_ *hostileRelay, m *relay.Message) []*relay.Message {
		return []*relay.Message{altered(m)}
	}, Suspect, "program altered it"},
	"injects": {func(_ *hostileRelay, m *relay.Message) []*relay.Message {
		return []*relay.Message{m, altered(m)}
	}, Suspect, "program made it"},
	"swaps senders": {func(h *hostileRelay, m *relay.Message) []*relay.Message {
		other := *m
		other.Member = h.other(m.Member)
		return []*relay.Message{&other}
	}, Suspect, "as that of another member"},
	"drops": {func(_ *hostileRelay, m *relay.Message) []*relay.Message {
		return nil
	}, Irregular, "lost messages"},
	"repeats": {func(_ *hostileRelay, m *relay.Message) []*relay.Message {
		return []*relay.Message{m, m}
	}, Irregular, "repeated a message"},
	"reorders": {func(h *hostileRelay, m *relay.Message) []*relay.Message {
		h.held = m
		return nil
	}, Irregular, "changed the order"},
}

// TestHostilities: whatever a relay does to messages, texts arrive once and in order, and the
// members are told what it did.
func TestHostilities(t *testing.T) {
	for name, hostility := range hostilities {
		t.Run(name, func(t *testing.T) {
			f := relaytest.New(t)
			f.Tamper = (&hostileRelay{do: hostility.do}).tamper
			invitation := invite(t)
			a := enter(t, Options{Invitation: invitation, Dial: f.Dial, Name: "a"})
			b := enter(t, Options{Invitation: invitation, Dial: f.Dial, Name: "b"})
			told := hears(t, a, Joined, hostility.told, hostility.kind)
			told = hears(t, b, Joined, hostility.told, hostility.kind) || told
			for next := 0; next < 20 || !told && next < 200; next++ {
				send(t, a, fmt.Sprint(next), 1)
				told = hears(t, b, Text, hostility.told, hostility.kind, fmt.Sprint(next)) || told
			}
			if !told {
				t.Errorf("the members were not told of %q", hostility.told)
			}
		})
	}
}

// hears receives until an event of a kind, whose text must be the one given, and reports whether
// an event of the kind that tells has a reason on the way.
func hears(t *testing.T, r *Room, until EventKind, reason string, tells EventKind,
	text ...string) (told bool) {
	t.Helper()
	for {
		e, err := r.Receive(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if e.Kind == tells && strings.Contains(e.Err.Error(), reason) {
			told = true
		}
		if e.Kind != until {
			continue
		}
		if len(text) > 0 && e.Text != text[0] {
			t.Fatalf("%q arrived, want %q", e.Text, text[0])
		}
		return told
	}
}
