package message

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// pair returns both ends of a connection that is slow enough to give short reads.
func pair(t *testing.T, opts Options) (*Conn, *Conn) {
	a, b := net.Pipe()
	t.Cleanup(func() { a.Close(); b.Close() })
	return New(a, opts), New(dribble{b}, opts)
}

// dribble reads a few bytes at a time.
type dribble struct{ net.Conn }

func (d dribble) Read(p []byte) (int, error) {
	return d.Conn.Read(p[:min(len(p), 1+rand.IntN(3000))])
}

func TestMessagesArriveWholeAndInOrder(t *testing.T) {
	a, b := pair(t, Options{})
	sizes := []int{0, 1, smallWrite - headerSize, smallWrite, oneWrite - headerSize, oneWrite,
		oneWrite + 1, firstGrow + 1, DefaultLimit}
	go func() {
		for i, size := range sizes {
			if err := a.Send(bytes.Repeat([]byte{byte(i)}, size)); err != nil {
				t.Error(err)
			}
		}
		a.Close()
	}()
	for i, size := range sizes {
		got, err := b.Receive([]byte("before"))
		if err != nil {
			t.Fatal(err)
		}
		want := append([]byte("before"), bytes.Repeat([]byte{byte(i)}, size)...)
		if !bytes.Equal(got, want) {
			t.Errorf("message %d of %d bytes arrived as %d bytes", i, size, len(got))
		}
	}
	if _, err := b.Receive(nil); err != io.EOF {
		t.Errorf("the end is %v", err)
	}
}

// TestSendAll: messages of several parts arrive whole and in order, in full writes, and none is
// sent if one is too long.
func TestSendAll(t *testing.T) {
	counted := &countedWrites{}
	c := New(counted, Options{Limit: oneWrite})
	part := bytes.Repeat([]byte("part"), oneWrite/8)
	parts := [][]byte{part, part}
	all := [][][]byte{{[]byte("a"), []byte("b")}, nil, parts, parts, {[]byte("end")}}
	if err := c.SendAll(append(all, [][]byte{part, part, {0}})...); !errors.Is(err, ErrTooLong) {
		t.Errorf("one is too long: %v", err)
	}
	if err := c.SendAll(all...); err != nil {
		t.Fatal(err)
	}
	if counted.writes != 3 {
		t.Errorf("%d writes, want 3", counted.writes)
	}
	received := New(&readOnly{Reader: &counted.Buffer}, Options{
		Buffer: func(length int) []byte { return make([]byte, 1, 1+length) }})
	for i, parts := range all {
		got, err := received.Receive(nil)
		if err != nil || !bytes.Equal(got, bytes.Join(parts, nil)) {
			t.Errorf("message %d: %d bytes, %v", i, len(got), err)
		}
	}
	if _, err := received.Receive(nil); err != io.EOF {
		t.Errorf("the end is %v", err)
	}
	for _, large := range [][]byte{{1}, part} {
		if err := c.Send(large); err != nil {
			t.Fatal(err)
		}
		kept := c.scratch[:cap(c.scratch)]
		if len(kept) > 2*smallWrite || !bytes.Equal(kept, make([]byte, len(kept))) {
			t.Errorf("%d bytes are kept, or not erased", len(kept))
		}
	}
}

// countedWrites counts writes into a buffer.
type countedWrites struct {
	net.Conn
	bytes.Buffer
	writes int
}

func (c *countedWrites) Write(p []byte) (int, error) {
	c.writes++
	return c.Buffer.Write(p)
}

func (c *countedWrites) Read(p []byte) (int, error) { return c.Buffer.Read(p) }

// readOnly is a connection that is only read.
type readOnly struct {
	net.Conn
	io.Reader
}

func (r *readOnly) Read(p []byte) (int, error) { return r.Reader.Read(p) }

func TestFormat(t *testing.T) {
	a, b := net.Pipe()
	go func() {
		New(a, Options{}).Send([]byte("hello"))
		a.Close()
	}()
	got, err := io.ReadAll(b)
	if want := "\x00\x00\x00\x05hello"; err != nil || string(got) != want {
		t.Errorf("%q, %v: want %q", got, err, want)
	}
}

// TestConcurrentSenders sends from many goroutines: each message arrives whole, and those
// of one goroutine in order.
func TestConcurrentSenders(t *testing.T) {
	a, b := pair(t, Options{})
	const senders, each = 8, 50
	var done sync.WaitGroup
	for s := range senders {
		done.Go(func() {
			for i := range each {
				p := bytes.Repeat([]byte{byte(s)}, 20000+i)
				binary.BigEndian.PutUint32(p, uint32(i))
				if err := a.Send(p); err != nil {
					t.Error(err)
				}
			}
		})
	}
	go func() { done.Wait(); a.Close() }()
	var next [senders]uint32
	for {
		got, err := b.Receive(nil)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		s, i := got[len(got)-1], binary.BigEndian.Uint32(got)
		damaged := !bytes.Equal(got[4:], bytes.Repeat([]byte{s}, len(got)-4))
		if damaged || next[s] != i || len(got) != 20000+int(i) {
			t.Fatalf("message %d of sender %d is damaged or out of order", i, s)
		}
		next[s]++
	}
	for s, n := range next {
		if n != each {
			t.Errorf("sender %d: %d of %d messages arrived", s, n, each)
		}
	}
}

func TestLimit(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	small, large := New(a, Options{Limit: 100}), New(b, Options{})
	if err := small.Send(make([]byte, 101)); !errors.Is(err, ErrTooLong) {
		t.Errorf("Send: %v", err)
	}
	go large.Send(make([]byte, 101))
	for range 2 {
		if got, err := small.Receive(nil); !errors.Is(err, ErrTooLong) || got != nil {
			t.Fatalf("Receive: %d bytes, %v", len(got), err)
		}
	}
}

// TestCut ends the stream at each byte of two messages.
func TestCut(t *testing.T) {
	stream := []byte("\x00\x00\x00\x02ab\x00\x00\x00\x03cde")
	for n := range len(stream) + 1 {
		a, b := net.Pipe()
		go func() { a.Write(stream[:n]); a.Close() }()
		c := New(b, Options{})
		var err error
		for err == nil {
			_, err = c.Receive(nil)
		}
		whole := n == 0 || n == 6 || n == len(stream)
		if whole != (err == io.EOF) || !whole && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("cut after %d bytes: %v", n, err)
		}
	}
}

// TestReceiveContinues has a deadline pass at each byte of a message.
func TestReceiveContinues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stream := []byte("\x00\x00\x00\x0ctwelve bytes\x00\x00\x00\x03abc")
		a, b := net.Pipe()
		go func() {
			for i := range stream {
				time.Sleep(time.Minute)
				a.Write(stream[i : i+1])
			}
			a.Close()
		}()
		c := New(b, Options{})
		timeouts := 0
		for _, want := range []string{"twelve bytes", "abc"} {
			for {
				c.SetReadDeadline(time.Now().Add(30 * time.Second))
				got, err := c.Receive(nil)
				if err == nil {
					if string(got) != want {
						t.Errorf("%q, want %q", got, want)
					}
					break
				}
				if !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Fatal(err)
				}
				timeouts++
			}
		}
		if timeouts < len(stream) {
			t.Errorf("%d deadlines passed, less than one for each byte", timeouts)
		}
	})
}

// TestSendThatWasCut: what follows half a message would be taken for the rest of it.
func TestSendThatWasCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := net.Pipe()
		c := New(a, Options{})
		c.SetWriteDeadline(time.Now().Add(time.Second))
		if err := c.Send([]byte("nothing is read")); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%v", err)
		}
		go func() {
			got, err := New(b, Options{}).Receive(nil)
			if err != nil || string(got) != "after a Send of which nothing was written" {
				t.Errorf("%q, %v", got, err)
			}
			io.ReadFull(b, make([]byte, 10))
		}()
		c.SetWriteDeadline(time.Time{})
		if err := c.Send([]byte("after a Send of which nothing was written")); err != nil {
			t.Error(err)
		}
		c.SetWriteDeadline(time.Now().Add(time.Second))
		first := c.Send([]byte("ten bytes of this are read"))
		if !errors.Is(first, os.ErrDeadlineExceeded) {
			t.Errorf("%v", first)
		}
		c.SetWriteDeadline(time.Time{})
		if err := c.Send([]byte("x")); err != first {
			t.Errorf("a Send after half a message: %v", err)
		}
	})
}

// TestClaimCostsLittle sends lengths and few bytes: memory follows the bytes.
func TestClaimCostsLittle(t *testing.T) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range 20 {
		a, b := net.Pipe()
		go func() {
			a.Write([]byte{0x40, 0, 0, 0, 'x'})
			a.Close()
		}()
		_, err := New(b, Options{Limit: 1<<31 - 1}).Receive(nil)
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 20*4*firstGrow {
		t.Errorf("20 claims of 1 GiB cost %d bytes", used)
	}
}

func TestCloseWrite(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		raw, err := l.Accept()
		if err != nil {
			return
		}
		c := New(raw, Options{})
		defer c.Close()
		for {
			p, err := c.Receive(nil)
			if err != nil {
				return
			}
			c.Send(p)
		}
	}()
	raw, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c := New(raw, Options{})
	defer c.Close()
	if err := errors.Join(c.Send([]byte("one")), c.CloseWrite()); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Receive(nil); err != nil || string(got) != "one" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := c.Receive(nil); err != io.EOF {
		t.Errorf("%v", err)
	}
	a, _ := net.Pipe()
	if err := New(a, Options{}).CloseWrite(); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("%v", err)
	}
}

// FuzzReceive compares Receive with a plain reading of the format.
func FuzzReceive(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x02ab\x00\x00\x00\x00\x00\x00\x00\x03cde"))
	f.Add([]byte("\xff\xff\xff\xffab"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		a, b := net.Pipe()
		defer b.Close()
		go func() { a.Write(stream); a.Close() }()
		c := New(dribble{b}, Options{Limit: 1000})
		for rest := stream; ; {
			got, err := c.Receive(nil)
			if err != nil {
				length := uint64(0)
				if len(rest) >= headerSize {
					length = uint64(binary.BigEndian.Uint32(rest))
				}
				switch {
				case len(rest) == 0:
					if err != io.EOF {
						t.Errorf("at the end: %v", err)
					}
				case length > 1000:
					if !errors.Is(err, ErrTooLong) {
						t.Errorf("a length of %d: %v", length, err)
					}
				case len(rest) >= headerSize && uint64(len(rest)-headerSize) >= length:
					t.Errorf("a whole message: %v", err)
				}
				return
			}
			n := int(binary.BigEndian.Uint32(rest))
			if !bytes.Equal(got, rest[headerSize:headerSize+n]) {
				t.Errorf("%q", got)
			}
			rest = rest[headerSize+n:]
		}
	})
}
