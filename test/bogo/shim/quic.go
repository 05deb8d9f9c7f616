package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
)

// A quicConn is a connection of QUIC. The runner sends records over TCP that name their
// encryption level and begin with its secret in the clear: its mock_quic_transport.go.
type quicConn struct {
	*engine.QUICConn
	*connection
	read, write [4]quicKey // by level; none at the Initial level
	level       engine.QUICLevel
	params      []byte // of the peer
	events      []engine.Event
	started     bool
	err         error // that came behind the events
}

// A quicKey is what begins a record, and what its header has beside that.
type quicKey struct {
	suite  iana.CipherSuite
	secret []byte
	known  bool
}

func newQUIC(c *connection, cfg *engine.Config) (*quicConn, error) {
	s := c.settings
	if s.quicLegacy != 0 {
		return nil, unimplemented("-quic-use-legacy-codepoint")
	}
	o := engine.QUICOptions{
		TransportParameters: s.quicParams,
		AcceptEarly: func(old *engine.Session) bool {
			return s.quicContext != "" && s.quicContext == string(old.Extra)
		},
	}
	q := &quicConn{connection: c}
	var err error
	if s.server {
		q.QUICConn, err = engine.QUICServer(cfg, o)
	} else {
		q.QUICConn, err = engine.QUICClient(cfg, c.target, o)
	}
	if err != nil && len(cfg.ALPN) == 0 {
		return nil, errors.Join(c.dial(), err) // as expected: the runner waits for a connection
	}
	if err != nil {
		return nil, unimplemented("%v", err)
	}
	return q, nil
}

// take keeps the events of a method, sends what is to be sent, and an alert if it has failed.
func (q *quicConn) take(err error) error {
	for ev := q.NextEvent(); ev.Kind != engine.QUICNoEvent; ev = q.NextEvent() {
		if err := q.event(ev); err != nil {
			return err
		}
	}
	var failed *engine.Error
	if errors.As(err, &failed) {
		q.err = err
		return q.record(iana.ContentAlert, q.level, []byte{2, byte(failed.Alert)})
	}
	return err
}

func (q *quicConn) event(ev engine.QUICEvent) error {
	add := func(kind engine.EventKind) {
		q.events = append(q.events, engine.Event{Kind: kind, Session: ev.Session, Question: ev.Question})
	}
	key := quicKey{ev.Suite, ev.Secret(), true}
	switch ev.Kind {
	case engine.QUICSetReadSecret:
		q.read[ev.Level] = key
	case engine.QUICSetWriteSecret:
		if q.write[ev.Level] = key; ev.Level != engine.QUICEarly {
			q.level = ev.Level
		}
	case engine.QUICWriteData:
		return q.record(iana.ContentHandshake, ev.Level, ev.Data)
	case engine.QUICTransportParameters:
		q.params = ev.Data
	case engine.QUICRejectedEarlyData:
		q.write[engine.QUICEarly] = quicKey{}
		add(engine.EventEarlyRejected)
	case engine.QUICHandshakeDone:
		if want := q.settings.expect.quicParams; want != nil && !bytes.Equal(q.params, want) {
			return differs("the transport parameters", q.params, want)
		}
		add(engine.EventHandshakeDone)
		return q.tickets()
	case engine.QUICStoreSession:
		add(engine.EventSession)
	case engine.QUICWaiting:
		add(engine.EventWaiting)
	}
	return nil
}

// tickets sends two tickets, as BoringSSL does, if the client takes any.
func (q *quicConn) tickets() error {
	s := q.settings
	if !s.server || s.noTicket || s.skipTicket {
		return nil
	}
	for range 2 {
		err := q.SendTicket(engine.QUICTicket{
			EarlyData: s.earlyData && s.quicContext != "", Extra: []byte(s.quicContext),
		})
		if err != nil {
			return nil // the client takes none
		}
	}
	return nil
}

// record sends one record.
func (q *quicConn) record(typ iana.ContentType, level engine.QUICLevel, data []byte) error {
	key := q.write[level]
	b := []byte{byte(typ), byte(level)}
	b = binary.BigEndian.AppendUint16(b, uint16(key.suite))
	b = binary.BigEndian.AppendUint32(b, uint32(len(key.secret)+len(data)))
	_, err := q.conn.Write(append(append(b, key.secret...), data...))
	return err
}

// next returns the next event. The end of the stream is that of the connection.
func (q *quicConn) next() (engine.Event, error) {
	if !q.started {
		q.started = true
		if err := q.take(q.Start()); err != nil {
			return engine.Event{}, err
		}
	}
	switch {
	case len(q.events) > 0:
		ev := q.events[0]
		q.events = q.events[1:]
		return ev, nil
	case q.err != nil:
		return engine.Event{}, q.err
	case !q.begun && q.mayBegin():
		return engine.Event{}, nil // with something to send first
	}
	return q.receive()
}

// receive takes one record.
func (q *quicConn) receive() (ev engine.Event, err error) {
	var header [8]byte
	if _, err := io.ReadFull(q.conn, header[:]); err != nil {
		if q.done {
			return engine.Event{Kind: engine.EventClosed}, nil
		}
		return ev, io.EOF
	}
	typ, level := iana.ContentType(header[0]), engine.QUICLevel(header[1]&3)
	data := make([]byte, binary.BigEndian.Uint32(header[4:]))
	if _, err := io.ReadFull(q.conn, data); err != nil {
		return ev, err
	}
	key := q.read[level]
	if level == engine.QUICEarly && !key.known {
		return ev, nil // 0-RTT data that was refused
	}
	data, ok := bytes.CutPrefix(data, key.secret)
	suite := iana.CipherSuite(binary.BigEndian.Uint16(header[2:]))
	switch {
	case level != engine.QUICInitial && !key.known:
		return ev, fmt.Errorf("a record of the %v level, which has no key", level)
	case !ok || suite != key.suite:
		return ev, fmt.Errorf("another secret or suite at the %v level", level)
	case typ == iana.ContentHandshake:
		return ev, q.take(q.HandleData(level, data))
	case typ == iana.ContentApplicationData:
		return engine.Event{Kind: engine.EventData, Data: data, Early: level == engine.QUICEarly}, nil
	}
	return ev, fmt.Errorf("a record of type %v", typ)
}

// writeData sends application data.
func (q *quicConn) writeData(data []byte) error {
	level := engine.QUICApplication
	if !q.write[level].known {
		level = engine.QUICEarly
	}
	return q.record(iana.ContentApplicationData, level, data)
}

// mayEarly is how many bytes of 0-RTT data may be sent.
func (q *quicConn) mayEarly() int {
	if q.settings.server || q.done || !q.write[engine.QUICEarly].known {
		return 0
	}
	return 1 << 30 // QUIC limits it by itself
}
