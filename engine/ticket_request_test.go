package engine

import (
	"testing"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/wire"
)

// TestTicketRequest: a client gets as many tickets as it asks for, up to the server's bound,
// and other numbers after a resumption. RFC 9149, Section 3.
func TestTicketRequest(t *testing.T) {
	for _, c := range []struct {
		request *TicketRequest
		number  int // the server's NumTickets
		resume  bool
		want    int
	}{
		{nil, 0, false, 2},
		{nil, 3, true, 3},
		{&TicketRequest{}, 0, false, 0},
		{&TicketRequest{New: 0, Resumed: 5}, 3, false, 0},
		{&TicketRequest{New: 1, Resumed: 5}, 0, false, 1},
		{&TicketRequest{New: 1, Resumed: 5}, 0, true, 5},
		{&TicketRequest{New: 8}, 0, false, 8},
		{&TicketRequest{New: 9}, 0, false, 8},
		{&TicketRequest{New: 255}, 0, false, 8},
		{&TicketRequest{New: 255}, 10, false, 10},
		{&TicketRequest{New: 4}, -1, false, 0},
	} {
		client, server := resumable(t)
		if !c.resume {
			client.Session = nil
		}
		client.TicketRequest, server.NumTickets = c.request, c.number
		var said *uint8
		client.Trace = func(m Trace) {
			if !m.Sent && m.Type == iana.ContentHandshake &&
				iana.HandshakeType(m.Data[0]) == iana.HandshakeEncryptedExtensions {
				ee, err := wire.ParseEncryptedExtensions(m.Data[wire.HeaderLen:])
				if err != nil {
					t.Error(err)
					return
				}
				said = ee.TicketRequest
			}
		}
		side, _ := connect(t, client, server)
		if side.r.State().Resumed != c.resume {
			t.Fatalf("%+v: resumed %v", c, !c.resume)
		}
		if len(side.sessions) != c.want {
			t.Errorf("%+v, %d: %d tickets, %d expected", c.request, c.number, len(side.sessions), c.want)
		}
		if (said != nil) != (c.request != nil) || said != nil && int(*said) != c.want {
			t.Errorf("%+v, %d: the server announces %v tickets", c.request, c.number, said)
		}
	}
}

// TestTicketRequestStays: the second ClientHello asks for the same. RFC 9149, Section 3.
func TestTicketRequestStays(t *testing.T) {
	client, server := resumable(t)
	client.Session, client.TicketRequest = nil, &TicketRequest{New: 3}
	client.KeyShares = []iana.NamedGroup{}
	c, _ := connect(t, client, server)
	if !c.r.State().Retried || len(c.sessions) != 3 {
		t.Errorf("retried %v, %d tickets", c.r.State().Retried, len(c.sessions))
	}
}
