package natsfleet

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/fleet"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/natstest"
)

func secretOf(b byte) fleet.Secret {
	return fleet.NewSecret([32]byte(bytes.Repeat([]byte{b}, 32)))
}

// join returns a member that has just found NATS, and accepts 0-RTT data without a pause.
func join(t *testing.T, nc *nats.Conn, b byte, opts Options) *Member {
	t.Helper()
	if opts.Interval == 0 {
		opts.Interval = 20 * time.Millisecond
	}
	m, err := Join(nc, secretOf(b), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	m.mu.Lock()
	m.window, m.answer = 0, time.Minute // NATS may be slow on a busy machine
	m.mu.Unlock()
	m.await(t, true)
	return m
}

func (m *Member) await(t *testing.T, shared bool) {
	t.Helper()
	eventually(t, func() bool { return m.State().Shared == shared })
}

func eventually(t *testing.T, done func() bool) {
	t.Helper()
	for end := time.Now().Add(40 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it did not happen")
		}
	}
}

// fixed is a source of one key.
type fixed sealsock.TicketKey

func (f fixed) TicketKeys(time.Time) []sealsock.TicketKey {
	return []sealsock.TicketKey{sealsock.TicketKey(f)}
}

// names returns the names of the keys of a source: that which seals comes first.
func names(t *testing.T, keys sealsock.TicketKeys, now time.Time) (list []string) {
	t.Helper()
	for _, k := range keys.TicketKeys(now) {
		ticket, err := sealsock.SealTickets(fixed(k), nil).Issue(&engine.Session{Version: iana.TLS13})
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, string(ticket[:16]))
	}
	return list
}

// resumes reports whether what one member seals is opened by another.
func resumes(t *testing.T, seals, opens *Member, now time.Time) bool {
	t.Helper()
	return slices.Contains(names(t, opens, now), names(t, seals, now)[0])
}

// TestKeys: members seal with the same keys, one after the other, and another fleet with others.
func TestKeys(t *testing.T) {
	s := natstest.Start(t)
	a := join(t, s.Connect(), 1, Options{})
	b := join(t, s.Connect(), 1, Options{})
	other := join(t, s.Connect(), 2, Options{})
	now := time.Now()
	if !resumes(t, a, b, now) || !resumes(t, b, a, now) {
		t.Error("the members do not share a key")
	}
	if resumes(t, a, other, now) || resumes(t, other, a, now) {
		t.Error("another fleet has the key")
	}
	first := names(t, a, now)[0]
	// The next key is made before it is used, and the old one opens as long as tickets live.
	a.mu.Lock()
	next := a.next(slices.Clone(a.keys), now.Add(12*time.Hour-5*time.Minute))
	if len(next) != 2 || next[1].from != next[0].from+int64(12*3600) {
		t.Fatalf("%d keys", len(next))
	}
	a.mu.Unlock()
	eventually(t, func() bool { // it is stored, as it was missing
		a.mu.Lock()
		a.keys = next // an exchange that was under way replaces it
		a.mu.Unlock()
		b.mu.Lock()
		defer b.mu.Unlock()
		return slices.Equal(b.keys, next)
	})
	for after, want := range map[time.Duration]struct{ seals, opens bool }{
		0: {true, true}, 11 * time.Hour: {true, true}, 13 * time.Hour: {false, true},
		35 * time.Hour: {false, true}, 37 * time.Hour: {false, false},
	} {
		list := names(t, b, now.Add(after))
		if (list[0] == first) != want.seals || slices.Contains(list, first) != want.opens {
			t.Errorf("after %v: the first key seals: %v, opens: %v", after, list[0] == first,
				slices.Contains(list, first))
		}
	}
	if late := a.next(slices.Clone(next), now.Add(1000*time.Hour)); len(late) != 1 ||
		late[0].from != now.Add(1000*time.Hour).Unix() {
		t.Errorf("after a long time: %d keys", len(late))
	}
}

// TestManyKeys: the keys are bounded.
func TestManyKeys(t *testing.T) {
	m := &Member{opts: Options{Period: time.Hour, Lifetime: 1000 * time.Hour}}
	var keys []key
	now := time.Now()
	for i := range 2 * mostKeys {
		keys = m.next(keys, now.Add(time.Duration(i)*time.Hour))
	}
	if len(keys) != mostKeys {
		t.Errorf("%d keys", len(keys))
	}
}

// TestKeysTravelSealed: NATS has neither the keys nor a way to replace them.
func TestKeysTravelSealed(t *testing.T) {
	s := natstest.Start(t)
	nc := s.Connect()
	m := join(t, nc, 1, Options{})
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	kv, err := js.KeyValue(t.Context(), m.name+"-keys")
	if err != nil {
		t.Fatal(err)
	}
	e, err := kv.Get(t.Context(), keyName)
	if err != nil {
		t.Fatal(err)
	}
	m.mu.Lock()
	keys := m.keys
	m.mu.Unlock()
	secret := secretOf(1).Bytes()
	if bytes.Contains(e.Value(), keys[0].secret[:8]) || strings.Contains(m.name, string(secret[:4])) {
		t.Error("the key is stored in plaintext")
	}
	forged := bytes.Clone(e.Value())
	forged[len(forged)-1] ^= 1
	for _, list := range [][]byte{forged, nil, []byte("x"), e.Value()[:30]} {
		if _, err := m.openList(list); !errors.Is(err, errForged) {
			t.Errorf("%x: %v", list, err)
		}
	}
	if _, err := kv.Put(t.Context(), keyName, forged); err != nil {
		t.Fatal(err)
	}
	m.await(t, false)
	if !errors.Is(m.State().Err, errForged) {
		t.Error(m.State().Err)
	}
	m.mu.Lock()
	if !slices.Equal(m.keys, keys) {
		t.Error("the keys were replaced")
	}
	m.mu.Unlock()
	if m.Fresh([]byte("x"), time.Now()) {
		t.Error("0-RTT data is accepted")
	}
}

// TestFresh: no two members accept an attempt.
func TestFresh(t *testing.T) {
	s := natstest.Start(t)
	a := join(t, s.Connect(), 1, Options{})
	b := join(t, s.Connect(), 1, Options{})
	other := join(t, s.Connect(), 2, Options{})
	soon := time.Now().Add(20 * time.Second)
	if !a.Fresh([]byte("x"), soon) || b.Fresh([]byte("x"), soon) || a.Fresh([]byte("x"), soon) {
		t.Error("an attempt is not accepted once")
	}
	if !b.Fresh([]byte("y"), soon) || !other.Fresh([]byte("x"), soon) {
		t.Error("another attempt is refused")
	}
	if a.Fresh([]byte("z"), time.Time{}) {
		t.Error("an attempt with an external key is accepted")
	}
	if a.Fresh([]byte("z"), time.Now().Add(remembered)) {
		t.Error("an attempt is accepted that would be forgotten too early")
	}
	won := make(chan bool)
	for i := range 20 {
		m := []*Member{a, b}[i%2]
		go func() { won <- m.Fresh([]byte("race"), soon) }()
	}
	accepted := 0
	for range 20 {
		if <-won {
			accepted++
		}
	}
	if accepted != 1 {
		t.Errorf("an attempt is accepted %d times", accepted)
	}
}

// TestNotFresh: in doubt an attempt is refused.
func TestNotFresh(t *testing.T) {
	s := natstest.Start(t)
	m := join(t, s.Connect(), 1, Options{Interval: time.Hour}) // nothing is looked at meanwhile
	for name, change := range map[string]func(){
		"a young connection":  func() { m.window = time.Hour },
		"a clock that is off": func() { m.checked = time.Time{} },
		"a clock that was set back": func() {
			m.checked = laterWall(m.checked)
		},
		"a connection that was made again": func() { m.renewed++ },
	} {
		m.mu.Lock()
		window, checked, count := m.window, m.checked, m.renewed
		change()
		err := m.early(time.Now())
		m.mu.Unlock()
		if fresh := m.Fresh([]byte(name), time.Now()); fresh {
			t.Errorf("%s: it is accepted, %v", name, err)
		}
		m.mu.Lock()
		m.window, m.checked, m.renewed = window, checked, count
		m.mu.Unlock()
	}
	for range cap(m.asking) {
		m.asking <- struct{}{}
	}
	if m.Fresh([]byte("x"), time.Now()) {
		t.Error("NATS is asked about any number of attempts at once")
	}
	for range cap(m.asking) {
		<-m.asking
	}
	if !m.Fresh([]byte("x"), time.Now()) {
		t.Error("it is refused without a doubt")
	}
}

// laterWall returns a time whose wall clock is a minute later, and whose monotonic clock is not:
// compared with it, the clock was set back by a minute since.
func laterWall(at time.Time) time.Time {
	const nanoseconds = 30 // of package time: the bits below the seconds
	later := at
	*(*uint64)(unsafe.Pointer(&later)) += 60 << nanoseconds
	return later
}

// TestDrift: the clock of a member is compared with that of NATS.
func TestDrift(t *testing.T) {
	s := natstest.Start(t)
	m := join(t, s.Connect(), 1, Options{})
	m.Close()
	m.mu.Lock()
	m.closed = false
	kv := m.replay
	m.mu.Unlock()
	for d, want := range map[time.Duration]bool{
		0: true, 4 * time.Second: true, 6 * time.Second: false, -6 * time.Second: false,
	} {
		m.succeed(nil, kv, d, drifted([2]time.Duration{d, d}), 0)
		if s := m.State(); s.Early != want || (s.Err == nil) != want || !s.Shared {
			t.Errorf("%v: %+v", d, s)
		}
	}
}

// TestNATSIsLost: a member without NATS serves on its own, and shares again when NATS is back,
// also if NATS has lost everything.
func TestNATSIsLost(t *testing.T) {
	s := natstest.Start(t)
	states := make(chan State, 100)
	a := join(t, s.Connect(), 1, Options{OnState: func(s State) { states <- s }})
	b := join(t, s.Connect(), 1, Options{})
	shared := names(t, a, time.Now())[0]
	for _, wipe := range []bool{false, true} {
		s.Kill()
		a.await(t, false)
		b.await(t, false)
		now := time.Now()
		if resumes(t, a, b, now) {
			t.Error("without NATS the key is shared")
		}
		if !slices.Contains(names(t, a, now), shared) {
			t.Error("the tickets of the fleet are not opened any more")
		}
		if a.Fresh([]byte("x"), now) || a.State().Early {
			t.Error("0-RTT data is accepted")
		}
		if wipe {
			if err := os.RemoveAll(filepath.Join(s.Dir, "jetstream")); err != nil {
				t.Fatal(err)
			}
		}
		s.Restart()
		a.await(t, true)
		b.await(t, true)
		eventually(t, func() bool {
			return names(t, a, time.Now())[0] == shared && names(t, b, time.Now())[0] == shared
		})
		if !a.Fresh([]byte{'y', byte(len(states))}, time.Now()) {
			t.Error("0-RTT data is refused")
		}
	}
	var changes []bool
	for len(states) > 0 {
		changes = append(changes, (<-states).Shared)
	}
	if !slices.Equal(changes, []bool{true, false, true, false, true}) {
		t.Errorf("the states were %v", changes)
	}
}

// TestStartsWithoutNATS: a member needs no NATS to start.
func TestStartsWithoutNATS(t *testing.T) {
	s := natstest.Start(t)
	s.Kill()
	m, err := Join(s.Connect(nats.RetryOnFailedConnect(true)), secretOf(1),
		Options{Interval: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if len(m.TicketKeys(time.Now())) != 1 || m.State().Err == nil || m.State().Shared {
		t.Errorf("%+v", m.State())
	}
	s.Restart()
	m.await(t, true)
	m.Close()
	if s := m.State(); s.Shared || !errors.Is(s.Err, errClosed) {
		t.Errorf("%+v", s)
	}
}

// TestWithoutJetStream names what is missing.
func TestWithoutJetStream(t *testing.T) {
	s := natstest.Plain(t)
	m, err := Join(s.Connect(), secretOf(1), Options{Interval: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	eventually(t, func() bool { return !errors.Is(m.State().Err, errStarting) })
	if err := m.State().Err; !errors.Is(err, errNoJetStream) {
		t.Error(err)
	}
}

// TestLimits: what a network opens at one member counts at the others.
func TestLimits(t *testing.T) {
	s := natstest.Start(t)
	a := join(t, s.Connect(), 1, Options{})
	b := join(t, s.Connect(), 1, Options{})
	one, two := a.Limiter("a", 4, time.Hour), b.Limiter("a", 4, time.Hour)
	apart := b.Limiter("b", 4, time.Hour)
	for _, m := range []*Member{a, b} {
		if err := m.nc.Flush(); err != nil { // both have subscribed
			t.Fatal(err)
		}
	}
	now := time.Now()
	for _, network := range []netip.Prefix{
		netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("2001:db8::/64"),
	} {
		for range 3 {
			if !one.Take(network, now) {
				t.Fatal("a connection is refused")
			}
		}
		eventually(t, func() bool { return two.(*limiter).rates.Left(network, now) == 1 })
		if !two.Take(network, now) || two.Take(network, now) {
			t.Error("the limit does not hold at the other member")
		}
		eventually(t, func() bool { return one.(*limiter).rates.Left(network, now) == 0 })
		if one.Take(network, now) {
			t.Error("the limit does not hold at the first member")
		}
		if apart.(*limiter).rates.Left(network, now) != 4 {
			t.Error("the limits are not apart")
		}
	}
}

// TestForeignCounts: what was not made by a member is not counted, and nothing twice.
func TestForeignCounts(t *testing.T) {
	s := natstest.Start(t)
	m := join(t, s.Connect(), 1, Options{})
	l := m.Limiter("a", 100, time.Hour).(*limiter)
	sender := &limiter{subject: l.subject, counts: map[netip.Prefix]uint32{}, sub: l.sub}
	network := netip.MustParsePrefix("192.0.2.1/32")
	message := func(id byte, now time.Time, n uint32) []byte {
		sender.counts[network] = n
		b, err := m.seal(sender.messages([16]byte{id}, now)[0], l.subject)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	now := time.Now()
	old := message(1, now.Add(-time.Minute), 1)
	sender.number = 0
	first := message(1, now, 10)
	second := message(1, now, 10)
	for i, step := range []struct {
		b    []byte
		left int
	}{
		{old, 100}, {first, 90}, {first, 90}, {second, 80}, {first, 80}, {old, 80}, {nil, 80},
		{first[:len(first)-1], 80}, {message(2, now, 1<<31), 0},
	} {
		m.count(l, step.b)
		if n := l.rates.Left(network, now); n != step.left {
			t.Errorf("step %d: %d connections are left, want %d", i, n, step.left)
		}
	}
	for i := range 2 * mostMembers {
		m.count(l, message(byte(i), now, 1))
		l.last[[16]byte{byte(i), byte(i >> 8), 1}] = uint64(now.UnixNano())
		l.news([16]byte{9, byte(i), byte(i >> 8)}, uint64(now.UnixNano()), now)
	}
	// One of which m does not tell what waits.
	silent := &limiter{counts: map[netip.Prefix]uint32{}, sub: l.sub, rates: l.rates}
	for i := range mostWaiting + 100 {
		silent.Take(netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 32), now)
	}
	if n := len(silent.counts); n != mostWaiting {
		t.Errorf("%d networks wait", n)
	}
}

func TestMisuse(t *testing.T) {
	s := natstest.Start(t)
	if _, err := Join(nil, secretOf(1), Options{}); !errors.Is(err, os.ErrInvalid) {
		t.Error(err)
	}
	if _, err := Join(s.Connect(), fleet.Secret{}, Options{}); !errors.Is(err, os.ErrInvalid) {
		t.Error(err)
	}
}

func FuzzList(f *testing.F) {
	f.Add(append([]byte{1}, make([]byte, keySize)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		if keys, err := parseList(b); err == nil && len(b) != 1+len(keys)*keySize {
			t.Errorf("%d keys in %d bytes", len(keys), len(b))
		}
	})
}

// TestMemberNeverPrints: no verb shows the keys of a member.
func TestMemberNeverPrints(t *testing.T) {
	m := &Member{derived: derived{sealKey: []byte("KEY"), replayKey: []byte("KEY")}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		if got := fmt.Sprintf(verb, m); got != "[redacted]" {
			t.Errorf("%s prints %s", verb, got)
		}
	}
}
