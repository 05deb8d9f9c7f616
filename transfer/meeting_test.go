package transfer

import (
	"encoding/binary"
	"testing"

	"github.com/sealsock/sealsock/relay"
)

// TestMeetingIsBounded: a relay that names members without end fills no memory, and one that names
// a member again and again causes no greetings.
func TestMeetingIsBounded(t *testing.T) {
	m := &meeting{members: make(map[relay.MemberID]bool), changed: make(chan struct{}, 1)}
	m.joined(relay.MemberID{1})
	<-m.changed
	m.joined(relay.MemberID{1})
	if len(m.changed) > 0 {
		t.Error("a member that is known is a change")
	}
	for i := range uint32(2 * meetMembers) {
		var id relay.MemberID
		binary.BigEndian.PutUint32(id[:], i)
		m.joined(id)
	}
	if n := len(m.others()); n != meetMembers {
		t.Errorf("%d members are remembered", n)
	}
}
