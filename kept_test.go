package sealsock_test

import (
	"testing"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
)

// A ticket that was redeemed takes no room: the ones that are left stay.
func TestKeptTicketsUseTheirRoom(t *testing.T) {
	tickets := sealsock.KeepTickets(2)
	session := func(name string) *engine.Session {
		return &engine.Session{Version: iana.TLS13, ServerName: name}
	}
	issue := func(name string) []byte {
		ticket, err := tickets.Issue(session(name))
		if err != nil {
			t.Fatal(err)
		}
		return ticket
	}
	redeem := func(ticket []byte) string {
		s, err := tickets.Redeem(ticket)
		if err != nil {
			t.Fatal(err)
		}
		if s == nil {
			return ""
		}
		return s.ServerName
	}
	a, b := issue("a"), issue("b")
	if got := redeem(b); got != "b" {
		t.Fatalf("redeemed %q", got)
	}
	if got := redeem(b); got != "" {
		t.Errorf("a ticket is redeemed twice: %q", got)
	}
	c := issue("c")
	if got := redeem(a); got != "a" {
		t.Errorf("a live ticket was dropped while there was room: %q", got)
	}
	d, e := issue("d"), issue("e")
	if got := redeem(c) + redeem(d) + redeem(e); got != "de" {
		t.Errorf("two of three are kept, the latest: %q", got)
	}
}

// The same for session IDs: one that is stored again, or forgotten, takes no second place.
func TestKeptSessionIDsUseTheirRoom(t *testing.T) {
	ids := sealsock.KeepSessionIDs(2)
	store := func(id, name string) {
		s := &engine.Session{Version: iana.TLS12, ServerName: name}
		if err := ids.Store([]byte(id), s); err != nil {
			t.Fatal(err)
		}
	}
	load := func(id string) string {
		s, err := ids.Load([]byte(id))
		if err != nil {
			t.Fatal(err)
		}
		if s == nil {
			return ""
		}
		return s.ServerName
	}
	store("1", "a")
	store("2", "old")
	store("2", "b")
	if got := load("1") + load("2"); got != "ab" {
		t.Errorf("one ID stored twice drops another: %q", got)
	}
	ids.Forget([]byte("2"))
	store("3", "c")
	if got := load("1") + load("2") + load("3"); got != "ac" {
		t.Errorf("a forgotten ID takes room: %q", got)
	}
	store("4", "d")
	if got := load("1") + load("3") + load("4"); got != "cd" {
		t.Errorf("the oldest is not the one that goes: %q", got)
	}
}
