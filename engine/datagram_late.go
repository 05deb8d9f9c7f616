package engine

import "time"

// RequestCertificate asks, on a server of DTLS 1.3 whose handshake is done, for the certificate
// of a client that offered post_handshake_auth and has no external pre-shared key. The answer is an
// EventClientAuth with the same context. At most 16 requests may be under way. RFC 9846, Sections
// 4.3.2 and 4.6.2.
func (c *DatagramConn) RequestCertificate(now time.Time) (context []byte, err error) {
	if err := c.usable(); err != nil {
		return nil, err
	}
	if c.recv.err != nil {
		return nil, ErrClosed
	}
	q, err := c.send.lateRequest()
	if err == nil {
		err = c.recv.Expect(q)
	}
	if err != nil {
		return nil, err
	}
	if err := c.step(&step{kind: stepHandshake, message: q.raw}); err != nil {
		return nil, err
	}
	return q.Context, c.flush(now)
}

// hold keeps a message that has to wait until a KeyUpdate is acknowledged. RFC 9147, Section 5.2:
// the peer takes messages in order, so that those behind a KeyUpdate belong to the next key, from
// which a Finished derives too.
func (c *DatagramConn) hold(st *step) bool {
	if !c.update.sent || st.kind != stepHandshake && st.kind != stepAuth {
		return false
	}
	c.held = append(c.held, *st)
	return true
}

// release sends the messages that have waited.
func (c *DatagramConn) release() error {
	held := c.held
	c.held = nil
	for i := range held {
		if err := c.step(&held[i]); err != nil {
			return err
		}
	}
	return nil
}
