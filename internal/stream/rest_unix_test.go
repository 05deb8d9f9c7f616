//go:build unix

package stream

import (
	"bytes"
	"runtime"
	"testing"
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
		for server.rest.gave.Load() { // until it has woken up
			runtime.Gosched()
		}
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
