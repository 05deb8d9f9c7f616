package main

import (
	"crypto/rand"
	"time"

	"github.com/sealsock/sealsock/engine"
)

// A memory is what lasts from one connection of a test to the next: the session
// of a client, the tickets of a server, and the clock.
type memory struct {
	session *engine.Session
	tickets map[string]*engine.Session
	byID    map[string]*engine.Session
	stored  bool      // something was put into byID
	clock   time.Time // stands still but for sleep
}

func newMemory() *memory {
	return &memory{tickets: map[string]*engine.Session{}, byID: map[string]*engine.Session{}, clock: time.Now()}
}

func (m *memory) now() time.Time { return m.clock }

// sleep lets seconds pass, in no time.
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
