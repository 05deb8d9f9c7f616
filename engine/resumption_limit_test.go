package engine

import (
	"testing"
	"time"

	"github.com/sealsock/sealsock/iana"
)

// forgetful is a server's Tickets, or a client's handling of sessions, that counts each
// session as a new proof of the peer.
type forgetful struct {
	Tickets
	now func() time.Time
}

func (f forgetful) Redeem(ticket []byte) (*Session, error) {
	s, err := f.Tickets.Redeem(ticket)
	if s != nil {
		s.Created, s.Authenticated = f.now(), f.now()
	}
	return s, err
}

// TestResumptionEnds: sessions that are made on resumed connections have a limit. Each
// side applies it by itself: the other one here counts each session as new.
func TestResumptionEnds(t *testing.T) {
	for _, c := range []struct {
		name    string
		version iana.Version
		limit   time.Duration // of ResumptionLimit
		strict  string        // the side that keeps to it
		resumed int           // connections, one every six hours
	}{
		{"client", iana.TLS13, 0, "client", 27},
		{"server", iana.TLS13, 0, "server", 27},
		{"client with a limit", iana.TLS13, 24 * time.Hour, "client", 3},
		{"server with a limit", iana.TLS13, 24 * time.Hour, "server", 3},
		{"more than seven days", iana.TLS13, 1000 * time.Hour, "server", 27},
		{"client of TLS 1.2", iana.TLS12, 0, "client", 27},
		{"server of TLS 1.2", iana.TLS12, 0, "server", 27},
		{"client of TLS 1.2 with a limit", iana.TLS12, 24 * time.Hour, "client", 3},
		{"server of TLS 1.2 with a limit", iana.TLS12, 24 * time.Hour, "server", 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			client, server := resumableAt(t, c.version)
			clock := client.Now()
			now := func() time.Time { return clock }
			client.Now, server.Now = now, now
			client.Session, server.TicketLifetime = nil, maxLifetime
			if c.strict == "client" {
				client.ResumptionLimit = c.limit
				server.Tickets = forgetful{server.Tickets, now}
			} else {
				server.ResumptionLimit = c.limit
			}
			resumed := -1
			for again := true; again && resumed < 100; resumed++ {
				cc, ss := newPair(t, client, server)
				if err := pump(cc, ss); err != nil {
					t.Fatal(err)
				}
				again = cc.r.State().Resumed || resumed < 0
				if !again {
					break
				}
				if len(cc.sessions) > 0 {
					session := *cc.sessions[len(cc.sessions)-1]
					client.Session = &session
				}
				clock = clock.Add(6 * time.Hour)
				if c.strict == "server" {
					client.Session.Authenticated = clock
					client.Session.Created = clock
				}
			}
			if resumed != c.resumed {
				t.Errorf("%d connections are resumed, want %d", resumed, c.resumed)
			}
		})
	}
}

// TestNoTicketAfterTheLimit: a connection that stays open for longer than the limit
// gives out no ticket, since no one could use it.
func TestNoTicketAfterTheLimit(t *testing.T) {
	client, server := resumableAt(t, iana.TLS13)
	clock := client.Now()
	server.Now = func() time.Time { return clock }
	client.Session = nil
	c, s := newPair(t, client, server)
	if err := pump(c, s); err != nil {
		t.Fatal(err)
	}
	clock = clock.Add(maxResumption - time.Hour)
	out, err := s.s.SendTickets(nil, 1)
	if err != nil || len(out) == 0 {
		t.Fatalf("no ticket an hour before the limit: %v", err)
	}
	c.in = out
	if _, err := c.step(); err != nil {
		t.Fatal(err)
	}
	if got := c.sessions[len(c.sessions)-1].Lifetime; got != time.Hour {
		t.Errorf("an hour before the limit a ticket lives for %v", got)
	}
	clock = clock.Add(time.Hour)
	if out, err := s.s.SendTickets(nil, 3); err != nil || len(out) > 0 {
		t.Errorf("%d bytes of tickets after the limit, %v", len(out), err)
	}
}
