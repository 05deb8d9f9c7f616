package sealsock

import (
	"crypto/subtle"
	"crypto/tls"
	"reflect"
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
	case len(setTicketKeys(std)) > 0:
		c.Tickets = SealTickets(&setKeys{std}, std.Time)
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

// setKeys are the keys that SetSessionTicketKeys has set, now.
type setKeys struct{ std *tls.Config }

// TicketKeys implements TicketKeys.
func (k *setKeys) TicketKeys(time.Time) []TicketKey { return setTicketKeys(k.std) }

// setTicketKeys returns keys that are made of those that SetSessionTicketKeys has set: the
// same ones on each server that has set the same. Package crypto/tls has no exported way to
// read them. Clone copies them under the lock that SetSessionTicketKeys holds.
// TestFromStandardTicketKeys fails if the fields are not there any more.
func setTicketKeys(std *tls.Config) []TicketKey {
	list := reflect.ValueOf(std.Clone()).Elem().FieldByName("sessionTicketKeys")
	if list.Kind() != reflect.Slice {
		return nil
	}
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
