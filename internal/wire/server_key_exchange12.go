package wire

import (
	"fmt"

	"github.com/sealsock/sealsock/iana"
)

//	struct {
//	    opaque psk_identity_hint<0..2^16-1>;    // PSK and ECDHE_PSK only
//	    ECCurveType curve_type;                 // named_curve(3); from here on ECDHE only
//	    NamedCurve namedcurve;
//	    opaque point<1..2^8-1>;
//	    SignatureAndHashAlgorithm algorithm;    // from here on not with PSK
//	    opaque signature<0..2^16-1>;
//	} ServerKeyExchange;

const namedCurve = 3

// ParseServerKeyExchange12 parses the body of a ServerKeyExchange for a suite
// that uses a pre-shared key, ECDHE, or both. For suites with neither the
// message does not exist.
func ParseServerKeyExchange12(body []byte, psk, ecdhe bool) (*ServerKeyExchange12, error) {
	m, p := new(ServerKeyExchange12), parse(iana.HandshakeServerKeyExchange, body)
	if !psk && !ecdhe {
		p.fail(iana.AlertUnexpectedMessage, "", "not part of this key exchange")
	}
	if psk {
		m.Hint = p.vector16("psk_identity_hint", 0)
	}
	if ecdhe {
		p.ecdhParams(m)
	}
	if !psk {
		m.Algorithm = iana.SignatureScheme(p.uint16("algorithm"))
		m.Signature = p.vector16("signature", 0)
	}
	return parsed(m, &p)
}

// ecdhParams reads ServerECDHParams, remembering the bytes for the signature.
// RFC 8422, Section 5.4: only named curves are left; another curve_type is an
// illegal_parameter.
func (p *parser) ecdhParams(m *ServerKeyExchange12) {
	before := *p
	if typ := p.uint8("curve_type"); p.err == nil && typ != namedCurve {
		p.illegal("curve_type", fmt.Sprintf("value %d, only named_curve allowed", typ))
	}
	m.Group = iana.NamedGroup(p.uint16("namedcurve"))
	m.Public = p.vector8("point", 1, 255)
	if p.err == nil {
		m.Params, _ = before.Bytes(before.Len() - p.Len())
	}
}

// AppendTo appends the whole message to b. It has a hint if Hint is not nil,
// the parameters if Public is not nil, and a signature unless both Algorithm
// and Signature are zero. Params is ignored: see AppendECDHParams.
func (m *ServerKeyExchange12) AppendTo(b []byte) ([]byte, error) {
	w, mark := begin(b, iana.HandshakeServerKeyExchange)
	if m.Hint != nil {
		w.AddVector(2, m.Hint)
	}
	if m.Public != nil {
		w.AddUint8(namedCurve)
		w.AddUint16(uint16(m.Group))
		w.AddVector(1, m.Public)
	}
	if m.Algorithm != 0 || m.Signature != nil {
		w.AddUint16(uint16(m.Algorithm))
		w.AddVector(2, m.Signature)
	}
	return end(&w, mark, iana.HandshakeServerKeyExchange)
}

// AppendECDHParams appends the ServerECDHParams that the server signs. public
// has at most 255 bytes.
func AppendECDHParams(b []byte, group iana.NamedGroup, public []byte) []byte {
	b = append(b, namedCurve, byte(group>>8), byte(group), byte(len(public)))
	return append(b, public...)
}
