package measure

import (
	"bytes"
	"errors"
	"net"
	"testing"

	"github.com/sealsock/sealsock/iana"
)

// A spoiler is a connection that changes a byte of each long write.
type spoiler struct{ net.Conn }

func (s spoiler) Write(p []byte) (int, error) {
	p = bytes.Clone(p)
	if len(p) > 500 {
		p[len(p)-100] ^= 1
	}
	return s.Conn.Write(p)
}

// TestShape: the two ends of the limit agree on their keys, and notice if they do not.
func TestShape(t *testing.T) {
	for _, group := range []iana.NamedGroup{iana.X25519, iana.X25519MLKEM768} {
		e, err := readyShape(Handshake{Key: "p256", Chain: 1, Group: group})
		if err != nil {
			t.Fatal(err)
		}
		x := newExchange(true)
		for range 2 { // its memory is used again
			spent, err := e.once(x)
			if err != nil || spent[clientEnd] <= 0 || spent[serverEnd] <= 0 {
				t.Fatalf("%v: %v, %v", group, spent, err)
			}
		}
	}
	e, err := readyShape(usual)
	if err != nil {
		t.Fatal(err)
	}
	x := newExchange(false)
	server := e.server
	e.server = func(raw net.Conn) (conn, func() error, error) { return server(spoiler{raw}) }
	if _, err := e.once(x); err == nil {
		t.Error("a flight that was changed is taken")
	}
	if _, err := readyShape(Handshake{Key: "rsa", Chain: 1}); !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
}

// TestExchanges: there are fewer operations in the limit of public keys alone.
func TestExchanges(t *testing.T) {
	c := handshakeCase("name", Handshake{Group: iana.X25519}, true)
	if n := len(c.Rows); n != 4 || c.Rows[3].Name != "name, public keys alone" {
		t.Fatal(c.Rows)
	}
	for _, s := range []Side{Limit(), Sealsock()} {
		figures, err := c.Run(s, 20e6)
		if err != nil || len(figures) != 4 || figures[3] <= 0 {
			t.Fatal(figures, err)
		}
		if _, is := s.(limit); !is && figures[3] != figures[0] {
			t.Error("an implementation has other figures in the second row")
		}
	}
}
