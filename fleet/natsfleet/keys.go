package natsfleet

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/crypto/chacha20poly1305"

	"github.com/sealsock/sealsock"
)

// A key is a ticket key of the fleet, and when it begins to seal, in seconds since 1970.
type key struct {
	from   int64
	secret [32]byte
}

const (
	keySize = 8 + 32
	// mostKeys bounds the keys of a fleet. With the defaults there are four.
	mostKeys = 64
	maxList  = 1 + mostKeys*keySize + chacha20poly1305.NonceSizeX + chacha20poly1305.Overhead
	// keyName is the key of the list in its bucket.
	keyName = "tickets"
)

// TicketKeys implements sealsock.TicketKeys. The first key is one of the fleet as long as NATS is
// there, and otherwise one of this member. The clock of the fleet is that of NATS: a member whose
// own clock is wrong has the same keys as the others.
func (m *Member) TicketKeys(now time.Time) []sealsock.TicketKey {
	if m == nil || m.nc == nil {
		return nil
	}
	own := m.own.TicketKeys(now)
	m.mu.Lock()
	defer m.mu.Unlock()
	list := make([]sealsock.TicketKey, 0, len(own)+len(m.keys))
	sealing := m.sealing(now)
	if sealing >= 0 {
		list = append(list, m.ticketKey(m.keys[sealing]))
	}
	list = append(list, own...)
	for i, k := range m.keys {
		if i != sealing && m.opens(k, now.Add(-m.ahead)) {
			list = append(list, m.ticketKey(k))
		}
	}
	return list
}

// sealing returns the index of the key of the fleet that seals, or -1. The caller holds m.mu.
func (m *Member) sealing(now time.Time) int {
	if !m.state.Shared {
		return -1
	}
	return sealingKey(m.keys, now.Add(-m.ahead))
}

// ticketKey returns the TicketKey of a key, the same one each time: it computes its AEAD once.
// The caller holds m.mu.
func (m *Member) ticketKey(k key) sealsock.TicketKey {
	made, ok := m.made[k]
	if !ok {
		if m.made == nil {
			m.made = map[key]sealsock.TicketKey{}
		}
		made = sealsock.NewTicketKey(k.secret)
		m.made[k] = made
	}
	return made
}

// setKeys replaces the keys, and forgets the TicketKeys of those that are gone. The caller holds
// m.mu.
func (m *Member) setKeys(keys []key) {
	m.keys = keys
	maps.DeleteFunc(m.made, func(k key, _ sealsock.TicketKey) bool {
		return !slices.Contains(keys, k)
	})
}

// sealingKey returns the index of the latest key that has begun to seal, or -1.
func sealingKey(keys []key, now time.Time) int {
	for i, k := range slices.Backward(keys) {
		if k.from <= now.Unix() {
			return i
		}
	}
	return -1
}

// opens reports whether tickets of a key may be valid still.
func (m *Member) opens(k key, now time.Time) bool {
	return now.Before(time.Unix(k.from, 0).Add(m.opts.Period + m.opts.Lifetime))
}

// lead is how long before its use a key is made, so that all members learn it.
func (m *Member) lead() time.Duration { return min(m.opts.Period/4, 10*time.Minute) }

// exchangeKeys returns the keys of the fleet, with those that only this member knows, and with
// the next one if it is due. It stores them if they are not what it found. The clock of this member
// is ahead of that of NATS.
func (m *Member) exchangeKeys(
	ctx context.Context, kv jetstream.KeyValue, ahead time.Duration,
) ([]key, error) {
	for {
		var stored []key
		e, err := kv.Get(ctx, keyName)
		if err == nil {
			stored, err = m.openList(e.Value())
		} else if errors.Is(err, jetstream.ErrKeyNotFound) {
			err = nil
		}
		if err != nil {
			return nil, err
		}
		m.mu.Lock()
		keys := m.next(merge(stored, m.keys), time.Now().Add(-ahead))
		m.mu.Unlock()
		if slices.Equal(keys, stored) {
			return keys, nil
		}
		list, err := m.sealList(keys)
		if err != nil {
			return nil, err
		}
		if e == nil {
			_, err = kv.Create(ctx, keyName, list)
		} else {
			_, err = kv.Update(ctx, keyName, list, e.Revision())
		}
		if !overtaken(err) {
			return keys, err
		}
	}
}

// overtaken reports whether another member has stored something meanwhile. A bucket with replicas
// has another code for that.
func overtaken(err error) bool {
	var api *jetstream.APIError
	return errors.Is(err, jetstream.ErrKeyExists) ||
		errors.As(err, &api) && (api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence ||
			api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}

// merge returns the keys of both lists, the earliest first.
func merge(a, b []key) []key {
	all := slices.Concat(a, b)
	slices.SortFunc(all, func(a, b key) int {
		return cmp.Or(cmp.Compare(a.from, b.from), bytes.Compare(a.secret[:], b.secret[:]))
	})
	return slices.Compact(all)
}

// next removes the keys that have expired, and adds the next one if it is due. A key that begins
// later than the next one can is of a wrong clock: it would keep the fleet from the next one.
func (m *Member) next(keys []key, now time.Time) []key {
	latest := now.Add(m.opts.Period).Unix()
	keys = slices.DeleteFunc(keys, func(k key) bool {
		return !m.opens(k, now) || k.from > latest
	})
	from := now
	if len(keys) > 0 {
		last := time.Unix(keys[len(keys)-1].from, 0).Add(m.opts.Period)
		if last.Sub(now) > m.lead() {
			return bounded(keys)
		}
		if last.After(from) {
			from = last
		}
	}
	k := key{from: from.Unix()}
	rand.Read(k.secret[:]) // never fails
	return bounded(append(keys, k))
}

// bounded returns the latest keys.
func bounded(keys []key) []key { return keys[max(0, len(keys)-mostKeys):] }

// sealList encrypts a list of keys: a version, and for each key its time and its secret.
func (m *Member) sealList(keys []key) ([]byte, error) {
	plain := []byte{1}
	for _, k := range keys {
		plain = append(binary.BigEndian.AppendUint64(plain, uint64(k.from)), k.secret[:]...)
	}
	return m.seal(plain, keyName)
}

var errForged = errors.New("the stored ticket keys were not made with the secret of the fleet, " +
	"or were altered")

// openList decrypts a list of keys.
func (m *Member) openList(b []byte) ([]key, error) {
	plain, err := m.open(b, keyName)
	if err != nil {
		return nil, errForged
	}
	return parseList(plain)
}

func parseList(plain []byte) (keys []key, err error) {
	if len(plain) == 0 || plain[0] != 1 || (len(plain)-1)%keySize != 0 ||
		len(plain)-1 > mostKeys*keySize {
		return nil, fmt.Errorf("the stored ticket keys are of another version of this package")
	}
	for plain = plain[1:]; len(plain) > 0; plain = plain[keySize:] {
		keys = append(keys, key{int64(binary.BigEndian.Uint64(plain)), [32]byte(plain[8:])})
	}
	return keys, nil
}

// seal encrypts what NATS carries, for one purpose.
func (m *Member) seal(plain []byte, purpose string) ([]byte, error) {
	aead, err := chacha20poly1305.NewX(m.sealKey)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+len(plain)+aead.Overhead())
	rand.Read(nonce) // never fails
	return aead.Seal(nonce, nonce, plain, []byte(purpose)), nil
}

// open decrypts what seal returned.
func (m *Member) open(b []byte, purpose string) ([]byte, error) {
	aead, err := chacha20poly1305.NewX(m.sealKey)
	if err != nil || len(b) < aead.NonceSize() {
		return nil, errForged
	}
	return aead.Open(nil, b[:aead.NonceSize()], b[aead.NonceSize():], []byte(purpose))
}
