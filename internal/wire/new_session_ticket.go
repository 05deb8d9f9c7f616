package wire

import (
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/codec"
)

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
	m.Present, m.Unknown = p.extensions(m.parseExtension)
	if err := p.end(); err != nil {
		return nil, err
	}
	return m, nil
}

// AppendTo appends the whole message to b, Unknown last.
func (m *NewSessionTicket) AppendTo(b []byte) ([]byte, error) {
	w, mark := begin(b, iana.HandshakeNewSessionTicket)
	w.AddUint32(m.Lifetime)
	w.AddUint32(m.AgeAdd)
	w.AddVector8(m.Nonce)
	w.AddVector16(m.Ticket)
	addExtensions(&w, newSessionTicketOrder, m.addExtension, m.Unknown)
	return end(&w, mark, iana.HandshakeNewSessionTicket)
}

var newSessionTicketOrder = []iana.ExtensionType{iana.ExtEarlyData}

func (m *NewSessionTicket) parseExtension(x *parser, typ iana.ExtensionType) bool {
	if typ != iana.ExtEarlyData {
		return false
	}
	most := x.uint32("max_early_data_size")
	m.MaxEarlyData = &most
	return true
}

func (m *NewSessionTicket) addExtension(b *codec.Builder, typ iana.ExtensionType) bool {
	if typ != iana.ExtEarlyData || m.MaxEarlyData == nil {
		return false
	}
	b.AddUint32(*m.MaxEarlyData)
	return true
}
