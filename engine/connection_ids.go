package engine

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/record"
	"github.com/sealsock/sealsock/internal/wire"
)

// ConnectionIDs makes the connection IDs of one connection, which its peer puts into its
// datagrams. Its methods are called within those of the DatagramConn.
type ConnectionIDs interface {
	// Issue returns a new ID of 1 to 255 bytes, which is not changed. All of one connection
	// have the same length. Nil makes the connection do without.
	Issue() []byte
	// Retire tells that the peer has changed to a later ID, and that records with this one
	// are discarded from now on.
	Retire(id []byte)
}

// connectionIDs are the connection IDs of a connection. RFC 9146, Section 3; RFC 9147, Section 9.
type connectionIDs struct {
	source ConnectionIDs
	random func([]byte) error // fills an ID if there is no source

	own    [][]byte // that the peer may use, the oldest first; at most maxIDs
	at     int      // the index of the one that it uses
	peer   []byte   // that this side uses; empty for none
	spare  [][]byte // that the peer has given besides; at most maxIDs
	agreed bool
	checks bool // the peer takes part in return routability checks

	rate   allowance // of the peer's messages
	seq    uint16    // the number of the NewConnectionId that was sent
	sent   bool      // and not acknowledged
	owed   bool      // the peer has asked for IDs
	wanted int       // so many
	asked  bool      // this side has asked for IDs and has got none yet
}

// Bounds of connection IDs.
const (
	maxIDs          = 8
	maxIDLength     = 32      // of Options.ConnectionIDLength
	defaultIDLength = 8       // of a server
	maxIDsMessage   = 8 << 10 // bytes of a NewConnectionId, most of whose IDs may be discarded
)

// length is how many bytes the IDs have that the peer puts into its records; 0 if it puts none.
func (ids *connectionIDs) length() int {
	if !ids.agreed || len(ids.own) == 0 {
		return 0
	}
	return len(ids.own[0])
}

// used returns the ID that the peer uses, or nil.
func (ids *connectionIDs) used() []byte {
	if ids.length() == 0 {
		return nil
	}
	return ids.own[ids.at]
}

// owns reports whether an ID is one of this side's. No ID is no reason to discard a record yet.
func (ids *connectionIDs) owns(id []byte) bool { return id == nil || ids.index(id) >= 0 }

func (ids *connectionIDs) index(id []byte) int {
	return slices.IndexFunc(ids.own, func(own []byte) bool { return bytes.Equal(own, id) })
}

// noteUse notes that the peer uses an ID. Those before it are retired: RFC 9147, Section 9, has the
// peer use them in order. Kept are the one that it used last, which an ID for immediate use may be
// far behind, and the one before the new one: records with them may still be on their way.
func (ids *connectionIDs) noteUse(id []byte) {
	i := ids.index(id)
	if i <= ids.at {
		return
	}
	var kept [][]byte
	for k, own := range ids.own[:i] {
		switch {
		case k == ids.at || k == i-1:
			kept = append(kept, own)
		case ids.source != nil:
			ids.source.Retire(own)
		}
	}
	ids.at, ids.own = len(kept), append(kept, ids.own[i:]...)
}

// issue makes an ID of n bytes, or of the length that the source determines.
func (ids *connectionIDs) issue(n int) ([]byte, error) {
	var id []byte
	if ids.source != nil {
		id = ids.source.Issue()
	} else {
		id = make([]byte, n)
		if err := ids.random(id); err != nil {
			return nil, err
		}
	}
	switch {
	case len(id) == 0:
		return []byte{}, nil
	case len(id) > 255 || len(ids.own) > 0 && len(id) != len(ids.own[0]):
		return nil, usage("a connection ID of %d bytes: it must have 1 to 255, and as many as "+
			"others of the connection", len(id))
	}
	ids.own = append(ids.own, id)
	return id, nil
}

// first returns the first ID, which has n bytes. It is empty if n is 0.
func (ids *connectionIDs) first(cfg *Config, n int) ([]byte, error) {
	ids.random = cfg.fill
	switch {
	case n == 0:
		return []byte{}, nil
	case len(ids.own) > 0: // of a hello that was too long
		return ids.own[0], nil
	}
	return ids.issue(n)
}

// agree notes the ID that the peer receives.
func (ids *connectionIDs) agree(peer []byte, checks bool) {
	ids.peer, ids.agreed, ids.checks = bytes.Clone(peer), true, checks
}

// checkDatagrams finds mistakes in what is for DTLS alone.
func (c *Config) checkDatagrams() error {
	if c.ConnectionIDLength > maxIDLength {
		return usage("connection IDs of %d bytes: they may have 1 to %d", c.ConnectionIDLength, maxIDLength)
	}
	return c.checkSRTP()
}

// offerDatagrams adds to a ClientHello of DTLS what TLS does not have. RFC 9853, Section 3: with
// connection_id a client offers rrc.
func (c *clientConfig) offerDatagrams(h *wire.ClientHello) (err error) {
	if !c.datagram {
		return nil
	}
	if len(c.SRTPProfiles) > 0 {
		h.SRTP = &wire.SRTP{Profiles: c.SRTPProfiles}
	}
	if c.ConnectionIDLength >= 0 {
		h.ConnectionID, err = c.ids.first(c.Config, c.ConnectionIDLength)
		h.RRC = true
	}
	return err
}

// answerDatagrams answers connection_id and rrc in a ServerHello. RFC 9853, Section 3: a server
// "MUST NOT" answer rrc without connection_id.
func (c *Config) answerDatagrams(info *State, h *wire.ClientHello, sh *wire.ServerHello) error {
	if !info.datagram || h.ConnectionID == nil || c.ConnectionIDLength < 0 {
		return nil
	}
	id, err := info.ids().first(c, cmp.Or(c.ConnectionIDLength, defaultIDLength))
	sh.ConnectionID, sh.RRC = id, h.RRC
	info.ids().agree(h.ConnectionID, h.RRC)
	return err
}

// takeExtensions checks the extensions of a ServerHello, and takes those of DTLS.
func (o *offer) takeExtensions(info *State, sh *wire.ServerHello) error {
	err := o.checkExtensions("server_hello", sh.Present, iana.ExtSupportedVersions,
		iana.ExtKeyShare, iana.ExtPreSharedKey, iana.ExtConnectionID, iana.ExtRRC)
	if err != nil {
		return err
	}
	return o.takeDatagrams(info, sh, nil)
}

// takeDatagrams takes the server's answers to offerDatagrams.
func (o *offer) takeDatagrams(info *State, sh *wire.ServerHello, srtp *wire.SRTP) error {
	if sh.RRC && sh.ConnectionID == nil {
		return illegal("the server answered rrc without connection_id")
	}
	if sh.ConnectionID != nil {
		info.ids().agree(sh.ConnectionID, sh.RRC)
	}
	return o.takeSRTP(info, srtp)
}

// awaits lists the messages about connection IDs that may come. RFC 9147, Section 9: only a side
// that receives IDs gives new ones, and only one that sends them asks for new ones. Otherwise a
// message ends the connection in unexpected_message.
func (ids *connectionIDs) awaits() (list awaited) {
	if ids == nil || !ids.agreed {
		return nil
	}
	if len(ids.peer) > 0 {
		list = append(list, iana.HandshakeNewConnectionID)
	}
	if ids.length() > 0 {
		list = append(list, iana.HandshakeRequestConnectionID)
	}
	return list
}

// take takes a message about connection IDs.
func (ids *connectionIDs) take(m message, do *effects) error {
	do.out = append(do.out, step{kind: stepConnectionID})
	if m.typ == iana.HandshakeRequestConnectionID {
		r, err := wire.ParseRequestConnectionID(m.body)
		if err == nil {
			ids.owed, ids.wanted = true, int(r.Count)
		}
		return err
	}
	n, err := wire.ParseNewConnectionID(m.body)
	if err != nil {
		return err
	}
	return ids.accept(n)
}

// accept takes IDs that the peer has given. What is more than is kept is discarded, as RFC
// 9147, Section 9, allows.
func (ids *connectionIDs) accept(n *wire.NewConnectionID) error {
	if slices.ContainsFunc(n.IDs, func(id []byte) bool { return len(id) == 0 }) {
		return illegal("a NewConnectionId with an empty connection ID")
	}
	ids.asked = false
	list := n.IDs
	if n.Immediate {
		// "one of the new CIDs MUST be used immediately for all future records."
		if len(list) == 0 {
			return illegal("a NewConnectionId for immediate use without a connection ID")
		}
		ids.peer, ids.spare, list = bytes.Clone(list[0]), nil, list[1:]
	}
	for _, id := range list[:min(len(list), maxIDs-len(ids.spare))] {
		ids.spare = append(ids.spare, bytes.Clone(id))
	}
	return nil
}

// next uses the next of the peer's IDs, if there is one.
func (ids *connectionIDs) next() bool {
	if len(ids.spare) == 0 {
		return false
	}
	ids.peer, ids.spare = ids.spare[0], ids.spare[1:]
	return true
}

// identify makes the sealer put the peer's ID into its records, and those of earlier keys, under
// which messages are sent again: RFC 9147, Section 9, has a new ID used "for all future records".
func (c *DatagramConn) identify() {
	if len(c.ids.peer) > 0 {
		c.flight.Identify(c.ids.peer)
	}
	s, ok := c.sealer.(record.IDSealer)
	if !ok || len(c.ids.peer) == 0 {
		return
	}
	s.SetConnectionID(c.ids.peer)
	if c.recv.info.Version == iana.TLS12 {
		c.send.max = min(c.send.max, record.MaxPlaintext-1) // the content type stands behind it
	}
}

// NewConnectionIDs gives the peer n more connection IDs to use, at most as many as make eight. It
// needs DTLS 1.3 and a peer that uses connection IDs. With immediate set the peer has to change to
// one of them. There is one such message at a time: an error asks to wait for the
// acknowledgment of the last one.
func (c *DatagramConn) NewConnectionIDs(now time.Time, n int, immediate bool) error {
	if err := c.changesIDs(); err != nil {
		return err
	}
	switch {
	case c.ids.length() == 0:
		return usage("the peer uses no connection IDs")
	case n < 1 || n > maxIDs-len(c.ids.own):
		return usage("%d connection IDs: the peer has %d of at most %d", n, len(c.ids.own), maxIDs)
	case c.ids.sent:
		return usage("the last connection IDs are not acknowledged yet: wait")
	}
	if err := c.sendIDs(n, immediate); err != nil {
		return err
	}
	return c.flush(now)
}

// RequestConnectionIDs asks the peer for n connection IDs, 1 to 255, of which it may give fewer.
// It needs DTLS 1.3 and a peer that receives connection IDs. There is one request at a time.
func (c *DatagramConn) RequestConnectionIDs(now time.Time, n int) error {
	if err := c.changesIDs(); err != nil {
		return err
	}
	switch {
	case len(c.ids.peer) == 0:
		return usage("the peer receives no connection IDs")
	case n < 1 || n > 255:
		return usage("a request for %d connection IDs: 1 to 255 can be asked for", n)
	case c.ids.asked:
		// RFC 9147, Section 9: none is sent "when an existing request is still unfulfilled".
		return usage("the last request for connection IDs is not answered yet: wait")
	}
	raw, err := encode(&wire.RequestConnectionID{Count: uint8(n)})
	if err != nil {
		return err
	}
	c.ids.asked = true
	c.addMessages(raw)
	return c.flush(now)
}

// ChangeConnectionID uses the next connection ID that the peer has given, such as after this
// side's address has changed, so that an observer of both paths cannot link them by the ID.
func (c *DatagramConn) ChangeConnectionID() error {
	if err := c.usable(); err != nil {
		return err
	}
	if !c.ids.next() {
		return usage("the peer has given no other connection ID: see RequestConnectionIDs")
	}
	c.identify()
	return nil
}

// changesIDs returns an error for a connection that cannot send messages about connection IDs.
func (c *DatagramConn) changesIDs() error {
	if err := c.usable(); err != nil {
		return err
	}
	switch {
	case c.send.closed || c.recv.err != nil:
		return ErrClosed
	case !c.recv.info.HandshakeDone || c.recv.info.Version != iana.TLS13:
		return usage("connection IDs can be changed only on an open connection of DTLS 1.3")
	case c.update.sent:
		// The peer takes no other message under the key that the KeyUpdate ends.
		return usage("a key update is not acknowledged yet: wait")
	}
	return nil
}

// answerIDs answers a request for connection IDs, as soon as nothing is on the way that must be
// acknowledged first. RFC 9147, Section 9: an endpoint "MUST NOT have more than one
// NewConnectionId message outstanding", and may give fewer than were asked for.
func (c *DatagramConn) answerIDs() error {
	ids := &c.ids
	if ids.sent && !c.flight.Holds(ids.seq) {
		ids.sent = false
	}
	if !ids.owed || ids.sent || c.update.sent {
		return nil
	}
	ids.owed = false
	return c.sendIDs(min(ids.wanted, maxIDs-len(ids.own)), false)
}

// sendIDs sends a NewConnectionId with n new IDs.
func (c *DatagramConn) sendIDs(n int, immediate bool) error {
	m := &wire.NewConnectionID{Immediate: immediate}
	for range n {
		id, err := c.ids.issue(c.ids.length())
		if err != nil {
			return err
		}
		if len(id) > 0 {
			m.IDs = append(m.IDs, id)
		}
	}
	m.Immediate = immediate && len(m.IDs) > 0
	raw, err := encode(m)
	if err != nil {
		return err
	}
	c.send.cfg.traceMessages(raw)
	c.begin()
	c.ids.seq, c.ids.sent = c.flight.Add(raw, c.sealer), true
	return nil
}
