package legacy

import (
	"crypto/tls"
	"net"
	"time"
)

// The methods of tls.Conn, for a Conn that has none.

// made reports whether Client or Server made c. The zero value and nil have no connection.
func (c *Conn) made() bool { return c != nil && c.Conn != nil && c.raw != nil }

var errNotMade = usage("this Conn is nil or a zero value: use Client, Server, Dial or Listen")

// ConnectionState describes the connection.
func (c *Conn) ConnectionState() tls.ConnectionState {
	if !c.made() {
		return tls.ConnectionState{}
	}
	return c.Conn.ConnectionState()
}

// OCSPResponse returns the response that the server stapled, if any.
func (c *Conn) OCSPResponse() []byte {
	if !c.made() {
		return nil
	}
	return c.Conn.OCSPResponse()
}

// VerifyHostname reports whether the peer's certificate is valid for host. Config.Trust has
// verified the name already.
func (c *Conn) VerifyHostname(host string) error {
	if !c.made() {
		return errNotMade
	}
	return c.Conn.VerifyHostname(host)
}

// LocalAddr returns the own address, or nil if nothing made c.
func (c *Conn) LocalAddr() net.Addr {
	if !c.made() {
		return nil
	}
	return c.Conn.LocalAddr()
}

// RemoteAddr returns the peer's address, or nil if nothing made c.
func (c *Conn) RemoteAddr() net.Addr {
	if !c.made() {
		return nil
	}
	return c.Conn.RemoteAddr()
}

// SetDeadline sets the deadlines for reading and writing.
func (c *Conn) SetDeadline(t time.Time) error {
	if !c.made() {
		return errNotMade
	}
	return c.Conn.SetDeadline(t)
}

// SetReadDeadline sets the deadline for reading.
func (c *Conn) SetReadDeadline(t time.Time) error {
	if !c.made() {
		return errNotMade
	}
	return c.Conn.SetReadDeadline(t)
}

// SetWriteDeadline sets the deadline for writing. A write that it cuts ends the connection.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	if !c.made() {
		return errNotMade
	}
	return c.Conn.SetWriteDeadline(t)
}
