//go:build unix

package stream

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

// socketpair returns two sockets that data crosses at once.
func socketpair(t *testing.T) (near, far net.Conn) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	var conns [2]net.Conn
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "socketpair")
		conns[i], err = net.FileConn(f)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conns[i].Close() })
	}
	return conns[0], conns[1]
}

// TestLookAgain: while data comes in bulk, a read that finds none looks again before it waits,
// and not for a while if nothing came meanwhile.
func TestLookAgain(t *testing.T) {
	near, far := socketpair(t)
	s := newSource(new(Conn), near).(*pollSource)
	s.size = bufferSize
	before := pause
	t.Cleanup(func() { pause = before })
	pauses, comes := 0, 0
	pause = func() {
		if pauses++; comes > 0 {
			far.Write(make([]byte, comes))
		}
	}
	// read reads once, and returns how much has come; 0 if the poller waits.
	read := func() (n int) {
		t.Helper()
		err := s.rc.Control(func(fd uintptr) {
			if s.read(fd) {
				n = int(s.n)
			}
		})
		if err != nil || s.asleep != (n == 0) {
			t.Fatal(err, n)
		}
		s.resume()
		if s.buf != nil {
			putBuffer(s.buf)
			s.buf = nil
		}
		return n
	}
	if n := read(); n != 0 || pauses != 0 {
		t.Fatalf("%d bytes, and a pause of a read before which nothing came", n)
	}
	far.Write(make([]byte, bulkSize))
	if n := read(); n != bulkSize || pauses != 0 {
		t.Fatalf("%d bytes, and %d pauses", n, pauses)
	}
	comes = bulkSize
	for i := range 3 {
		if n := read(); n != bulkSize || pauses != i+1 {
			t.Errorf("%d bytes came during %d pauses", n, pauses)
		}
	}
	comes, pauses = 0, 0
	for round := range 3 {
		for range 1 + maxSkip {
			if n := read(); n != 0 || pauses != round+1 {
				t.Errorf("round %d: %d bytes, and %d pauses", round, n, pauses)
			}
		}
	}
	far.Write(make([]byte, bulkSize-1))
	if n := read(); n != bulkSize-1 || read() != 0 || pauses != 3 {
		t.Errorf("%d bytes, and %d pauses after little has come", n, pauses)
	}
}

// TestPollWrite: a write that a deadline ends returns how much the peer gets, and one to a socket
// that is closed, or whose peer is gone, has the error of the connection below.
func TestPollWrite(t *testing.T) {
	near, far := socketpair(t)
	c := &Conn{raw: near}
	s := newSource(c, near).(*pollSource)
	data := randomBytes(8 << 20) // more than the sockets hold
	s.tryWrite = func(fd uintptr) bool {
		done := s.send(fd)
		near.SetWriteDeadline(time.Unix(1, 0)) // once a part is written
		return done
	}
	n, err := s.write(data)
	if n <= 0 || n >= len(data) || !isTimeout(err) {
		t.Fatalf("%d bytes, %v", n, err)
	}
	wantOp(t, err, "write")
	if m, err := s.write(data[n:]); m != 0 || !isTimeout(err) {
		t.Errorf("behind the deadline: %d bytes, %v", m, err)
	}
	s.tryWrite = s.send
	near.SetWriteDeadline(time.Time{})
	got := make(chan []byte)
	go func() {
		all := make([]byte, len(data))
		m, _ := io.ReadFull(far, all)
		got <- all[:m]
	}()
	if m, err := s.write(data[n:]); m != len(data)-n || err != nil {
		t.Errorf("%d bytes of %d, %v", m, len(data)-n, err)
	}
	if !bytes.Equal(<-got, data) {
		t.Error("other bytes arrived")
	}
	far.Close()
	n, err = s.write(data)
	if n != 0 || !errors.Is(err, syscall.EPIPE) {
		t.Errorf("the peer is gone: %d bytes, %v", n, err)
	}
	wantOp(t, err, "write")
	near.Close()
	n, err = s.write(data)
	if n != 0 || !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed: %d bytes, %v", n, err)
	}
	wantOp(t, err, "write")
}

// wantOp fails the test if err is not that of an operation on a connection with addresses.
func wantOp(t *testing.T, err error, name string) {
	t.Helper()
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != name || op.Net != "unix" || op.Addr == nil {
		t.Errorf("%#v is no error of a %s", err, name)
	}
}
