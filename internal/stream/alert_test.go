package stream

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
)

// TestAlertBesideWrite: an alert reaches a peer that reads slowly, although this side
// is in the middle of writing much more than the sockets hold, and closes.
// It is tried several times, because the writer may or may not have taken the alert when
// Close begins.
func TestAlertBesideWrite(t *testing.T) {
	for range 8 {
		alertBesideWrite(t)
	}
}

func alertBesideWrite(t *testing.T) {
	t.Helper()
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
		_, err := client.Write(make([]byte, 4<<20))
		written <- err
	}()
	held(&client.out.mutex)
	forged := append([]byte{byte(iana.ContentApplicationData), 3, 3, 0, 40}, make([]byte, 40)...)
	if _, err := b.Write(forged); err != nil {
		t.Fatal(err)
	}
	var e *engine.Error
	_, err := client.Read(make([]byte, 1))
	if !errors.As(err, &e) || e.Alert != iana.AlertBadRecordMAC {
		t.Fatalf("a forged record: %v", err)
	}
	closed := make(chan error, 1)
	go func() { closed <- client.Close() }()
	n, err := io.Copy(io.Discard, server)
	if !errors.As(err, &e) || e.Fault != engine.FaultAlert || e.Alert != iana.AlertBadRecordMAC {
		t.Errorf("after %d bytes the peer received %v", n, err)
	}
	server.Close()
	if err := <-written; !errors.As(err, &e) || e.Alert != iana.AlertBadRecordMAC {
		t.Errorf("Write: %v", err)
	}
	if err := <-closed; err != nil {
		t.Errorf("Close: %v", err)
	}
}

// TestGivingUpLeavesNothing: a call that gives up waiting for a lock leaves no
// goroutine behind.
func TestGivingUpLeavesNothing(t *testing.T) {
	a, b := net.Pipe()
	client, _ := opened(t, a, b)
	go client.Write([]byte("never read"))
	held(&client.out.mutex)
	before := runtime.NumGoroutine()
	for range 1000 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Microsecond)
		if err := client.Rekey(ctx, false); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("Rekey: %v", err)
		}
		cancel()
	}
	waitFor(t, "calls that gave up leave no goroutines", func() bool {
		return runtime.NumGoroutine() <= before+10
	})
}

// TestCloseKeepsToWriteDeadline: where a write deadline has passed, Close does not
// wait for the peer; else it waits for a bounded time. Time is that of a bubble.
func TestCloseKeepsToWriteDeadline(t *testing.T) {
	for _, test := range []struct {
		name string // of when the deadline is
		most time.Duration
	}{
		{"passed", closeAtOnce},
		{"soon", 100 * time.Millisecond},
		{"removed", closeAtOnce},
		{"far", closeTimeout},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := net.Pipe()
				client, _ := opened(t, a, b)
				if err := client.SetWriteDeadline(time.Now().Add(time.Second)); err != nil {
					t.Fatal(err)
				}
				if _, err := client.Write(make([]byte, 100)); !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Fatalf("Write to a peer that does not read: %v", err)
				}
				start := time.Now()
				switch test.name {
				case "soon":
					client.SetWriteDeadline(start.Add(100 * time.Millisecond))
				case "removed":
					client.SetWriteDeadline(time.Time{})
				case "far":
					client.SetWriteDeadline(start.Add(time.Hour))
				}
				err := client.Close()
				if took := time.Since(start); took != test.most || !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("Close took %v, %v is right: %v", took, test.most, err)
				}
			})
		})
	}
}

// TestAlertBeforeReset: Close after a fatal alert takes what the peer has sent off
// the socket first. A socket that is closed with input in it is reset, and the peer
// of a reset connection does not receive the alert.
func TestAlertBeforeReset(t *testing.T) {
	for name, below := range map[string]func(net.Conn) net.Conn{
		"TCP":         func(c net.Conn) net.Conn { return c },
		"wrapped TCP": func(c net.Conn) net.Conn { return struct{ net.Conn }{c} },
	} {
		t.Run(name, func(t *testing.T) {
			a, b := sockets(t)
			_, server := opened(t, a, below(b))
			forged := append([]byte{byte(iana.ContentApplicationData), 3, 3, 0, 40}, make([]byte, 40)...)
			if _, err := a.Write(append(forged, make([]byte, lingerBytes/2)...)); err != nil {
				t.Fatal(err)
			}
			var e *engine.Error
			_, err := server.Read(make([]byte, 1))
			if !errors.As(err, &e) || e.Alert != iana.AlertBadRecordMAC {
				t.Fatalf("a forged record: %v", err)
			}
			if err := server.Close(); err != nil {
				t.Fatal(err)
			}
			// One record of an encrypted alert, and an orderly end of the socket.
			if got, err := io.ReadAll(a); err != nil || len(got) != 24 {
				t.Errorf("the peer received %d bytes and %v", len(got), err)
			}
		})
	}
}

// An absorbing connection takes all that is written to it, and can end its sending direction.
type absorbing struct{ net.Conn }

func (absorbing) Write(p []byte) (int, error) { return len(p), nil }
func (absorbing) CloseWrite() error           { return nil }

// TestLingerIsBounded: a peer that neither reads nor closes does not hold Close for
// long, and many of them are not waited for at all. Time is that of a bubble.
func TestLingerIsBounded(t *testing.T) {
	refuse := func(t *testing.T) (took time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			a, b := net.Pipe()
			defer a.Close()
			_, server := wrap(t, a, absorbing{b})
			go a.Write([]byte("\x16\x03\x01\x00\x04\xff\x00\x00\x00"))
			var e *engine.Error
			err := server.Handshake(t.Context())
			if !errors.As(err, &e) || e.Fault != engine.FaultPeer {
				t.Fatalf("a message of no type: %v", err)
			}
			start := time.Now()
			server.Close()
			took = time.Since(start)
		})
		return took
	}
	if took := refuse(t); took != lingerTime {
		t.Errorf("Close took %v, %v is right", took, lingerTime)
	}
	for range lingerPeers {
		lingering <- struct{}{}
	}
	defer func() {
		for range lingerPeers {
			<-lingering
		}
	}()
	if took := refuse(t); took != 0 {
		t.Errorf("beside %d others Close took %v", lingerPeers, took)
	}
}
