package stream

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"testing"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
)

// TestAbort shows that a peer reads what was sent before, then the alert and no
// orderly end.
func TestAbort(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	b, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	client, server := opened(t, a, b)
	if _, err := server.Write([]byte("some of it")); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Write([]byte("what the server does not read")); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- server.Abort(iana.AlertInternalError) }()
	got, err := io.ReadAll(client)
	var alert *engine.Error
	heard := errors.As(err, &alert) && alert.Alert == iana.AlertInternalError
	if string(got) != "some of it" || !heard {
		t.Errorf("read %q, %v, want the data and internal_error", got, err)
	}
	client.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := server.Abort(iana.AlertInternalError); !errors.Is(err, net.ErrClosed) {
		t.Errorf("aborted twice: %v, want net.ErrClosed", err)
	}
}

// TestAbortMisuse aborts too early, and with what is no fatal alert.
func TestAbortMisuse(t *testing.T) {
	a, b := net.Pipe()
	client, server := wrap(t, a, b)
	if err := client.Abort(iana.AlertInternalError); err == nil {
		t.Error("aborted before the handshake")
	}
	go client.Handshake(context.Background())
	if err := server.Handshake(context.Background()); err != nil {
		t.Fatal(err)
	}
	for _, warning := range []iana.Alert{iana.AlertCloseNotify, iana.AlertUserCanceled} {
		if sealed, err := server.out.send.Abort(nil, warning); err == nil || len(sealed) > 0 {
			t.Errorf("%v: %d bytes, %v, want an error", warning, len(sealed), err)
		}
	}
}

// TestAbortBesideWrite: the alert reaches a peer that reads slowly, although another
// goroutine is in the middle of writing much more than the sockets hold.
func TestAbortBesideWrite(t *testing.T) {
	a, b := sockets(t)
	for _, c := range []net.Conn{a, b} {
		tcp := c.(*net.TCPConn)
		if err := errors.Join(tcp.SetReadBuffer(1<<16), tcp.SetWriteBuffer(1<<16)); err != nil {
			t.Fatal(err)
		}
	}
	client, server := opened(t, a, b)
	written := make(chan error, 1)
	go func() {
		_, err := server.Write(make([]byte, 4<<20))
		written <- err
	}()
	held(&server.out.mutex)
	aborted := make(chan error, 1)
	go func() { aborted <- server.Abort(iana.AlertInternalError) }()
	for !server.closing.Load() {
		runtime.Gosched()
	}
	var e *engine.Error
	n, err := io.Copy(io.Discard, client)
	if !errors.As(err, &e) || e.Fault != engine.FaultAlert || e.Alert != iana.AlertInternalError {
		t.Errorf("after %d bytes the peer received %v", n, err)
	}
	client.Close()
	if err := <-written; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Write: %v, want net.ErrClosed", err)
	}
	if err := <-aborted; err != nil {
		t.Errorf("Abort: %v", err)
	}
}
