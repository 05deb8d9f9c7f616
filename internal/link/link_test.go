package link

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/nettest"

	"github.com/sealsock/sealsock/internal/relaytest"
	"github.com/sealsock/sealsock/relay"
)

// A fakeRelay is a relay that members join.
type fakeRelay struct{ *relaytest.Relay }

func newFakeRelay(t testing.TB) *fakeRelay { return &fakeRelay{relaytest.New(t)} }

// join returns a Hub and the Conns that it gets, in order.
func (f *fakeRelay) join(t testing.TB, opts Options) (*Hub, <-chan *Conn) {
	t.Helper()
	conns := make(chan *Conn, 1000)
	seen := make(map[*Conn]bool)
	also := opts.Notify
	opts.Dial, opts.Token = f.Dial, relay.NewToken()
	if opts.Key == nil {
		opts.Key = []byte("a key that the relay does not have")
	}
	opts.Notify = func(e Event) {
		if e.Kind == Joined && !seen[e.Conn] {
			seen[e.Conn] = true
			conns <- e.Conn
		}
		if also != nil {
			also(e)
		}
	}
	h, err := NewHub(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h, conns
}

func (f *fakeRelay) pair(t testing.TB, opts Options) (a, b *Conn) {
	_, first := f.join(t, opts)
	_, second := f.join(t, opts)
	return <-first, <-second
}

// TestConn: a Conn is a net.Conn in all that nettest tries.
func TestConn(t *testing.T) {
	nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
		f := newFakeRelay(t)
		a, b := f.pair(t, Options{})
		return a, b, func() { a.hub.Close(); b.hub.Close() }, nil
	})
}

// numbered is a stream of lines that count.
func numbered(from, to int) []byte {
	var b bytes.Buffer
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, "line %d of those that have to arrive once and in order\n", i)
	}
	return b.Bytes()
}

// exchange sends a stream in both directions at once and compares what arrives. between is
// called while it is under way.
func exchange(t *testing.T, a, b *Conn, between func()) {
	t.Helper()
	data := numbered(0, 20_000)
	a.SetDeadline(time.Now().Add(40 * time.Second))
	b.SetDeadline(time.Now().Add(40 * time.Second))
	var wg sync.WaitGroup
	for _, ends := range [][2]*Conn{{a, b}, {b, a}} {
		wg.Go(func() {
			for rest := data; len(rest) > 0; {
				n := min(1+rand.IntN(50_000), len(rest))
				if _, err := ends[0].Write(rest[:n]); err != nil {
					t.Error(err)
					return
				}
				rest = rest[n:]
			}
			if err := ends[0].CloseWrite(); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			got, err := io.ReadAll(ends[1])
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("%d bytes arrived of %d, equal: %v, %v", len(got), len(data),
					bytes.Equal(got, data), err)
			}
		})
	}
	if between != nil {
		between()
	}
	wg.Wait()
}

// TestRestartsOfTheRelay: the relay is killed and started anew three times under traffic.
func TestRestartsOfTheRelay(t *testing.T) {
	f := newFakeRelay(t)
	a, b := f.pair(t, Options{})
	exchange(t, a, b, func() {
		for range 3 {
			time.Sleep(20 * time.Millisecond)
			f.Restart(true)
			time.Sleep(20 * time.Millisecond)
			f.Restart(false)
		}
	})
	// A member that has left cannot repeat an acknowledgement that was lost with the relay.
	done := make(chan struct{})
	if err := errors.Join(a.Flush(done), b.Flush(done)); err != nil {
		t.Error(err)
	}
	a.Close()
	b.Close()
}

// TestCloseAcknowledges: what was received is acknowledged before a member leaves.
func TestCloseAcknowledges(t *testing.T) {
	f := newFakeRelay(t)
	acks := 0
	f.Tamper = func(m *relay.Message) []*relay.Message {
		if m.Kind == relay.KindDeliver && m.Payload[0] == byte(typeAck) {
			acks++ // one call at a time
		}
		return []*relay.Message{m}
	}
	gone := make(chan struct{}, 10)
	_, conns := f.join(t, Options{Notify: func(e Event) {
		if e.Kind == Left {
			gone <- struct{}{}
		}
	}})
	h, own := f.join(t, Options{})
	<-conns
	c := <-own
	c.mu.Lock()
	c.owedAt = time.Now().Add(time.Hour) // what was received waits for more, and nothing else sends
	c.mu.Unlock()
	h.Close()
	<-gone
	if acks != 1 {
		t.Errorf("%d acknowledgements", acks)
	}
}

// TestHostileRelay: what a relay does to packets never shows in the stream.
func TestHostileRelay(t *testing.T) {
	one := func(m *relay.Message) []*relay.Message { return []*relay.Message{m} }
	var held []*relay.Message
	count := 0                  // of messages, one at a time
	oneIn := func(n int) bool { // and three at the start for certain
		count++
		return count == 8 || count == 13 || count == 18 || rand.IntN(n) == 0
	}
	for name, do := range map[string]func(m *relay.Message) []*relay.Message{
		"alters": func(m *relay.Message) []*relay.Message {
			if oneIn(10) {
				m.Payload[rand.IntN(len(m.Payload))] ^= 1 << rand.IntN(8)
			}
			return one(m)
		},
		"drops": func(m *relay.Message) []*relay.Message {
			if oneIn(20) {
				return nil
			}
			return one(m)
		},
		"repeats": func(m *relay.Message) []*relay.Message {
			if held = append(held, m); len(held) > 50 {
				held = held[25:]
			}
			return append(one(m), held[rand.IntN(len(held))])
		},
		"reorders": func(m *relay.Message) []*relay.Message {
			if held = append(held, m); len(held) < 3 && rand.IntN(2) == 0 {
				return nil
			}
			all := held
			held = nil
			rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
			return all
		},
		"cuts": func(m *relay.Message) []*relay.Message {
			if oneIn(10) {
				m.Payload = m.Payload[:rand.IntN(len(m.Payload))]
			}
			return one(m)
		},
		"injects": func(m *relay.Message) []*relay.Message {
			made := newSealer([]byte("another key"), m.Member, relay.MemberID{}).seal(
				&packet{kind: typeData, data: []byte("not from the member")})
			return append(one(m), &relay.Message{
				Kind: relay.KindDeliver, Member: m.Member, Payload: made})
		},
	} {
		t.Run(name, func(t *testing.T) {
			held, count = nil, 0
			f := newFakeRelay(t)
			f.Tamper = func(m *relay.Message) []*relay.Message {
				if m.Kind != relay.KindDeliver {
					return one(m)
				}
				return do(m)
			}
			suspect := make(chan error, 100_000)
			irregular := make(chan error, 100_000)
			a, b := f.pair(t, Options{Notify: func(e Event) {
				switch e.Kind {
				case Suspect:
					suspect <- e.Err
				case Irregular:
					irregular <- e.Err
				}
			}})
			exchange(t, a, b, nil)
			want := map[string]error{"drops": ErrLost, "repeats": ErrRepeated, "reorders": ErrReordered}
			if want[name] != nil && !told(irregular, want[name]) {
				t.Errorf("the members were not told: %v", want[name])
			}
			want = map[string]error{"alters": ErrAltered, "cuts": ErrAltered, "injects": ErrMade}
			if want[name] != nil {
				if !told(suspect, want[name]) {
					t.Errorf("the members were not told: %v", want[name])
				}
			}
		})
	}
}

// told reports whether an error is among those in a channel.
func told(errs <-chan error, want error) bool {
	for {
		select {
		case err := <-errs:
			if err == want {
				return true
			}
		default:
			return false
		}
	}
}

// TestReflection: packets that the relay returns to their sender are refused, as are those
// of another pair.
func TestReflection(t *testing.T) {
	key := []byte("key")
	a, b, c := relay.MemberID{1}, relay.MemberID{2}, relay.MemberID{3}
	sent := newSealer(key, a, b).seal(&packet{kind: typeData, data: []byte("x")})
	if _, err := newSealer(key, a, b).open(sent); err != nil {
		t.Error(err)
	}
	for _, other := range []*sealer{newSealer(key, b, a), newSealer(key, a, c),
		newSealer(key, c, b), newSealer([]byte("yek"), a, b)} {
		if _, err := other.open(sent); err != errForged {
			t.Errorf("%v", err)
		}
	}
}

// TestWindow: a receiver that does not read stops the sender, and costs it and itself no
// more than the window.
func TestWindow(t *testing.T) {
	a, b := newFakeRelay(t).pair(t, Options{})
	a.SetWriteDeadline(time.Now().Add(500 * time.Millisecond))
	n, err := a.Write(make([]byte, 10*Window))
	if err == nil || n > 2*Window {
		t.Errorf("%d bytes, %v", n, err)
	}
	b.mu.Lock()
	if b.in.len() > Window {
		t.Errorf("%d bytes wait", b.in.len())
	}
	b.mu.Unlock()
	// What exceeds the limit is dropped, whatever a sender does.
	b.deliver(&packet{kind: typeData, number: b.received, data: make([]byte, maxData)})
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.in.len() > Window {
		t.Errorf("%d bytes wait", b.in.len())
	}
}

// TestTake: the next bytes are taken once, and no others.
func TestTake(t *testing.T) {
	a, _ := newFakeRelay(t).pair(t, Options{})
	for _, p := range []*packet{
		{kind: typeData, number: 0, data: []byte("ab")},
		{kind: typeData, number: 3, data: []byte("def")}, // behind a gap
		{kind: typeFin, number: 6},
		{kind: typeData, number: 1, data: []byte("bc")}, // half of it again
		{kind: typeData, number: 0, data: []byte("ab")},
		{kind: typeData, number: 3, data: []byte("def")},
		{kind: typeFin, number: 6},
		{kind: typeData, number: 7, data: []byte("x")}, // behind the end
	} {
		a.deliver(p)
	}
	a.SetReadDeadline(time.Now().Add(20 * time.Second))
	if got, err := io.ReadAll(a); err != nil || string(got) != "abcdef" {
		t.Errorf("%q, %v", got, err)
	}
}

// TestAcknowledgementsWait: full packets that follow each other are acknowledged together, or
// after a while, and anything else at once.
func TestAcknowledgementsWait(t *testing.T) {
	a, _ := newFakeRelay(t).pair(t, Options{Window: 64 * maxData})
	a.mu.Lock()
	defer a.mu.Unlock()
	a.up = false // the test composes the packets
	number, now := uint64(0), time.Now()
	for i, step := range []struct {
		size int
		skip uint64
		owed bool
	}{
		{maxData, 0, false}, {maxData, 0, false}, {maxData, 0, false}, {maxData, 0, true},
		{maxData, 0, false}, {maxData - 1, 0, true},
		{maxData, 0, false}, {maxData, maxData, true}, // behind a gap
	} {
		number += step.skip
		a.take(&packet{kind: typeData, number: number, data: make([]byte, step.size)})
		number += uint64(step.size)
		if a.owed != step.owed || a.owedAt.Before(now) {
			t.Errorf("step %d: an acknowledgement is owed: %v, after a while: %v", i, a.owed,
				!a.owedAt.Before(now))
		}
		if step.owed {
			a.complete(&packet{kind: typeAck}, now)
		}
	}
	if n := a.in.len(); n != 7*maxData-1 {
		t.Errorf("%d bytes wait to be read", n)
	}
	a.up, a.owed = true, false
	a.owe(1)
	due := a.owedAt
	a.mu.Unlock()
	p, pause := a.nextPacket(due.Add(-1), nil)
	if p != nil || pause > ackWait {
		t.Errorf("before its time: %v, %v", p, pause)
	}
	if p, _ = a.nextPacket(due, nil); p == nil || p.kind != typeAck {
		t.Errorf("in its time: %v", p)
	}
	a.mu.Lock()
}

// TestIdle: a Conn without traffic keeps no memory for data.
func TestIdle(t *testing.T) {
	a, b := newFakeRelay(t).pair(t, Options{})
	go a.Write(make([]byte, Window))
	if _, err := io.ReadFull(b, make([]byte, Window)); err != nil {
		t.Fatal(err)
	}
	if err := a.Flush(nil); err != nil {
		t.Fatal(err)
	}
	a.trim()
	b.trim()
	a.mu.Lock()
	defer a.mu.Unlock()
	b.mu.Lock()
	defer b.mu.Unlock()
	if a.out.b != nil || b.in.b != nil {
		t.Errorf("%d and %d bytes are kept", len(a.out.b), len(b.in.b))
	}
}

// TestAcknowledgementOfTheUnsent ends the Conn, and no other.
func TestAcknowledgementOfTheUnsent(t *testing.T) {
	a, _ := newFakeRelay(t).pair(t, Options{})
	a.SetReadDeadline(time.Now().Add(20 * time.Second))
	a.deliver(&packet{kind: typeAck, ack: 1})
	if _, err := a.Read(make([]byte, 1)); !errors.Is(err, errFormat) {
		t.Error(err)
	}
}

// TestGone: a member that is absent for too long ends the Conn.
func TestGone(t *testing.T) {
	f := newFakeRelay(t)
	opts := Options{Patience: time.Millisecond}
	_, first := f.join(t, opts)
	h, _ := f.join(t, opts)
	a := <-first
	h.Close()
	if _, err := a.Read(make([]byte, 1)); !errors.Is(err, ErrGone) {
		t.Error(err)
	}
	if err := a.Flush(nil); err != nil {
		t.Error("nothing was lost:", err)
	}
}

// TestFlushFails: Flush returns an error for what was not acknowledged.
func TestFlushFails(t *testing.T) {
	f := newFakeRelay(t)
	a, _ := f.pair(t, Options{})
	f.Restart(true)
	if _, err := a.Write([]byte("lost")); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	close(stop)
	if err := a.Flush(stop); err == nil {
		t.Error("no error before the end")
	}
	a.fail(ErrGone)
	if err := a.Flush(nil); !errors.Is(err, ErrGone) {
		t.Error(err)
	}
}

// TestEndedLinkStaysEnded: packets of a link that has ended, as a relay may keep them, make
// no new one.
func TestEndedLinkStaysEnded(t *testing.T) {
	f := newFakeRelay(t)
	a, b := f.pair(t, Options{})
	a.fail(ErrGone)
	a.hub.forget(a)
	if c, _ := a.hub.connOf(b.hub.id); c != nil {
		t.Error("there is a new Conn")
	}
	b.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := b.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Read(make([]byte, 1)); !errors.Is(err, ErrReset) {
		t.Error(err)
	}
}

// TestCrowd: a relay that announces members without end gets no more Conns than allowed.
func TestCrowd(t *testing.T) {
	crowded := 0
	f := newFakeRelay(t)
	h, conns := f.join(t, Options{Members: 3, Notify: func(e Event) {
		if e.Kind == Crowded {
			crowded++
		}
	}})
	f.join(t, Options{})
	<-conns // what was there before the Hub was connected would be absent now
	for i := range 9 {
		h.joined(relay.MemberID{byte(i), 1})
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.conns) != 3 || crowded != 7 {
		t.Errorf("%d Conns, %d were left out", len(h.conns), crowded)
	}
}

func FuzzPacket(f *testing.F) {
	s := newSealer([]byte("key"), relay.MemberID{1}, relay.MemberID{2})
	f.Add(s.seal(&packet{kind: typeData, number: 5, ack: 6, limit: 7, data: []byte("data")}))
	f.Add(s.seal(&packet{kind: typeAck, missing: true}))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := parse(b)
		if err != nil {
			return
		}
		s.count = p.count
		again := s.seal(p)
		if !bytes.Equal(again[:len(again)-tagSize], b) {
			t.Errorf("%x became %x", b, again)
		}
	})
}
