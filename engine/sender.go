package engine

import (
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/keys"
	"github.com/sealsock/sealsock/internal/record"
	"github.com/sealsock/sealsock/internal/suites"
	"github.com/sealsock/sealsock/internal/wire"
)

// A Sender is the sending half of a connection. It is for one goroutine at a
// time. Each method appends records to the caller's buffer, which must not
// overlap the data given, and returns it.
type Sender struct {
	cfg     *Config
	sealer  record.Sealer
	suite   *suites.Suite
	traffic keys.TrafficSecret
	early   int // how many bytes of 0-RTT data may be sent
	tickets *ticketer
	max     int    // bytes of data in one record
	perKey  uint64 // records under one key, 0 for the suite's limit
	sent    int32  // bytes of data in small records so far
	ready   bool   // application data may be sent
	late    bool   // the client takes late requests for its certificate
	closed  bool
	asked   bool // the peer was asked for new keys and has not changed them yet

	issued, requests, updates allowance // what a client or a peer accepts
}

// reserve is how many records before a key's end it is replaced.
const reserve = 16

var errNoSender = usage("this Sender is nil or a zero value: one comes from Client or Server")

// Apply carries out o, which comes from the receiving half.
func (s *Sender) Apply(dst []byte, o Outgoing) ([]byte, error) {
	if s == nil {
		return dst, errNoSender
	}
	var err error
	for _, st := range o.steps {
		if dst, err = s.apply(dst, st); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

func (s *Sender) apply(dst []byte, st step) ([]byte, error) {
	if s.closed {
		return dst, nil
	}
	switch st.kind {
	case stepHandshake:
		dst, err := s.records(dst, iana.ContentHandshake, st.message)
		if s.sealer == record.Sealer(record.PlainTLS10) {
			s.sealer = record.PlainTLS12 // all but the first ClientHello's. RFC 9846, Section 5.1.
		}
		return dst, err
	case stepCCS:
		if st.message != nil {
			s.cfg.trace(true, iana.ContentChangeCipherSpec, st.message)
		}
		return record.PlainTLS12.Seal(dst, iana.ContentChangeCipherSpec, []byte{1}, 0)
	case stepAlert:
		return s.alert(dst, st.alert)
	case stepKeys:
		dropKey(s.sealer)
		s.sealer, s.suite, s.traffic, s.early = st.sealer, st.suite, st.traffic, 0
	case stepLimit:
		s.max = min(s.max, st.limit)
	case stepPlain:
		dropKey(s.sealer)
		s.sealer, s.suite, s.traffic, s.early = record.PlainTLS12, nil, keys.TrafficSecret{}, 0
	case stepEarly:
		s.early = st.limit
	case stepConfig:
		s.cfg, s.perKey = st.cfg, st.cfg.MaxRecordsPerKey
	case stepLate:
		s.late = true
	case stepTickets:
		return s.firstTickets(dst, st.tickets)
	case stepAuth:
		return s.lateFinished(dst, st)
	case stepReady:
		s.ready = true
	case stepKeyUpdate:
		return s.peerUpdated(dst, st.answer)
	}
	return dst, nil
}

// firstTickets sends the tickets that follow the handshake, now or with the first data.
func (s *Sender) firstTickets(dst []byte, t *ticketer) ([]byte, error) {
	s.tickets = t
	if s.cfg.TicketsWithData {
		t.waiting = t.first
		return dst, nil
	}
	return s.SendTickets(dst, t.first)
}

// Ready reports whether Seal may be used: on a server that is so before the
// client is proved.
func (s *Sender) Ready() bool { return s != nil && s.ready && !s.closed }

// Seal appends records with data, all of it. Before a key has protected all the
// records it may, Seal replaces it by itself. Before the handshake is done it takes Early
// bytes; with none left it returns ErrNoEarlyData.
func (s *Sender) Seal(dst, data []byte) ([]byte, error) {
	if s == nil {
		return dst, errNoSender
	}
	if err := s.spend(len(data)); err != nil {
		return dst, err
	}
	dst, err := s.waitingTickets(dst)
	if err != nil {
		return dst, err
	}
	return s.records(dst, iana.ContentApplicationData, data)
}

// waitingTickets appends the tickets that go out with the first data.
func (s *Sender) waitingTickets(dst []byte) ([]byte, error) {
	if !s.ticketsWait() {
		return dst, nil
	}
	n := s.tickets.waiting
	s.tickets.waiting = 0
	return s.SendTickets(dst, n)
}

// spend counts n bytes of data that are sent, or refuses them.
func (s *Sender) spend(n int) error {
	switch {
	case s.closed:
		return ErrClosed
	case s.ready:
	case s.early == 0:
		return ErrNoEarlyData
	case n > s.early:
		return usage("%d bytes of early data exceed the server's limit: %d are left", n, s.early)
	default:
		s.early -= n
	}
	s.issued.received(n)
	s.requests.received(n)
	s.updates.received(n)
	return nil
}

// Early is how many bytes of 0-RTT data Seal takes before the handshake is done.
func (s *Sender) Early() int {
	if s == nil {
		return 0
	}
	return s.early
}

// SendTickets appends n tickets for the client to resume with. It needs
// Config.Tickets, and a handshake that is done. It appends none if the session does
// not fit into a ticket: see Tickets.
func (s *Sender) SendTickets(dst []byte, n int) ([]byte, error) {
	all, err := s.makeTickets(n)
	if err != nil || len(all) == 0 {
		return dst, err
	}
	return s.records(dst, iana.ContentHandshake, all)
}

// makeTickets returns n messages with tickets.
func (s *Sender) makeTickets(n int) (all []byte, err error) {
	switch {
	case s == nil:
		return nil, errNoSender
	case s.closed:
		return nil, ErrClosed
	case s.tickets == nil:
		return nil, usage("this connection cannot issue tickets")
	}
	if n <= 0 {
		return nil, nil
	}
	if err := s.issued.pace(ticketRate, n, s.cfg.Now); err != nil {
		return nil, err
	}
	for range n {
		raw, err := s.tickets.next()
		if err != nil {
			return nil, err
		}
		all = append(all, raw...)
	}
	return all, nil
}

// Rekey changes the sending key and, if both is set, asks the peer to change
// its own. A request that the peer has not answered yet is not repeated. RFC 9846,
// Section 4.6.3.
func (s *Sender) Rekey(dst []byte, both bool) ([]byte, error) {
	switch {
	case s == nil:
		return dst, errNoSender
	case s.closed:
		return dst, ErrClosed
	case !s.ready || !s.traffic.Valid():
		return dst, usage("keys can be updated only on an open TLS 1.3 connection")
	}
	if err := s.updates.pace(updateRate, 1, s.cfg.Now); err != nil {
		return dst, err
	}
	return s.keyUpdate(dst, both)
}

// Abort appends a fatal alert, which ends this half: what the application sends
// instead of CloseNotify when it cannot go through with what it began (RFC 9846,
// Section 6.2). An alert that is only a warning is an error.
func (s *Sender) Abort(dst []byte, a iana.Alert) ([]byte, error) {
	switch {
	case s == nil || s.sealer == nil:
		return dst, errNoSender
	case s.closed:
		return dst, ErrClosed
	case a == iana.AlertCloseNotify || a == iana.AlertUserCanceled:
		return dst, usage("the alert %v does not abort a connection", a)
	}
	return s.alert(dst, a)
}

// CloseNotify appends the alert that ends this direction. Nothing can be sent
// after it. RFC 9846, Section 6.1.
func (s *Sender) CloseNotify(dst []byte) ([]byte, error) {
	if s == nil || s.closed || s.sealer == nil {
		return dst, nil
	}
	return s.alert(dst, iana.AlertCloseNotify)
}

// Overhead is how many bytes Seal adds to n bytes of data, at most.
func (s *Sender) Overhead(n int) int {
	if s == nil || s.sealer == nil {
		return 0
	}
	if s.cfg.DynamicRecords {
		n += smallRecords / smallRecord * s.max
	}
	return (n/s.max + 2) * (s.sealer.Overhead() + 1)
}

// MaxData is how many bytes of data one record holds at most.
func (s *Sender) MaxData() int {
	if s == nil {
		return 0
	}
	return s.max
}

// records cuts payload into records.
func (s *Sender) records(dst []byte, typ iana.ContentType, payload []byte) ([]byte, error) {
	if err := s.wake(); err != nil {
		return dst, err
	}
	if typ == iana.ContentHandshake {
		s.cfg.traceMessages(payload)
	}
	for first := true; first || len(payload) > 0; first = false {
		n := min(len(payload), s.recordSize(typ))
		var err error
		if dst, err = s.seal(dst, typ, payload[:n]); err != nil {
			return dst, err
		}
		payload = payload[n:]
	}
	return dst, nil
}

// Records begin small, so that the peer can open each as soon as a packet has
// come, and become large when data keeps flowing.
const (
	smallRecord  = 1300      // bytes of data that fit a packet
	smallRecords = 128 << 10 // bytes that go out in small records
)

// recordSize is how many bytes go into the next record.
func (s *Sender) recordSize(typ iana.ContentType) int {
	if !s.cfg.DynamicRecords || typ != iana.ContentApplicationData || s.sent >= smallRecords {
		return s.max
	}
	s.sent += smallRecord
	return min(smallRecord, s.max)
}

// seal appends one record and changes the key in time. RFC 9846, Section 5.5.
func (s *Sender) seal(dst []byte, typ iana.ContentType, payload []byte) ([]byte, error) {
	if s.ready && s.traffic.Valid() && typ == iana.ContentApplicationData && s.spent() {
		var err error
		if dst, err = s.keyUpdate(dst, false); err != nil {
			return dst, err
		}
	}
	dst, err := s.sealer.Seal(dst, typ, payload, s.padding(len(payload)))
	if err != nil {
		return dst, local("a record cannot be encrypted", err)
	}
	return dst, nil
}

// padding is how much padding goes with a payload of n bytes, as far as the
// record has room for it.
func (s *Sender) padding(n int) int {
	if s.cfg.Padding == nil || !s.traffic.Valid() {
		return 0
	}
	return max(0, min(s.cfg.Padding(n), s.max-n))
}

// spent reports whether the key is near its end.
func (s *Sender) spent() bool { return s.spentAfter(0) }

// spentAfter reports whether it is near its end once it has sealed n records more.
func (s *Sender) spentAfter(n uint64) bool {
	left := s.sealer.Left()
	left -= min(n, left)
	return left <= reserve || s.perKey > 0 && s.suite.RecordLimit-left >= s.perKey
}

// peerUpdated notes that the peer changed its key and, if it asks for that, changes the
// key of this side.
func (s *Sender) peerUpdated(dst []byte, answer bool) ([]byte, error) {
	s.asked = false
	if !answer {
		return dst, nil
	}
	return s.keyUpdate(dst, false)
}

// keyUpdate appends a KeyUpdate and changes the key behind it. RFC 9846, Section 4.6.3:
// "Until receiving a subsequent KeyUpdate from the peer, the sender MUST NOT send another
// KeyUpdate with request_update set to "update_requested"."
func (s *Sender) keyUpdate(dst []byte, request bool) ([]byte, error) {
	if err := s.wake(); err != nil {
		return dst, err
	}
	request = request && !s.asked
	s.asked = s.asked || request
	body, err := encode(&wire.KeyUpdate{RequestUpdate: request})
	if err != nil {
		return dst, err
	}
	if dst, err = s.sealer.Seal(dst, iana.ContentHandshake, body, 0); err != nil {
		return dst, local("a record cannot be encrypted", err)
	}
	s.cfg.traceMessages(body)
	next := s.traffic.Next()
	if o, ok := s.outside(); ok {
		return o.rekey(s, dst, next)
	}
	sealer, err := record.NewSealer13(s.suite, next)
	if err != nil {
		return dst, local("the cipher cannot be set up", err)
	}
	dropKey(s.sealer)
	s.sealer, s.traffic = sealer, next
	return dst, nil
}

// alert appends an alert; all but user_canceled and no_renegotiation end this half.
func (s *Sender) alert(dst []byte, a iana.Alert) ([]byte, error) {
	if err := s.wake(); err != nil {
		return dst, err
	}
	ends := a != iana.AlertUserCanceled && a != iana.AlertNoRenegotiation
	level := byte(2)
	if a == iana.AlertCloseNotify || !ends {
		level = 1
	}
	payload := []byte{level, byte(a)}
	s.cfg.trace(true, iana.ContentAlert, payload)
	dst, err := s.sealer.Seal(dst, iana.ContentAlert, payload, 0)
	s.closed = s.closed || ends
	if err != nil {
		return dst, local("a record cannot be encrypted", err)
	}
	return dst, nil
}
