package datagram

import (
	"crypto/rand"
	"slices"

	"github.com/sealsock/sealsock/engine"
)

// identified returns the path of the connection whose connection ID a datagram begins with; nil
// if there is none. The ID is in the clear and proves nothing: the connection discards what is
// not authentic.
func (m *Mux) identified(datagram []byte) *muxPath {
	id := connectionID(datagram, m.idLen)
	if id == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ids[string(id)]
}

// connectionID returns the connection ID of n bytes of the first record; nil if it has none. RFC
// 9146, Section 4, and RFC 9147, Section 4:
//
//	tls12_cid(1) version(2) epoch(2) number(6) cid(n)
//	0 0 1 1 S L E E                            cid(n)
func connectionID(datagram []byte, n int) []byte {
	const tls12cid, at12, at13 = 25, 11, 1
	switch {
	case n == 0 || len(datagram) < at13+n:
		return nil
	case datagram[0]>>4 == 0b0011:
		return datagram[at13:][:n]
	case datagram[0] == tls12cid && len(datagram) >= at12+n:
		return datagram[at12:][:n]
	}
	return nil
}

// ConnectionIDs returns what makes the connection IDs of a connection of a Mux; nil if it has
// none.
func (c *Conn) ConnectionIDs() engine.ConnectionIDs {
	if p, ok := c.path.(*muxPath); ok && p.mux.idLen > 0 {
		return (*issuer)(p)
	}
	return nil
}

// An issuer makes the connection IDs of a path, which no other one of the Mux has.
type issuer muxPath

// Issue implements engine.ConnectionIDs.
func (i *issuer) Issue() []byte {
	m := i.mux
	id := make([]byte, m.idLen)
	m.mu.Lock()
	defer m.mu.Unlock()
	if i.gone {
		return nil
	}
	for range issueTries {
		rand.Read(id)
		if key := string(id); m.ids[key] == nil {
			m.ids[key] = (*muxPath)(i)
			i.ids = append(i.ids, key)
			return id
		}
	}
	return nil // they are short, and nearly all are in use: the connection does without
}

// issueTries bounds the search for an ID that is free.
const issueTries = 16

// Retire implements engine.ConnectionIDs.
func (i *issuer) Retire(id []byte) {
	m := i.mux
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ids[string(id)] != (*muxPath)(i) {
		return // it was forgotten, and another connection may have the ID by now
	}
	delete(m.ids, string(id))
	i.ids = slices.DeleteFunc(i.ids, func(own string) bool { return own == string(id) })
}

// move notes that the peer has proved another address. From the one before, another peer may
// begin a connection.
func (p *muxPath) move(to route) {
	p.mux.mu.Lock()
	defer p.mux.mu.Unlock()
	p.mux.leave(p)
	p.moved.Store(&to)
}
