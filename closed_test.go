package sealsock_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
)

type ctx = context.Context

// uses are the methods of a Conn that read, write, or end it.
var uses = map[string]func(ctx, *sealsock.Conn) error{
	"Read":  func(_ ctx, c *sealsock.Conn) error { return second(c.Read(make([]byte, 1))) },
	"Write": func(_ ctx, c *sealsock.Conn) error { return second(c.Write([]byte("x"))) },
	"ReadBatch": func(_ ctx, c *sealsock.Conn) error {
		return second(c.ReadBatch([][]byte{make([]byte, 1)}))
	},
	"WriteBatch": func(_ ctx, c *sealsock.Conn) error { return second(c.WriteBatch([][]byte{{1}})) },
	"ReadFrom": func(_ ctx, c *sealsock.Conn) error {
		return second(c.ReadFrom(bytes.NewReader([]byte("x"))))
	},
	"WriteTo":     func(_ ctx, c *sealsock.Conn) error { return second(c.WriteTo(io.Discard)) },
	"WriteEarly":  func(_ ctx, c *sealsock.Conn) error { return second(c.WriteEarly([]byte("x"))) },
	"CloseWrite":  func(_ ctx, c *sealsock.Conn) error { return c.CloseWrite() },
	"Close":       func(_ ctx, c *sealsock.Conn) error { return c.Close() },
	"Rekey":       func(x ctx, c *sealsock.Conn) error { return c.Rekey(x, true) },
	"SendTickets": func(x ctx, c *sealsock.Conn) error { return c.SendTickets(x, 1) },
	"RequestClientCertificate": func(x ctx, c *sealsock.Conn) error {
		return c.RequestClientCertificate(x)
	},
	"Unwrap":   func(x ctx, c *sealsock.Conn) error { return second(c.Unwrap(x)) },
	"HandOver": handOverTo,
	"Detach": func(_ ctx, c *sealsock.Conn) error {
		_, _, _, _, err := c.Detach()
		return err
	},
	"Abort": func(_ ctx, c *sealsock.Conn) error { return c.Abort(80) },
}

func second[T any](_ T, err error) error { return err }

// handOverTo hands c over, to a process that never comes.
func handOverTo(x ctx, c *sealsock.Conn) error {
	takeover, err := sealsock.NewTakeover()
	if err != nil {
		return err
	}
	return second(c.HandOver(x, takeover.Token(), nil))
}

// TestClosedConn: once a Conn is closed, or what it consisted of belongs to something else, each
// method returns net.ErrClosed, and sends nothing. Behind Unwrap a method that reads may return the
// end, which Unwrap has read.
func TestClosedConn(t *testing.T) {
	client, server := newConfigs(t)
	server.Trust, client.PostHandshakeAuth = client.Trust, true
	for _, end := range []string{"Close", "Abort", "Unwrap", "HandOver", "Detach"} {
		for name, use := range uses {
			t.Run(end+" "+name, func(t *testing.T) {
				t.Parallel()
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				c, s := shaken(t, client, server)
				raw, peer := s.NetConn(), c.NetConn()
				ended := goDo(func() error { return uses[end](ctx, s) })
				if end == "Unwrap" {
					var err error
					if peer, err = c.Unwrap(ctx); err != nil {
						t.Fatal(err)
					}
				}
				if err := <-ended; err != nil {
					t.Fatal(err)
				}
				if end == "Close" || end == "Abort" {
					checkClosed(t, use(ctx, s))
					return
				}
				awaitBytes(t, raw, peer, "before")
				err := use(ctx, s)
				if end != "Unwrap" || err != io.EOF && (err != nil || name != "WriteTo") {
					checkClosed(t, err)
				}
				if between := awaitBytes(t, raw, peer, "behind"); between != "" {
					t.Errorf("it sends %q", between)
				}
			})
		}
	}
}

// TestClosedPacketConn is TestClosedConn over datagrams, for the methods that these have.
func TestClosedPacketConn(t *testing.T) {
	client, server := newConfigs(t)
	server.Trust, client.PostHandshakeAuth = client.Trust, true
	l, err := sealsock.Listen(t.Context(), "udp://127.0.0.1:0", server)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for name, use := range uses {
		if name == "Unwrap" || name == "HandOver" || name == "Detach" {
			continue
		}
		accepted := make(chan *sealsock.Conn, 1)
		go func() {
			s, _ := l.AcceptConn(t.Context())
			accepted <- s
		}()
		c, err := sealsock.Dial(t.Context(), "udp://"+l.Addr().String(), client)
		if err != nil {
			t.Fatal(err)
		}
		for _, conn := range []*sealsock.Conn{c, <-accepted} {
			if err := conn.Close(); err != nil {
				t.Error(err)
			}
			checkClosed(t, use(t.Context(), conn))
		}
	}
}

func checkClosed(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, net.ErrClosed) {
		t.Errorf("%v, want net.ErrClosed", err)
	}
}

// awaitBytes sends mark from one connection to the other, and returns what came in front of it.
func awaitBytes(t *testing.T, from, to net.Conn, mark string) (before string) {
	t.Helper()
	if _, err := io.WriteString(from, mark); err != nil {
		t.Fatal(err)
	}
	to.SetReadDeadline(time.Now().Add(20 * time.Second))
	for all, b := "", make([]byte, 1); ; all += string(b) {
		if before, found := strings.CutSuffix(all, mark); found {
			return before
		}
		if _, err := to.Read(b); err != nil {
			t.Fatalf("behind %q: %v", all, err)
		}
	}
}
