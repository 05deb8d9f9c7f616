package main

import (
	"crypto/rand"
	"time"

	"github.com/sealsock/sealsock/engine"
)

// A memory holds the state that persists between the connections of a test: the
// session of a client, the tickets of a server, and the clock.
type memory struct {
	session *engine.Session
	tickets map[string]*engine.Session
	byID    map[string]*engine.Session
	stored  bool      // something was put into byID
	clock   time.Time // advances only by sleep
}

func newMemory() *memory {
	return &memory{tickets: map[string]*engine.Session{}, byID: map[string]*engine.Session{}, clock: time.Now()}
}

func (m *memory) now() time.Time { return m.clock }

// sleep advances the clock without waiting.
func (m *memory) sleep(seconds int) { m.clock = m.clock.Add(time.Duration(seconds) * time.Second) }

// Issue implements engine.Tickets.
func (m *memory) Issue(s *engine.Session) ([]byte, error) {
	name := rand.Text()
	m.tickets[name] = s
	return []byte(name), nil
}

// Redeem implements engine.Tickets. A ticket may be used more than once, as
// BoringSSL's.
func (m *memory) Redeem(ticket []byte) (*engine.Session, error) {
	return m.tickets[string(ticket)], nil
}

// Store implements engine.SessionIDs.
func (m *memory) Store(id []byte, s *engine.Session) error {
	m.byID[string(id)], m.stored = s, true
	return nil
}

// Load implements engine.SessionIDs.
func (m *memory) Load(id []byte) (*engine.Session, error) { return m.byID[string(id)], nil }

func (m *memory) Forget(id []byte) { delete(m.byID, string(id)) }

// Fresh implements engine.AntiReplay: no test replays.
func (m *memory) Fresh([]byte, time.Time) bool { return true }
