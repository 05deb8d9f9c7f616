package engine

import (
	"bytes"

	"github.com/sealsock/sealsock/iana"
)

// A QUICEventKind is the kind of a QUICEvent.
type QUICEventKind uint8

// The kinds of event.
const (
	// QUICNoEvent: there is no event.
	QUICNoEvent QUICEventKind = iota
	// QUICSetReadSecret and QUICSetWriteSecret: packets of Level are protected with
	// Secret and the algorithms of Suite, in one direction. RFC 9001, Section 5.1.
	QUICSetReadSecret
	QUICSetWriteSecret
	// QUICWriteData: Data is to be sent in CRYPTO frames of Level.
	QUICWriteData
	// QUICTransportParameters: Data is the peer's transport parameters, encoded. They are
	// authentic once the handshake is done. RFC 9001, Section 8.2.
	QUICTransportParameters
	// QUICTransportParametersRequired: the server has to call SetTransportParameters.
	QUICTransportParametersRequired
	// QUICRejectedEarlyData: the server has rejected the client's 0-RTT data. RFC 9001,
	// Section 4.6.2: the client must forget the state of its 0-RTT streams.
	QUICRejectedEarlyData
	// QUICHandshakeDone: the handshake is complete. RFC 9001, Section 4.1.1.
	QUICHandshakeDone
	// QUICStoreSession: a client may resume with Session. It can put what it has to
	// remember, such as the server's transport parameters, into Session.Extra.
	QUICStoreSession
	// QUICWaiting: Question must be answered with Resume.
	QUICWaiting
)

// A QUICEvent is what a QUICConn asks for, or reports. Its slices belong to the caller.
type QUICEvent struct {
	Kind     QUICEventKind
	Level    QUICLevel
	Suite    iana.CipherSuite
	Data     []byte
	Session  *Session
	Question Question

	secret hidden
}

// Secret is the secret of QUICSetReadSecret and QUICSetWriteSecret. It is a method so that no
// print shows it.
func (e QUICEvent) Secret() []byte { return bytes.Clone(e.secret.bytes()) }

// The codes of QUIC that have no alert. RFC 9000, Section 20.1.
const (
	quicProtocolViolation    = 0x0a
	quicCryptoBufferExceeded = 0x0d
	quicCryptoError          = 0x0100
)

// QUICErrorCode returns the code of CONNECTION_CLOSE for the error of a QUICConn, or for a
// failure outside of it: CRYPTO_ERROR with the alert, or what RFC 9001 names in its place.
// RFC 9001, Section 4.8. It is 0, NO_ERROR, for nil.
func QUICErrorCode(err error) uint64 {
	if err == nil {
		return 0
	}
	if e := asError(err); e.quic != 0 {
		return e.quic
	}
	return quicCryptoError + uint64(EndWith(err).steps[0].alert)
}

// violation is the error for a peer that breaks a rule of RFC 9001 whose error is
// PROTOCOL_VIOLATION.
func violation(format string, args ...any) *Error {
	e := broken(iana.AlertUnexpectedMessage, format, args...)
	e.quic = quicProtocolViolation
	return e
}

// unconsumed is the error for handshake bytes behind those that end what the peer may send
// under a key. RFC 9846, Section 5.1: "Handshake messages MUST NOT span key changes." RFC
// 9001, Section 4.1.3: "if there is data from a previous encryption level that TLS has not
// consumed, this MUST be treated as a connection error of type PROTOCOL_VIOLATION."
func unconsumed() *Error {
	return violation("a handshake message continues after a key change or the end of the " +
		"peer's flight")
}

// quicKeys collects the receiving keys for QUIC, in place of using them.
type quicKeys struct{ keys []readKey }

// OpenTo is for a stream and never called.
func (k *quicKeys) OpenTo(_, _ []byte) (iana.ContentType, []byte, error) {
	return 0, nil, errNoQUICConn
}

// add implements keySet.
func (k *quicKeys) add(keys []readKey, r *Receiver) {
	for _, key := range keys {
		r.phase = key.phase
		k.keys = append(k.keys, key)
	}
	if r.phase == phaseApplication {
		r.scratch = nil
	}
}

// collect makes events of what the states have done.
func (c *QUICConn) collect(ev Event) {
	for _, st := range ev.Reply.steps {
		c.step(st)
	}
	c.readSecrets()
	switch ev.Kind {
	case EventHandshakeDone:
		c.events = append(c.events, QUICEvent{Kind: QUICHandshakeDone})
	case EventEarlyRejected:
		c.events = append(c.events, QUICEvent{Kind: QUICRejectedEarlyData})
	case EventSession:
		c.events = append(c.events, QUICEvent{Kind: QUICStoreSession, Session: ev.Session})
	case eventTransport:
		c.events = append(c.events, QUICEvent{Kind: QUICTransportParameters, Data: ev.Data})
	}
}

// readSecrets makes events of the receiving keys, but for those that are withheld until later.
func (c *QUICConn) readSecrets() {
	var kept []readKey
	for _, k := range c.keys.keys {
		level := QUICLevel(k.traffic.Epoch())
		if c.withholds(level) {
			kept = append(kept, k)
			continue
		}
		c.events = append(c.events, QUICEvent{
			Kind: QUICSetReadSecret, Level: level, Suite: k.suite.ID,
			secret: hide(k.traffic.Bytes()),
		})
	}
	c.keys.keys = kept
}

// withholds reports whether the receiving secret of a level is not given yet: on a client that
// of 1-RTT, while its answer to a request for a certificate is not decided, or for good after
// the rejection of Encrypted ClientHello. RFC 9001, Section 5.7: "Endpoints in either role MUST
// NOT decrypt 1-RTT packets from their peer prior to completing the handshake."
func (c *QUICConn) withholds(level QUICLevel) bool {
	return level == QUICApplication && c.recv.client && !c.recv.info.HandshakeDone
}

// step makes an event of what a state asked the sending half for.
func (c *QUICConn) step(st step) {
	switch st.kind {
	case stepHandshake:
		c.messages(st.message)
	case stepKeys:
		level := QUICLevel(st.traffic.Epoch())
		if level <= c.level {
			return // over a stream it follows 0-RTT data
		}
		c.level = level
		c.events = append(c.events, QUICEvent{
			Kind: QUICSetWriteSecret, Level: level, Suite: st.suite.ID,
			secret: hide(st.traffic.Bytes()),
		})
	case stepTickets:
		c.send.tickets = st.tickets // sent by SendTicket
	case stepConfig:
		c.send.cfg = st.cfg
	}
}

// ask reports a question once.
func (c *QUICConn) ask(q Question) {
	if q == c.asked {
		return
	}
	c.asked = q
	if _, ok := q.(*paramsQuery); ok {
		c.events = append(c.events, QUICEvent{Kind: QUICTransportParametersRequired})
		return
	}
	c.events = append(c.events, QUICEvent{Kind: QUICWaiting, Question: q})
}
