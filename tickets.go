package sealsock

import (
	"container/list"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
)

// A TicketKey seals tickets. Its zero value is no key: it seals nothing and opens
// nothing, so an entry of TicketKeys that was never set is skipped. It never prints.
type TicketKey struct {
	// secret is nil for no key. It is a function, of which package fmt prints the
	// address: it calls no method on unexported fields, and prints arrays.
	secret func() *ticketSecret
}

// A ticketSecret is a key and what follows from it, which is computed once.
type ticketSecret struct {
	key  [32]byte
	once sync.Once
	name [16]byte
	aead cipher.AEAD
	err  error
}

// NewTicketKey makes a key of 32 random bytes, which a fleet may share. 32 zero
// bytes are what an unset variable holds, so they make no key.
func NewTicketKey(secret [32]byte) TicketKey {
	if subtle.ConstantTimeCompare(secret[:], make([]byte, len(secret))) == 1 {
		return TicketKey{}
	}
	t := &ticketSecret{key: secret}
	return TicketKey{func() *ticketSecret { return t }}
}

// Valid reports whether k is a key, and not the zero value.
func (k TicketKey) Valid() bool { return k.secret != nil }

// Format prints [redacted] for every verb, so that no output or log shows the key.
func (TicketKey) Format(s fmt.State, _ rune) { io.WriteString(s, "[redacted]") }

// sealing returns the AEAD of tickets and the name that identifies in a ticket the key that
// it is sealed with. The name reveals nothing about the key.
func (k *TicketKey) sealing() (name *[16]byte, aead cipher.AEAD, err error) {
	t := k.secret()
	t.once.Do(func() {
		h := sha256.New()
		h.Write([]byte("sealsock ticket key name\x00"))
		h.Write(t.key[:])
		t.name = [16]byte(h.Sum(nil))
		var block cipher.Block
		if block, t.err = aes.NewCipher(t.key[:]); t.err == nil {
			t.aead, t.err = cipher.NewGCMWithRandomNonce(block)
		}
	})
	return &t.name, t.aead, t.err
}

// TicketKeys is where ticket keys come from, for a fleet that shares them.
type TicketKeys interface {
	// TicketKeys returns the key to seal with, and behind it those that old
	// tickets may be sealed with. Of these, zero keys are skipped; without a key to
	// seal with, no ticket can be made. It must not block for long.
	TicketKeys(now time.Time) []TicketKey
}

// SealTickets returns tickets that carry their session, sealed with keys. The
// server keeps no memory of them, so a ticket may be used more than once.
func SealTickets(keys TicketKeys, now func() time.Time) engine.Tickets {
	if now == nil {
		now = time.Now
	}
	return &sealedTickets{keys: keys, now: now}
}

type sealedTickets struct {
	keys TicketKeys
	now  func() time.Time
}

// Issue makes name, nonce, and the session under AES-256-GCM.
func (t *sealedTickets) Issue(s *engine.Session) ([]byte, error) {
	keys := t.keys.TicketKeys(t.now())
	if len(keys) == 0 || !keys[0].Valid() {
		return nil, errors.New("there is no ticket key for encryption: " +
			"the first of TicketKeys is missing or not set")
	}
	plain, err := s.Marshal()
	if err != nil {
		return nil, err
	}
	name, aead, err := keys[0].sealing()
	if err != nil {
		return nil, err
	}
	ticket := append(make([]byte, 0, len(name)+aead.Overhead()+len(plain)), name[:]...)
	return aead.Seal(ticket, nil, plain, name[:]), nil
}

// Redeem opens a ticket. One that no current key opens is not an error: it returns nil.
func (t *sealedTickets) Redeem(ticket []byte) (*engine.Session, error) {
	if len(ticket) < 16 {
		return nil, nil
	}
	for _, key := range t.keys.TicketKeys(t.now()) {
		if !key.Valid() {
			continue
		}
		name, aead, err := key.sealing()
		if err != nil {
			return nil, err
		}
		if [16]byte(ticket[:16]) != *name {
			continue
		}
		plain, err := aead.Open(nil, nil, ticket[16:], name[:])
		if err != nil {
			return nil, nil
		}
		s, err := engine.ParseSession(plain)
		if err != nil {
			return nil, nil // sealed by another version of this package
		}
		return s, nil
	}
	return nil, nil
}

// RotatingKeys is TicketKeys for one process: random keys, a new one each
// Period, and the old ones for as long as tickets may live. The zero value is
// ready to use.
type RotatingKeys struct {
	// Period is how long one key seals; 0 means 12 hours.
	Period time.Duration
	// Lifetime is how long tickets live; 0 means a day.
	Lifetime time.Duration

	mu  sync.Mutex // held while a key is made
	now atomic.Pointer[rotation]
}

// A rotation is the keys of a RotatingKeys for a time. It does not change.
type rotation struct {
	keys []TicketKey
	born []time.Time
}

// serves reports whether no key is due at a time.
func (r *rotation) serves(now time.Time, period time.Duration) bool {
	return r != nil && now.Sub(r.born[0]) < period
}

// TicketKeys implements TicketKeys.
func (r *RotatingKeys) TicketKeys(now time.Time) []TicketKey {
	if r == nil {
		return nil // no tickets
	}
	period, lifetime := r.Period, r.Lifetime
	if period <= 0 {
		period = 12 * time.Hour
	}
	if lifetime <= 0 {
		lifetime = 24 * time.Hour
	}
	// Each handshake with a ticket comes here, on all processors: it takes no lock.
	if r := r.now.Load(); r.serves(now, period) {
		return r.keys
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	old := r.now.Load()
	if old.serves(now, period) {
		return old.keys
	}
	var secret [32]byte
	rand.Read(secret[:])
	next := &rotation{[]TicketKey{NewTicketKey(secret)}, []time.Time{now}}
	for i := 0; old != nil && i < len(old.keys); i++ {
		if now.Sub(old.born[i]) < period+lifetime {
			next.keys, next.born = append(next.keys, old.keys[i]), append(next.born, old.born[i])
		}
	}
	r.now.Store(next)
	return next.keys
}

// KeepTickets returns tickets that are names of sessions in this process's
// memory, at most max of them. Each can be used once; those of TLS 1.2, where a
// resumed connection brings no new ticket, until they expire.
func KeepTickets(max int) engine.Tickets { return &keptTickets{sessions: fifo[[16]byte]{max: max}} }

type keptTickets struct {
	mu       sync.Mutex
	sessions fifo[[16]byte]
}

// Issue remembers the session under a random name.
func (t *keptTickets) Issue(s *engine.Session) ([]byte, error) {
	var key [16]byte
	rand.Read(key[:])
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sessions.put(key, s)
	return key[:], nil
}

// Redeem forgets the session as it gives it out.
func (t *keptTickets) Redeem(ticket []byte) (*engine.Session, error) {
	if len(ticket) != 16 {
		return nil, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	key := [16]byte(ticket)
	s := t.sessions.get(key)
	if s != nil && s.Version >= iana.TLS13 {
		t.sessions.remove(key)
	}
	return s, nil
}

// KeepSessionIDs returns a memory of the sessions of TLS 1.2 clients that resume
// by session ID, at most max of them, in this process.
func KeepSessionIDs(max int) engine.SessionIDs { return &keptIDs{sessions: fifo[string]{max: max}} }

type keptIDs struct {
	mu       sync.Mutex
	sessions fifo[string]
}

// Store remembers a session under its ID.
func (k *keptIDs) Store(id []byte, s *engine.Session) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.sessions.put(string(id), s)
	return nil
}

// Load returns the session of an ID, or nil.
func (k *keptIDs) Load(id []byte) (*engine.Session, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.sessions.get(string(id)), nil
}

// Forget drops the session of an ID.
func (k *keptIDs) Forget(id []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.sessions.remove(string(id))
}

// A fifo holds at most max sessions by their keys. The one that was put first makes room
// for a new one, and a session that was removed takes no room.
type fifo[K comparable] struct {
	max   int
	byKey map[K]*list.Element
	order list.List // of *fifoEntry, the oldest first
}

type fifoEntry[K comparable] struct {
	key     K
	session *engine.Session
}

func (f *fifo[K]) put(key K, s *engine.Session) {
	f.remove(key)
	if f.byKey == nil {
		f.byKey = map[K]*list.Element{}
	}
	for f.order.Len() >= max(f.max, 1) {
		f.remove(f.order.Front().Value.(*fifoEntry[K]).key)
	}
	f.byKey[key] = f.order.PushBack(&fifoEntry[K]{key, s})
}

func (f *fifo[K]) get(key K) *engine.Session {
	if e := f.byKey[key]; e != nil {
		return e.Value.(*fifoEntry[K]).session
	}
	return nil
}

func (f *fifo[K]) remove(key K) {
	if e := f.byKey[key]; e != nil {
		f.order.Remove(e)
		delete(f.byKey, key)
	}
}

// NewAntiReplay returns a memory of 0-RTT attempts, at most max of them within
// its window of time. When it is full it refuses, and the data comes again after
// the handshake. It also refuses for a window's length after it was made: a
// server that was restarted does not know what it accepted before. 0-RTT data
// with an external pre-shared key is refused: the time of such an attempt is not
// known, so a window does not help. If the clock is set back, everything is refused until
// it shows a time again whose attempts are all remembered. RFC 9846, Section 8.2.
func NewAntiReplay(max int, now func() time.Time) engine.AntiReplay { return newReplayMemory(max, now) }

func newReplayMemory(max int, now func() time.Time) *replayMemory {
	if now == nil {
		now = time.Now
	}
	start := now()
	return &replayMemory{
		max: max, now: now, made: start, since: start, floor: start.Round(0).Add(replayWindow),
		seen: map[[32]byte]time.Time{},
	}
}

// replayWindow is longer than the engine lets a ticket's age be off, twice.
const replayWindow = 30 * time.Second

// A replayMemory judges by the wall clock, as the engine does with the age of a ticket:
// an attempt is remembered until no wall clock time is left at which it could come again.
// By the monotonic clock it would be forgotten earlier if the wall clock is set back.
type replayMemory struct {
	max   int
	now   func() time.Time
	made  time.Time
	since time.Time // before it, anything may have been accepted

	mu    sync.Mutex
	seen  map[[32]byte]time.Time // until when, by the wall clock
	floor time.Time              // at wall clock times before it, attempts may be forgotten
	swept time.Time
}

// An olderTickets is a replayMemory for tickets that may be older than it, even if those that it
// was made with are not.
type olderTickets struct{ *replayMemory }

// Fresh implements engine.AntiReplay.
func (m olderTickets) Fresh(id []byte, until time.Time) bool {
	now := m.now()
	if now.Sub(m.made) < replayWindow || now.Round(0).Before(m.made.Round(0).Add(replayWindow)) {
		return false
	}
	return m.replayMemory.Fresh(id, until)
}

// Fresh implements engine.AntiReplay.
func (m *replayMemory) Fresh(id []byte, until time.Time) bool {
	key := sha256.Sum256(id)
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	wall := now.Round(0) // without the monotonic clock
	if until.IsZero() || now.Sub(m.since) < replayWindow || wall.Before(m.floor) {
		return false
	}
	if now.Sub(m.swept) > time.Second {
		m.swept = now
		for k, t := range m.seen {
			if !wall.After(t) {
				continue
			}
			delete(m.seen, k)
			if t.After(m.floor) {
				m.floor = t // the clock may be set back to before it
			}
		}
	}
	if _, known := m.seen[key]; known || len(m.seen) >= m.max {
		return false
	}
	m.seen[key] = until.Round(0)
	return true
}
