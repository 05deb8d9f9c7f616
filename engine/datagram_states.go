package engine

import (
	"crypto"
	"encoding/binary"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/keys"
	"github.com/sealsock/sealsock/internal/wire"
)

// What follows is all that the states of the handshake do otherwise in DTLS, beside the
// hellos themselves.

// earlySecret begins a key schedule.
func earlySecret(datagram bool, h crypto.Hash, psk []byte) keys.EarlySecret {
	if datagram {
		return keys.NewDatagramEarlySecret(h, psk)
	}
	return keys.NewEarlySecret(h, psk)
}

// parseClientHello parses a ClientHello of TLS, or of DTLS.
func parseClientHello(body []byte, datagram bool) (*wire.ClientHello, error) {
	if datagram {
		return wire.ParseDatagramClientHello(body)
	}
	return wire.ParseClientHello(body)
}

// parseServerHello parses a ServerHello of TLS, or of DTLS.
func parseServerHello(body []byte, datagram bool) (*wire.ServerHello, error) {
	if datagram {
		return wire.ParseDatagramServerHello(body)
	}
	return wire.ParseServerHello(body)
}

// checkDatagramVersion refuses a hello in a datagram whose legacy_version is none of DTLS.
// Package wire has exchanged the versions: TLS 1.2 stands for DTLS 1.2, and the other way
// around. Versions of DTLS count downwards, so those that do not exist yet are below DTLS 1.3.
func checkDatagramVersion(v iana.Version) error {
	known := v == iana.TLS11 || v == iana.TLS12 || v == iana.TLS13
	if known || 1<<15 <= v && v < iana.DTLS13 {
		return nil
	}
	return &Error{
		Fault: FaultPeer, Alert: iana.AlertProtocolVersion, Reason: "a hello of another protocol",
		Expected: "DTLS", Got: "legacy_version of TLS, or of no version",
		Hint: "the peer must use DTLS over datagrams",
	}
}

// proveAddress answers a HelloVerifyRequest with the same ClientHello and the cookie of it.
// Neither it nor the ClientHello before is part of the transcript. There may be several: RFC 6347,
// Section 4.2.1.
func (s *awaitServerHello) proveAddress(m message, do *effects) (state, error) {
	request, err := wire.ParseHelloVerifyRequest(m.body)
	switch {
	case err != nil:
		return nil, err
	case !s.speaks(iana.TLS12):
		return nil, incompatible(iana.AlertProtocolVersion,
			"the server chose DTLS 1.2 or older, which is not allowed", "update the server")
	case s.info.verifies >= maxVerifies:
		return nil, broken(iana.AlertUnexpectedMessage, "more than %d HelloVerifyRequests", maxVerifies)
	case s.early:
		// RFC 9846, Appendix D.3: 0-RTT data and an older version do not go together.
		return nil, broken(iana.AlertProtocolVersion,
			"the server sent a HelloVerifyRequest of DTLS 1.2 after 0-RTT data was sent")
	}
	do.turn = true
	s.info.verifies++
	s.hello.LegacyCookie = request.Cookie
	if err := s.write(nil); err != nil {
		return nil, err
	}
	do.send(s.sent())
	return &awaitServerHello{offer: s.offer, info: s.info}, nil
}

// numbers12 are the numbers of the next messages of each side, which are in the transcript
// of DTLS 1.2.
type numbers12 struct{ own, peer uint16 }

// numbers12 returns the numbers of the hellos: 0, or how many HelloVerifyRequests were before them.
// RFC 6347, Section 4.2.2.
func (s *State) numbers12() numbers12 { return numbers12{s.verifies, s.verifies} }

// numbered12 returns a message with the header that it has in DTLS, as one fragment.
// RFC 6347, Section 4.2.6.
func numbered12(message []byte, number uint16) []byte {
	length := message[1:wire.HeaderLen]
	b := append(make([]byte, 0, len(message)+8), message[:wire.HeaderLen]...)
	b = binary.BigEndian.AppendUint16(b, number)
	b = append(b, 0, 0, 0)
	return append(append(b, length...), message[wire.HeaderLen:]...)
}

// endsEarly reports whether EndOfEarlyData ends the 0-RTT data. RFC 9147, Section 5.6: "the
// EndOfEarlyData message is not used in DTLS 1.3"; the epoch tells in its place. RFC 9001,
// Section 8.3: "The TLS EndOfEarlyData message is not used with QUIC."
func (s *State) endsEarly() bool { return !s.datagram && !s.quic }

// endOfEarly returns the state behind 0-RTT data that is accepted.
func (s *server13) endOfEarly() state {
	if s.info.endsEarly() {
		return &awaitEndOfEarlyData{s}
	}
	return &awaitClientFinished{s}
}

// checkCookie refuses a ClientHello with the cookie of DTLS 1.2. RFC 9147, Section 5.3: "the
// server MUST abort the handshake with an "illegal_parameter" alert."
func checkCookie(h *wire.ClientHello) error {
	if len(h.LegacyCookie) > 0 {
		return illegal("a ClientHello of DTLS 1.3 has legacy_cookie")
	}
	return nil
}

// malformed refuses a record with less than a fragment. One in the clear, which anyone can have
// sent, does not end a connection that has keys. RFC 9147, Section 4.5.2.
func (c *DatagramConn) malformed(r received) error {
	if r.epoch == nil && c.encrypted() {
		return nil
	}
	return badFragment()
}

func badFragment() error {
	return broken(iana.AlertDecodeError, "a malformed fragment of a handshake message")
}
