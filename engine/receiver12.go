package engine

import (
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/record"
)

// open12 is open for TLS 1.2, whose records have their type in the clear and
// where change_cipher_spec is part of the protocol. RFC 5246, Section 6.2.
func (r *Receiver) open12(h record.Header, rec, out []byte) (EventKind, []byte, error) {
	if h.Version != iana.TLS12 {
		return EventProgress, nil, broken(iana.AlertProtocolVersion,
			"a record of version %v on a connection of TLS 1.2", h.Version)
	}
	typ, payload, err := r.opener.OpenTo(out, rec)
	if err != nil {
		return EventProgress, nil, err
	}
	if typ == iana.ContentAlert {
		kind, err := r.alert(payload)
		return kind, nil, err
	}
	if len(payload) > 0 {
		r.warnings = 0
	}
	if len(r.fragment) > 0 && typ != iana.ContentHandshake {
		return EventProgress, nil, broken(iana.AlertUnexpectedMessage,
			"a record of type %v inside a handshake message", typ)
	}
	switch typ {
	case iana.ContentChangeCipherSpec:
		return EventProgress, nil, r.changeCipherSpec(payload)
	case iana.ContentHandshake:
		return EventProgress, nil, r.handshake(payload)
	}
	if !r.info.HandshakeDone {
		return EventProgress, nil, broken(iana.AlertUnexpectedMessage,
			"application data before the end of the handshake")
	}
	return r.data(payload)
}

// changeCipherSpec gives the peer's change_cipher_spec to the state. At any
// other time than after the messages that lead to the keys it would make them
// predictable, so no other state takes one.
func (r *Receiver) changeCipherSpec(payload []byte) error {
	switch {
	case len(payload) != 1:
		// RFC 5246, Section 7.2.2: decode_error is for a message whose length is
		// incorrect; Section 7.1: it "consists of a single byte of value 1".
		return broken(iana.AlertDecodeError,
			"a change_cipher_spec of %d bytes, expected 1", len(payload))
	case payload[0] != 1:
		return illegal("a change_cipher_spec of value %d, expected 1", payload[0])
	}
	s, ok := r.state.(ccsHandler)
	if !ok {
		return unexpected(r.state, "change_cipher_spec")
	}
	r.cfg.trace(false, iana.ContentChangeCipherSpec, payload)
	r.state = nil
	do := r.effects()
	next, err := s.changeCipherSpec(do)
	return r.advance(next, do, err)
}

// warning counts a warning alert that is ignored. Peers of TLS 1.2 send one
// at times, such as unrecognized_name. RFC 5246, Section 7.2.
func (r *Receiver) warning(a iana.Alert) error {
	if r.warnings++; r.warnings > maxWarnings {
		return overLimit(iana.AlertUnexpectedMessage, "%d consecutive warning alerts, the last %v", r.warnings, a)
	}
	return nil
}
