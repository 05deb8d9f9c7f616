package sealsock

import (
	"context"
	"net"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
)

// State returns what was negotiated and what the peer has shown; Peer returns what was
// verified of it. It is complete once the handshake is done. State waits for a handshake
// that is under way. The slices in it must not be changed.
func (c *Conn) State() engine.State { return c.below().State() }

// WriteEarly sends, on a client, 0-RTT data before the handshake is done. It needs
// Config.EarlyData and a session or pre-shared key that allows it. An attacker may
// replay the data, and the keys have no forward secrecy: send only what may arrive twice
// (RFC 9846, Sections 2.3 and 8). Data that the server refuses is sent again in front
// of all other data, unless the server chose another application protocol: see
// Config.EarlyRefused.
//
// If p is more than the server accepts, WriteEarly sends as much as it accepts, perhaps
// nothing, and returns [ErrNoEarlyData]: write p[n:] after the handshake. Once the
// handshake is done, WriteEarly is Write.
//
// On a server, WriteEarly sends data behind the server's own flight, before the client
// is proved.
//
// Over datagrams p is one message. If the server accepts less than p, nothing is sent. Messages
// may arrive in another order or not at all; one that overtakes the ClientHello is lost. Those that
// the server refuses are sent again once the handshake is done, as over a stream. Until a client
// has proved that it receives at its address, a server sends at most three times what it has
// received, and WriteEarly returns an error beyond that.
func (c *Conn) WriteEarly(p []byte) (n int, err error) {
	err = c.observed(func() error {
		n, err = c.below().WriteEarly(p)
		return err
	})
	return n, err
}

// ErrNoEarlyData is the error of Conn.WriteEarly if no 0-RTT data, or no more of it, can
// be sent on this connection.
var ErrNoEarlyData = engine.ErrNoEarlyData

// ReadEarly reads, on a server, the client's 0-RTT data, which an attacker may have
// replayed (RFC 9846, Section 8). It returns io.EOF at its end, also if there is none.
// Read returns no 0-RTT data, and ReadEarly nothing else. Config.MaxEarlyData bounds the
// amount. Over datagrams ReadEarly returns one message, as Read does, and before the
// handshake is done the client may have forged the address that it has.
func (c *Conn) ReadEarly(p []byte) (n int, err error) {
	err = c.observed(func() error {
		n, err = c.below().ReadEarly(p)
		return err
	})
	return n, err
}

// Rekey changes the key of what this side sends and, if both is set, asks the peer to
// change its own, which it does before it sends again. A connection replaces its keys by
// itself before they have protected as many records as they may. RFC 9846, Section
// 4.6.3. On TLS 1.2, which has no key updates, Rekey returns an error.
func (c *Conn) Rekey(ctx context.Context, both bool) error {
	if err := c.awaitOpen(ctx); err != nil {
		return err
	}
	return c.below().Rekey(ctx, both)
}

// SendTickets sends, on a server of TLS 1.3, n tickets with which the client can resume
// the session, beside those of Config.NumTickets. It needs Config.Tickets. RFC 9846,
// Section 4.6.1.
func (c *Conn) SendTickets(ctx context.Context, n int) error {
	if err := c.awaitOpen(ctx); err != nil {
		return err
	}
	return c.below().SendTickets(ctx, n)
}

// RequestClientCertificate asks, on a server of TLS 1.3, for the client's certificate,
// and returns nil once the client has proved one, see Peer, or has declined. The client
// needs Config.PostHandshakeAuth. A client with a pre-shared key of Config.PSKs is not asked: that
// is an error. Several calls may be under way at once. While no Read
// is under way, RequestClientCertificate reads, and keeps up to 1 MiB of data for Read;
// at that bound the answer has to wait for a Read. Over datagrams none of that is needed.
// After the end of ctx an answer is still accepted. The 17th request at once, and more than
// one for every two seconds or 1 MiB of data after that, is an error that changes nothing:
// clients end a connection with more. RFC 9846, Section 4.6.2.
func (c *Conn) RequestClientCertificate(ctx context.Context) error {
	if err := c.awaitOpen(ctx); err != nil {
		return err
	}
	return c.below().RequestClientCertificate(ctx)
}

// Export derives length bytes of keying material, at most 8160, for label and context.
// Both sides derive the same, and no other connection does. The handshake must be done.
// RFC 9846, Section 7.5; labels are in the IANA's TLS Exporter Labels registry. TLS 1.2
// (RFC 5705) distinguishes a nil context from an empty one, and needs extended master
// secret.
func (c *Conn) Export(label string, context []byte, length int) ([]byte, error) {
	return c.below().Export(label, context, length)
}

// ExportEarly is Export for 0-RTT data, from the first call of WriteEarly or ReadEarly
// on. Connections that begin with a replay of one ClientHello derive the same. It is an error once
// the server has refused the data.
func (c *Conn) ExportEarly(label string, context []byte, length int) ([]byte, error) {
	return c.below().ExportEarly(label, context, length)
}

// Unwrap ends the encryption: it sends close_notify, waits for the peer's, and returns
// the plain connection below with every byte that follows. Application data that was not
// read yet is an error, and so is data that arrives before the peer's close_notify: read
// until io.EOF first. After an error c can be read and not written. After success the
// caller owns the connection that is returned, and c must not be used.
func (c *Conn) Unwrap(ctx context.Context) (net.Conn, error) {
	if c != nil && c.packets == nil {
		if err := c.awaitOpen(ctx); err != nil {
			return nil, err
		}
	}
	return c.below().Unwrap(ctx)
}

// Abort ends the connection with a fatal alert in place of close_notify, so that the
// peer does not take what it has received for the whole. It is for an application that
// fails after the handshake; the alert is usually internal_error (RFC 9846, Section
// 6.2). Abort closes the connection below. A Write of another goroutine ends early, in
// net.ErrClosed, and the alert follows what it has sent. Abort waits for that at most 5
// seconds and not past the write deadline, and then at most half a second until the peer
// can have received the alert.
func (c *Conn) Abort(a iana.Alert) error { return c.below().Abort(a) }

// GiveUp ends a handshake that could be continued, such as one whose context has ended.
// It sends the alert of cause, if the peer takes it at once, and closes the connection
// below. That is the alert of an *engine.Error, or of an error with a method Alert()
// iana.Alert, and otherwise internal_error. After the handshake, GiveUp only closes the
// connection below.
func (c *Conn) GiveUp(cause error) {
	defer c.abandoned(cause)
	c.below().GiveUp(cause)
}
