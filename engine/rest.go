package engine

import (
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/keys"
	"github.com/sealsock/sealsock/internal/record"
	"github.com/sealsock/sealsock/internal/suites"
)

// What a connection gives back while it is quiet. The state of a cipher is most of what an
// open connection holds, and it follows from the traffic secret, which is kept for key
// updates. So it can be dropped, and the next record computes it again, in about a
// microsecond.

// Rest gives back the memory of the keys of a quiet connection: see [Receiver.Rest] and
// [Sender.Rest].
func (c *Conn) Rest() {
	if c == nil {
		return
	}
	c.recv.Rest()
	c.send.Rest()
}

// Rest gives back the memory of the keys of a quiet connection, if its handshake is done: see
// [Receiver.Rest]. It is for DTLS 1.3; in DTLS 1.2 the keys remain as they are.
func (c *DatagramConn) Rest() {
	if c.made() != nil || !c.recv.info.HandshakeDone {
		return
	}
	c.keys.rest()
	if s, ok := c.sealer.(*record.Sealer13); ok {
		s.Rest()
	}
	x := c.exchange
	switch {
	case x == nil:
	case x.over() && !c.ackNow && !c.timerDue:
		c.rested = rested{x.flight.Next(), x.assembler.Next(), x.timer.Initial}
		c.exchange = nil
	default:
		x.events = nil
	}
}

// Rest gives back the memory of the receiving key, if the connection is open and of TLS 1.3.
// It is for a connection that was quiet for a while: the next record is opened as ever, and
// takes a microsecond longer.
func (r *Receiver) Rest() {
	if r == nil || r.phase != phaseApplication {
		return
	}
	opener, ok := r.opener.(*record.Opener13)
	if _, open := r.state.(*open13); !ok || !open {
		return
	}
	r.opener = resting{number: opener.Sequence()}
	opener.Drop()
}

// wake makes the receiving key again.
func (r *Receiver) wake() error {
	rest, ok := r.opener.(resting)
	if !ok {
		return nil
	}
	open, ok := r.state.(*open13)
	if !ok {
		return usage("the receiving key is gone")
	}
	opener, err := record.NewOpener13(open.suite, open.traffic)
	if err != nil {
		return local("the cipher cannot be set up", err)
	}
	opener.SetSequence(rest.number)
	r.opener = opener
	r.limitOpener()
	return nil
}

// decrypt opens a record of TLS 1.3 with the key, which it makes again if r rests.
func (r *Receiver) decrypt(rec, out []byte) (iana.ContentType, []byte, error) {
	if err := r.wake(); err != nil {
		return 0, nil, err
	}
	return r.opener.OpenTo(out, rec)
}

// Rest gives back the memory of the sending key: see [Receiver.Rest].
func (s *Sender) Rest() {
	if s == nil || !s.ready || s.closed || !s.traffic.Valid() {
		return
	}
	if sealer, ok := s.sealer.(*record.Sealer13); ok {
		s.sealer = resting{sealer.Sequence(), sealer.Overhead()}
		sealer.Drop()
	}
}

// wake makes the sending key again.
func (s *Sender) wake() error {
	rest, ok := s.sealer.(resting)
	if !ok {
		return nil
	}
	sealer, err := record.NewSealer13(s.suite, s.traffic)
	if err != nil {
		return local("the cipher cannot be set up", err)
	}
	sealer.SetSequence(rest.number)
	s.sealer = sealer
	return nil
}

// A connection of TLS 1.3 begins at rest in the directions in which one side may use none of its
// keys: a client need not send, nor a server receive. The other directions have the tickets. In
// DTLS, which has several keys at once, a sealer or an opener rests itself. QUIC has its own keys.
var (
	noSealerYet record.Sealer = resting{overhead: record.HeaderLen + 1 + suites.MaxTag}
	noOpenerYet record.Opener = resting{}
)

// writeLater is writeKeys for application data of which none may be sent.
func (f *flow13) writeLater(secret keys.TrafficSecret, do *effects) error {
	sealer := noSealerYet
	switch {
	case f.info.quic:
		return do.writeKeys(f.suite, secret)
	case f.info.datagram:
		sealer = record.NewRestingSealer13(f.suite, secret)
	}
	do.out = append(do.out,
		step{kind: stepKeys, sealer: sealer, suite: f.suite, traffic: secret})
	return nil
}

// readLater is readKeys for application data of which none may come. The next state must be an
// open13 with this secret.
func (f *flow13) readLater(secret keys.TrafficSecret, do *effects) error {
	opener := noOpenerYet
	switch {
	case f.info.quic:
		return do.readKeys(f.suite, secret, phaseApplication)
	case f.info.datagram:
		opener = record.NewRestingOpener13(f.suite, secret)
	}
	do.keys = append(do.keys, readKey{
		opener: opener, suite: f.suite, traffic: secret, phase: phaseApplication,
	})
	return nil
}

// resting stands in the place of the key of a half that rests, which wakes before it uses
// one. It counts the records on: no two are sealed under one number.
type resting struct {
	number   uint64 // of the next record
	overhead int    // how much longer than its data a record is; of a Sender
}

var (
	_ record.Sealer = resting{}
	_ record.Opener = resting{}
)

var errResting = usage("the key of this half rests")

// Sequence returns the number of the next record.
func (r resting) Sequence() uint64 { return r.number }

// Seal implements record.Sealer.
func (resting) Seal(dst []byte, _ iana.ContentType, _ []byte, _ int) ([]byte, error) {
	return dst, errResting
}

// OpenTo implements record.Opener.
func (resting) OpenTo(_, _ []byte) (iana.ContentType, []byte, error) { return 0, nil, errResting }

// Overhead implements record.Sealer.
func (r resting) Overhead() int { return r.overhead }

// Left implements record.Sealer.
func (resting) Left() uint64 { return 0 }
