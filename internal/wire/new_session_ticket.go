package wire

import "github.com/sealsock/sealsock/iana"

//	struct {
//	    uint32 ticket_lifetime;
//	    uint32 ticket_age_add;
//	    opaque ticket_nonce<0..255>;
//	    opaque ticket<1..2^16-1>;
//	    Extension extensions<0..2^16-1>;
//	} NewSessionTicket;

// ParseNewSessionTicket parses the body of a NewSessionTicket of TLS 1.3.
func ParseNewSessionTicket(body []byte) (*NewSessionTicket, error) {
	m, p := new(NewSessionTicket), parse(iana.HandshakeNewSessionTicket, body)
	m.Lifetime = p.uint32("ticket_lifetime")
	m.AgeAdd = p.uint32("ticket_age_add")
	m.Nonce = p.vector8("ticket_nonce", 0, 255)
	m.Ticket = p.vector16("ticket", 1)
	m.Present, m.Unknown = newSessionTicketTable.parse(m, &p)
	return parsed(m, &p)
}

// AppendTo appends the whole message to b, Unknown last.
func (m *NewSessionTicket) AppendTo(b []byte) ([]byte, error) {
	w, mark := begin(b, iana.HandshakeNewSessionTicket)
	w.AddUint32(m.Lifetime)
	w.AddUint32(m.AgeAdd)
	w.AddVector(1, m.Nonce)
	w.AddVector(2, m.Ticket)
	newSessionTicketTable.append(m, &w, m.Unknown)
	return end(&w, mark, iana.HandshakeNewSessionTicket)
}

// newSessionTicketTable lists the extensions of a NewSessionTicket.
var newSessionTicketTable = table[NewSessionTicket]{
	field(iana.ExtEarlyData, func(m *NewSessionTicket) **uint32 { return &m.MaxEarlyData },
		(*parser).maxEarlyData, addOptional32),
}
