package talk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sealsock/sealsock/internal/relaytest"
	"github.com/sealsock/sealsock/relay"
	"github.com/sealsock/sealsock/trust"
)

const patience = 40 * time.Second

func invite(t testing.TB) *Invitation {
	t.Helper()
	i, err := NewInvitation("relay.test:4433", "")
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func enter(t testing.TB, opts Options) *Room {
	t.Helper()
	r, err := Join(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { leave(r, 0) })
	return r
}

func leave(r *Room, wait time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	return r.Close(ctx)
}

// await receives until an event of the kind, and returns it.
func await(t testing.TB, r *Room, kind EventKind) *Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		e, err := r.Receive(ctx)
		if err != nil {
			t.Fatalf("no event of kind %d: %v", kind, err)
		}
		if e.Kind == kind {
			return e
		}
		if e.Kind == Refused {
			t.Fatal(e.Err)
		}
	}
}

func send(t testing.TB, r *Room, text string, to int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if n, err := r.Send(ctx, text); n != to || err != nil {
		t.Fatalf("sent to %d, %v", n, err)
	}
}

// A recorder keeps what goes to and from a relay.
type recorder struct {
	net.Conn
	mu   *sync.Mutex
	seen *bytes.Buffer
}

func (r recorder) Read(p []byte) (int, error) {
	n, err := r.Conn.Read(p)
	r.keep(p[:n])
	return n, err
}

func (r recorder) Write(p []byte) (int, error) {
	r.keep(p)
	return r.Conn.Write(p)
}

func (r recorder) keep(p []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen.Write(p)
}

// TestRelayReadsNothing: two members talk, compare their words, and leave, and the relay has
// seen neither texts nor names nor keys nor the secret, and only few sizes.
func TestRelayReadsNothing(t *testing.T) {
	f := relaytest.New(t)
	var mu sync.Mutex
	var seen bytes.Buffer
	f.Wrap = func(c net.Conn) net.Conn { return recorder{c, &mu, &seen} }
	invitation := invite(t)
	id := NewIdentity()
	a := enter(t, Options{Invitation: invitation, Dial: f.Dial, Name: "Annabella", Identity: id})
	b := enter(t, Options{Invitation: invitation, Dial: f.Dial, Name: "Bartholomew"})
	atA, atB := await(t, a, Joined).Member, await(t, b, Joined).Member
	if atA.Name != "Bartholomew" || atB.Name != "Annabella" {
		t.Error(atA, atB)
	}
	if atA.Words != atB.Words || len(strings.Fields(atA.Words)) != wordCount {
		t.Errorf("words %q and %q", atA.Words, atB.Words)
	}
	const text = "a text that the relay must not see"
	send(t, a, text, 1)
	if e := await(t, b, Text); e.Text != text || e.Member.Name != "Annabella" {
		t.Errorf("%+v", e)
	}
	if err := leave(a, patience); err != nil {
		t.Error(err)
	}
	if e := await(t, b, Left); e.Err != nil || e.Member.Name != "Annabella" {
		t.Errorf("%+v", e)
	}
	mu.Lock()
	defer mu.Unlock()
	for name, secret := range map[string][]byte{
		"the text": []byte(text), "a name": []byte("Annabella"), "the other name": []byte("Barthol"),
		"the key": id.Public(), "the secret": invitation.secret(),
		"the pair's key": invitation.derive("pair"), "the link's key": invitation.linkKey(),
	} {
		if bytes.Contains(seen.Bytes(), secret) {
			t.Errorf("the relay has seen %s", name)
		}
	}
	if room := invitation.room(); !bytes.Contains(seen.Bytes(), room[:]) {
		t.Error("the recording is not one")
	}
}

// TestRoomOverRestarts: five members send while the relay is killed and started three times.
// Each text arrives at each other member once and in the order of its sender.
func TestRoomOverRestarts(t *testing.T) {
	const members, texts = 5, 60
	f := relaytest.New(t)
	invitation := invite(t)
	rooms := make([]*Room, members)
	for i := range rooms {
		rooms[i] = enter(t, Options{Invitation: invitation, Dial: f.Dial, Name: fmt.Sprint("m", i)})
	}
	for _, r := range rooms {
		for range members - 1 {
			await(t, r, Joined)
		}
	}
	var wg sync.WaitGroup
	for i, r := range rooms {
		wg.Go(func() {
			for n := range texts {
				send(t, r, fmt.Sprint("m", i, " ", n), members-1)
				time.Sleep(2 * time.Millisecond)
			}
		})
		wg.Go(func() {
			next := make(map[string]int)
			for range (members - 1) * texts {
				e := await(t, r, Text)
				want := fmt.Sprint(e.Member.Name, " ", next[e.Member.Name])
				if next[e.Member.Name]++; e.Text != want {
					t.Errorf("%q, want %q", e.Text, want)
				}
			}
		})
	}
	for range 3 {
		time.Sleep(30 * time.Millisecond)
		f.Restart(true)
		time.Sleep(10 * time.Millisecond)
		f.Restart(false)
	}
	wg.Wait()
}

// TestHostileRelay: a relay that alters messages is reported, and nothing else happens.
func TestHostileRelay(t *testing.T) {
	f := relaytest.New(t)
	count := 0
	f.Tamper = func(m *relay.Message) []*relay.Message {
		if count++; m.Kind == relay.KindDeliver && count%7 == 0 {
			m.Payload[len(m.Payload)/2] ^= 1
		}
		return []*relay.Message{m}
	}
	invitation := invite(t)
	a := enter(t, Options{Invitation: invitation, Dial: f.Dial, Name: "a"})
	b := enter(t, Options{Invitation: invitation, Dial: f.Dial, Name: "b"})
	await(t, a, Joined)
	await(t, b, Joined)
	suspect := false
	for next := range 30 {
		send(t, a, fmt.Sprint(next), 1)
		for arrived := false; !arrived; {
			e, err := b.Receive(t.Context())
			switch {
			case err != nil:
				t.Fatal(err)
			case e.Kind == Suspect:
				suspect = suspect || strings.Contains(e.Err.Error(), "not authentic")
			case e.Kind == Text && e.Text != fmt.Sprint(next):
				t.Fatalf("%q, want %d", e.Text, next)
			case e.Kind == Text:
				arrived = true
			}
		}
	}
	if !suspect {
		t.Error("it was not reported")
	}
}

// TestWrongSecret: who does not have the secret meets no member, not even if the relay
// moves it into the room.
func TestWrongSecret(t *testing.T) {
	f := relaytest.New(t)
	right, wrong := invite(t), invite(t)
	if right.room() == wrong.room() {
		t.Fatal("the rooms are the same")
	}
	a := enter(t, Options{Invitation: right, Dial: f.Dial, Name: "a"})
	conn, err := f.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	m, err := relay.Join(t.Context(), conn, right.room(), relay.NewToken())
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	go func() {
		for {
			if _, err := m.Receive(); err != nil {
				return
			}
		}
	}()
	for range 3 {
		if err := m.Send(a.self, bytes.Repeat([]byte{1}, 300)); err != nil {
			t.Fatal(err)
		}
	}
	if e := await(t, a, Suspect); !strings.Contains(e.Err.Error(), "not authentic") {
		t.Error(e.Err)
	}
	if n, err := a.Send(t.Context(), "x"); n != 0 || err != nil {
		t.Errorf("sent to %d, %v", n, err)
	}
}

// TestChangedKey: a name with another key than the one that is remembered is refused, also
// if it only looks like that name; the same key is accepted again.
func TestChangedKey(t *testing.T) {
	known, err := trust.OpenKnownPeers(filepath.Join(t.TempDir(), "known"), nil)
	if err != nil {
		t.Fatal(err)
	}
	f := relaytest.New(t)
	bob := NewIdentity()
	meet := func(name string, id *Identity) *Event {
		t.Helper()
		invitation := invite(t)
		a := enter(t, Options{Invitation: invitation, Dial: f.Dial, Name: "a", Known: known})
		enter(t, Options{Invitation: invitation, Dial: f.Dial, Name: name, Identity: id})
		for {
			e, err := a.Receive(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if e.Kind == Joined || e.Kind == Refused {
				return e
			}
		}
	}
	if e := meet("bob", bob); e.Kind != Joined || !e.Member.FirstUse {
		t.Errorf("%+v", e)
	}
	if e := meet("bob", bob); e.Kind != Joined || e.Member.FirstUse {
		t.Errorf("%+v", e)
	}
	for _, name := range []string{"bob", "bоb"} { // the second has a Cyrillic o
		e := meet(name, NewIdentity())
		var changed *trust.Error
		if e.Kind != Refused || !errors.As(e.Err, &changed) || changed.Code != trust.CodePeerChanged {
			t.Errorf("%s: %+v", name, e)
		}
	}
	// Capital letters may look like other letters than small ones do.
	mark, ian := NewIdentity(), NewIdentity()
	meet("mark", mark)
	meet("Ian", ian)
	for _, name := range []string{"Mark", "MARK", "rnark", "ian", "lan"} {
		if e := meet(name, NewIdentity()); e.Kind != Refused {
			t.Errorf("%s: %+v", name, e)
		}
	}
	if e := meet("mark", mark); e.Kind != Joined || e.Member.FirstUse {
		t.Errorf("%+v", e)
	}
	if e := meet("Ian", ian); e.Kind != Joined || e.Member.FirstUse {
		t.Errorf("%+v", e)
	}
}

// TestNames: names of members in one room do not look alike.
func TestNames(t *testing.T) {
	f := relaytest.New(t)
	invitation := invite(t)
	a := enter(t, Options{Invitation: invitation, Dial: f.Dial, Name: "ann"})
	enter(t, Options{Invitation: invitation, Dial: f.Dial, Name: "Ann"})
	if e := await(t, a, Joined); e.Member.Name != "Ann-2" {
		t.Error(e.Member.Name)
	}
	for _, name := range []string{"", "a b", "a\u200b", "a\n", strings.Repeat("x", 33)} {
		opts := Options{Invitation: invitation, Dial: f.Dial, Name: name}
		if _, err := Join(t.Context(), opts); !errors.Is(err, os.ErrInvalid) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// TestCloseReports: a text to a member that cannot be reached is reported.
func TestCloseReports(t *testing.T) {
	f := relaytest.New(t)
	invitation := invite(t)
	a := enter(t, Options{Invitation: invitation, Dial: f.Dial, Name: "a"})
	b := enter(t, Options{Invitation: invitation, Dial: f.Dial, Name: "b"})
	await(t, a, Joined)
	await(t, b, Joined)
	f.Restart(true)
	send(t, a, "lost", 1)
	if err := leave(a, 50*time.Millisecond); !errors.Is(err, ErrUnsent) {
		t.Error(err)
	}
}

// TestAbsentMember: texts for a member that is away are kept within a bound.
func TestAbsentMember(t *testing.T) {
	f := relaytest.New(t)
	invitation := invite(t)
	a := enter(t, Options{Invitation: invitation, Dial: f.Dial, Name: "a"})
	b := enter(t, Options{Invitation: invitation, Dial: f.Dial, Name: "b"})
	await(t, a, Joined)
	b.hub.Close() // as if the process had been killed
	await(t, a, Away)
	text := strings.Repeat("x", 10_000)
	ctx, cancel := context.WithTimeout(t.Context(), patience/2)
	defer cancel()
	for i := range 10 * maxWaiting {
		if n, err := a.Send(ctx, text); err != nil {
			t.Fatal(err)
		} else if n == 0 && i > 0 {
			break
		}
	}
	if e := await(t, a, Left); !errors.Is(e.Err, ErrAbsent) {
		t.Error(e.Err)
	}
}

// TestSizes: short texts of any length have one size, and equal ones do not look alike.
func TestSizes(t *testing.T) {
	f := relaytest.New(t)
	var mu sync.Mutex
	var payloads [][]byte
	f.Tamper = func(m *relay.Message) []*relay.Message {
		mu.Lock()
		defer mu.Unlock()
		if m.Kind == relay.KindDeliver && len(m.Payload) > 100 {
			payloads = append(payloads, bytes.Clone(m.Payload))
		}
		return []*relay.Message{m}
	}
	invitation := invite(t)
	a := enter(t, Options{Invitation: invitation, Dial: f.Dial, Name: "a"})
	b := enter(t, Options{Invitation: invitation, Dial: f.Dial, Name: "b"})
	await(t, a, Joined)
	await(t, b, Joined)
	send(t, a, "the first", 1) // behind all of the introduction
	await(t, b, Text)
	mu.Lock()
	payloads = nil
	mu.Unlock()
	for _, text := range []string{"", "no", "no", strings.Repeat("yes", 70)} {
		send(t, a, text, 1)
		await(t, b, Text)
	}
	mu.Lock()
	defer mu.Unlock()
	for i, p := range payloads {
		if len(p) != len(payloads[0]) || i > 0 && bytes.Equal(p[50:], payloads[i-1][50:]) {
			t.Errorf("%d: %d bytes, and %d before", i, len(p), len(payloads[0]))
		}
	}
	if len(payloads) < 4 {
		t.Errorf("%d payloads", len(payloads))
	}
}

// TestForgedIdentity: a member that shows the key of another is refused.
func TestForgedIdentity(t *testing.T) {
	f := relaytest.New(t)
	invitation := invite(t)
	a := enter(t, Options{Invitation: invitation, Dial: f.Dial, Name: "a"})
	own := NewIdentity().private()
	forged := bytes.Clone(own)
	copy(forged[32:], NewIdentity().Public()) // the public half of another
	enter(t, Options{Invitation: invitation, Dial: f.Dial, Name: "b",
		Identity: identityOf(forged)})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		e, err := a.Receive(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if e.Kind == Joined {
			t.Fatal("the member was accepted")
		}
		if e.Kind == Refused {
			if !errors.Is(e.Err, ErrForgedIdentity) {
				t.Error(e.Err)
			}
			return
		}
	}
}
