package sealsock

import (
	"crypto/subtle"
	"crypto/tls"
	"reflect"
	"sync/atomic"
	"time"
)

// standardServers is how many servers a MemoryCache remembers that replaces a
// ClientSessionCache: the default of crypto/tls's own.
const standardServers = 64

// standardSessions sets the fields for resumption from those of std.
func (c *Config) standardSessions(std *tls.Config) {
	//lint:ignore SA1019 servers that were set up with one still share it.
	key := std.SessionTicketKey
	switch {
	case std.SessionTicketsDisabled:
		c.NumTickets, c.NoTickets = -1, true
		return
	case len((&setKeys{std: std}).TicketKeys(time.Time{})) > 0:
		c.Tickets = SealTickets(&setKeys{std: std}, std.Time)
	case subtle.ConstantTimeCompare(key[:len(notSet)], notSet) == 1:
	case NewTicketKey(key).Valid():
		c.Tickets = SealTickets(sharedKey{NewTicketKey(key)}, std.Time)
	}
	if std.ClientSessionCache != nil {
		c.Sessions = NewMemoryCache(standardServers)
	}
}

// notSet is how a SessionTicketKey begins that a server of crypto/tls has put there
// itself; it uses no such key.
var notSet = []byte("DEPRECATED")

// sharedKey is the one key of a SessionTicketKey, which is never changed.
type sharedKey [1]TicketKey

// TicketKeys implements TicketKeys.
func (k sharedKey) TicketKeys(time.Time) []TicketKey { return k[:] }

// setKeys are the keys that SetSessionTicketKeys has set, now. The keys of a call are kept for
// later ones, because a TicketKey computes its AEAD once.
type setKeys struct {
	std  *tls.Config
	made atomic.Pointer[madeKeys]
}

// madeKeys are keys that were made of a list in a tls.Config.
type madeKeys struct {
	list reflect.Value // kept, so that no other list has its address
	keys []TicketKey
}

// TicketKeys implements TicketKeys. Package crypto/tls has no exported way to read the keys of
// SetSessionTicketKeys. Clone copies their slice under the lock that SetSessionTicketKeys holds,
// which replaces the slice and does not change its elements. TestFromStandardTicketKeys fails if
// the fields are not there any more.
func (k *setKeys) TicketKeys(time.Time) []TicketKey {
	list := reflect.ValueOf(k.std.Clone()).Elem().FieldByName("sessionTicketKeys")
	if list.Kind() != reflect.Slice {
		return nil
	}
	made := k.made.Load()
	if made == nil || made.list.Pointer() != list.Pointer() {
		made = &madeKeys{list, ticketKeysOf(list)}
		k.made.Store(made)
	}
	return made.keys
}

// ticketKeysOf returns keys that are made of those in list: the same ones on each server that
// has set the same.
func ticketKeysOf(list reflect.Value) []TicketKey {
	var keys []TicketKey
	for i := range list.Len() {
		var secret []byte
		for _, name := range []string{"aesKey", "hmacKey"} {
			half := list.Index(i).FieldByName(name)
			for j := range half.Len() {
				secret = append(secret, byte(half.Index(j).Uint()))
			}
		}
		keys = append(keys, NewTicketKey([32]byte(secret)))
	}
	return keys
}
