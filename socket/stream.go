package socket

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// A StreamConn is a message connection that is used as a stream of bytes: what
// StreamOver returns. The methods of nil and of the zero value do what those of a nil Socket
// do.
type StreamConn struct {
	net.Conn
	most int // bytes in a message that is sent

	reading sync.Mutex
	room    int    // bytes in a message that is received
	buf     []byte // holds one message; made when it is needed
	rest    []byte // what of it was not read yet
}

// maxMessage bounds the messages that StreamOver can be asked for, in bytes.
const maxMessage = 1 << 20

// StreamOver makes a stream of a connection that keeps message boundaries, such
// as a seqpacket socket, L2CAP or ISO-TP, so that a protocol for streams, TLS
// first of all, runs over it. Its records and the connection's messages then
// are independent of each other: Write cuts p into messages of at most send
// bytes, Read returns messages of at most receive bytes piece by piece. A
// longer message is an error of Read, if c is a *Socket; elsewhere it may be cut
// unseen, so receive should be the family's maximum.
//
// The underlying connection must deliver all messages in order, and return
// io.EOF at its end if it has one. Messages without bytes are skipped.
func StreamOver(c net.Conn, send, receive int) (*StreamConn, error) {
	if c == nil {
		return nil, &net.OpError{Op: "set", Net: "socket", Err: os.ErrInvalid}
	}
	for _, n := range []int{send, receive} {
		if n < 1 || n > maxMessage {
			return nil, &net.OpError{Op: "set", Net: c.LocalAddr().Network(), Addr: c.LocalAddr(), Err: fmt.Errorf("message size %d is not in 1 to %d", n, maxMessage)}
		}
	}
	return &StreamConn{Conn: c, most: send, room: receive}, nil
}

// Read reads the rest of the last message, or waits for the next one.
func (c *StreamConn) Read(p []byte) (int, error) {
	if c == nil || c.Conn == nil {
		return (*Socket)(nil).Read(p)
	}
	c.reading.Lock()
	defer c.reading.Unlock()
	if len(p) == 0 {
		return 0, nil
	}
	for empty := 0; len(c.rest) == 0; empty++ {
		if empty == 1000 {
			return 0, io.ErrNoProgress
		}
		// A buffer with room for any message saves the copy.
		if len(p) >= c.room {
			if n, err := c.message(p); n > 0 || err != nil {
				return n, err
			}
			continue
		}
		if c.buf == nil {
			c.buf = make([]byte, c.room)
		}
		n, err := c.message(c.buf)
		if err != nil {
			return 0, err
		}
		c.rest = c.buf[:n]
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// message receives one message.
func (c *StreamConn) message(p []byte) (int, error) {
	s, ok := c.Conn.(*Socket)
	if !ok {
		return c.Conn.Read(p)
	}
	m := Message{Buffers: [][]byte{p}}
	n, err := s.RecvMsg(context.Background(), &m, 0)
	if err == nil && m.Flags&Truncated != 0 {
		err = s.opError("read", nil, fmt.Errorf("a message longer than the %d bytes that this stream takes", len(p)))
	}
	return n, err
}

// Write sends p in one or more messages. Two Writes at once may mix their
// messages.
func (c *StreamConn) Write(p []byte) (n int, err error) {
	if c == nil || c.Conn == nil {
		return (*Socket)(nil).Write(p)
	}
	for n < len(p) {
		m, err := c.Conn.Write(p[n:min(n+c.most, len(p))])
		n += m
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// CloseWrite ends the sending half, where the family has one.
func (c *StreamConn) CloseWrite() error {
	if half, ok := c.conn().(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return &net.OpError{Op: "close", Net: c.LocalAddr().Network(), Addr: c.RemoteAddr(), Err: fmt.Errorf("this connection has no half-close")}
}

// NetConn returns the message connection.
func (c *StreamConn) NetConn() net.Conn { return c.conn() }

// Close closes the message connection.
func (c *StreamConn) Close() error { return c.conn().Close() }

// LocalAddr returns the own address of the message connection.
func (c *StreamConn) LocalAddr() net.Addr { return c.conn().LocalAddr() }

// RemoteAddr returns the peer's address of the message connection.
func (c *StreamConn) RemoteAddr() net.Addr { return c.conn().RemoteAddr() }

// SetDeadline sets the deadlines of the message connection.
func (c *StreamConn) SetDeadline(t time.Time) error { return c.conn().SetDeadline(t) }

// SetReadDeadline sets the deadline for reading of the message connection.
func (c *StreamConn) SetReadDeadline(t time.Time) error { return c.conn().SetReadDeadline(t) }

// SetWriteDeadline sets the deadline for writing of the message connection.
func (c *StreamConn) SetWriteDeadline(t time.Time) error { return c.conn().SetWriteDeadline(t) }

// conn returns the message connection, or a nil Socket where StreamOver did not make c.
func (c *StreamConn) conn() net.Conn {
	if c == nil || c.Conn == nil {
		return (*Socket)(nil)
	}
	return c.Conn
}
