package chatscreen

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock/relay"
	"github.com/sealsock/sealsock/talk"
)

// A fakeStored is a file of a test.
type fakeStored struct {
	name string
	strings.Builder
}

func (f *fakeStored) Name() string  { return f.name }
func (f *fakeStored) Commit() error { return nil }
func (f *fakeStored) Close() error  { return nil }

// note waits for the next note about a file.
func (u *user) note() {
	u.update(u.m.awaitNote())
}

func offered(u *user, o *talk.FileOffer) {
	u.event(&talk.Event{Kind: talk.Offered, Member: bob, File: o})
}

// TestSendCommand: a file is offered, its progress is shown, and its end.
func TestSendCommand(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a file.txt")
	if err := os.WriteFile(path, make([]byte, 2048), 0o600); err != nil {
		t.Fatal(err)
	}
	u := newUser(t, 100, 24)
	u.types("/send " + path)
	u.shows("no other member is in the room")
	u.room.members = []talk.Member{bob}
	u.types("/send")
	u.shows("a file is missing")
	u.types("/send @carol " + path)
	u.shows("no member is called carol")
	u.types("/send " + filepath.Dir(path))
	u.shows("is no file")
	u.types("/send " + path + "x")
	u.shows("does not exist")

	u.types("/send @bob " + path)
	u.shows("a file.txt (2.0 KiB) is offered to 1")
	for u.m.files.Moving() == "" { // until it is read
		time.Sleep(time.Millisecond)
	}
	u.types("/quit")
	u.shows("/quit again leaves without it")
	if u.quit {
		t.Error("the first /quit has ended a transfer")
	}
	u.room.files <- func() error { return nil }
	u.note()
	u.shows("bob has received a file.txt")

	u.types("/send " + path)
	u.types("/stop 2")
	u.note()
	u.shows("2: a file.txt (2.0 KiB) to bob: stopped")
	u.types("/send " + path)
	u.room.files <- func() error { return talk.ErrFileRefused }
	u.note()
	u.shows("3: a file.txt (2.0 KiB) to bob: the file was refused")
	u.types("/files")
	u.shows("no file is offered")
}

// TestAcceptCommand: nothing is received that the user has not accepted.
func TestAcceptCommand(t *testing.T) {
	u := newUser(t, 100, 24, bob)
	first := &talk.FileOffer{Name: "photo.png", Size: 4}
	offered(u, first)
	u.shows("bob offers photo.png (4 B): /accept 1 or /refuse 1")
	u.types("/accept 2")
	u.shows("no file has that number")
	u.types("/accept")
	u.shows("a number is missing")
	u.types("/accept 1")
	u.shows("receiving 1: photo.png (4 B) from bob as photo.png")
	u.types("/accept 1")
	u.shows("that file is on its way")
	u.shows("1: photo.png (4 B) from bob: 0 %")
	u.room.files <- func() error { return nil }
	u.note()
	u.shows("received photo.png (4 B) from bob")

	offered(u, &talk.FileOffer{Name: "b", Size: 4})
	u.types("/refuse 2")
	u.shows("refused: b")
	if reason := <-u.room.refused; !strings.Contains(reason, "declined") {
		t.Error(reason)
	}
	gone := &talk.FileOffer{Name: "gone", Size: 4}
	offered(u, gone)
	u.event(&talk.Event{Kind: talk.Left, Member: talk.Member{ID: relay.MemberID{9}}})
	u.types("/files")
	u.shows("gone (4 B) from bob")
	u.event(&talk.Event{Kind: talk.Left, Member: bob})
	u.types("/accept 3")
	u.shows("no file has that number")

	third := &talk.FileOffer{Name: "c", Size: 4}
	offered(u, third)
	u.event(&talk.Event{Kind: talk.Withdrawn, Member: bob, File: third})
	u.shows("bob has taken back the offer of c")
	u.types("/accept 4")
	u.shows("no file has that number")

	offered(u, &talk.FileOffer{Name: "d", Size: 4})
	u.types("/accept 5")
	u.room.files <- func() error { return errors.New("talk: the checksum differs") }
	u.note()
	u.shows("5: d (4 B) from bob: the checksum differs")

	offered(u, &talk.FileOffer{Name: "e", Size: 4})
	u.types("/accept 6")
	u.room.files <- func() error { return errors.Join(talk.ErrFileUnconfirmed, context.Canceled) }
	u.note()
	u.shows("received e (4 B) from bob")
	u.note()
	u.shows("6: e (4 B) from bob: the file is stored")
}

// TestOffersAreData: names of files control no terminal, and offers are bounded.
func TestOffersAreData(t *testing.T) {
	u := newUser(t, 100, 24, bob)
	hostile := &talk.FileOffer{Name: "a\x1b[2J\u202eb", Size: 4}
	for _, text := range []string{u.m.files.Offered(bob, hostile), u.m.files.Withdrawn(bob, hostile)} {
		if text == "" || strings.ContainsAny(text, "\x1b\u202e") { // as lines have it
			t.Errorf("%q", text)
		}
	}
	offered(u, hostile)
	u.hides("\x1b[2J")
	u.hides("\u202e")
	for range maxListed {
		offered(u, &talk.FileOffer{Name: "x", Size: 4})
	}
	if u.shows("which was refused: too many files wait"); t.Failed() {
		return // nothing is refused
	}
	if reason := <-u.room.refused; reason != "too many files wait" {
		t.Error(reason)
	}
	u.m.files.Create = nil // as for a script
	offered(u, &talk.FileOffer{Name: "x", Size: 4})
	u.shows("bob offered x (4 B), which was refused: the member takes no files here")
	if reason := <-u.room.refused; reason != "the member takes no files here" {
		t.Error(reason)
	}
}

// TestEnding: leaving ends what the user has offered, so it is named, also if no answer has come.
func TestEnding(t *testing.T) {
	own := &fileItem{number: 1, name: "x", size: 5, member: "bob"}
	offered := &fileItem{number: 2, name: "y", size: 5, member: "bob", offer: new(talk.FileOffer)}
	f := &Files{items: []*fileItem{offered}}
	if got := f.ending(); got != "" {
		t.Errorf("the offer of another member: %q", got)
	}
	f.items = append(f.items, own)
	if got := f.ending(); got != "1: x (5 B) to bob: not accepted yet" || f.Moving() != "" {
		t.Errorf("%q, %q on its way", got, f.Moving())
	}
}
