package engine

import (
	"encoding"
	"encoding/binary"
	"errors"
	"math"
	"time"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/codec"
	"github.com/sealsock/sealsock/internal/keys"
	"github.com/sealsock/sealsock/internal/record"
	"github.com/sealsock/sealsock/internal/suites"
)

// handoverHead is the part of a state that has a fixed length. It is encoded field by field,
// each big-endian.
type handoverHead struct {
	Flags                    uint32
	Version                  iana.Version
	CipherSuite              iana.CipherSuite
	Group                    iana.NamedGroup
	PeerScheme, OwnScheme    iana.SignatureScheme
	OwnKind, PeerKind        iana.CertificateType // of a late authentication
	Authenticated            int64                // milliseconds
	TicketsWaiting           uint16               // a program that does not know it passes it over
	SendLimit                uint16
	MaxInner, Max            uint32
	Opened, Sealed           uint64 // numbers of the next records
	TicketCount              uint64
	Small                    int32 // bytes of data in small records so far
	Idle, Warnings           uint8
	Tickets, Requests        handoverAllowance // of the peer
	Updates                  handoverAllowance
	Issued, Asking, Updating handoverAllowance // of this side
}

// A handoverAllowance is an encoded allowance.
type handoverAllowance struct {
	Used, Data int32
	Since      int64
}

func (a allowance) encoded() handoverAllowance { return handoverAllowance{a.used, a.data, a.since} }

func (a handoverAllowance) decoded() allowance { return allowance{a.Used, a.Data, a.Since} }

// The flags of a state.
const (
	flagClient = 1 << iota
	flagRetried
	flagResumed
	flagEarlyData
	flagECH
	flagExtendedMaster
	flagAsked        // State.asked
	flagLateOffered  // State.lateOffered
	flagEnded        // the peer has sent close_notify
	flagClosed       // this side has sent its end
	flagLateRequests // Sender.late
	flagUpdateAsked  // Sender.asked
	flagLate         // there is a transcript for late authentications
	flagTickets      // a server's tickets can be made
	flagTicketsWait  // of earlier programs, which had no TicketsWaiting

	knownFlags = 1<<iota - 1
)

func (h *handoverHead) has(flag uint32) bool { return h.Flags&flag != 0 }

func (h *handoverHead) set(flag uint32, on bool) {
	if on {
		h.Flags |= flag
	}
}

// handoverSecrets is what a state has beside the facts: vectors that follow those of
// State.vectors.
type handoverSecrets struct {
	receive, send []byte // traffic secrets of TLS 1.3
	master        []byte // of TLS 1.2: keys.Exporter12.Bytes
	exporter      []byte
	earlyExporter []byte
	resumption    []byte // on a client
	tickets       []byte // on a server: Session.Marshal, with the resumption secret
	transcript    []byte // of late authentications
	fragment      []byte
}

func (s *handoverSecrets) vectors() []*[]byte {
	return []*[]byte{
		&s.receive, &s.send, &s.master, &s.exporter, &s.earlyExporter, &s.resumption,
		&s.tickets, &s.transcript, &s.fragment,
	}
}

// vectors lists the facts of s that have a variable length.
func (s *State) vectors(alpn, name, early *[]byte) []*[]byte {
	return []*[]byte{
		alpn, name, early, &s.PeerRawKey, &s.PeerOCSP, &s.PSKIdentity, &s.delegation,
		&s.firstFinished, &s.sessionID,
	}
}

func (s *State) lists() []*[][]byte { return []*[][]byte{&s.PeerChain, &s.OwnChain, &s.PeerSCTs} }

func (h *Handover) vectors() []*[]byte {
	return []*[]byte{&h.Unread, &h.Received, &h.Unsent, &h.Extra}
}

// encodeHandover encodes both halves and the fields of h.
func encodeHandover(r *Receiver, s *Sender, h *Handover) ([]byte, error) {
	info := r.info
	head, secrets := handoverFacts(r, s), new(handoverSecrets)
	if err := secrets.collect(r, s, &head); err != nil {
		return nil, err
	}
	start, err := binary.Append(nil, binary.BigEndian, head)
	if err != nil {
		return nil, local("the state of a connection cannot be encoded", err)
	}
	b := codec.NewBuilder(start)
	alpn, name, early := []byte(info.ALPN), []byte(info.ServerName), []byte(info.EarlyALPN)
	for _, v := range h.vectors() {
		b.AddVector(3, *v)
	}
	for _, v := range append(info.vectors(&alpn, &name, &early), secrets.vectors()...) {
		b.AddVector(3, *v)
	}
	for _, list := range info.lists() {
		m := b.Begin(3)
		for _, item := range *list {
			b.AddVector(3, item)
		}
		b.End(m)
	}
	all, err := b.Bytes()
	if err != nil {
		return nil, usage("the state of the connection is too long: %v", err)
	}
	return all, nil
}

// handoverFacts returns the head of a state.
func handoverFacts(r *Receiver, s *Sender) handoverHead {
	i := &r.info
	h := handoverHead{
		Version: i.Version, CipherSuite: i.CipherSuite, Group: i.Group,
		PeerScheme: i.PeerScheme, OwnScheme: i.OwnScheme,
		Authenticated: i.authenticated.UnixMilli(), SendLimit: i.sendLimit,
		MaxInner: uint32(r.maxInner), Max: uint32(s.max), Small: s.sent,
		Idle: r.idle, Warnings: r.warnings,
		Tickets: r.tickets.encoded(), Requests: r.requests.encoded(), Updates: r.updates.encoded(),
		Issued: s.issued.encoded(), Asking: s.requests.encoded(), Updating: s.updates.encoded(),
	}
	h.set(flagClient, r.client)
	h.set(flagRetried, i.Retried)
	h.set(flagResumed, i.Resumed)
	h.set(flagEarlyData, i.EarlyData)
	h.set(flagECH, i.ECHAccepted)
	h.set(flagExtendedMaster, i.ExtendedMasterSecret)
	h.set(flagAsked, i.asked)
	h.set(flagLateOffered, i.lateOffered)
	h.set(flagEnded, errors.Is(r.err, errEnded))
	h.set(flagClosed, s.closed)
	h.set(flagLateRequests, s.late)
	h.set(flagUpdateAsked, s.asked)
	h.Opened, h.Sealed = sequence(r.opener), sequence(s.sealer)
	return h
}

// sequence returns the number of the next record of a Sealer or an Opener.
func sequence(half any) uint64 {
	if n, ok := half.(interface{ Sequence() uint64 }); ok {
		return n.Sequence()
	}
	return 0
}

// collect takes the secrets of both halves.
func (x *handoverSecrets) collect(r *Receiver, s *Sender, head *handoverHead) error {
	x.fragment = r.fragment
	if m := r.info.master; m != nil {
		x.master = m.Bytes()
	}
	if e, ok := r.info.exporter.(keys.Exporter); ok {
		x.exporter = e.Bytes()
	}
	if e := r.info.earlyExporter; e.Valid() {
		x.earlyExporter = e.Bytes()
	}
	if s.traffic.Valid() && !s.closed {
		x.send = s.traffic.Bytes()
	}
	if t := s.tickets; t != nil {
		session := t.common()
		session.secret = hide(t.resumption.Bytes())
		var err error
		if x.tickets, err = session.Marshal(); err != nil {
			return err
		}
		head.TicketCount = t.count
		head.set(flagTickets, true)
		head.TicketsWaiting = uint16(min(t.waiting, math.MaxUint16))
	}
	open, ok := r.state.(*open13)
	if !ok {
		return nil
	}
	x.receive = open.traffic.Bytes()
	if open.resumption.Valid() {
		x.resumption = open.resumption.Bytes()
	}
	if open.late == nil {
		return nil
	}
	head.set(flagLate, true)
	head.OwnKind, head.PeerKind = open.late.flow.kinds.own, open.late.flow.kinds.peer
	var err error
	x.transcript, err = open.late.flow.transcript.hash.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		return local("the transcript of a handshake cannot be encoded", err)
	}
	return nil
}

// parseHandover decodes the fields and keeps the rest for TakeOver.
func parseHandover(plain []byte) (*Handover, error) {
	h := new(Handover)
	n, err := binary.Decode(plain, binary.BigEndian, &h.head)
	switch {
	case err != nil:
		return nil, errState
	case h.head.Flags > knownFlags:
		return nil, errLaterState
	}
	r := codec.NewReader(plain[n:])
	if !readVectors(&r, h.vectors()) {
		return nil, errState
	}
	h.state = hide(r.Rest())
	return h, nil
}

// readVectors fills in fields, and leaves nil what is empty.
func readVectors(r *codec.Reader, fields []*[]byte) bool {
	for _, field := range fields {
		v, ok := r.Vector(3)
		if !ok {
			return false
		}
		if len(v) > 0 {
			*field = append([]byte(nil), v...)
		}
	}
	return true
}

// restore makes the halves of a state.
func (h *Handover) restore(cfg *Config, state []byte) (*Receiver, *Sender, error) {
	x, info, err := h.parse(state)
	if err != nil {
		return nil, nil, err
	}
	head := &h.head
	r, s := newHalves(cfg, record.PlainTLS12)
	r.info = *info
	r.client, r.started, r.sawRecord, r.ccsAllowed = h.Client(), true, true, true
	r.maxInner, r.idle, r.warnings = int32(head.MaxInner), head.Idle, head.Warnings
	r.tickets, r.requests = head.Tickets.decoded(), head.Requests.decoded()
	r.updates, r.phase, r.fragment = head.Updates.decoded(), phaseApplication, x.fragment
	s.issued, s.requests = head.Issued.decoded(), head.Asking.decoded()
	s.updates = head.Updating.decoded()
	s.max, s.sent, s.ready = int(head.Max), head.Small, true
	s.late, s.asked = head.has(flagLateRequests), head.has(flagUpdateAsked)
	s.closed = head.has(flagClosed)
	switch head.Version {
	case iana.TLS13:
		err = x.restore13(head, r, s)
	case iana.TLS12:
		err = x.restore12(head, r, s)
	default:
		err = errState
	}
	if err != nil {
		return nil, nil, err
	}
	if head.has(flagEnded) {
		r.state, r.err, r.fragment = nil, errEnded, nil
	}
	if s.closed {
		s.sealer, s.traffic = nil, keys.TrafficSecret{}
	}
	r.limitOpener()
	return r, s, nil
}

// parse decodes the facts and the secrets of a state.
func (h *Handover) parse(state []byte) (*handoverSecrets, *State, error) {
	x, head := new(handoverSecrets), &h.head
	info := &State{
		Version: head.Version, CipherSuite: head.CipherSuite, Group: head.Group,
		PeerScheme: head.PeerScheme, OwnScheme: head.OwnScheme, HandshakeDone: true,
		Retried: head.has(flagRetried), Resumed: head.has(flagResumed),
		EarlyData: head.has(flagEarlyData), ECHAccepted: head.has(flagECH),
		ExtendedMasterSecret: head.has(flagExtendedMaster), asked: head.has(flagAsked),
		lateOffered: head.has(flagLateOffered), sendLimit: head.SendLimit,
	}
	if at := time.UnixMilli(head.Authenticated); !at.IsZero() {
		info.authenticated = at
	}
	var alpn, name, early []byte
	r := codec.NewReader(state)
	ok := readVectors(&r, append(info.vectors(&alpn, &name, &early), x.vectors()...))
	for _, list := range info.lists() {
		ok = ok && readList(&r, list)
	}
	if !ok || !r.Empty() || head.Max == 0 || head.Max > record.MaxPlaintext {
		return nil, nil, errState
	}
	for _, list := range info.lists() {
		for i := range *list { // state is cleared
			(*list)[i] = append([]byte(nil), (*list)[i]...)
		}
	}
	info.ALPN, info.ServerName, info.EarlyALPN = string(alpn), string(name), string(early)
	return x, info, nil
}

// restore12 sets up the keys of TLS 1.2.
func (x *handoverSecrets) restore12(head *handoverHead, r *Receiver, s *Sender) error {
	suite := suites.TLS12(head.CipherSuite)
	if suite == nil {
		return errState
	}
	r.info.master = keys.RestoreExporter12(suite.Hash, x.master)
	if r.info.master == nil {
		return errState
	}
	if r.info.ExtendedMasterSecret {
		r.info.exporter = r.info.master
	}
	receive, send := r.info.master.Keys(suite.KeyLen, suite.IVLen)
	if r.client {
		receive, send = send, receive
	}
	opener, err := record.NewOpener12(suite, receive)
	if err != nil {
		return local("the cipher cannot be set up", err)
	}
	sealer, err := record.NewSealer12(suite, send)
	if err != nil {
		return local("the cipher cannot be set up", err)
	}
	opener.SetSequence(head.Opened)
	sealer.SetSequence(head.Sealed)
	r.opener, s.sealer, r.state = opener, sealer, &open12{client: r.client}
	return nil
}

// restore13 sets up the keys of TLS 1.3.
func (x *handoverSecrets) restore13(head *handoverHead, r *Receiver, s *Sender) error {
	suite := suites.TLS13(head.CipherSuite)
	if suite == nil {
		return errState
	}
	for _, secret := range [][]byte{x.receive, x.send, x.exporter, x.earlyExporter, x.resumption} {
		if len(secret) != 0 && len(secret) != suite.Hash.Size() {
			return errState
		}
	}
	open := &open13{cfg: r.cfg, info: &r.info, suite: suite, client: r.client}
	x.restoreExporters(open)
	if err := x.restoreLate(head, open); err != nil {
		return err
	}
	if err := x.restoreTickets(head, s, suite); err != nil {
		return err
	}
	if (x.receive == nil) != head.has(flagEnded) || (x.send == nil) != s.closed {
		return errState
	}
	if err := x.restoreReceive(head, r, open); err != nil {
		return err
	}
	return x.restoreSend(head, s, suite)
}

// restoreExporters restores what other keys are derived from.
func (x *handoverSecrets) restoreExporters(open *open13) {
	hash := open.suite.Hash
	if x.exporter != nil {
		open.info.exporter = keys.RestoreExporter(hash, x.exporter)
	}
	if x.earlyExporter != nil {
		open.info.earlyExporter = keys.RestoreExporter(hash, x.earlyExporter)
	}
	if x.resumption != nil {
		open.resumption = keys.RestoreResumption(hash, x.resumption)
	}
}

// restoreReceive sets up the receiving key, unless the peer has closed its side.
func (x *handoverSecrets) restoreReceive(head *handoverHead, r *Receiver, open *open13) error {
	if x.receive == nil {
		return nil
	}
	open.traffic = keys.RestoreTraffic(open.suite.Hash, x.receive)
	opener, err := record.NewOpener13(open.suite, open.traffic)
	if err != nil {
		return local("the cipher cannot be set up", err)
	}
	opener.SetSequence(head.Opened)
	r.opener, r.state = opener, open
	return nil
}

// restoreSend sets up the sending key, unless this side is closed.
func (x *handoverSecrets) restoreSend(head *handoverHead, s *Sender, suite *suites.Suite) error {
	if x.send == nil {
		return nil
	}
	s.suite, s.traffic = suite, keys.RestoreTraffic(suite.Hash, x.send)
	sealer, err := record.NewSealer13(suite, s.traffic)
	if err != nil {
		return local("the cipher cannot be set up", err)
	}
	sealer.SetSequence(head.Sealed)
	s.sealer = sealer
	return nil
}

// restoreLate restores what late authentications need.
func (x *handoverSecrets) restoreLate(head *handoverHead, open *open13) error {
	if !head.has(flagLate) {
		return nil
	}
	f := &flow13{suite: open.suite}
	f.cfg, f.info = open.cfg, open.info
	f.kinds = certKinds{own: head.OwnKind, peer: head.PeerKind}
	f.transcript.choose(open.suite.Hash)
	err := f.transcript.hash.(encoding.BinaryUnmarshaler).UnmarshalBinary(x.transcript)
	if err != nil {
		return errState
	}
	open.late = &late{flow: f}
	open.info.late = open.late
	return nil
}

// restoreTickets restores what a server's tickets are made of.
func (x *handoverSecrets) restoreTickets(head *handoverHead, s *Sender, suite *suites.Suite) error {
	if !head.has(flagTickets) || s.cfg.Tickets == nil || s.cfg.Now == nil {
		return nil
	}
	session, err := ParseSession(x.tickets)
	if err != nil || len(session.secret.bytes()) != suite.Hash.Size() {
		return errState
	}
	resumption := keys.RestoreResumption(suite.Hash, session.secret.bytes())
	session.secret = nil
	s.tickets = &ticketer{
		cfg: s.cfg, resumption: resumption, session: session, maxEarly: session.MaxEarlyData, count: head.TicketCount,
	}
	most := s.cfg.numTickets(nil)
	s.tickets.waiting = min(int(head.TicketsWaiting), max(most, maxRequested))
	if most == 0 || head.has(flagTicketsWait) {
		s.tickets.waiting = most
	}
	return nil
}
