package websocket_test

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealsock/sealsock/internal/websocket"
)

// served returns a server over a connection without a buffer, and the end of its client.
func served(t *testing.T) (s *websocket.Conn, far net.Conn) {
	t.Helper()
	near, far := net.Pipe()
	t.Cleanup(func() { near.Close(); far.Close() })
	far.SetDeadline(time.Now().Add(10 * time.Second))
	s = websocket.Server(near, "/")
	result := make(chan error, 1)
	go func() { result <- s.Handshake() }()
	if _, err := websocket.Client(t.Context(), far, "localhost", "/"); err != nil {
		t.Fatal(err)
	}
	if err := <-result; err != nil {
		t.Fatal(err)
	}
	return s, far
}

// readRaw reads n bytes of frames.
func readRaw(t *testing.T, far net.Conn, n int) string {
	t.Helper()
	b := make([]byte, n)
	got, err := io.ReadFull(far, b)
	if err != nil {
		t.Error(err)
	}
	return string(b[:got])
}

// TestPartOfClose: a Close frame of which a deadline has cut off the end is completed by the next
// call, and a call that does not complete it is an error.
func TestPartOfClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, far := served(t)
		first := make(chan string, 1)
		go func() { first <- readRaw(t, far, 1) }()
		s.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
		if err := s.CloseWrite(); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err)
		}
		got := <-first
		if err := s.CloseWrite(); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("what was not sent is no error: %v", err)
		}
		s.SetWriteDeadline(time.Time{})
		go func() { first <- readRaw(t, far, 3) }()
		if err := s.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if got += <-first; got != "\x88\x02\x03\xe8" {
			t.Errorf("the peer received %q", got)
		}
	})
}

// TestPartOfPong: the end of a pong that a deadline has cut off comes before the next frame.
func TestPartOfPong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, far := served(t)
		s.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
		s.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
		go io.WriteString(far, "\x89\x82\x00\x00\x00\x00ab") // a ping
		read := make(chan error, 1)
		go func() {
			_, err := s.Read(make([]byte, 1))
			read <- err
		}()
		got := readRaw(t, far, 1)
		if err := <-read; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err)
		}
		s.SetDeadline(time.Time{})
		go s.Write([]byte("data"))
		if got += readRaw(t, far, 9); got != "\x8a\x02ab\x82\x04data" {
			t.Errorf("the peer received %q", got)
		}
	})
}

// TestPongDoesNotHoldRead: the deadline of a Read applies while a pong waits for a peer that does
// not read.
func TestPongDoesNotHoldRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, far := served(t)
		s.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		go io.WriteString(far, "\x89\x82\x00\x00\x00\x00ab") // a ping
		read := make(chan error, 1)
		go func() {
			_, err := s.Read(make([]byte, 1))
			read <- err
		}()
		select {
		case err := <-read:
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error(err)
			}
		case <-time.After(10 * time.Second):
			t.Error("Read waits for the peer to take a pong")
		}
	})
}

// TestFailureDoesNotHoldRead: Read returns what the peer did wrong also if that does not read the
// Close frame, which it gets once it reads, whatever Close is called with.
func TestFailureDoesNotHoldRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, far := served(t)
		read := make(chan error, 1)
		go func() {
			_, err := s.Read(make([]byte, 1))
			read <- err
		}()
		io.WriteString(far, "\x83\x80\x00\x00\x00\x00") // an opcode that is not known
		var wrong *websocket.Error
		select {
		case err := <-read:
			if !errors.As(err, &wrong) {
				t.Error(err)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("Read waits for the peer to take a Close frame")
		}
		go s.Close()
		if got := readRaw(t, far, 4); got != "\x88\x02\x03\xea" {
			t.Errorf("the peer received %q", got)
		}
	})
}
