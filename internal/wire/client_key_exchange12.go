package wire

import "github.com/sealsock/sealsock/iana"

//	struct {
//	    opaque psk_identity<0..2^16-1>;     // PSK and ECDHE_PSK only
//	    opaque ecdh_Yc<1..2^8-1>;           // ECDHE only
//	} ClientKeyExchange;

// ParseClientKeyExchange12 parses the body of a ClientKeyExchange for a suite
// that uses a pre-shared key, ECDHE, or both.
func ParseClientKeyExchange12(body []byte, psk, ecdhe bool) (*ClientKeyExchange12, error) {
	m, p := new(ClientKeyExchange12), parse(iana.HandshakeClientKeyExchange, body)
	if psk {
		m.Identity = p.vector16("psk_identity", 0)
	}
	if ecdhe {
		m.Public = p.vector8("ecdh_Yc", 1, 255)
	}
	return parsed(m, &p)
}

// AppendTo appends the whole message to b: Identity unless it is nil, Public
// unless it is nil.
func (m *ClientKeyExchange12) AppendTo(b []byte) ([]byte, error) {
	w, mark := begin(b, iana.HandshakeClientKeyExchange)
	if m.Identity != nil {
		w.AddVector(2, m.Identity)
	}
	if m.Public != nil {
		w.AddVector(1, m.Public)
	}
	return end(&w, mark, iana.HandshakeClientKeyExchange)
}
