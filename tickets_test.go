package sealsock_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
)

// keyList is a fixed list of ticket keys.
type keyList []sealsock.TicketKey

func (l keyList) TicketKeys(time.Time) []sealsock.TicketKey { return l }

// forgeTicket seals a session as SealTickets does with a key of 32 zero bytes. It needs
// no secret.
func forgeTicket(t *testing.T, session []byte) []byte {
	t.Helper()
	var zero [32]byte
	h := sha256.New()
	h.Write([]byte("sealsock ticket key name\x00"))
	h.Write(zero[:])
	name := h.Sum(nil)[:16]
	block, err := aes.NewCipher(zero[:])
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		t.Fatal(err)
	}
	return aead.Seal(name, nil, session, name)
}

// TestZeroTicketKeyIsNoKey: a rotation whose previous key is not set opens no ticket
// that was sealed with zeros, and an unset first key seals none.
func TestZeroTicketKeyIsNoKey(t *testing.T) {
	s := madeSession(t)
	plain, err := s.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	current, previous := sealsock.NewTicketKey([32]byte{1}), sealsock.TicketKey{}
	forged := forgeTicket(t, plain)
	for name, keys := range map[string]keyList{
		"previous is unset":     {current, previous},
		"only an unset key":     {previous},
		"previous is all zeros": {current, sealsock.NewTicketKey([32]byte{})},
	} {
		got, err := sealsock.SealTickets(keys, nil).Redeem(forged)
		if got != nil || err != nil {
			t.Errorf("%s: a forged ticket is opened: %v, %v", name, got, err)
		}
	}
	if ticket, err := sealsock.SealTickets(keyList{previous, current}, nil).Issue(s); err == nil {
		t.Errorf("an unset key seals a ticket of %d bytes", len(ticket))
	}
	ticket, err := sealsock.SealTickets(keyList{current, previous}, nil).Issue(s)
	if err != nil {
		t.Fatal(err)
	}
	got, err := sealsock.SealTickets(keyList{previous, current}, nil).Redeem(ticket)
	if got == nil || err != nil {
		t.Errorf("a ticket is not opened behind an unset key: %v", err)
	}
}

// madeSession returns a session as a server keeps it.
func madeSession(t *testing.T) *engine.Session {
	t.Helper()
	kept := new(keepLast)
	client, server := newConfigs(t)
	server.Tickets = kept
	a, b := socketPair(t, "unix")
	c, s := sealPair(t, a, b, client, server)
	defer c.Close()
	defer s.Close()
	exchangeBoth(t, c, s)
	if kept.session == nil {
		t.Fatal("no ticket was made")
	}
	return kept.session
}

// keepLast keeps the last session that a ticket was made of.
type keepLast struct{ session *engine.Session }

func (k *keepLast) Issue(s *engine.Session) ([]byte, error) {
	k.session = s
	return []byte("a ticket"), nil
}

func (k *keepLast) Redeem([]byte) (*engine.Session, error) { return k.session, nil }

// TestTicketKeysNeverPrintNested: package fmt calls no method on unexported fields.
func TestTicketKeysNeverPrintNested(t *testing.T) {
	secret := [32]byte([]byte("SECRETSECRETSECRETSECRETSECRETSE"))
	key := sealsock.NewTicketKey(secret)
	list := keyList{key, key}
	nested := struct {
		key     sealsock.TicketKey
		keys    []sealsock.TicketKey
		tickets engine.Tickets
		more    map[string]sealsock.TicketKey
	}{key, list, sealsock.SealTickets(list, nil), map[string]sealsock.TicketKey{"x": key}}
	var b bytes.Buffer
	for _, verb := range "vscdoqxXUeEfgGtbp" {
		fmt.Fprintf(&b, "%"+string(verb)+" %#"+string(verb)+"\n", nested, &nested)
	}
	slog.New(slog.NewTextHandler(&b, nil)).Info("x", "v", nested)
	slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "v", nested)
	for _, form := range []string{"SECRETSE", "53454352", "83 69 67 82", "0x53, 0x45", "'S' 'E'"} {
		if strings.Contains(b.String(), form) {
			t.Errorf("a ticket key is printed as %s", form)
		}
	}
}

// TestTicketKeysInParallel: those who ask at the same time get the same key, also when a new
// one is due.
func TestTicketKeysInParallel(t *testing.T) {
	var keys sealsock.RotatingKeys
	now := time.Unix(1_000_000_000, 0)
	for hour := range 100 {
		var got [8][]sealsock.TicketKey
		var done sync.WaitGroup
		for i := range got {
			done.Go(func() { got[i] = keys.TicketKeys(now.Add(time.Duration(hour) * time.Hour)) })
		}
		done.Wait()
		for _, k := range got {
			if len(k) == 0 || len(k) > 4 || &k[0] != &got[0][0] {
				t.Fatalf("in hour %d there are %d keys, or others", hour, len(k))
			}
		}
	}
}
