package talk

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/sealsock/sealsock/internal/relaytest"
	"github.com/sealsock/sealsock/trust"
)

// TestVerify: a key that was compared is verified in other rooms too. Another key for the name
// is not, and nor is the same key under another name.
func TestVerify(t *testing.T) {
	verified, err := trust.OpenKnownPeers(filepath.Join(t.TempDir(), "verified"), nil)
	if err != nil {
		t.Fatal(err)
	}
	f := relaytest.New(t)
	bob := NewIdentity()
	meet := func(name string, id *Identity) (*Room, *Room, Member) {
		t.Helper()
		invitation := invite(t)
		a := enter(t, Options{Invitation: invitation, Dial: f.Dial, Name: "a", Verified: verified})
		b := enter(t, Options{Invitation: invitation, Dial: f.Dial, Name: name, Identity: id})
		await(t, b, Joined)
		return a, b, await(t, a, Joined).Member
	}
	a, b, m := meet("bob", bob)
	if m.Verified {
		t.Error("verified before it was compared")
	}
	other := m
	other.Words = "other words"
	if err := a.Verify(other); !errors.Is(err, ErrNoMember) {
		t.Errorf("other words: %v", err)
	}
	if err := a.Verify(m); err != nil || !a.Members()[0].Verified {
		t.Errorf("%v, %+v", err, a.Members())
	}
	leave(b, patience)
	await(t, a, Left)
	if err := a.Verify(m); !errors.Is(err, ErrNoMember) {
		t.Errorf("a member that has left: %v", err)
	}
	if _, _, m := meet("bob", bob); !m.Verified {
		t.Error("the key is not verified in another room")
	}
	if _, _, m := meet("bob", nil); m.Verified {
		t.Error("another key is verified for the name")
	}
	if _, _, m := meet("rob", bob); m.Verified {
		t.Error("the key is verified for another name")
	}
}
