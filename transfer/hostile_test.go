package transfer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sealsock/sealsock/internal/relaytest"
	"github.com/sealsock/sealsock/internal/safename"
	"github.com/sealsock/sealsock/message"
	"github.com/sealsock/sealsock/relay"
)

// TestHostileRelay: what a relay does to the packets of a transfer delays it, and what is not
// authentic is reported.
func TestHostileRelay(t *testing.T) {
	var count atomic.Int64
	nth := func(m *relay.Message, n int64) bool {
		return m.Kind == relay.KindDeliver && len(m.Payload) > 1000 && count.Add(1)%n == 0
	}
	alter := func(m *relay.Message) *relay.Message {
		b := bytes.Clone(m.Payload)
		b[len(b)/2] ^= 1
		return &relay.Message{Kind: m.Kind, Member: m.Member, Payload: b}
	}
	var held *relay.Message
	for _, attack := range []struct {
		name    string
		suspect bool
		tamper  func(*relay.Message) []*relay.Message
	}{
		{"alters", true, func(m *relay.Message) []*relay.Message {
			if nth(m, 20) {
				return []*relay.Message{alter(m)}
			}
			return []*relay.Message{m}
		}},
		{"injects", true, func(m *relay.Message) []*relay.Message {
			if nth(m, 20) {
				return []*relay.Message{alter(m), m}
			}
			return []*relay.Message{m}
		}},
		{"drops", false, func(m *relay.Message) []*relay.Message {
			if nth(m, 40) {
				return nil
			}
			return []*relay.Message{m}
		}},
		{"repeats", false, func(m *relay.Message) []*relay.Message {
			if nth(m, 10) {
				return []*relay.Message{m, m}
			}
			return []*relay.Message{m}
		}},
		{"reorders", false, func(m *relay.Message) []*relay.Message {
			if h := held; h != nil {
				held = nil
				return []*relay.Message{m, h}
			}
			if nth(m, 20) {
				held = m
				return nil
			}
			return []*relay.Message{m}
		}},
	} {
		t.Run(attack.name, func(t *testing.T) {
			ctx := within(t)
			r := relaytest.New(t)
			r.Tamper = attack.tamper
			from, to := t.TempDir(), t.TempDir()
			files := map[string][]byte{"x": filled(1_500_000, 8)}
			write(t, from, files)
			var got log
			s, result := start(ctx, t, SendOptions{Dial: r.Dial, Files: scan(t, from, "x"),
				RelayOnly: true})
			_, err := Receive(ctx, ReceiveOptions{Dial: r.Dial, Code: s.Code(), Dir: to,
				Notify: got.add})
			if err != nil {
				t.Fatal(err)
			}
			if err := <-result; err != nil {
				t.Fatal(err)
			}
			check(t, to, files)
			if _, ok := got.first(Suspect); ok != attack.suspect {
				t.Errorf("reported as suspect: %v, want %v", ok, attack.suspect)
			}
		})
	}
}

// TestSwappedShares: a relay that puts its own share, tag or refusal in place of another's has
// one guess, and both sides report it or the code is still good.
func TestSwappedShares(t *testing.T) {
	for _, kind := range []byte{greetStart, greetAnswer, greetProof, greetAccepted} {
		ctx := within(t)
		r := relaytest.New(t)
		r.Tamper = func(m *relay.Message) []*relay.Message {
			g, err := parseGreeting(m.Payload)
			if m.Kind != relay.KindDeliver || err != nil || g.kind != kind {
				return []*relay.Message{m}
			}
			own := exchange(newCode(1, 2), m.Member, m.Member, g.session)
			body := bytes.Clone(g.body)
			copy(body, own.Share())
			g.body = body
			return []*relay.Message{{Kind: m.Kind, Member: m.Member, Payload: g.append()}}
		}
		from, to := t.TempDir(), t.TempDir()
		write(t, from, map[string][]byte{"x": []byte("secret")})
		running, stop := context.WithCancel(ctx)
		s, result := start(running, t, SendOptions{Dial: r.Dial, Files: scan(t, from, "x")})
		_, err := Receive(ctx, ReceiveOptions{Dial: r.Dial, Code: s.Code(), Dir: to})
		if !errors.Is(err, ErrWrongCode) {
			t.Errorf("kind %d: the receiver has %v, want ErrWrongCode", kind, err)
		}
		if kind == greetAccepted { // the sender was convinced by the receiver itself
			stop()
		}
		if err := <-result; err == nil || kind != greetAccepted && !errors.Is(err, ErrWrongCode) {
			t.Errorf("kind %d: the sender has %v, want ErrWrongCode", kind, err)
		}
		stop()
		check(t, to, nil)
	}
}

// A script is a hand-made peer: it sends frames and reads what comes.
type script struct {
	*frames
	conn net.Conn
}

// receiving starts a receiver whose peer is a script.
func receiving(t *testing.T, dir string) (*script, chan error) {
	t.Helper()
	a, b := net.Pipe()
	t.Cleanup(func() { a.Close(); b.Close() })
	ended := make(chan error, 1)
	go func() {
		_, err := ReceiveFrom(context.Background(), b, ReceiveOptions{Dir: dir})
		b.Close()
		ended <- err
	}()
	return &script{newFrames(message.New(a, message.Options{Limit: maxFrame})), a}, ended
}

// offer sends a list as it is.
func (s *script) offer(entries ...entry) {
	total := int64(0)
	for _, e := range entries {
		total += e.size
	}
	head := binary.BigEndian.AppendUint32(nil, uint32(len(entries)))
	s.send(frameOffer, binary.BigEndian.AppendUint64(head, uint64(total)))
	for _, e := range entries {
		s.send(frameEntries, e.append(nil))
	}
}

// drain reads what the receiver sends, until its end.
func (s *script) drain() {
	go func() {
		for {
			if _, err := s.messages.Receive(nil); err != nil {
				return
			}
		}
	}()
}

// TestHostileNames: no file is created for a name that leads elsewhere or that deceives.
func TestHostileNames(t *testing.T) {
	outside := t.TempDir()
	long := strings.Repeat("x", 256)
	for _, name := range []string{
		"", ".", "..", "/etc/x", "../x", "a/../../x", "a/./b", "a//b", "a/", "/", "a\x00b", "a\nb",
		"a\x1b[2Jb", "a\u202egnp.exe", "a\u2066b", "a\u200bb", "a\ufeff", "a\xffb", "a\u2028b", "\x7f",
		"a\u0085b", long, strings.Repeat("a/", 64) + "x", strings.Repeat("abcdefg/", 600) + "x",
		safename.PartialPrefix + "0", "a/" + strings.ToUpper(safename.PartialPrefix) + "0",
		filepath.Join(outside, "x"),
	} {
		dir := t.TempDir()
		peer, ended := receiving(t, dir)
		peer.drain()
		var entries []entry
		for i := 1; i < len(name); i++ {
			if name[i] == '/' {
				entries = append(entries, entry{kind: entryFolder, name: name[:i]})
			}
		}
		peer.offer(append(entries, entry{kind: entryFile, size: 1, name: name})...)
		peer.send(99) // what accepts the list ends here
		if err := <-ended; !errors.Is(err, ErrName) {
			t.Errorf("%q: %v, want ErrName", name, err)
		}
		check(t, dir, nil)
	}
	if left, _ := os.ReadDir(outside); len(left) > 0 {
		t.Errorf("%v was created", left)
	}
}

func TestNamesOnWindows(t *testing.T) {
	for _, name := range []string{"con", "NUL.txt", "a/aux", "com1", "LPT9.x", "lpt¹", "a:b", `a\b`,
		"x.", "x ", "a|b", "conin$", "COM0", "nul .txt"} {
		if safename.CheckOn("windows", name) == nil {
			t.Errorf("%q is a name on Windows", name)
		}
	}
	for _, name := range []string{"console", "com", "comma", "null", "a.con", "lpt10", "auxiliary.c"} {
		if err := safename.CheckOn("windows", name); err != nil {
			t.Error(err)
		}
		if err := safename.CheckOn("linux", name); err != nil {
			t.Error(err)
		}
	}
}

// TestHostileLists: a list with two files of one name, or with a file in a file, is refused.
func TestHostileLists(t *testing.T) {
	file := func(name string) entry { return entry{kind: entryFile, name: name} }
	for _, entries := range [][]entry{
		{file("a"), file("a")},
		{file("a"), file("a/b")},
		{file("b/c")},
		{{kind: entryFolder, name: "a"}, file("a")},
	} {
		peer, ended := receiving(t, t.TempDir())
		peer.drain()
		peer.offer(entries...)
		peer.send(99) // what accepts the list ends here
		if err := <-ended; !errors.Is(err, ErrName) {
			t.Errorf("%v: %v, want ErrName", entries, err)
		}
	}
	var l list
	l.bytes = MaxBytes - 1
	if err := l.add(entry{kind: entryFile, size: 2, name: "x"}); !errors.Is(err, ErrLimit) {
		t.Error(err)
	}
	l.names = maxNames
	if err := l.add(file("y")); !errors.Is(err, ErrLimit) {
		t.Error(err)
	}
	l = list{entries: make([]entry, MaxEntries)}
	if err := l.add(file("y")); !errors.Is(err, ErrLimit) {
		t.Error(err)
	}
}

// TestLies: a sender that sends something else than it has offered is found out, and no file
// looks complete.
func TestLies(t *testing.T) {
	sum := func(text string) []byte { s := sha256.Sum256([]byte(text)); return s[:] }
	data := func(s *script, text string) { s.send(frameData, []byte(text)) }
	for _, lie := range []struct {
		name string
		want error
		run  func(*script)
	}{
		{"longer", ErrProtocol, func(s *script) { s.send(frameFile, fileBody(0, 0)); data(s, "hello!") }},
		{"shorter", ErrProtocol, func(s *script) {
			s.send(frameFile, fileBody(0, 0))
			data(s, "hell")
			s.send(frameEnd, sum("hell"))
		}},
		{"checksum", ErrCorrupt, func(s *script) {
			s.send(frameFile, fileBody(0, 0))
			data(s, "hello")
			s.send(frameEnd, sum("hallo"))
		}},
		{"no file", ErrProtocol, func(s *script) { s.send(frameDone) }},
		{"end within", ErrProtocol, func(s *script) {
			s.send(frameFile, fileBody(0, 0))
			s.send(frameDone)
		}},
		{"data of none", ErrProtocol, func(s *script) { data(s, "x") }},
		{"end of none", ErrProtocol, func(s *script) { s.send(frameEnd, sum("")) }},
		{"unknown file", ErrProtocol, func(s *script) { s.send(frameFile, fileBody(7, 0)) }},
		{"a folder", ErrProtocol, func(s *script) { s.send(frameFile, fileBody(1, 0)) }},
		{"offset", ErrProtocol, func(s *script) { s.send(frameFile, fileBody(0, 3)) }},
		{"twice", ErrProtocol, func(s *script) {
			s.send(frameFile, fileBody(0, 0))
			data(s, "hello")
			s.send(frameEnd, sum("hello"))
			s.send(frameFile, fileBody(0, 0))
		}},
		{"unknown frame", ErrProtocol, func(s *script) { s.send(99) }},
		{"cut", ErrProtocol, func(s *script) { s.send(frameFile, []byte{0}) }},
	} {
		t.Run(lie.name, func(t *testing.T) {
			dir := t.TempDir()
			peer, ended := receiving(t, dir)
			peer.drain()
			peer.offer(entry{kind: entryFile, size: 5, name: "x"}, entry{kind: entryFolder, name: "d"})
			go func() {
				lie.run(peer)
				peer.conn.Close() // what accepts the lie ends here
			}()
			if err := <-ended; !errors.Is(err, lie.want) {
				t.Errorf("%v, want %v", err, lie.want)
			}
			_, err := os.Stat(filepath.Join(dir, "x"))
			if complete := lie.name == "twice"; complete != (err == nil) {
				t.Errorf("a file has its name: %v", err == nil)
			}
		})
	}
}

// TestLink: a folder that is a link to elsewhere is not used.
func TestLink(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	if err := os.Symlink(outside, filepath.Join(dir, "d")); err != nil {
		if runtime.GOOS == "windows" {
			t.Skip("links need a privilege here")
		}
		t.Fatal(err)
	}
	peer, ended := receiving(t, dir)
	peer.drain()
	peer.offer(entry{kind: entryFolder, name: "d"}, entry{kind: entryFile, size: 0, name: "d/x"})
	peer.send(99)
	if err := <-ended; !errors.Is(err, ErrExists) {
		t.Errorf("%v, want ErrExists", err)
	}
	if left, _ := os.ReadDir(outside); len(left) > 0 {
		t.Errorf("%v was created", left)
	}
}

// TestSpace: what the disk has no space for is refused before anything is sent.
func TestSpace(t *testing.T) {
	dir := t.TempDir()
	if _, ok := freeSpace(dir); !ok {
		t.Skipf("%s does not tell the free space", runtime.GOOS)
	}
	peer, ended := receiving(t, dir)
	peer.drain()
	peer.offer(entry{kind: entryFile, size: MaxBytes, name: "x"})
	peer.send(99)
	if err := <-ended; !errors.Is(err, ErrSpace) {
		t.Errorf("%v, want ErrSpace", err)
	}
	check(t, dir, nil)
}

// TestHaves: a sender refuses what a receiver cannot have.
func TestHaves(t *testing.T) {
	l := &list{entries: []entry{{kind: entryFile, size: 5, name: "x"},
		{kind: entryFolder, name: "d"}}}
	for _, haves := range [][]have{
		{{entry: 0, length: 6}}, {{entry: 0, length: -1}}, {{entry: 1}}, {{entry: 2}},
		{{entry: 0, length: 1}, {entry: 0, length: 1}},
	} {
		var b []byte
		for _, h := range haves {
			b = h.append(b)
		}
		if err := parseHaves(b, l, make(map[uint32]have)); !errors.Is(err, ErrProtocol) {
			t.Errorf("%v: %v, want ErrProtocol", haves, err)
		}
	}
}

// TestExisting: a file that exists, or that appears while another one is received, is replaced
// only if the receiver has agreed. Of a file that it refuses to replace nothing is sent.
func TestExisting(t *testing.T) {
	for _, overwrite := range []bool{false, true} {
		for _, late := range []bool{false, true} {
			dir := t.TempDir()
			own := func() { write(t, dir, map[string][]byte{"x": []byte("own")}) }
			if !late {
				own()
			}
			a, b := net.Pipe()
			ended := make(chan error, 1)
			var written atomic.Int64
			go func() {
				_, err := ReceiveFrom(context.Background(), b, ReceiveOptions{Dir: dir,
					Progress: func(done, _ int64) { written.Store(done) },
					Accept: func(_ context.Context, o *Offer) (bool, error) {
						if late != (len(o.Existing) == 0) {
							t.Errorf("existing are %v", o.Existing)
						}
						if late {
							own()
						}
						return overwrite, nil
					}})
				b.Close()
				ended <- err
			}()
			from := t.TempDir()
			write(t, from, map[string][]byte{"x": []byte("other")})
			sent := SendTo(context.Background(), a, scan(t, from, "x"), nil)
			err := <-ended
			if overwrite != (err == nil) || overwrite != (sent == nil) ||
				!overwrite && !errors.Is(err, ErrExists) {
				t.Errorf("overwrite %v, late %v: %v, and the sender has %v", overwrite, late, err, sent)
			}
			if n := written.Load(); !overwrite && !late && n > 0 {
				t.Errorf("%d bytes were sent of a file that is there", n)
			}
			want := "own"
			if overwrite {
				want = "other"
			}
			got, err := os.ReadFile(filepath.Join(dir, "x"))
			if err != nil || string(got) != want {
				t.Errorf("overwrite %v, late %v: %q, %v", overwrite, late, got, err)
			}
		}
	}
}

// TestChangedPart: an unfinished file whose bytes are not the sender's is not continued.
func TestChangedPart(t *testing.T) {
	ctx := within(t)
	r := relaytest.New(t)
	from, to := t.TempDir(), t.TempDir()
	files := map[string][]byte{"x": filled(3_000_000, 9)}
	write(t, from, files)
	s, result := start(ctx, t, SendOptions{Dial: r.Dial, Files: scan(t, from, "x"),
		RelayOnly: true})
	receiving, progress := stopping(ctx, 1_000_000)
	opts := ReceiveOptions{Dial: r.Dial, Code: s.Code(), Dir: to, Progress: progress}
	if _, err := Receive(receiving, opts); err == nil {
		t.Fatal("the receiver was not ended")
	}
	parts, err := filepath.Glob(filepath.Join(to, safename.PartialPrefix+"*", "0"))
	if err != nil || len(parts) != 1 {
		t.Fatal(parts, err)
	}
	f, err := os.OpenFile(parts[0], os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteAt([]byte("damaged"), 5000)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	opts.Progress = nil
	if _, err := Receive(ctx, opts); err != nil {
		t.Fatal(err)
	}
	if err := <-result; err != nil {
		t.Fatal(err)
	}
	check(t, to, files)
}
