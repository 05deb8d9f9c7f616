package datagram

import (
	"slices"
	"time"
)

// BoundUnproved makes the connections whose addresses are not proved at most half of places,
// the handshakes that may be under way: forged ClientHellos leave room for the others. It is
// called before the first Accept.
func (m *Mux) BoundUnproved(places int) {
	m.mostUnproved = max(1, min(m.mostUnproved, places/2))
}

// placeTime is how long a connection without a proof keeps its place while others wait for one. The
// answer of a client that receives at its address takes a round trip, of which 2 s are many. Who
// forges addresses has to send 128 ClientHellos a second to hold all places, and each of the others
// then competes for them with each ClientHello that it sends again.
const placeTime = 2 * time.Second

// A place is that of a connection without a proof.
type place struct {
	path  *muxPath
	since time.Time
}

// enter adds a connection, unless there are too many. It takes the place of old, which has no proof
// and ends, if it has a proof itself, or if old has not proved its address in time.
func (m *Mux) enter(path *muxPath, now time.Time) (entered bool, old *muxPath) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed || m.count >= maxConns || path.alone && !m.hasPlace(now) {
		return false, nil
	}
	switch p := m.conns[path.peer]; {
	case p == nil:
		m.conns[path.peer] = &pair{conn: path}
	case p.next != nil && (path.alone || !p.next.alone):
		return false, nil
	default:
		old, p.next = p.next, path
	}
	m.count++
	if path.alone {
		if len(m.unproved) >= m.mostUnproved { // then there is no other old one
			old = m.unproved[0].path
			old.late = true
			old.proved()
		}
		m.unproved = append(m.unproved, place{path, now})
	}
	return true, old
}

// hasPlace reports whether there is a place without a proof, or one whose time is over. The Mux is
// locked.
func (m *Mux) hasPlace(now time.Time) bool {
	return len(m.unproved) < m.mostUnproved || now.Sub(m.unproved[0].since) >= placeTime
}

// ended returns the error of a connection whose place another one has.
func (p *muxPath) ended() error {
	if p.late {
		return errUnproved
	}
	return errReplaced
}

// reached notes that the peer receives at its address.
func (p *muxPath) reached() {
	p.mux.mu.Lock()
	defer p.mux.mu.Unlock()
	p.proved()
}

// proved stops to count a connection among those without a proof. The Mux is locked.
func (p *muxPath) proved() {
	if !p.alone {
		return
	}
	p.alone = false
	m := p.mux
	m.unproved = slices.DeleteFunc(m.unproved, func(at place) bool { return at.path == p })
}
