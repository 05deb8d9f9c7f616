package engine

import (
	"slices"
	"time"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/dtls"
	"github.com/sealsock/sealsock/internal/keys"
	"github.com/sealsock/sealsock/internal/record"
)

// paths are the ways to the peer that a connection knows, by the numbers that the caller has
// given them: the current one, and at most one other, which is being checked.
type paths struct {
	current uint64
	from    uint64        // of the datagram that is processed
	room    int           // bytes that may be sent where it came from, if that is elsewhere
	newest  record.Number // of all authentic records
	heard   bool          // the datagram has an authentic record
	newer   bool          // which is newer than all before
	check   *pathCheck
}

// A pathCheck is the return routability check of a path. RFC 9853, Section 5.1.
type pathCheck struct {
	path    uint64
	granted int                // bytes that may be sent there
	cookies []dtls.CheckCookie // of the challenges that were sent
	next    time.Time          // when another one is
	until   time.Time          // when the check ends
}

// A probe is a datagram for another path than the current one.
type probe struct {
	path     uint64
	datagram []byte
}

// RFC 9853, Section 5.5: without knowledge of the round-trip time "T SHOULD be set to 1s".
// Within it challenges are repeated, because they may be lost (Section 5.3).
const (
	pathTimeout   = time.Second
	maxChallenges = 3
)

// ReceiveFrom is Receive for a datagram that has come on a path, such as from a new address of
// the peer. The caller numbers the paths: the handshake is on path 0, and a number belongs to one
// path for good. What comes on another path than the current one counts only with a connection
// ID and after the handshake.
//
// If it is newer than anything before (RFC 9146, Section 6) and the peer takes part, a return
// routability check of the path begins (RFC 9853): NextProbe has what is to be sent there, at
// most three times the bytes that have come from there. The connection stays on the current path
// until the peer has proved that it receives on the other one, which EventMoved reports. One
// path is checked at a time: the latest.
func (c *DatagramConn) ReceiveFrom(
	now time.Time, path uint64, datagram []byte,
) ([]Event, error) {
	if err := c.usable(); err != nil {
		return nil, err
	}
	p := &c.paths
	p.from, p.room = path, amplification*len(datagram)
	defer func() { p.from = p.current }()
	switch {
	case !p.elsewhere():
		if !c.proved {
			c.granted += amplification * len(datagram)
		}
	case !c.recv.info.HandshakeDone || c.ids.length() == 0:
		datagram = nil
	}
	return c.run(now, datagram, len(datagram))
}

// Path is the number of the current path: see ReceiveFrom.
func (c *DatagramConn) Path() uint64 {
	if c == nil {
		return 0
	}
	return c.paths.current
}

// Checking returns the number of the path that is being checked. It is not ok if there is none.
func (c *DatagramConn) Checking() (path uint64, ok bool) {
	if c == nil || c.paths.check == nil {
		return 0, false
	}
	return c.paths.check.path, true
}

// NextProbe returns the next datagram for another path than the current one, and the path; nil
// if there is none. After every call of any method send it, as what NextDatagram returns.
func (c *DatagramConn) NextProbe() (datagram []byte, path uint64) {
	if c == nil || c.exchange == nil || len(c.probes) == 0 {
		return nil, 0
	}
	next := c.probes[0]
	if c.probes = c.probes[1:]; len(c.probes) == 0 {
		c.probes = nil
	}
	return next.datagram, next.path
}

// elsewhere reports whether the datagram has come on another path than the current one.
func (p *paths) elsewhere() bool { return p.from != p.current }

// note notes an authentic record.
func (p *paths) note(n record.Number) {
	p.heard = true
	if n.Compare(p.newest) > 0 {
		p.newest, p.newer = n, true
	}
}

// deadline is when probe has something to do; zero for never.
func (p *paths) deadline() time.Time {
	if p.check == nil {
		return time.Time{}
	}
	return earlier(p.check.next, p.check.until)
}

// heard begins the check of the path of a datagram, if that is to be followed. A record that is
// authentic, but older than another one, may have been on its way since before the peer moved, or
// be a copy of an attacker's. RFC 9146, Section 6.
func (c *DatagramConn) heard(now time.Time) error {
	p := &c.paths
	heard, newer := p.heard, p.newer
	p.heard, p.newer = false, false
	if !heard || !p.elsewhere() || !c.ids.checks || c.send.closed {
		return nil
	}
	switch {
	case p.check != nil && p.check.path == p.from:
		p.check.granted += p.room
		if p.check.next.IsZero() && len(p.check.cookies) < maxChallenges {
			p.check.next = now
		}
	case !newer:
		return nil
	default:
		p.check = &pathCheck{
			path: p.from, granted: p.room, next: now, until: now.Add(pathTimeout),
		}
	}
	return c.probe(now)
}

// probe sends a challenge on the path that is being checked if it is time for one, or ends the
// check.
func (c *DatagramConn) probe(now time.Time) error {
	k := c.paths.check
	switch {
	case k == nil:
		return nil
	case !now.Before(k.until):
		c.paths.check = nil // RFC 9853, Section 5.1: "the peer address binding is not updated"
		return nil
	case k.next.IsZero() || now.Before(k.next):
		return nil
	}
	n := c.sealer.DatagramOverhead() + dtls.CheckLen
	if n > k.granted {
		k.next = time.Time{} // until more has come from there
		return nil
	}
	var cookie dtls.CheckCookie
	if err := c.recv.cfg.fill(cookie[:]); err != nil {
		return err
	}
	d, err := c.sealCheck(dtls.Check{Type: dtls.PathChallenge, Cookie: cookie})
	if err != nil {
		return err
	}
	k.granted -= len(d)
	k.cookies = append(k.cookies, cookie)
	k.next = now.Add(pathTimeout / maxChallenges)
	if len(k.cookies) == maxChallenges {
		k.next = time.Time{}
	}
	c.probes = append(c.probes, probe{k.path, d})
	return nil
}

// sealCheck returns a datagram with one message.
func (c *DatagramConn) sealCheck(m dtls.Check) ([]byte, error) {
	payload := m.AppendTo(nil)
	c.send.cfg.trace(true, iana.ContentRRC, payload)
	return c.seal(nil, iana.ContentRRC, payload, 0)
}

// routability takes a message of a return routability check. RFC 9853, Section 4: one of an
// unknown type is ignored; Section 5.4: so is an answer that is invalid.
func (c *DatagramConn) routability(r received) error {
	if !c.ids.checks {
		return c.unknown(r)
	}
	m, ok := dtls.ParseCheck(r.payload)
	if !ok || r.epoch == nil || r.epoch.phase != phaseApplication || !c.recv.info.HandshakeDone {
		return nil
	}
	c.recv.cfg.trace(false, iana.ContentRRC, r.payload)
	p := &c.paths
	if m.Type == dtls.PathChallenge {
		return c.answerChallenge(m)
	}
	if !p.asked(m) {
		return nil
	}
	p.check = nil
	if m.Type == dtls.PathDrop {
		p.newer = false // the peer prefers another path: this record begins no other check
		return nil
	}
	p.current = p.from
	c.events = append(c.events, Event{Kind: EventMoved})
	if c.ids.next() { // RFC 9147, Section 9: a new ID is used on a new path
		c.identify()
	}
	return nil
}

// asked reports whether a message answers a challenge that was sent on the path of the datagram.
func (p *paths) asked(m dtls.Check) bool {
	k := p.check
	if k == nil || k.path != p.from {
		return false
	}
	return slices.ContainsFunc(k.cookies, func(sent dtls.CheckCookie) bool {
		return keys.Equal(sent[:], m.Cookie[:])
	})
}

// answerChallenge answers on the path on which the challenge has come, with one message, at
// once. RFC 9853, Section 5.4. This side has no path that it prefers to it.
func (c *DatagramConn) answerChallenge(m dtls.Check) error {
	p := &c.paths
	if c.send.closed {
		return nil
	}
	n := c.sealer.DatagramOverhead() + dtls.CheckLen
	if p.elsewhere() && n > p.room {
		// The peer's connection ID is much longer than this side's, or there are many challenges
		// in one datagram.
		return nil
	}
	d, err := c.sealCheck(dtls.Check{Type: dtls.PathResponse, Cookie: m.Cookie})
	switch {
	case err != nil:
		return err
	case p.elsewhere():
		p.room -= len(d)
		c.probes = append(c.probes, probe{p.from, d})
	default:
		c.out = append(c.out, d)
	}
	return nil
}
