package wire

import (
	"fmt"

	"github.com/sealsock/sealsock/iana"
)

//	enum { update_not_requested(0), update_requested(1), (255) } KeyUpdateRequest;
//	struct { KeyUpdateRequest request_update; } KeyUpdate;

// ParseKeyUpdate parses the body of a KeyUpdate. RFC 9846, Section 4.6.3: any
// other value MUST be refused with illegal_parameter.
func ParseKeyUpdate(body []byte) (*KeyUpdate, error) {
	p := parse(iana.HandshakeKeyUpdate, body)
	request := p.uint8("request_update")
	if err := p.end(); err != nil {
		return nil, err
	}
	if request > 1 {
		p.illegal("request_update", fmt.Sprintf("value %d, 0 or 1 allowed", request))
		return nil, p.err
	}
	return &KeyUpdate{RequestUpdate: request == 1}, nil
}

// AppendTo appends the whole message to b.
func (m *KeyUpdate) AppendTo(b []byte) ([]byte, error) {
	w, mark := begin(b, iana.HandshakeKeyUpdate)
	if m.RequestUpdate {
		w.AddUint8(1)
	} else {
		w.AddUint8(0)
	}
	return end(&w, mark, iana.HandshakeKeyUpdate)
}
