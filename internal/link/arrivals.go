package link

import "errors"

// What a relay, or the network, does to the packets of a member. None of it loses data.
var (
	// ErrLost: packets did not arrive.
	ErrLost = errors.New("the relay lost messages of the member, which are sent again")
	// ErrRepeated: a packet arrived again.
	ErrRepeated = errors.New("the relay repeated a message of the member, which counts once")
	// ErrReordered: a packet arrived behind later ones.
	ErrReordered = errors.New("the relay changed the order of messages, which was restored")
)

// arrivals detects packets that are missing, repeated, or out of order. Each packet has a number
// of its own, also one that sends data again. Each error is returned once between two calls of
// restart, so that a relay cannot make many.
type arrivals struct {
	next   uint64 // the number of the next packet
	window uint64 // bit i: next-1-i has arrived
	anew   bool   // packets may have been lost with a connection to the relay
	told   [3]bool
}

// restart is called when the way between the two members is a new one.
func (a *arrivals) restart() { a.anew, a.told = true, [3]bool{} }

// note takes the number of a packet that arrived.
func (a *arrivals) note(count uint64) error {
	if count >= a.next {
		gap := count - a.next
		a.window = a.window<<(gap+1) | 1 // 1 for a gap of 63 and more
		a.next = count + 1
		excused := a.anew
		a.anew = false
		if gap == 0 || excused {
			return nil
		}
		return a.tell(0, ErrLost)
	}
	behind := a.next - 1 - count
	if behind >= 64 || a.window&(1<<behind) != 0 {
		return a.tell(1, ErrRepeated)
	}
	a.window |= 1 << behind
	return a.tell(2, ErrReordered)
}

// again takes the number of a packet, and reports whether it had arrived before.
func (a *arrivals) again(count uint64) bool {
	a.told = [3]bool{}
	return a.note(count) == ErrRepeated
}

func (a *arrivals) tell(kind int, err error) error {
	if a.told[kind] {
		return nil
	}
	a.told[kind] = true
	return err
}
