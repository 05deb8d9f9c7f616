package sealsock_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"runtime"
	"sync/atomic"
	"testing"
)

// callCounter counts the writes to a connection, and the reads that bring something.
type callCounter struct {
	net.Conn
	reads, writes atomic.Int64
}

func (c *callCounter) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.reads.Add(1)
	}
	return n, err
}

func (c *callCounter) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(p)
}

// plain hides all methods but Read and Write, so that io.Copy can only use those of a Conn.
type plain struct {
	io.Reader
	io.Writer
}

// TestCopy: io.Copy moves data whole in both directions, writes 64 KiB at a time and returns
// nil at the end.
func TestCopy(t *testing.T) {
	// On several processors a copy moves more at once, and each batch of it is a write.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	cc, sc := newConfigs(t)
	a, b := socketPair(t, "tcp")
	near := &callCounter{Conn: a}
	c, s := sealPair(t, near, b, cc, sc)
	exchangeBoth(t, c, s)
	sent := make([]byte, 8<<20)
	rand.Read(sent)
	before := near.writes.Load()
	done := make(chan error, 1)
	go func() {
		n, err := io.Copy(c, plain{Reader: bytes.NewReader(sent)})
		if err == nil && n != int64(len(sent)) {
			err = io.ErrShortWrite
		}
		done <- errors.Join(err, c.CloseWrite())
	}()
	var got bytes.Buffer
	largest := 0
	n, err := io.Copy(plain{Writer: writerFunc(func(p []byte) (int, error) {
		largest = max(largest, len(p))
		return got.Write(p)
	})}, s)
	if err != nil || n != int64(len(sent)) || !bytes.Equal(got.Bytes(), sent) {
		t.Fatalf("%d of %d bytes arrived, %v", n, len(sent), err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if calls, most := near.writes.Load()-before, int64(len(sent)>>16+8); calls > most {
		t.Errorf("%d writes for %d bytes, more than %d", calls, len(sent), most)
	}
	if largest <= 16<<10 {
		t.Errorf("the largest write of what came has %d bytes: one record", largest)
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// TestCopyErrors: the errors of the other side of a copy are returned, and a cut is no end.
func TestCopyErrors(t *testing.T) {
	cc, sc := newConfigs(t)
	a, b := socketPair(t, "tcp")
	c, s := sealPair(t, a, b, cc, sc)
	exchangeBoth(t, c, s)
	bad := errors.New("of the test")
	src := io.MultiReader(bytes.NewReader([]byte("ab")), errReader{bad})
	if n, err := c.ReadFrom(src); n != 2 || err != bad {
		t.Errorf("ReadFrom returns %d, %v", n, err)
	}
	if _, err := s.WriteTo(writerFunc(func([]byte) (int, error) { return 0, bad })); err != bad {
		t.Errorf("WriteTo returns %v", err)
	}
	if _, err := c.Write([]byte("cd")); err != nil {
		t.Fatal(err)
	}
	short := writerFunc(func([]byte) (int, error) { return 1, nil })
	if _, err := s.WriteTo(short); err != io.ErrShortWrite {
		t.Errorf("WriteTo returns %v after a short write", err)
	}
	a.Close()
	if n, err := s.WriteTo(io.Discard); n != 0 || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("WriteTo returns %d, %v for a connection that was cut", n, err)
	}
}

type errReader struct{ err error }

func (e errReader) Read([]byte) (int, error) { return 0, e.err }
