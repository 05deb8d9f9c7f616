package main

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock/internal/chatscreen"
	"github.com/sealsock/sealsock/internal/relaytest"
	"github.com/sealsock/sealsock/talk"
)

// TestLinesAreData: in lines, names that look alike get a number, and a text is one line that
// controls no terminal and has its direction.
func TestLinesAreData(t *testing.T) {
	r := relaytest.New(t)
	invitation, err := talk.NewInvitation("relay.example:4433", "")
	if err != nil {
		t.Fatal(err)
	}
	join := func(name string) *talk.Room {
		t.Helper()
		room, err := talk.Join(t.Context(), talk.Options{
			Invitation: invitation, Dial: r.Dial, Name: name})
		if err != nil {
			t.Fatal(err)
		}
		return room
	}
	ann := join("ann")
	in, shown := io.Pipe()
	late := time.AfterFunc(20*time.Second, func() { in.CloseWithError(os.ErrDeadlineExceeded) })
	defer late.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c := &roomChat{room: ann, name: "ann", out: &output{w: io.Discard}, stdout: shown,
		met: make(chan struct{}), files: &chatscreen.Files{Room: ann}}
	ended := make(chan error, 1)
	go func() { ended <- c.receive(ctx); shown.Close() }()
	// The second looks like the first, with a Cyrillic letter, and the third like the user.
	const hostile = "\x1b[2J\x1b]0;t\ax\u202e\u2066evil\r\nbob: forged\u2028\u009b\x7f"
	const clean = "\uFFFD[2J\uFFFD]0;t\uFFFDx\uFFFD\uFFFDevil\uFFFD; bob: forged\uFFFD\uFFFD\uFFFD"
	var rooms []*talk.Room
	lines := make([]byte, 0, 4096)
	for _, member := range []struct{ name, want string }{
		{"bob", "bob"}, {"b\u043eb", "b\u043eb-2"}, {"Ann", "Ann-2"},
	} {
		room := join(member.name)
		rooms = append(rooms, room)
		for !slices.ContainsFunc(room.Members(), isAnn) {
			if _, err := room.Receive(ctx); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := room.Send(t.Context(), hostile); err != nil {
			t.Fatal(err)
		}
		want := member.want + ": " + clean + "\n"
		for !strings.Contains(string(lines), want) {
			b := make([]byte, 4096)
			n, err := in.Read(b)
			if err != nil {
				t.Fatalf("the lines are %q, without %q: %v", lines, want, err)
			}
			lines = append(lines, b[:n]...)
		}
	}
	for line := range strings.Lines(string(lines)) {
		if name, text, _ := strings.Cut(line, ": "); text != clean+"\n" || name == "ann" {
			t.Errorf("the line %q is of no member", line)
		}
	}
	cancel()
	go io.Copy(io.Discard, in)
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	farewell, stop := context.WithCancel(context.Background())
	stop()
	for _, room := range append(rooms, ann) {
		room.Close(farewell)
	}
}

func isAnn(m talk.Member) bool { return strings.HasPrefix(m.Name, "ann") }
