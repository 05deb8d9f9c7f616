package chat_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealsock/sealsock/chat"
)

func Example() {
	room := chat.New(chat.Limits{}, nil)
	here, there := net.Pipe()
	go room.Serve(context.Background(), there)
	go io.WriteString(here, "alice\n")
	lines := bufio.NewScanner(here)
	for lines.Scan() && !strings.Contains(lines.Text(), "you are") {
	}
	fmt.Println(lines.Text())
	// Output: * you are alice, and the first one here
}

// A guest is the other end of a member's connection. It reads in the background.
type guest struct {
	t     *testing.T
	conn  net.Conn
	mu    sync.Mutex
	lines []string
	ended chan struct{}
	left  chan error // what Serve returned
}

func visit(t *testing.T, room *chat.Room, name string) *guest {
	t.Helper()
	g := enter(t, t.Context(), room)
	go g.read()
	g.say(name)
	g.await("* you are ")
	return g
}

func enter(t *testing.T, ctx context.Context, room *chat.Room) *guest {
	here, there := net.Pipe()
	g := &guest{t: t, conn: here, ended: make(chan struct{}), left: make(chan error, 1)}
	go func() { g.left <- room.Serve(ctx, there) }()
	t.Cleanup(func() { here.Close() })
	return g
}

func (g *guest) read() {
	defer close(g.ended)
	for s := bufio.NewScanner(g.conn); s.Scan(); {
		g.mu.Lock()
		g.lines = append(g.lines, s.Text())
		g.mu.Unlock()
	}
}

func (g *guest) say(line string) {
	g.t.Helper()
	g.conn.SetWriteDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(g.conn, line+"\n"); err != nil {
		g.t.Error(err)
	}
}

func (g *guest) heard() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.lines)
}

// await waits until the guest received a line with the prefix.
func (g *guest) await(prefix string) string {
	g.t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		for _, l := range g.heard() {
			if strings.HasPrefix(l, prefix) {
				return l
			}
		}
		time.Sleep(time.Millisecond)
	}
	all := g.heard()
	g.t.Fatalf("no line begins with %q; the last ones are %q", prefix, all[max(0, len(all)-20):])
	return ""
}

// talk returns the lines that the guest received, without the room's own.
func (g *guest) talk() []string {
	return slices.DeleteFunc(g.heard(), func(l string) bool { return strings.HasPrefix(l, "* ") })
}

func TestTalk(t *testing.T) {
	var mu sync.Mutex
	var events []string
	room := chat.New(chat.Limits{}, func(e chat.Event) {
		mu.Lock()
		defer mu.Unlock()
		events = append(events, fmt.Sprintln(e.Joined, e.Name, e.Reason))
	})
	alice := visit(t, room, "alice")
	bob := visit(t, room, "bob\r")
	alice.await("* bob has joined")
	if got := bob.await("* you are"); got != "* you are bob; here: alice" {
		t.Errorf("bob was welcomed with %q", got)
	}
	alice.say("hi bob\r")
	bob.say("")
	bob.say("hi  alice")
	bob.await("alice: hi bob")
	alice.await("bob: hi  alice")
	bob.conn.Close()
	alice.await("* bob has left")
	if err := <-bob.left; err != nil {
		t.Errorf("bob left because of %v", err)
	}
	if got := alice.talk(); !slices.Equal(got, []string{"bob: hi  alice"}) {
		t.Errorf("alice heard %q: her own line must not come back", got)
	}
	mu.Lock()
	defer mu.Unlock()
	if want := []string{"true alice <nil>\n", "true bob <nil>\n", "false bob <nil>\n"}; !slices.Equal(events, want) {
		t.Errorf("events %q, want %q", events, want)
	}
}

func TestNames(t *testing.T) {
	room := chat.New(chat.Limits{}, nil)
	for _, test := range []struct{ sent, want string }{
		{"alice", "alice"},
		{"alice", "alice-2"},
		{"ALICE", "ALICE-3"},
		{"  jürgen ", "jürgen"},
		{"* mallory", "__mallory"},
		{"eve: hello", "eve__hello"},
		{"\x1b[31m", "__31m"},
		{"***", "guest"},
		{"\u0430lice", "\u0430lice-4"}, // Cyrillic a
		{"\uff41lice", "\uff41lice-5"}, // full width
		{"b0b", "b0b"},
		{"Bob", "Bob-2"},
		{"Ivy", "Ivy"},
		{"lvy", "lvy-2"},
		{"mum", "mum"},
		{"rnurn", "rnurn-2"},
		{"ju\u0308rgen", "j\u00fcrgen-2"},
		{strings.Repeat("x", 100), strings.Repeat("x", 32)},
	} {
		g := visit(t, room, test.sent)
		got, _, _ := strings.Cut(strings.TrimPrefix(g.await("* you are "), "* you are "), ";")
		got, _, _ = strings.Cut(got, ",")
		if got != test.want {
			t.Errorf("%q is called %q, want %q", test.sent, got, test.want)
		}
	}
}

// TestUnseenNames sends names with characters that cannot be seen. They are refused,
// and the member may send another.
func TestUnseenNames(t *testing.T) {
	room := chat.New(chat.Limits{}, nil)
	visit(t, room, "alice")
	const unseen = "\u3164\u115f\u1160\uffa0\u2800\ufe0f\u180b\U000e0100" +
		"\u00ad\u034f\u200b\u200d\u202e\u2060\ufeff\U000e0041"
	for _, c := range unseen {
		for _, name := range []string{"alice" + string(c), string(c) + "alice", string(c)} {
			g := enter(t, t.Context(), room)
			go g.read()
			g.say(name)
			g.await("* a name must not contain invisible characters: send another")
			g.say("eve")
			g.await("* you are eve")
			g.conn.Close()
			if err := <-g.left; err != nil {
				t.Error(err)
			}
		}
	}
}

func TestLinesAreSafe(t *testing.T) {
	room := chat.New(chat.Limits{Line: 64, Rate: 1e6}, nil)
	eve, bob := visit(t, room, "eve"), visit(t, room, "bob")
	for n, test := range []struct{ sent, want string }{
		{"\x1b[2Jgone", "�[2Jgone"},
		{"a\rbob: b", "a�bob: b"},
		{"tab\there", "tab here"},
		{"\xff\xfe", "�"},
		{"* bob has left", "* bob has left"},
		{strings.Repeat("é", 1000), strings.Repeat("é", 32)},
		{strings.Repeat("y", 65), strings.Repeat("y", 64)},
		{strings.Repeat("z", 64), strings.Repeat("z", 64)},
	} {
		eve.say(test.sent)
		eve.say(fmt.Sprint("end ", n))
		bob.await(fmt.Sprint("eve: end ", n))
		if got := bob.talk(); got[len(got)-2] != "eve: "+test.want {
			t.Errorf("%q came as %q, want %q", test.sent, got[len(got)-2], test.want)
		}
	}
	eve.await("* your line was too long and was truncated")
}

// All members receive the same lines in the same order, each once, except their own.
func TestOneOrder(t *testing.T) {
	const members, lines = 12, 60
	room := chat.New(chat.Limits{Rate: 1e6, Burst: 1e6}, nil)
	guests := make([]*guest, members)
	for i := range guests {
		guests[i] = visit(t, room, fmt.Sprint("g", i))
	}
	var wg sync.WaitGroup
	for _, g := range guests {
		wg.Go(func() {
			for n := range lines {
				g.say(fmt.Sprint("line ", n))
			}
		})
	}
	wg.Wait()
	var order []string // as the first one saw it, without its own lines
	for i, g := range guests {
		for len(g.talk()) < (members-1)*lines {
			time.Sleep(time.Millisecond)
		}
		got := g.talk()
		for j := range guests {
			if i != j {
				checkSender(t, got, fmt.Sprint("g", j, ": "), lines)
			}
		}
		if i == 0 {
			order = got
			continue
		}
		mine, first := fmt.Sprint("g", i, ": "), "g0: "
		a := slices.DeleteFunc(slices.Clone(order), func(l string) bool { return strings.HasPrefix(l, mine) })
		b := slices.DeleteFunc(slices.Clone(got), func(l string) bool { return strings.HasPrefix(l, first) })
		if !slices.Equal(a, b) {
			t.Errorf("g%d saw another order than g0", i)
		}
	}
}

// checkSender checks that all has every line of a sender once and in order.
func checkSender(t *testing.T, all []string, prefix string, lines int) {
	t.Helper()
	n := 0
	for _, l := range all {
		if rest, ok := strings.CutPrefix(l, prefix); ok {
			if want := fmt.Sprint("line ", n); rest != want {
				t.Fatalf("%s%s came instead of %s", prefix, rest, want)
			}
			n++
		}
	}
	if n != lines {
		t.Errorf("%d lines of %s came, want %d", n, prefix, lines)
	}
}

// A member that does not read is dropped, and no other member waits for it.
func TestSlowReaderIsDropped(t *testing.T) {
	room := chat.New(chat.Limits{Queue: 4096, Rate: 1e6, Burst: 1e6, Writing: time.Hour}, nil)
	alice, bob := visit(t, room, "alice"), visit(t, room, "bob")
	slow := enter(t, t.Context(), room)
	slow.say("slow") // and reads no more: the pipe has no room of its own
	alice.await("* slow has joined")
	const lines = 200
	for n := range lines {
		alice.say(fmt.Sprint("line ", n, strings.Repeat(".", 100)))
		bob.await(fmt.Sprint("alice: line ", n, "."))
	}
	if err := <-slow.left; !errors.Is(err, chat.ErrSlow) {
		t.Errorf("the slow one left because of %v", err)
	}
	alice.await("* slow has left")
	if got := len(bob.talk()); got != lines {
		t.Errorf("bob heard %d lines, want %d", got, lines)
	}
}

// TestSilentMembersCostLittle fills the queues of 470 members that do not read.
func TestSilentMembersCostLittle(t *testing.T) {
	const silent = 470
	dropped := make(chan struct{}, silent)
	limits := chat.Limits{Members: silent + 1, Rate: 1e6, Burst: 1e6, Writing: time.Hour}
	room := chat.New(limits, func(e chat.Event) {
		if errors.Is(e.Reason, chat.ErrSlow) {
			dropped <- struct{}{}
		}
	})
	alice := visit(t, room, "alice")
	before := heap()
	for n := range silent {
		name := fmt.Sprint("silent", n)
		enter(t, t.Context(), room).say(name)
		alice.await("* " + name + " has joined")
	}
	most := uint64(0)
	for full := false; !full; {
		for range 8 {
			alice.say(strings.Repeat("x", 4000))
		}
		select {
		case <-dropped:
			full = true
		default:
			most = max(most, heap()-before)
		}
	}
	if mib := most >> 20; mib > 64 {
		t.Errorf("%d members that do not read hold %d MiB, want at most 64", silent, mib)
	} else {
		t.Logf("%d MiB", mib)
	}
}

// heap is how many bytes are in use.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// A member that reads nothing is dropped after Limits.Writing, even if its queue is short.
func TestStuckReaderIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		room := chat.New(chat.Limits{}, nil)
		stuck := enter(t, t.Context(), room)
		start := time.Now()
		if err := <-stuck.left; !errors.Is(err, chat.ErrSlow) {
			t.Errorf("left because of %v", err)
		}
		if took := time.Since(start); took != 10*time.Second {
			t.Errorf("dropped after %v", took)
		}
	})
}

// A member that sends faster than its rate is read more slowly: nothing is lost.
func TestFloodIsSlowedDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		room := chat.New(chat.Limits{}, nil)
		flood, bob := visit(t, room, "flood"), visit(t, room, "bob")
		start := time.Now()
		const lines = 240
		go func() {
			for n := range lines {
				flood.say(fmt.Sprint("line ", n))
			}
			flood.conn.Close()
		}()
		<-flood.left
		// 40 at once, one of which was the name, and 10 a second after that.
		if took := time.Since(start); took < 20*time.Second || took > 21*time.Second {
			t.Errorf("%d lines took %v", lines, took)
		}
		synctest.Wait()
		checkSender(t, bob.talk(), "flood: ", lines)
		bob.conn.Close()
	})
}

// An endless line costs its sender as much as many short ones.
func TestEndlessLineIsSlowedDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		room := chat.New(chat.Limits{}, nil)
		eve := visit(t, room, "eve")
		start := time.Now()
		const size = 1 << 20
		if _, err := io.WriteString(eve.conn, strings.Repeat("x", size)); err != nil {
			t.Fatal(err)
		}
		// 256 pieces of 4 KiB, 40 of them at once.
		if took := time.Since(start); took < 20*time.Second {
			t.Errorf("a line of %d bytes took %v", size, took)
		}
		eve.conn.Close()
		<-eve.left
	})
}

func TestNamelessAreSentAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		room := chat.New(chat.Limits{}, nil)
		alice := visit(t, room, "alice")
		silent := enter(t, t.Context(), room)
		go silent.read()
		if err := <-silent.left; !errors.Is(err, chat.ErrNoName) {
			t.Errorf("left because of %v", err)
		}
		<-silent.ended
		gone := enter(t, t.Context(), room)
		go gone.read()
		gone.conn.Close()
		if err := <-gone.left; err != nil {
			t.Errorf("one that left before its name left because of %v", err)
		}
		if got := alice.heard(); len(got) != 2 {
			t.Errorf("alice was told of members without a name: %q", got)
		}
		alice.conn.Close()
	})
}

func TestFullRoom(t *testing.T) {
	room := chat.New(chat.Limits{Members: 2}, nil)
	alice := visit(t, room, "alice")
	visit(t, room, "bob")
	third := enter(t, t.Context(), room)
	go third.read()
	if err := <-third.left; !errors.Is(err, chat.ErrFull) {
		t.Errorf("left because of %v", err)
	}
	third.await("* the room is full")
	alice.conn.Close()
	<-alice.left
	visit(t, room, "carol")
}

func TestRoomCloses(t *testing.T) {
	room := chat.New(chat.Limits{}, nil)
	ctx, cancel := context.WithCancel(t.Context())
	g := enter(t, ctx, room)
	go g.read()
	g.say("alice")
	g.await("* you are")
	cancel()
	if err := <-g.left; !errors.Is(err, chat.ErrClosed) {
		t.Errorf("left because of %v", err)
	}
	<-g.ended
	if got := g.heard(); got[len(got)-1] != "* the room was closed" {
		t.Errorf("the last line was %q", got[len(got)-1])
	}
	late := enter(t, ctx, room)
	go late.read()
	if err := <-late.left; !errors.Is(err, chat.ErrClosed) {
		t.Errorf("one that came after the end left because of %v", err)
	}
}

// A connection that fails is distinguished from one that ends.
func TestLostConnection(t *testing.T) {
	var last chat.Event
	told := make(chan struct{}, 8)
	room := chat.New(chat.Limits{}, func(e chat.Event) {
		last = e
		told <- struct{}{}
	})
	here, there := net.Pipe()
	t.Cleanup(func() { here.Close() })
	g := &guest{t: t, conn: here, ended: make(chan struct{}), left: make(chan error, 1)}
	go g.read()
	go func() { g.left <- room.Serve(t.Context(), failing{there}) }()
	g.say("alice")
	g.await("* you are")
	g.say("cut")
	if err := <-g.left; !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("left because of %v", err)
	}
	<-told
	<-told
	if last.Joined || last.Name != "alice" || !errors.Is(last.Reason, os.ErrProcessDone) {
		t.Errorf("the host was told %+v", last)
	}
}

// failing is a connection that breaks when it reads "cut".
type failing struct{ net.Conn }

func (f failing) Read(p []byte) (int, error) {
	n, err := f.Conn.Read(p)
	if strings.HasPrefix(string(p[:n]), "cut") {
		return 0, os.ErrProcessDone
	}
	return n, err
}
