package wire

import (
	"fmt"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/codec"
)

// connectionID is connection_id, non-nil. RFC 9146, Section 3.
//
//	struct { opaque cid<0..2^8-1>; } ConnectionId;
func (p *parser) connectionID() []byte { return p.vector8("cid", 0, 255) }

// srtp is use_srtp. RFC 5764, Section 4.1.1.
//
//	uint8 SRTPProtectionProfile[2];
//	struct {
//	    SRTPProtectionProfiles SRTPProtectionProfiles<2..2^16-1>;
//	    opaque srtp_mki<0..255>;
//	} UseSRTPData;
func (p *parser) srtp() *SRTP {
	profiles := list16[iana.SRTPProfile](p, "profiles", p.vector16("profiles", 2))
	return &SRTP{profiles, p.vector8("srtp_mki", 0, 255)}
}

func addSRTP(b *codec.Builder, m *SRTP) bool {
	if m == nil {
		return false
	}
	addNumbers16(b, m.Profiles)
	b.AddVector(1, m.MKI)
	return true
}

// NewConnectionID gives the peer connection IDs to use. RFC 9147, Section 9.
//
//	enum { cid_immediate(0), cid_spare(1), (255) } ConnectionIdUsage;
//	opaque ConnectionId<0..2^8-1>;
//	struct {
//	    ConnectionId cids<0..2^16-1>;
//	    ConnectionIdUsage usage;
//	} NewConnectionId;
type NewConnectionID struct {
	IDs       [][]byte
	Immediate bool // one of them must be used from now on
}

// ParseNewConnectionID parses the body of a NewConnectionId.
func ParseNewConnectionID(body []byte) (*NewConnectionID, error) {
	p := parse(iana.HandshakeNewConnectionID, body)
	list := p.within(p.vector16("cids", 0))
	m := &NewConnectionID{IDs: make([][]byte, 0, count(list.Reader, 1))}
	for !list.Empty() {
		m.IDs = append(m.IDs, list.vector8("cids", 0, 255))
	}
	p.merge(&list)
	usage := p.uint8("usage")
	if p.err == nil && usage > 1 {
		p.illegal("usage", fmt.Sprintf("value %d, 0 or 1 allowed", usage))
	}
	m.Immediate = usage == 0
	return parsed(m, &p)
}

// AppendTo appends the whole message to b.
func (m *NewConnectionID) AppendTo(b []byte) ([]byte, error) {
	w, mark := begin(b, iana.HandshakeNewConnectionID)
	list := w.Begin(2)
	for _, id := range m.IDs {
		w.AddVector(1, id)
	}
	w.End(list)
	if m.Immediate {
		w.AddUint8(0)
	} else {
		w.AddUint8(1)
	}
	return end(&w, mark, iana.HandshakeNewConnectionID)
}

// RequestConnectionID asks the peer for connection IDs. RFC 9147, Section 9.
//
//	struct { uint8 num_cids; } RequestConnectionId;
type RequestConnectionID struct{ Count uint8 }

// ParseRequestConnectionID parses the body of a RequestConnectionId.
func ParseRequestConnectionID(body []byte) (*RequestConnectionID, error) {
	p := parse(iana.HandshakeRequestConnectionID, body)
	m := &RequestConnectionID{p.uint8("num_cids")}
	return parsed(m, &p)
}

// AppendTo appends the whole message to b.
func (m *RequestConnectionID) AppendTo(b []byte) ([]byte, error) {
	w, mark := begin(b, iana.HandshakeRequestConnectionID)
	w.AddUint8(m.Count)
	return end(&w, mark, iana.HandshakeRequestConnectionID)
}
