//go:build unix

package stream

import (
	"bytes"
	"errors"
	"net"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// TestRestInRecord: a part of a record that has come is kept without the buffer.
func TestRestInRecord(t *testing.T) {
	a, b := sockets(t)
	client, server := opened(t, a, b)
	want := bytes.Repeat([]byte("0123456789"), 800)
	sealed, err := client.out.send.Seal(nil, []byte("before"))
	if err != nil {
		t.Fatal(err)
	}
	if sealed, err = client.out.send.Seal(sealed, want); err != nil {
		t.Fatal(err)
	}
	before := reads(server, len("before"))
	if _, err := a.Write(sealed[:200]); err != nil {
		t.Fatal(err)
	}
	if b := <-before; string(b) != "before" {
		t.Fatalf("%q", b)
	}
	got := reads(server, len(want))
	for _, part := range [][]byte{sealed[200:201], sealed[201:3000], sealed[3000:]} {
		resting(t, server)
		server.rest.Lock()
		s, ok := server.in.source.(*pollSource)
		if ok && (s.buf == nil || len(s.buf.b) > 3000) {
			t.Errorf("a buffer of %v is kept", s.buf)
		}
		server.rest.Unlock()
		if _, err := a.Write(part); err != nil {
			t.Fatal(err)
		}
		taken(t, b) // and it may rest again, on a machine that is busy for seconds
	}
	if !bytes.Equal(<-got, want) {
		t.Error("a record that came in parts during rests is another one")
	}
}

// TestRestTwiceInRecord: a connection that has waited in a record rests again after a write,
// and keeps the part of the record that has come.
func TestRestTwiceInRecord(t *testing.T) {
	for name, first := range map[string]string{"at the start": "", "behind another": "before"} {
		t.Run(name, func(t *testing.T) {
			a, b := sockets(t)
			client, server := opened(t, a, b)
			want := bytes.Repeat([]byte("0123456789"), 800)
			var sealed []byte
			var err error
			if first != "" {
				if sealed, err = client.out.send.Seal(nil, []byte(first)); err != nil {
					t.Fatal(err)
				}
			}
			if sealed, err = client.out.send.Seal(sealed, want); err != nil {
				t.Fatal(err)
			}
			got := reads(server, len(first)+len(want))
			if _, err := a.Write(sealed[:100]); err != nil {
				t.Fatal(err)
			}
			for resting(t, server); !keepsPart(server); resting(t, server) {
				runtime.Gosched() // it rested before it read the part
			}
			for range 3 {
				resting(t, server)
				if _, err := server.Write([]byte("hello")); err != nil {
					t.Fatal(err)
				}
				if b := <-reads(client, 5); string(b) != "hello" {
					t.Fatalf("%q", b)
				}
			}
			resting(t, server)
			if _, err := a.Write(sealed[100:]); err != nil {
				t.Fatal(err)
			}
			if b := <-got; string(b) != first+string(want) {
				t.Errorf("%d bytes came, or others: %.80q", len(b), b)
			}
		})
	}
}

// taken waits until nothing can be read of a socket: its reader has woken up and read.
func taken(t *testing.T, conn net.Conn) {
	t.Helper()
	raw, err := conn.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); runtime.Gosched() {
		var peeked error
		if err := raw.Control(func(fd uintptr) {
			_, _, peeked = syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		}); err != nil {
			t.Fatal(err)
		}
		if errors.Is(peeked, syscall.EAGAIN) {
			return
		}
	}
	t.Fatal("nothing reads what has come")
}

// TestRestOfPart: a source that rests twice within one wait keeps the part as it was, and where it
// was.
func TestRestOfPart(t *testing.T) {
	const from, to = 28, 100
	part := bytes.Repeat([]byte("part"), (to-from)/4)
	s := &pollSource{conn: new(Conn), buf: getBuffer(bufferSize), w: to, asleep: true}
	copy(s.buf.b[from:], part)
	for range 3 {
		s.rest(from)
		if len(s.buf.b) != len(part) {
			t.Fatalf("a part of %d bytes rests in %d", len(part), len(s.buf.b))
		}
	}
	s.resume()
	if len(s.buf.b) != bufferSize || !bytes.Equal(s.buf.b[from:to], part) {
		t.Errorf("%d bytes, with %q", len(s.buf.b), s.buf.b[from:to])
	}
	putBuffer(s.buf)
}

// keepsPart reports whether c rests with a part of a record.
func keepsPart(c *Conn) bool {
	c.rest.Lock()
	defer c.rest.Unlock()
	s, ok := c.in.source.(*pollSource)
	return ok && c.rest.gave.Load() && s.rests
}
