package chatscreen

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/sealsock/sealsock/talk"
)

// A fakeRoom is a room of a test.
type fakeRoom struct {
	members  []talk.Member
	sent     []string
	failure  error
	verified []talk.Member
	refused  chan string
	files    chan func() error // what SendFile and ReceiveFile return
}

func (f *fakeRoom) SendFile(
	ctx context.Context, to talk.Member, name string, size int64, content io.Reader,
) error {
	b, err := io.ReadAll(content)
	if err != nil || int64(len(b)) != size {
		return fmt.Errorf("%d bytes of %d, %v", len(b), size, err)
	}
	select {
	case result := <-f.files:
		return result()
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (f *fakeRoom) ReceiveFile(_ context.Context, _ *talk.FileOffer, sink talk.FileSink) error {
	result := (<-f.files)()
	if result != nil && !errors.Is(result, talk.ErrFileUnconfirmed) {
		return result
	}
	sink.Write([]byte("half"))
	return errors.Join(result, sink.Commit())
}

func (f *fakeRoom) RefuseFile(_ context.Context, _ *talk.FileOffer, reason string) error {
	f.refused <- reason
	return nil
}

func (f *fakeRoom) Send(_ context.Context, text string) (int, error) {
	f.sent = append(f.sent, text)
	return len(f.members), f.failure
}

func (f *fakeRoom) Receive(ctx context.Context) (*talk.Event, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (f *fakeRoom) Members() []talk.Member { return f.members }

func (f *fakeRoom) Verify(m talk.Member) error {
	f.verified = append(f.verified, m)
	return f.failure
}

// A user is a test's user of a model.
type user struct {
	t    *testing.T
	m    *model
	room *fakeRoom
	quit bool
}

func newUser(t *testing.T, width, height int, members ...talk.Member) *user {
	room := &fakeRoom{members: members, refused: make(chan string, 9),
		files: make(chan func() error)}
	m := newModel(t.Context(), Options{
		Create: func(_ context.Context, name string, size int64) (Stored, error) {
			return &fakeStored{name: name}, nil
		},
		Room: room, Name: "alice", Now: func() time.Time { return time.Time{} },
		Describe: func(e *talk.Event) string { return fmt.Sprint(e.Member.Name, " event ", e.Err) },
	})
	u := &user{t: t, m: m, room: room}
	t.Cleanup(m.close)
	u.update(tea.WindowSizeMsg{Width: width, Height: height})
	return u
}

// update gives the model a message, and runs the command that it returns, but for those
// that wait for events.
func (u *user) update(msg tea.Msg) {
	_, cmd := u.m.Update(msg)
	_, event := msg.(eventMsg)
	if _, note := msg.(noteMsg); event || note || cmd == nil {
		return // what waits for the next one
	}
	switch msg := cmd().(type) {
	case tea.QuitMsg:
		u.quit = true
	case sentMsg:
		u.update(msg)
	}
}

func (u *user) event(e *talk.Event) { u.update(eventMsg{event: e}) }

func (u *user) types(text string) {
	for _, c := range text {
		u.update(tea.KeyPressMsg{Code: c, Text: string(c)})
	}
	u.update(tea.KeyPressMsg{Code: tea.KeyEnter})
}

func (u *user) press(code rune, mod tea.KeyMod) { u.update(tea.KeyPressMsg{Code: code, Mod: mod}) }

func (u *user) screen() string { return ansi.Strip(u.m.text()) }

func (u *user) shows(want string) {
	u.t.Helper()
	if !strings.Contains(u.screen(), want) {
		u.t.Errorf("the screen does not show %q:\n%s", want, u.screen())
	}
}

func (u *user) hides(text string) {
	u.t.Helper()
	if strings.Contains(u.m.text(), text) {
		u.t.Errorf("the screen shows %q:\n%s", text, u.screen())
	}
}

var bob = talk.Member{Name: "bob", Words: "acid acorn actor adult agent", FirstUse: true}

func text(from, text string) *talk.Event {
	return &talk.Event{Kind: talk.Text, Member: talk.Member{Name: from}, Text: text}
}

// TestTalk: what is typed is sent and shown, and what is received is shown.
func TestTalk(t *testing.T) {
	u := newUser(t, 80, 24, bob)
	u.event(&talk.Event{Kind: talk.Joined, Member: bob})
	u.types("hello bob")
	u.event(text("bob", "hello alice"))
	u.shows("alice: hello bob")
	u.shows("bob: hello alice")
	u.shows("? bob")
	u.shows("seal chat: alice and 1 other member ")
	if len(u.room.sent) != 1 || u.room.sent[0] != "hello bob" {
		t.Errorf("sent %q", u.room.sent)
	}
	u.types("//usr/bin")
	if len(u.room.sent) != 2 || u.room.sent[1] != "/usr/bin" {
		t.Errorf("sent %q", u.room.sent)
	}
	u.types("")
	if len(u.room.sent) != 2 {
		t.Error("an empty line was sent")
	}
}

// TestTextsAreData: neither a text nor a name nor an error controls the terminal, begins a row
// of its own, or is a command.
func TestTextsAreData(t *testing.T) {
	u := newUser(t, 80, 24, bob)
	const evil = "\x1b[2J\x1b]52;c;eA==\x07\u202eevil\r\nalice: forged"
	u.event(text("bob", evil))
	u.event(&talk.Event{Kind: talk.Refused, Member: bob, Err: errors.New(evil)})
	for _, part := range []string{"\x1b[2J", "\x1b]", "\x07", "\u202e", "\r"} {
		u.hides(part)
	}
	if strings.Contains(u.screen(), "\nalice: forged") {
		t.Errorf("a text begins a row:\n%s", u.screen())
	}
	// Nor does a text that is wrapped, wherever the row ends.
	wrapped := false
	for n := range 80 {
		u.event(text("bob", strings.Repeat("x", n)+" 00:00 alice: forged"))
		if strings.Contains(u.screen(), "\n00:00 alice: forged") {
			t.Fatalf("a text looks like another's:\n%s", u.screen())
		}
		wrapped = wrapped || strings.Contains(u.screen(), "\n"+indent+"00:00 alice: forged")
	}
	if !wrapped {
		t.Error("no text was wrapped in front of a time")
	}
	u.event(text("bob", "/quit"))
	u.shows("bob: /quit")
	if u.quit || len(u.room.sent) > 0 {
		t.Error("a text was a command")
	}
}

// TestVerifyCommand: a member is verified after its words were shown, and only that member.
func TestVerifyCommand(t *testing.T) {
	u := newUser(t, 80, 24, bob)
	u.types("/verify bob yes")
	u.shows("compare the words first")
	u.types("/verify bob")
	u.shows(bob.Words)
	u.types("/verify eve")
	u.shows("no member is called eve")
	another := bob
	another.Words = "another member of that name"
	u.room.members = []talk.Member{another}
	u.types("/verify bob yes")
	if len(u.room.verified) != 1 || u.room.verified[0] != bob {
		t.Errorf("verified %+v, want the member whose words were shown", u.room.verified)
	}
	u.types("/verify bob yes")
	if len(u.room.verified) != 1 {
		t.Error("verified without new words")
	}
	u.types("/who")
	u.shows("bob: not verified, met for the first time")
	u.types("/nonsense")
	u.shows("/nonsense is no command")
	u.types("/verify")
	u.shows("a name is missing")
	u.types("/help")
	u.shows("//TEXT")
	if len(u.room.sent) > 0 {
		t.Errorf("commands were sent: %q", u.room.sent)
	}
}

// TestAlarmStays: the warning about a changed key stays until the user has seen it.
func TestAlarmStays(t *testing.T) {
	u := newUser(t, 80, 10, bob)
	u.event(&talk.Event{Kind: talk.Refused, Member: bob, Err: errors.New("another key")})
	for i := range 50 {
		u.event(text("bob", fmt.Sprint("line ", i)))
	}
	u.shows("WARNING: bob event another key (Esc)")
	// What a relay can cause does not replace it.
	for range 3 {
		u.event(&talk.Event{Kind: talk.Suspect, Member: bob, Err: errors.New("forged")})
	}
	u.shows("WARNING: bob event another key (Esc, 1 more)")
	u.press(tea.KeyEscape, 0)
	u.shows("WARNING: bob event forged (Esc)")
	u.press(tea.KeyEscape, 0)
	u.hides("(Esc")
	for i := range 10 * maxAlarms {
		u.event(&talk.Event{Kind: talk.Suspect, Member: bob, Err: errors.New(fmt.Sprint(i))})
	}
	if n := len(u.m.alarms); n != maxAlarms {
		t.Errorf("%d warnings wait, want %d", n, maxAlarms)
	}
}

// TestNoticesRemoveNoTexts: what a relay can cause without end does not push texts out of the
// history.
func TestNoticesRemoveNoTexts(t *testing.T) {
	u := newUser(t, 40, 13, bob)
	for i := range 10 {
		u.event(text("bob", fmt.Sprint("kept ", i)))
	}
	for range maxEntries {
		u.event(&talk.Event{Kind: talk.Suspect, Member: bob, Err: errors.New("forged")})
		u.event(&talk.Event{Kind: talk.Away, Member: bob})
		u.event(&talk.Event{Kind: talk.Back, Member: bob})
	}
	h := &u.m.history
	texts, bytes := 0, 0
	for _, e := range h.entries {
		bytes += len(e.text)
		if !e.isNotice() {
			texts++
		}
	}
	if texts != 10 || len(h.entries) != 10+maxNotices || h.notices != maxNotices || h.bytes != bytes {
		t.Errorf("%d texts of 10; %d entries, %d notices, %d bytes and not %d", texts, len(h.entries),
			h.notices, h.bytes, bytes)
	}
}

// TestHistory: the history scrolls, stays where the user reads, and is bounded.
func TestHistory(t *testing.T) {
	u := newUser(t, 40, 13, bob)
	for i := range maxEntries + 500 {
		u.event(text("bob", fmt.Sprint("line ", i)))
	}
	if n := len(u.m.history.entries); n != maxEntries {
		t.Errorf("%d entries, want %d", n, maxEntries)
	}
	u.shows("line 2499")
	u.hides("line 2489")
	u.press(tea.KeyPgUp, 0)
	u.shows("line 2490")
	u.shows("9 rows below")
	u.event(text("bob", "new"))
	u.shows("line 2490")
	u.shows("10 rows below")
	for range 5000 {
		u.press(tea.KeyPgUp, 0)
	}
	u.shows("line 501")
	for range 5000 {
		u.press(tea.KeyPgDown, 0)
	}
	u.shows("bob: new")
	for range 40 {
		u.event(text("bob", strings.Repeat("x", talk.MaxText)))
	}
	if u.m.history.bytes > maxBytes || len(u.m.history.entries) < 10 {
		t.Errorf("%d bytes in %d entries", u.m.history.bytes, len(u.m.history.entries))
	}
}

// TestSizesOfScreen: each row fits the screen, at any size.
func TestSizesOfScreen(t *testing.T) {
	var members []talk.Member
	for i := range 49 {
		members = append(members, talk.Member{Name: fmt.Sprint("世界-member-with-a-name-", i)})
	}
	for _, size := range [][2]int{{1, 1}, {8, 4}, {30, 10}, {80, 24}, {200, 60}} {
		u := newUser(t, size[0], size[1], members...)
		u.event(&talk.Event{Kind: talk.Refused, Err: errors.New(strings.Repeat("long ", 60))})
		u.event(text("bob", strings.Repeat("世", 300)))
		u.types("/who")
		rows := strings.Split(u.screen(), "\n")
		if len(rows) != max(size[1], 1+rowsOfFrame) {
			t.Errorf("%v: %d rows", size, len(rows))
		}
		for _, row := range rows[:len(rows)-1] {
			if n := ansi.StringWidth(row); n > max(size[0], 8+len(indent)) {
				t.Errorf("%v: a row of %d columns: %q", size, n, row)
			}
		}
	}
}

// TestLeaving: the ways out, and the lines that are still to be sent.
func TestLeaving(t *testing.T) {
	u := newUser(t, 80, 24)
	u.types("to nobody")
	u.shows("no other member is in the room")
	u.press('d', tea.ModCtrl)
	if !u.quit || u.m.failed != nil {
		t.Errorf("Ctrl-D: %v, %v", u.quit, u.m.failed)
	}
	u = newUser(t, 80, 24, bob)
	u.press('c', tea.ModCtrl)
	if !u.quit || u.m.failed != ErrInterrupted {
		t.Errorf("Ctrl-C: %v, %v", u.quit, u.m.failed)
	}
	u = newUser(t, 80, 24, bob)
	u.m.pending = []string{"on its way"}
	u.types("/quit")
	if u.quit {
		t.Error("a line was dropped")
	}
	u.update(sentMsg{1, nil})
	if !u.quit {
		t.Error("it does not end after the last line")
	}
	u = newUser(t, 80, 24, bob)
	u.room.failure = errors.New("the relay is gone")
	u.types("text")
	u.shows("a line was not sent: the relay is gone")
	u.m.pending = make([]string, maxPending)
	u.types("more")
	u.shows("100 lines wait to be sent")
	if len(u.m.pending) != maxPending {
		t.Errorf("%d lines wait", len(u.m.pending))
	}
}
