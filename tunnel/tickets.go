package tunnel

import "github.com/sealsock/sealsock/engine"

// ownTickets are the tickets of one tunnel among others that have the same ticket keys. Without
// the name in them, an attacker on the path could lead a client that resumes a session of one
// tunnel to another tunnel, which would not have to show its certificate.
type ownTickets struct {
	engine.Tickets
	tunnel string // its name, which is the same in all processes of a fleet
}

// Issue implements engine.Tickets.
func (o *ownTickets) Issue(s *engine.Session) ([]byte, error) {
	own := *s
	own.Extra = []byte(o.tunnel)
	return o.Tickets.Issue(&own)
}

// Redeem implements engine.Tickets.
func (o *ownTickets) Redeem(ticket []byte) (*engine.Session, error) {
	s, err := o.Tickets.Redeem(ticket)
	if s == nil || err != nil || string(s.Extra) != o.tunnel {
		return nil, err
	}
	return s, nil
}
