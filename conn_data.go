package sealsock

import (
	"context"
	"io"
	"net"
	"time"

	"github.com/sealsock/sealsock/internal/stream"
)

// below returns what runs the engine. It holds a nil *stream.Conn for a nil *Conn and the zero
// Conn, and its methods return an error then.
func (c *Conn) below() transport {
	switch {
	case c == nil:
		return (*stream.Conn)(nil)
	case c.packets != nil:
		return c.packets
	case c.view != nil:
		return c.view
	}
	return c.stream
}

// Handshake is HandshakeContext without a context of the caller's.
func (c *Conn) Handshake() error { return c.HandshakeContext(context.Background()) }

// HandshakeContext runs the handshake, unless it is done already, and returns once the
// peer is proved. After the end of ctx or of a deadline a later call continues the
// handshake where it was; GiveUp ends it. Any other error is final: what remains is to
// call Close, which waits until the peer can have received an alert. On a Conn of Client
// or Server, Config.HandshakeTimeout counts from the first call of any method that runs
// the handshake, and its end is final.
func (c *Conn) HandshakeContext(ctx context.Context) error {
	if !c.HandshakeDone() {
		stream.GrowStack() // here, where few calls have to be moved
	}
	return c.observed(func() error { return c.below().Handshake(ctx) })
}

// HandshakeDone reports whether the handshake is done and the peer proved. Unlike State
// it does not wait for a handshake that is under way.
func (c *Conn) HandshakeDone() bool { return c.below().HandshakeDone() }

// Read reads application data into p, as much as has arrived, and returns the number of
// bytes. It runs the handshake first if that is not done. It returns io.EOF after the
// peer's close_notify, and only then: a connection that was cut is an error that is
// io.ErrUnexpectedEOF (RFC 9846, Section 6.1). With an empty p, Read does not wait for
// data. It returns no 0-RTT data: see ReadEarly.
func (c *Conn) Read(p []byte) (int, error) {
	if err := c.awaitOpen(context.Background()); err != nil {
		return 0, err
	}
	return c.below().Read(p)
}

// Write encrypts p and sends it, all of it unless there is an error. It runs the
// handshake first if that is not done. If the write deadline passes, n counts the bytes
// that are encrypted already. The next Write, CloseWrite or Close sends them, so
// continue with p[n:]. A Write of an empty p sends what is waiting. A Write of 256 KiB or
// more is encrypted on several processors, if the program may use them and few other
// connections do so.
func (c *Conn) Write(p []byte) (n int, err error) {
	if err := c.awaitOpen(context.Background()); err != nil {
		return 0, err
	}
	return c.below().Write(p)
}

// ReadBatch is Read for several messages over datagrams: as many as there are, at least one, and at
// most one for each buffer. It cuts the first n buffers to their messages, so give them their
// capacity again before the next call. Over a stream it reads once, into the first buffer. Without
// buffers it waits for no message.
func (c *Conn) ReadBatch(buffers [][]byte) (n int, err error) {
	if !c.below().Made() {
		return 0, stream.ErrNotMade
	}
	if len(buffers) == 0 {
		return 0, c.HandshakeContext(context.Background())
	}
	if c.packets == nil {
		n, err := c.Read(buffers[0])
		if n == 0 {
			return 0, err
		}
		buffers[0] = buffers[0][:n]
		return 1, err
	}
	if err := c.awaitOpen(context.Background()); err != nil {
		return 0, err
	}
	return c.packets.ReadBatch(buffers)
}

// WriteBatch is Write for several messages over datagrams, each of which becomes one. On Linux one
// system call sends up to 64 of them, and messages of one size cost the least. It returns how many
// messages were sent, and the error of the one behind these. Over a stream it writes one after
// another.
func (c *Conn) WriteBatch(messages [][]byte) (n int, err error) {
	if !c.below().Made() {
		return 0, stream.ErrNotMade
	}
	if err := c.awaitOpen(context.Background()); err != nil {
		return 0, err
	}
	if c.packets != nil {
		return c.packets.WriteBatch(messages)
	}
	for i, p := range messages {
		if _, err := c.Write(p); err != nil {
			return i, err
		}
	}
	return len(messages), nil
}

// ReadFrom encrypts and sends what r has until its end, which is no error, and returns the
// number of bytes. In bulk, it makes one system call for about 64 KiB. io.Copy uses it.
// A regular file is sent by the kernel if a SendFile before it has begun that: see
// Config.KernelTLS. An io.LimitedReader of one is, too. Other writes wait until it is sent.
func (c *Conn) ReadFrom(r io.Reader) (n int64, err error) {
	if err := c.awaitOpen(context.Background()); err != nil {
		return 0, err
	}
	return c.below().ReadFrom(r)
}

// WriteTo writes application data to w until the peer's close_notify, which is no error, and
// returns the number of bytes. It otherwise ends as Read does. io.Copy uses it.
func (c *Conn) WriteTo(w io.Writer) (n int64, err error) {
	if err := c.awaitOpen(context.Background()); err != nil {
		return 0, err
	}
	return c.below().WriteTo(w)
}

// MaxMessage is the size in bytes of the largest message that Write sends over datagrams, once
// the handshake is done. It is 0 over a stream, which has no such limit.
func (c *Conn) MaxMessage() int {
	if c == nil || c.packets == nil {
		return 0
	}
	return c.packets.MaxMessage()
}

// CloseWrite sends close_notify, after which this side cannot write: the peer's reads
// end in io.EOF, and it may continue to send. The connection below stays open in both
// directions. The handshake must be done. RFC 9846, Section 6.1.
func (c *Conn) CloseWrite() error { return c.below().CloseWrite() }

// Close sends close_notify, unless a Write is under way, and closes the connection
// below. Reads and writes that wait return. After a failure that the peer was sent an
// alert for, Close waits until the peer can have received it. Close takes at most 5
// seconds, and half a second more after an alert; if the write deadline has passed and
// there is no later one, it does not wait for the peer. An error means that something
// written before was lost, or that the connection below did not close. A second Close
// returns net.ErrClosed.
func (c *Conn) Close() error {
	defer c.abandoned(nil)
	return c.below().Close()
}

// SetDeadline sets the deadlines of reading and writing: see SetReadDeadline and
// SetWriteDeadline.
func (c *Conn) SetDeadline(t time.Time) error { return c.below().SetDeadline(t) }

// SetReadDeadline sets the time after which reading, also of the handshake, returns an
// error that is os.ErrDeadlineExceeded. It applies to calls that wait already. The zero
// time means no deadline. No byte is lost: with a new deadline, Read continues.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.below().SetReadDeadline(t) }

// SetWriteDeadline sets the time after which writing, also of the handshake, returns an
// error that is os.ErrDeadlineExceeded. It applies to calls that wait already. The zero
// time means no deadline. Bytes that are encrypted by then are sent later: see Write.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.below().SetWriteDeadline(t) }

// LocalAddr returns the address of this side, as the connection below does.
func (c *Conn) LocalAddr() net.Addr { return c.below().LocalAddr() }

// RemoteAddr returns the address of the peer, as the connection below does.
func (c *Conn) RemoteAddr() net.Addr { return c.below().RemoteAddr() }

// NetConn returns the connection below, for its options and its descriptor. Reading it
// or writing to it breaks c. Closing it cuts the connection, without close_notify.
// Unwrap returns it for further use.
func (c *Conn) NetConn() net.Conn { return c.below().NetConn() }
