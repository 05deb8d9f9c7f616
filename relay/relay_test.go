package relay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealsock/sealsock/message"
)

// A relayUnderTest serves clients over pipes.
type relayUnderTest struct {
	*Server
	t  *testing.T
	wg sync.WaitGroup
}

func start(t *testing.T, bus Bus, limits Limits) *relayUnderTest {
	r := &relayUnderTest{Server: NewServer(bus, limits), t: t}
	t.Cleanup(r.wg.Wait)
	return r
}

// connect returns a connection to the relay, and where the end of Serve is told.
func (r *relayUnderTest) connect() (net.Conn, <-chan error) {
	client, server := net.Pipe()
	r.t.Cleanup(func() { client.Close() })
	ended := make(chan error, 1)
	r.wg.Go(func() { ended <- r.Serve(context.Background(), server) })
	return client, ended
}

func (r *relayUnderTest) join(room RoomID, token Token) (*Member, <-chan error) {
	r.t.Helper()
	conn, ended := r.connect()
	m, err := Join(r.t.Context(), conn, room, token)
	if err != nil {
		r.t.Fatal(err)
	}
	return m, ended
}

// expect receives a message and compares it.
func expect(t *testing.T, m *Member, kind Kind, from *Member, payload string) {
	t.Helper()
	got, err := m.Receive()
	if err != nil {
		t.Fatal(err)
	}
	if got.Kind != kind || from != nil && got.Member != from.ID() || string(got.Payload) != payload {
		t.Fatalf("kind %d, member %v, %q", got.Kind, got.Member, got.Payload)
	}
}

// expectError receives until the error, which has a code.
func expectError(t *testing.T, m *Member, code Code) {
	t.Helper()
	for {
		_, err := m.Receive()
		if err == nil {
			continue
		}
		if !errors.Is(err, &Error{code}) {
			t.Fatalf("%v, want %v", err, code)
		}
		return
	}
}

func TestRoom(t *testing.T) {
	r := start(t, NewMemory(0, 0), Limits{})
	a, ended := r.join(RoomID{1}, NewToken())
	b, _ := r.join(RoomID{1}, NewToken())
	other, _ := r.join(RoomID{2}, NewToken())
	if len(other.Members()) != 0 || !slices.Equal(b.Members(), []MemberID{a.ID()}) {
		t.Fatal("the rooms are not apart", other.Members(), b.Members())
	}
	expect(t, a, KindJoined, b, "")
	for i := range 10 {
		if err := a.Send(b.ID(), fmt.Append(nil, i)); err != nil {
			t.Fatal(err)
		}
		expect(t, b, KindDeliver, a, fmt.Sprint(i))
	}
	// Not to a member of another room.
	a.Send(other.ID(), []byte("x"))
	expect(t, a, KindUndeliverable, other, "")
	a.Ping()
	expect(t, a, KindPong, nil, "")
	a.Close()
	if err := <-ended; err != nil {
		t.Error("an orderly end:", err)
	}
	expect(t, b, KindLeft, a, "")
	if s := r.Stats(); s.Delivered != 10 || s.Bytes != 10 || s.Undeliverable != 1 ||
		s.Clients != 3 || s.Connected != 2 {
		t.Errorf("%+v", s)
	}
}

// TestTakeover: the token brings the place, and nothing else does.
func TestTakeover(t *testing.T) {
	r := start(t, NewMemory(0, 2), Limits{})
	token := NewToken()
	a, ended := r.join(RoomID{1}, token)
	b, _ := r.join(RoomID{1}, NewToken())
	expect(t, a, KindJoined, b, "")
	again, _ := r.join(RoomID{1}, token)
	if again.ID() != a.ID() {
		t.Error("another identifier")
	}
	expectError(t, a, CodeReplaced)
	if err := <-ended; !errors.Is(err, &Error{CodeReplaced}) {
		t.Error(err)
	}
	expect(t, b, KindJoined, again, "")
	b.Send(again.ID(), []byte("x"))
	expect(t, again, KindDeliver, b, "x") // the end of the old connection took nothing along
	conn, _ := r.connect()
	_, err := Join(t.Context(), conn, RoomID{1}, NewToken())
	if !errors.Is(err, &Error{CodeRoomFull}) {
		t.Error(err)
	}
	if token.Member(RoomID{2}) == a.ID() {
		t.Error("the identifier is the same in another room")
	}
}

func TestRoomsAreBounded(t *testing.T) {
	r := start(t, NewMemory(1, 0), Limits{})
	a, ended := r.join(RoomID{1}, NewToken())
	conn, _ := r.connect()
	_, err := Join(t.Context(), conn, RoomID{2}, NewToken())
	if !errors.Is(err, &Error{CodeRelayFull}) {
		t.Error(err)
	}
	a.Close() // an empty room is no room
	<-ended
	r.join(RoomID{2}, NewToken())
}

// TestProtocol: what is no message of a client ends its connection, and no other.
func TestProtocol(t *testing.T) {
	join := (&Message{Kind: KindJoin, Token: NewToken()}).Append(nil)
	version := slices.Clone(join)
	version[1] = 2
	for name, c := range map[string]struct {
		messages [][]byte
		code     Code
	}{
		"empty":       {[][]byte{{}}, CodeProtocol},
		"no join":     {[][]byte{{byte(KindPing)}}, CodeProtocol},
		"unknown":     {[][]byte{join, {99}}, CodeProtocol},
		"version":     {[][]byte{version}, CodeVersion},
		"two joins":   {[][]byte{join, join}, CodeProtocol},
		"short join":  {[][]byte{join[:40]}, CodeProtocol},
		"of a relay":  {[][]byte{join, (&Message{Kind: KindPong}).Append(nil)}, CodeProtocol},
		"long":        {[][]byte{join, make([]byte, maxMessage+1)}, CodeProtocol},
		"no receiver": {[][]byte{join, {byte(KindSend), 1, 2}}, CodeProtocol},
	} {
		t.Run(name, func(t *testing.T) {
			conn, ended := start(t, NewMemory(0, 0), Limits{}).connect()
			messages := message.New(conn, message.Options{})
			go func() {
				for _, m := range c.messages {
					messages.Send(m)
				}
			}()
			expectError(t, &Member{messages: messages}, c.code)
			if err := <-ended; !errors.Is(err, &Error{c.code}) {
				t.Error(err)
			}
		})
	}
}

// TestSlowMember: a member that does not read loses what exceeds its queue, of which the
// senders are told, and delays no other.
func TestSlowMember(t *testing.T) {
	r := start(t, NewMemory(0, 0), Limits{Queue: 100_000})
	slow, _ := r.join(RoomID{1}, NewToken())
	a, _ := r.join(RoomID{1}, NewToken())
	b, _ := r.join(RoomID{1}, NewToken())
	expect(t, a, KindJoined, b, "")
	for range 20 {
		a.Send(slow.ID(), make([]byte, 10_000))
	}
	a.Send(b.ID(), []byte("x"))
	expect(t, b, KindDeliver, a, "x")
	expect(t, a, KindUndeliverable, slow, "")
}

// TestWaitingIsBounded: what waits for all members that do not read is bounded, others receive
// their messages meanwhile, and nothing counts that was for members that have left.
func TestWaitingIsBounded(t *testing.T) {
	const members, waiting = 10, 150_000
	r := start(t, NewMemory(0, 0), Limits{Queue: 1 << 20, Waiting: waiting})
	a, _ := r.join(RoomID{1}, NewToken())
	go func() {
		for {
			if _, err := a.Receive(); err != nil {
				return
			}
		}
	}()
	var slow []*Member
	for i := range members {
		m, _ := r.join(RoomID{1}, NewToken())
		slow = append(slow, m)
		for range 60 {
			a.Send(m.ID(), make([]byte, 10_000))
		}
		for range 200 * i {
			m.Ping()
		}
	}
	b, _ := r.join(RoomID{1}, NewToken())
	a.Send(b.ID(), []byte("x"))
	expect(t, b, KindDeliver, a, "x")
	if n := r.waiting.Load(); n < waiting/2 || n > waiting+(members+2)*leastQueue {
		t.Errorf("%d bytes wait", n)
	}
	for _, m := range append(slow, a, b) {
		m.Close()
	}
	r.wg.Wait()
	if n := r.waiting.Load(); n != 0 {
		t.Errorf("%d bytes wait for nobody", n)
	}
}

// TestTimes: a client that does not join, one that falls silent, and one that does not read
// are dropped.
func TestTimes(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(t *testing.T, r *relayUnderTest) <-chan error
		code Code
		took time.Duration
	}{
		"joining": {func(t *testing.T, r *relayUnderTest) <-chan error {
			_, ended := r.connect()
			return ended
		}, CodeIdle, 10 * time.Second},
		"idle": {func(t *testing.T, r *relayUnderTest) <-chan error {
			m, ended := r.join(RoomID{}, NewToken())
			go m.Receive()
			return ended
		}, CodeIdle, 90 * time.Second},
		"writing": {func(t *testing.T, r *relayUnderTest) <-chan error {
			_, ended := r.join(RoomID{}, NewToken())
			r.join(RoomID{}, NewToken())
			return ended
		}, CodeSlow, 20 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				ended := c.do(t, start(t, NewMemory(0, 0), Limits{}))
				if err := <-ended; !errors.Is(err, &Error{c.code}) {
					t.Error(err)
				}
				if took := time.Since(began); took < c.took || took > c.took+2*time.Second {
					t.Error(took)
				}
			})
		})
	}
}

// TestRate: a member that sends too much is read more slowly, and loses nothing.
func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, NewMemory(0, 0), Limits{Rate: 10_000, Burst: 10_000})
		a, _ := r.join(RoomID{}, NewToken())
		b, _ := r.join(RoomID{}, NewToken())
		expect(t, a, KindJoined, b, "")
		began := time.Now()
		go func() {
			for range 10 {
				a.Send(b.ID(), make([]byte, 10_000))
			}
		}()
		for range 10 {
			if m, err := b.Receive(); err != nil || len(m.Payload) != 10_000 {
				t.Fatal(err)
			}
		}
		if took := time.Since(began); took < 7*time.Second {
			t.Errorf("100,000 bytes took %v", took)
		}
	})
}

// An addressed connection has an address.
type addressed struct {
	net.Conn
	addr net.Addr
}

func (a addressed) RemoteAddr() net.Addr { return a.addr }

// TestNamesAreNoAddresses: the name of a UNIX socket counts as no address, whatever it looks like.
func TestNamesAreNoAddresses(t *testing.T) {
	for _, addr := range []net.Addr{
		nil, (*net.UnixAddr)(nil), &net.UnixAddr{Name: "192.0.2.1:1"}, name{},
	} {
		if got := addressOf(addr); got.IsValid() {
			t.Errorf("%v counts as %v", addr, got)
		}
	}
}

// A name is the address of another type's end of a UNIX socket.
type name struct{}

func (name) Network() string { return "unixpacket" }
func (name) String() string  { return "192.0.2.1:1" }

func TestAddressesAreBounded(t *testing.T) {
	r := start(t, NewMemory(0, 0), Limits{PerAddress: 1})
	serve := func(ip string) net.Conn {
		client, server := net.Pipe()
		t.Cleanup(func() { client.Close() })
		addr := &net.TCPAddr{IP: net.ParseIP(ip), Port: 1}
		r.wg.Go(func() { r.Serve(context.Background(), addressed{server, addr}) })
		return client
	}
	for _, c := range []struct {
		ip  string
		err error
	}{
		{"192.0.2.1", nil}, {"192.0.2.1", &Error{CodeAddressFull}}, {"192.0.2.2", nil},
		{"2001:db8::1", nil}, {"2001:db8::2", &Error{CodeAddressFull}}, {"2001:db8:0:1::1", nil},
	} {
		_, err := Join(t.Context(), serve(c.ip), RoomID{}, NewToken())
		if !errors.Is(err, c.err) {
			t.Errorf("%s: %v, want %v", c.ip, err, c.err)
		}
	}
	if s := r.Stats(); s.Refused != 2 {
		t.Errorf("%+v", s)
	}
}

// TestEndOfTheRelay: clients are told that the relay ends.
func TestEndOfTheRelay(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := NewServer(NewMemory(0, 0), Limits{})
	client, server := net.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, server) }()
	m, err := Join(ctx, client, RoomID{}, NewToken())
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	expectError(t, m, CodeClosing)
	if err := <-ended; !errors.Is(err, &Error{CodeClosing}) {
		t.Error(err)
	}
}

// TestJoinEnds: Join gives up with its context, and does not take an end for a welcome.
func TestJoinEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	client, _ := net.Pipe()
	cancel()
	if _, err := Join(ctx, client, RoomID{}, NewToken()); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	client, server := net.Pipe()
	go func() {
		message.New(server, message.Options{}).Receive(nil)
		server.Close()
	}()
	if _, err := Join(t.Context(), client, RoomID{}, NewToken()); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	client, server = net.Pipe()
	go func() {
		m := message.New(server, message.Options{})
		m.Receive(nil)
		m.Send([]byte{byte(KindPong)})
	}()
	if _, err := Join(t.Context(), client, RoomID{}, NewToken()); !errors.Is(err, ErrMalformed) {
		t.Error(err)
	}
	if _, err := Join(t.Context(), nil, RoomID{}, NewToken()); !errors.Is(err, os.ErrInvalid) {
		t.Error(err)
	}
}

func TestErrorTexts(t *testing.T) {
	if text := (&Error{CodeRoomFull}).Error(); text != "relay: the room is full" {
		t.Error(text)
	}
	if text := Code(200).String(); !strings.Contains(text, "200") {
		t.Error(text)
	}
}

func FuzzMessage(f *testing.F) {
	for _, m := range []*Message{
		{Kind: KindJoin, Room: RoomID{1}, Token: NewToken()},
		{Kind: KindSend, Member: MemberID{1}, Payload: []byte("x")},
		{Kind: KindWelcome, Members: make([]MemberID, 3)},
		{Kind: KindError, Code: CodeIdle}, {Kind: KindPing},
	} {
		f.Add(m.Append(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Parse(b)
		if err != nil {
			return
		}
		if again := m.Append(nil); !bytes.Equal(again, b) {
			t.Errorf("%x became %x", b, again)
		}
	})
}

// TestPayloadsAreKept: the memory of a payload is used again when it was sent or dropped, and not
// before. Many members exchange long payloads through short queues.
func TestPayloadsAreKept(t *testing.T) {
	const members, each = 6, 200
	room := RoomID{3}
	r := start(t, NewMemory(0, 0), Limits{Queue: 6 * maxMessage, Rate: 1 << 30, Burst: 1 << 30})
	var all []*Member
	for range members {
		m, _ := r.join(room, NewToken())
		all = append(all, m)
	}
	var sending, receiving sync.WaitGroup
	for i, m := range all {
		receiving.Go(func() {
			for {
				got, err := m.Receive()
				if err != nil {
					return
				}
				if got.Kind != KindDeliver {
					continue
				}
				p := got.Payload
				want := bytes.Repeat(p[:min(1, len(p))], len(p))
				if len(p) < leastShared-100 || !bytes.Equal(p, want) ||
					got.Member != all[int(p[0])%members].ID() {
					t.Errorf("another payload of %d bytes arrived", len(p))
				}
				got.Release()
			}
		})
		sending.Go(func() {
			for n := range each {
				p := bytes.Repeat([]byte{byte(i)}, MaxPayload-n*20)
				if err := m.SendAll(all[(i+1+n%(members-1))%members].ID(), p, p, p); err != nil {
					t.Error(err)
				}
			}
		})
	}
	sending.Wait()
	for _, m := range all {
		m.Close()
	}
	receiving.Wait()
}

// TestShortPayloads: a short payload has memory of its size, so that the limits of what waits for
// a member count what it costs.
func TestShortPayloads(t *testing.T) {
	for _, n := range []int{1, 100, leastShared - 1, leastShared, maxMessage} {
		if c := cap(memoryFor(n)); c > 2*n+16 {
			t.Errorf("a message of %d bytes costs %d", n, c)
		}
	}
}
