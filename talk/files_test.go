package talk

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"strings"
	"testing"

	"github.com/sealsock/sealsock/internal/relaytest"
)

// A memorySink keeps a file in memory.
type memorySink struct {
	bytes.Buffer
	commits int
	wait    <-chan struct{} // if not nil, for each Write
}

func (s *memorySink) Write(p []byte) (int, error) {
	if s.wait != nil {
		<-s.wait
	}
	return s.Buffer.Write(p)
}

func (s *memorySink) Commit() error { s.commits++; return nil }

// two members are in a room.
func two(t *testing.T) (a, b *Room, f *relaytest.Relay) {
	f = relaytest.New(t)
	invitation := invite(t)
	a = enter(t, Options{Invitation: invitation, Dial: f.Dial, Name: "ann"})
	b = enter(t, Options{Invitation: invitation, Dial: f.Dial, Name: "bob"})
	await(t, a, Joined)
	await(t, b, Joined)
	return a, b, f
}

// offers has a offer a file to its first member.
func offers(ctx context.Context, a *Room, name string, content []byte) <-chan error {
	done := make(chan error, 1)
	go func() {
		done <- a.SendFile(ctx, a.Members()[0], name, int64(len(content)), bytes.NewReader(content))
	}()
	return done
}

// TestFiles: a file arrives whole, also if the relay is restarted meanwhile, and so does an empty
// one.
func TestFiles(t *testing.T) {
	a, b, f := two(t)
	for _, size := range []int{0, 1, fileChunk, 5*fileWindow + 77} {
		content := bytes.Repeat([]byte("content"), size/7+1)[:size]
		done := offers(t.Context(), a, "report.txt", content)
		e := await(t, b, Offered)
		if e.File.Name != "report.txt" || e.File.Size != int64(size) || e.Member.Name != "ann" {
			t.Errorf("%+v", e.File)
		}
		if size > fileWindow {
			f.Restart(false)
		}
		sink := new(memorySink)
		if err := b.ReceiveFile(t.Context(), e.File, sink); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(sink.Bytes(), content) || sink.commits != 1 {
			t.Errorf("%d bytes of %d, committed %d times", sink.Len(), size, sink.commits)
		}
		if err := b.ReceiveFile(t.Context(), e.File, sink); err == nil {
			t.Error("an offer was accepted twice")
		}
	}
}

// TestTextsPassFiles: texts do not wait for a receiver that does not write what arrives.
func TestTextsPassFiles(t *testing.T) {
	a, b, _ := two(t)
	done := offers(t.Context(), a, "large", make([]byte, 4*fileWindow))
	e := await(t, b, Offered)
	wait := make(chan struct{})
	received := make(chan error, 1)
	sink := &memorySink{wait: wait}
	go func() { received <- b.ReceiveFile(t.Context(), e.File, sink) }()
	for i := range 50 {
		text := fmt.Sprint(i)
		send(t, a, text, 1)
		if e := await(t, b, Text); e.Text != text {
			t.Errorf("%q, want %q", e.Text, text)
		}
		send(t, b, text, 1)
		if e := await(t, a, Text); e.Text != text {
			t.Errorf("%q, want %q", e.Text, text)
		}
	}
	close(wait)
	if err := errors.Join(<-received, <-done); err != nil {
		t.Error(err)
	}
}

// TestFileRefusals: each side can end a file, before and while it is sent, and the other is told.
func TestFileRefusals(t *testing.T) {
	a, b, _ := two(t)
	ctx := t.Context()
	done := offers(ctx, a, "x", []byte("x"))
	e := await(t, b, Offered)
	if err := b.RefuseFile(ctx, e.File, "not \x1b[2Jnow"); err != nil {
		t.Error(err)
	}
	err := <-done
	if !errors.Is(err, ErrFileRefused) || strings.Contains(err.Error(), "\x1b") ||
		!strings.Contains(err.Error(), "now") {
		t.Errorf("%q", err)
	}
	if err := b.ReceiveFile(ctx, e.File, new(memorySink)); err == nil {
		t.Error("a refused offer was accepted")
	}

	stopping, stop := context.WithCancel(ctx)
	done = offers(stopping, a, "x", []byte("x"))
	e = await(t, b, Offered)
	stop()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if w := await(t, b, Withdrawn); w.File != e.File {
		t.Error("another file was withdrawn")
	}

	stopping, stop = context.WithCancel(ctx)
	defer stop()
	done = offers(stopping, a, "x", make([]byte, 4*fileWindow))
	e = await(t, b, Offered)
	err = b.ReceiveFile(ctx, e.File, &stoppingSink{stop: stop})
	if !errors.Is(err, ErrFileStopped) || !errors.Is(<-done, context.Canceled) {
		t.Error(err)
	}

	full := &fs.PathError{Op: "write", Path: "/home/alice/secret/x",
		Err: errors.New("the disk is full")}
	done = offers(ctx, a, "x", make([]byte, 4*fileWindow))
	e = await(t, b, Offered)
	if err := b.ReceiveFile(ctx, e.File, &stoppingSink{err: full}); !errors.Is(err, full) {
		t.Error(err)
	}
	if err := <-done; !errors.Is(err, ErrFileRefused) || !strings.Contains(err.Error(),
		"write x: the disk is full") || strings.Contains(err.Error(), "alice") {
		t.Error(err)
	}
	send(t, a, "the room goes on", 1)
	await(t, b, Text)

	done = offers(ctx, a, "x", []byte("x"))
	e = await(t, b, Offered)
	leave(a, patience)
	if err := <-done; !errors.Is(err, ErrNoMember) {
		t.Error(err)
	}
	await(t, b, Left)
	if err := b.ReceiveFile(ctx, e.File, new(memorySink)); !errors.Is(err, ErrNoMember) {
		t.Error(err)
	}
}

// A stoppingSink calls stop, or fails.
type stoppingSink struct {
	stop func()
	err  error
}

func (s *stoppingSink) Write(p []byte) (int, error) {
	if s.stop != nil {
		s.stop()
	}
	return len(p), s.err
}

func (s *stoppingSink) Commit() error { return errors.New("committed") }

// shortReader ends early.
type shortReader struct{ io.Reader }

// TestFileSender: a name that is unsafe is not offered, and a file that becomes shorter is not
// completed.
func TestFileSender(t *testing.T) {
	a, b, _ := two(t)
	to := a.Members()[0]
	for _, name := range []string{"", "..", "a/b", "/etc/passwd", "a\x1bb", "a\u202eb",
		".seal-partial-1", strings.Repeat("a", 300)} {
		err := a.SendFile(t.Context(), to, name, 1, strings.NewReader("x"))
		if !errors.Is(err, ErrFileName) {
			t.Errorf("%q: %v", name, err)
		}
	}
	done := make(chan error, 1)
	go func() {
		done <- a.SendFile(t.Context(), to, "x", 10, shortReader{strings.NewReader("short")})
	}()
	e := await(t, b, Offered)
	sink := new(memorySink)
	if err := b.ReceiveFile(t.Context(), e.File, sink); !errors.Is(err, ErrFileStopped) {
		t.Error(err)
	}
	if err := <-done; !errors.Is(err, io.ErrUnexpectedEOF) || sink.commits != 0 {
		t.Errorf("%v, committed %d times", err, sink.commits)
	}
}

// TestFileCorrupt: a file of another size or with another checksum is not committed.
func TestFileCorrupt(t *testing.T) {
	sum := sha256.New()
	sum.Write([]byte("abc"))
	right := sum.Sum(nil)
	sink := new(memorySink)
	for _, test := range []struct {
		stored int64
		sum    []byte
	}{{2, right}, {4, right}, {3, make([]byte, 32)}} {
		err := endFile(&FileOffer{Size: 3}, test.stored, sum, test.sum, sink)
		if !errors.Is(err, ErrFileCorrupt) || sink.commits != 0 {
			t.Errorf("%d bytes: %v", test.stored, err)
		}
	}
	if err := endFile(&FileOffer{Size: 3}, 3, sum, right, sink); err != nil || sink.commits != 1 {
		t.Error(err)
	}
}

// TestHostileSender: what a member sends about files is bounded, whatever it sends.
func TestHostileSender(t *testing.T) {
	offer := fileFrame{kind: frameOffer, number: 1, size: 100, name: "x"}
	data := fileFrame{kind: frameData, number: 1, data: []byte("x")}
	long := fileFrame{kind: frameData, number: 1, data: make([]byte, 60)}
	repeat := func(f fileFrame, n int) (all []fileFrame) {
		for i := range n {
			if f.kind == frameOffer {
				f.number = uint32(i)
			}
			all = append(all, f)
		}
		return all
	}
	for name, test := range map[string]struct {
		accepted bool
		frames   []fileFrame
	}{
		"data that was not asked for":         {false, []fileFrame{data}},
		"an offer with the number of another": {false, []fileFrame{offer}},
		"offers without end":                  {false, repeat(offer, 2*MaxFiles+2)[2:]},
		"more data than was offered":          {true, []fileFrame{long, long}},
		"frames without end":                  {true, repeat(data, 5+fileWindow/fileChunk)},
	} {
		a, _, _ := two(t)
		p := a.present()[0]
		if _, _, err := p.files.take(p, offer); err != nil {
			t.Fatal(err)
		}
		p.files.incoming[1].accepted = test.accepted
		var err error
		for _, f := range test.frames {
			if err != nil {
				t.Errorf("%s: too early: %v", name, err)
			}
			_, _, err = p.files.take(p, f)
		}
		if err != errFrame {
			t.Errorf("%s: %v", name, err)
		}
	}
	a, b, _ := two(t)
	p := a.present()[0]
	// A name that is safe for a hostile sender alone is refused, and shown to no user.
	err := p.control(t.Context(), fileFrame{kind: frameOffer, number: 1, size: 1, name: "../x"})
	if err != nil {
		t.Fatal(err)
	}
	send(t, a, "after it", 1)
	for {
		e, err := b.Receive(t.Context())
		if err != nil || e.Kind == Offered {
			t.Fatalf("%+v, %v", e, err)
		}
		if e.Kind == Text {
			break
		}
	}
}

func FuzzFileFrame(f *testing.F) {
	for _, frame := range []fileFrame{
		{kind: frameOffer, number: 1, size: 5, name: "x"}, {kind: frameData, data: []byte("x")},
		{kind: frameEnd, data: make([]byte, 32)}, {kind: frameMore, size: 7},
		{kind: frameRefuse, name: "no"}, {kind: frameStop, number: 9},
	} {
		f.Add(frame.append(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		frame, err := parseFileFrame(b)
		if err == nil && !bytes.Equal(frame.append(nil), b) {
			t.Errorf("%x became %x", b, frame.append(nil))
		}
	})
}

// A leavingSink is a memorySink whose Commit waits until the sender has left.
type leavingSink struct {
	memorySink
	left func()
}

func (s *leavingSink) Commit() error {
	s.left()
	return s.memorySink.Commit()
}

// TestFileUnconfirmed: the error of a file that is stored, and whose sender could not be told, has
// both facts.
func TestFileUnconfirmed(t *testing.T) {
	a, b, _ := two(t)
	offers(t.Context(), a, "x", []byte("content"))
	e := await(t, b, Offered)
	sink := &leavingSink{left: func() {
		leave(a, patience)
		await(t, b, Left)
	}}
	err := b.ReceiveFile(t.Context(), e.File, sink)
	// The link to the sender may have ended before the member is forgotten.
	if !errors.Is(err, ErrFileUnconfirmed) ||
		!errors.Is(err, ErrNoMember) && !errors.Is(err, net.ErrClosed) {
		t.Errorf("%v", err)
	}
	if sink.commits != 1 || sink.String() != "content" {
		t.Errorf("%q was stored, %d times", sink.String(), sink.commits)
	}
}
