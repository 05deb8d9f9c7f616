package wire

import "github.com/sealsock/sealsock/iana"

//	struct {
//	    uint32 ticket_lifetime_hint;
//	    opaque ticket<0..2^16-1>;
//	} NewSessionTicket;

// ParseNewSessionTicket12 parses the body of a NewSessionTicket of TLS 1.2. An
// empty ticket means that there is none after all. RFC 5077, Section 3.3.
func ParseNewSessionTicket12(body []byte) (*NewSessionTicket12, error) {
	m, p := new(NewSessionTicket12), parse(iana.HandshakeNewSessionTicket, body)
	m.Lifetime = p.uint32("ticket_lifetime_hint")
	m.Ticket = p.vector16("ticket", 0)
	return parsed(m, &p)
}

// AppendTo appends the whole message to b.
func (m *NewSessionTicket12) AppendTo(b []byte) ([]byte, error) {
	w, mark := begin(b, iana.HandshakeNewSessionTicket)
	w.AddUint32(m.Lifetime)
	w.AddVector(2, m.Ticket)
	return end(&w, mark, iana.HandshakeNewSessionTicket)
}
