package measure

import (
	"errors"
	"testing"

	"github.com/sealsock/sealsock/iana"
)

// TestShape: the two ends of the limit agree on their keys, and notice if they do not.
func TestShape(t *testing.T) {
	for _, group := range []iana.NamedGroup{iana.X25519, iana.X25519MLKEM768} {
		s, err := newShape(Handshake{Key: "p256", Chain: 1, Group: group})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // its memory is used again
			client, server, err := s.handshake()
			if err != nil || client <= 0 || server <= 0 {
				t.Fatalf("%v: %v and %v, %v", group, client, server, err)
			}
		}
		private, share, err := s.hello()
		if err != nil {
			t.Fatal(err)
		}
		answer, signature, err := s.answer(share)
		if err != nil {
			t.Fatal(err)
		}
		s.certificate[0] ^= 1
		if err := s.finish(private, answer, signature); err == nil {
			t.Errorf("%v: a signature over another certificate was taken", group)
		}
	}
	if _, err := newShape(Handshake{Key: "rsa", Chain: 1}); !errors.Is(err, errors.ErrUnsupported) {
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
