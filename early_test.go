package sealsock_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
)

// refusedEarly connects with 0-RTT data for the protocol "a" to a server that refuses it
// and chooses protocol. It returns what the server has read, and the client's error.
func refusedEarly(
	t *testing.T, protocol string, decide func([]byte, string) []byte,
) (read string, err error) {
	t.Helper()
	cc, sc := newConfigs(t)
	sc.MaxEarlyData, sc.ALPN = 4096, []string{"a"}
	sc.Tickets = sealsock.SealTickets(new(sealsock.RotatingKeys), nil)
	sc.AntiReplay = sealsock.NewAntiReplay(100, nil) // too young to accept
	cc.EarlyData, cc.ALPN = true, []string{"a", "b"}
	cc.OnSession = func(s *engine.Session) { cc.Session = s }
	a, b := socketPair(t, "unix")
	first := *cc
	c, s := sealPair(t, a, b, &first, sc)
	exchangeBoth(t, c, s)
	if cc.Session == nil {
		t.Fatal("no session")
	}
	c.Close()
	s.Close()

	other := *sc
	other.ALPN, cc.EarlyRefused = []string{protocol}, decide
	a, b = socketPair(t, "unix")
	if c, err = sealsock.Client(a, cc); err != nil {
		t.Fatal(err)
	}
	if s, err = sealsock.Server(b, &other); err != nil {
		t.Fatal(err)
	}
	done := make(chan []byte, 1)
	go func() {
		defer s.Close()
		data, _ := io.ReadAll(s) // the client may end the connection
		done <- data
	}()
	if _, err := c.WriteEarly([]byte("GET /for-a-only")); err != nil {
		t.Fatal(err)
	}
	if err = c.HandshakeContext(context.Background()); err == nil {
		if err := c.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, c) // until the server has read all
	}
	c.Close()
	return string(<-done), err
}

// TestRefusedEarlyDataUnderAnotherProtocol: RFC 9846, Section 4.2.10: refused 0-RTT data
// is sent again for the same application protocol, and for another one only as the
// application decides.
func TestRefusedEarlyDataUnderAnotherProtocol(t *testing.T) {
	read, err := refusedEarly(t, "a", nil)
	if err != nil || read != "GET /for-a-only" {
		t.Errorf("for the same protocol the server reads %q, %v", read, err)
	}
	read, err = refusedEarly(t, "b", nil)
	var e *engine.Error
	if read != "" || !errors.As(err, &e) || e.Fault != engine.FaultIncompatible ||
		!strings.Contains(e.Error(), `expected "a", got "b"`) {
		t.Errorf("for another protocol the server reads %q, %v", read, err)
	}
	asked := ""
	read, err = refusedEarly(t, "b", func(data []byte, alpn string) []byte {
		asked = alpn + " " + string(data)
		return bytes.Replace(data, []byte("a-only"), []byte("b"), 1)
	})
	if err != nil || read != "GET /for-b" || asked != "b GET /for-a-only" {
		t.Errorf("the application is asked for %q, the server reads %q, %v", asked, read, err)
	}
	read, err = refusedEarly(t, "a", func([]byte, string) []byte { return nil })
	if err != nil || read != "" {
		t.Errorf("the application sends nothing, and the server reads %q, %v", read, err)
	}
}

// TestEarlyDataOverTheLimit: WriteEarly sends as much as the server accepts, and reports
// with ErrNoEarlyData that this is not all.
func TestEarlyDataOverTheLimit(t *testing.T) {
	cc, sc := newConfigs(t)
	sc.MaxEarlyData = 4
	cc.EarlyData, cc.Sessions = true, sealsock.NewMemoryCache(1)
	addr := serve(t, sc, func(c *sealsock.Conn) {
		early, _ := io.ReadAll(readEarly{c})
		c.Write([]byte("[" + string(early) + "]"))
		echo(c)
	})
	for i, want := range []string{"[]early", "[earl]y"} {
		raw, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		c, err := sealsock.Client(raw, cc)
		if err != nil {
			t.Fatal(err)
		}
		text := []byte("early")
		n, err := c.WriteEarly(text)
		if n != 4*i || !errors.Is(err, sealsock.ErrNoEarlyData) {
			t.Errorf("connection %d: %d bytes, %v", i, n, err)
		}
		if _, err := c.Write(text[n:]); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(want))
		if _, err := io.ReadFull(c, got); err != nil || string(got) != want {
			t.Errorf("connection %d: the server answers %q, %v", i, got, err)
		}
		c.Close()
	}
}

// A trickle is a connection that delivers a record only if it may.
type trickle struct {
	net.Conn
	rest    int // of a record
	records chan struct{}
}

func (c *trickle) Read(p []byte) (int, error) {
	if c.rest == 0 {
		select {
		case <-c.records:
		case <-time.After(5 * time.Millisecond):
			return 0, os.ErrDeadlineExceeded
		}
		var head [5]byte
		if _, err := io.ReadFull(c.Conn, head[:]); err != nil {
			return 0, err
		}
		c.rest = int(head[3])<<8 | int(head[4])
		return copy(p, head[:]), nil
	}
	n, err := c.Conn.Read(p[:min(len(p), c.rest)])
	c.rest -= n
	return n, err
}

// TestEarlyDataAfterItIsAccepted: what a client writes after the server has accepted 0-RTT data,
// before the handshake is done, is sent once.
func TestEarlyDataAfterItIsAccepted(t *testing.T) {
	cc, sc := newConfigs(t)
	sc.MaxEarlyData, cc.EarlyData = 4096, true
	cc.OnSession = func(s *engine.Session) { cc.Session = s }
	// They make the server's flight more than one record.
	cc.RecordSizeLimit, cc.ALPN = 64, []string{strings.Repeat("a", 30)}
	sc.ALPN = cc.ALPN
	a, b := socketPair(t, "unix")
	first := *cc
	c, s := sealPair(t, a, b, &first, sc)
	exchangeBoth(t, c, s)
	c.Close()
	s.Close()

	a, b = socketPair(t, "unix")
	raw := &trickle{Conn: a, records: make(chan struct{}, 1000)}
	var err error
	if c, err = sealsock.Client(raw, cc); err != nil {
		t.Fatal(err)
	}
	if s, err = sealsock.Server(b, sc); err != nil {
		t.Fatal(err)
	}
	writeEarly(t, c, "one ")
	early := make(chan []byte, 1)
	late := make(chan []byte, 1)
	go func() {
		defer s.Close()
		buf := make([]byte, 100)
		var all []byte
		for {
			n, err := s.ReadEarly(buf)
			if all = append(all, buf[:n]...); err != nil {
				break
			}
		}
		early <- all
		n, _ := s.Read(buf)
		late <- buf[:n]
	}()
	for i := 0; !c.State().EarlyData; i++ {
		if i == 20 {
			t.Fatal("0-RTT data is not accepted")
		}
		raw.records <- struct{}{}
		for range 5 {
			if err := c.Handshake(); err == nil {
				t.Fatal("the handshake is done")
			}
		}
	}
	writeEarly(t, c, "two")
	close(raw.records)
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte("late")); err != nil {
		t.Fatal(err)
	}
	if got := string(<-early); got != "one two" {
		t.Errorf("of 0-RTT data the server reads %q", got)
	}
	if got := string(<-late); got != "late" {
		t.Errorf("then the server reads %q", got)
	}
	c.Close()
}
