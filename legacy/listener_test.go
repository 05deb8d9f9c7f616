package legacy_test

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/sealsock/sealsock/address"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/legacy"
)

// TestListener: silent clients do not delay others, the oldest makes place for a new one,
// and what is refused is reported and not returned.
func TestListener(t *testing.T) {
	client, server, _ := configs(t, bothUsages)
	server.MaxHandshakes = 2
	refused := make(chan error, 4)
	server.OnHandshakeError = func(_ net.Addr, err error) { refused <- err }
	l, err := legacy.ListenAddress(t.Context(), address.MustParse("127.0.0.1:0"), server)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	accepted := make(chan *legacy.Conn, 4)
	go func() {
		for {
			c, err := l.AcceptConn(t.Context())
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	for range 2 {
		silent, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer silent.Close()
	}
	c, err := legacy.DialAddress(t.Context(), address.MustParse(l.Addr().String()), client)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	select {
	case s := <-accepted:
		defer s.Close()
		if !s.ConnectionState().HandshakeComplete {
			t.Error("the handshake of a connection from Accept is not complete")
		}
	case <-time.After(20 * time.Second):
		t.Fatal("silent clients delay another")
	}
	next := func() (err error) {
		select {
		case err = <-refused:
		case <-accepted:
			t.Fatal("a client that does not speak TLS was accepted")
		case <-time.After(20 * time.Second):
			t.Fatal("no client was refused")
		}
		return err
	}
	var e *engine.Error
	if err := next(); !errors.As(err, &e) || e.Fault != engine.FaultLimit {
		t.Errorf("the oldest client: %v", err)
	}

	other, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	io.WriteString(other, "GET / HTTP/1.1\r\n\r\n")
	err = next()
	if errors.As(err, &e) && e.Fault == engine.FaultLimit {
		err = next() // the second silent client made place for this one
	}
	if err == nil {
		t.Error("a client was refused without an error")
	}
}

// TestListenerEnds: Close ends Accept, and handshakes.
func TestListenerEnds(t *testing.T) {
	_, server, _ := configs(t, bothUsages)
	l, err := legacy.Listen(t.Context(), "127.0.0.1:0", server)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := l.Accept()
		ended <- err
	}()
	silent, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept: %v", err)
	}
	silent.SetReadDeadline(time.Now().Add(20 * time.Second))
	_, err = silent.Read(make([]byte, 1))
	if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the connection of a client in its handshake stays open: %v", err)
	}
}
