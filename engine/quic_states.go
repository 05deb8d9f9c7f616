package engine

import (
	"bytes"
	"math"
	"slices"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/wire"
)

// What follows is all that the states of the handshake do otherwise in QUIC. The methods of a
// nil *quicSide are for connections that are none of QUIC.

// A quicSide is what the states have to know of QUIC.
type quicSide struct {
	params []byte // this side's transport parameters; nil while they are not set
	early  func(*Session) bool
}

// quicEarlyData is max_early_data_size in QUIC, which limits 0-RTT data by itself. RFC 9001,
// Section 4.6.1: "Servers MUST NOT send the early_data extension with a max_early_data_size
// field set to any value other than 0xffffffff."
const quicEarlyData = math.MaxUint32

// own returns this side's transport parameters.
func (q *quicSide) own() []byte {
	if q == nil {
		return nil
	}
	return q.params
}

// config returns a Config as QUIC needs it.
func (q *quicSide) config(cfg *Config, client bool) (*Config, error) {
	switch {
	case q == nil:
		return cfg, nil
	case len(cfg.ALPN) == 0 && (client || cfg.ForClient == nil):
		return nil, usage("QUIC needs ALPN: set the application protocols (RFC 9001, Section 8.1)")
	case slices.Contains(cfg.CipherSuites, iana.TLS_AES_128_CCM_8_SHA256):
		// RFC 9001, Section 5.3: "QUIC can use any of the cipher suites defined in [TLS13]
		// with the exception of TLS_AES_128_CCM_8_SHA256."
		return nil, usage("%v is not for QUIC", iana.TLS_AES_128_CCM_8_SHA256)
	}
	own := *cfg
	own.quic = q
	// RFC 9001, Section 4.2: "Clients MUST NOT offer TLS versions older than 1.3."
	own.MinVersion = max(own.MinVersion, iana.TLS13)
	// RFC 9001, Section 8.4: "A client MUST NOT request the use of the TLS 1.3 compatibility
	// mode."
	own.NoCompatibilityMode = true
	own.PostHandshakeAuth = false // RFC 9001, Section 4.4
	own.RecordSizeLimit, own.MaxFragmentLength = 0, 0
	if own.MaxEarlyData != 0 {
		own.MaxEarlyData = quicEarlyData
	}
	return &own, nil
}

// takesEarly reports whether QUIC accepts 0-RTT data of a client that has a key.
func (q *quicSide) takesEarly(k *presharedKey) bool {
	return q == nil || k.session != nil && q.early != nil && q.early(k.session)
}

// remembers reports whether there are transport parameters for 0-RTT data with a key: those
// of an earlier connection. RFC 9000, Section 7.4.1.
func (q *quicSide) remembers(k *presharedKey) bool { return q == nil || k.session != nil }

// answered takes a server's transport parameters and its choice of a protocol.
func (q *quicSide) answered(ee *wire.EncryptedExtensions, do *effects) error {
	switch {
	case q == nil:
		return nil
	case !slices.Contains(ee.Present, iana.ExtQUICTransportParameters):
		return missing(iana.ExtQUICTransportParameters)
	case ee.ALPN == "":
		return noProtocol()
	}
	do.reportTransport(ee.QUICTransportParameters)
	return nil
}

// reportTransport reports the peer's transport parameters.
func (e *effects) reportTransport(params []byte) {
	e.events = append(e.events, Event{Kind: eventTransport, Data: bytes.Clone(params)})
}

// noProtocol is the error for a peer that negotiates no application protocol. RFC 9001,
// Section 8.1: "endpoints MUST immediately close a connection ... with a
// no_application_protocol TLS alert", clients too.
func noProtocol() error {
	return incompatible(iana.AlertNoApplicationProtocol,
		"the peer negotiates no application protocol, which QUIC needs",
		"check the application protocols (ALPN) of both sides")
}

// badProtocol gives the error for a protocol that was not offered its code of QUIC. RFC 9001,
// Section 8.1: "a client MUST treat the selection of an incompatible application protocol by a
// server as a connection error of type 0x0178."
func (q *quicSide) badProtocol(e *Error) *Error {
	if q != nil {
		e.quic = quicCryptoError + uint64(iana.AlertNoApplicationProtocol)
	}
	return e
}

// checkTicket checks the extension of a ticket. RFC 9001, Section 4.6.1: "A client MUST treat
// receipt of a NewSessionTicket that contains an early_data extension with any other value as
// a connection error of type PROTOCOL_VIOLATION."
func (q *quicSide) checkTicket(early *uint32) error {
	if q != nil && early != nil && *early != quicEarlyData {
		return violation("a ticket for %d bytes of 0-RTT data, expected %d", *early,
			uint32(quicEarlyData))
	}
	return nil
}

// A paramsQuery asks for the transport parameters of a server.
type paramsQuery struct{ _ byte } // two of them have different addresses

func (*paramsQuery) question() {}

// beginQUIC checks what a ClientHello of QUIC must have, reports the client's transport
// parameters, and waits for those of this side.
func (s *deciding) beginQUIC(do *effects) (state, error) {
	if _, err := chooseVersion(s.cfg, s.hello); err != nil {
		return nil, err
	}
	switch {
	case !slices.Contains(s.hello.Present, iana.ExtQUICTransportParameters):
		// RFC 9001, Section 8.2: "endpoints that receive ClientHello or EncryptedExtensions
		// messages without the quic_transport_parameters extension MUST close the connection
		// with an error of type 0x016d".
		return nil, missing(iana.ExtQUICTransportParameters)
	case len(s.hello.SessionID) > 0:
		// RFC 9001, Section 8.4: "A server SHOULD treat the receipt of a TLS ClientHello with
		// a non-empty legacy_session_id field as a connection error of type
		// PROTOCOL_VIOLATION."
		return nil, violation("a ClientHello of QUIC with a session ID, which is for middleboxes")
	}
	if name, err := chooseALPN(s.cfg.ALPN, s.hello.ALPN); err != nil {
		return nil, err
	} else if name == "" {
		return nil, noProtocol()
	}
	do.reportTransport(s.hello.QUICTransportParameters)
	q := new(paramsQuery)
	return &wait[struct{}]{
		what: "the transport parameters",
		q:    q,
		try: func() (none struct{}, err error) {
			if s.cfg.quic.params == nil {
				err = ErrPending
			}
			return none, err
		},
		then: func(_ struct{}, do *effects) (state, error) { return s.decide(do) },
	}, nil
}
