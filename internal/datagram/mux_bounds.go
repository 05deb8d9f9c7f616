package datagram

// BoundUnproved makes the connections whose addresses are not proved at most half of places,
// the handshakes that may be under way: forged ClientHellos leave room for the others. It is
// called before the first Accept.
func (m *Mux) BoundUnproved(places int) {
	m.mostUnproved = max(1, min(m.mostUnproved, places/2))
}

// enter adds a connection, unless there are too many. One with a proof takes the place of old,
// which has none and ends.
func (m *Mux) enter(path *muxPath) (entered bool, old *muxPath) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed || m.count >= maxConns || path.alone && m.unproved >= m.mostUnproved {
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
		m.unproved++
	}
	return true, old
}

// proved stops to count a connection among those without a proof. The Mux is locked.
func (p *muxPath) proved() {
	if p.alone {
		p.alone = false
		p.mux.unproved--
	}
}
