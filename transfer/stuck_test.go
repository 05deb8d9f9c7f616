package transfer

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/sealsock/sealsock/internal/relaytest"
	"github.com/sealsock/sealsock/relay"
)

// A stuck is a connection to a relay that reads nothing after the first message.
type stuck struct {
	net.Conn
	joined bool
	once   sync.Once
	waits  chan struct{} // closed when a write waits
	ending sync.Once
	closed chan struct{}
}

func (s *stuck) Write(p []byte) (int, error) {
	if !s.joined {
		s.joined = true
		return s.Conn.Write(p)
	}
	s.once.Do(func() { close(s.waits) })
	<-s.closed
	return 0, net.ErrClosed
}

func (s *stuck) Close() error {
	s.ending.Do(func() { close(s.closed) })
	return s.Conn.Close()
}

// TestDeafRelay: a sender and a receiver end with their context, although the relay reads
// nothing of what they send.
func TestDeafRelay(t *testing.T) {
	for _, sends := range []bool{true, false} {
		f := relaytest.New(t)
		first := &stuck{waits: make(chan struct{}), closed: make(chan struct{})}
		dial := func(ctx context.Context) (c net.Conn, err error) {
			if c, err = f.Dial(ctx); err == nil && first.Conn == nil {
				first.Conn = c
				return first, nil
			}
			return c, err
		}
		ctx, cancel := context.WithCancel(within(t))
		ended := make(chan error, 1)
		number := uint32(7)
		if sends {
			dir := t.TempDir()
			write(t, dir, map[string][]byte{"x": []byte("x")})
			s, err := NewSender(ctx, SendOptions{Dial: dial, Files: scan(t, dir, "x")})
			if err != nil {
				t.Fatal(err)
			}
			number = s.code.number
			go func() { ended <- s.Run(ctx) }()
		} else {
			code := newCode(number, 2)
			go func() {
				_, err := Receive(ctx, ReceiveOptions{Dial: dial, Code: code, Dir: t.TempDir()})
				ended <- err
			}()
		}
		for met := false; !met; {
			met = knock(t, f, number)
		}
		<-first.waits
		cancel()
		select {
		case err := <-ended:
			if !errors.Is(err, context.Canceled) {
				t.Errorf("sends: %v: %v", sends, err)
			}
		case <-time.After(time.Minute):
			t.Fatalf("sends: %v: it waits for a relay that reads nothing", sends)
		}
	}
}

// knock joins the room of a number until the end of the test, and begins an exchange with who is
// there. It reports whether there is one.
func knock(t *testing.T, f *relaytest.Relay, number uint32) bool {
	t.Helper()
	conn, err := f.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	m, err := relay.Join(t.Context(), conn, meetingRoom(number), relay.NewToken())
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Members()) == 0 {
		m.Close()
		time.Sleep(time.Millisecond)
		return false
	}
	t.Cleanup(func() { m.Close() })
	go func() {
		for err := error(nil); err == nil; {
			_, err = m.Receive()
		}
	}()
	var session [sessionSize]byte
	e := exchange(newCode(number, 2), m.ID(), m.Members()[0], session)
	m.Send(m.Members()[0], (&greeting{greetStart, session, e.Share()}).append())
	return true
}
