package websocket

import (
	"bufio"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// The opcodes of RFC 6455, Section 5.2.
const (
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xa
)

// The status codes of RFC 6455, Section 7.4.1, that this package sends.
const (
	statusNormal   = 1000
	statusProtocol = 1002
	statusInternal = 1011
)

const (
	finalBit   = 0x80 // in the first byte of a frame
	maskBit    = 0x80 // in the second
	maxControl = 125  // the payload of a control frame, in bytes
	maxFrame   = 64 << 10
)

// An Error is a peer that breaks the protocol, refuses the upgrade, or ends the
// connection with a status that is an error.
type Error struct {
	Reason string
	Status int // of the peer's Close frame, or of its HTTP response; 0 for none
}

func (e *Error) Error() string { return "WebSocket: " + e.Reason }

// ErrNotOpen is the error of a Write before the handshake.
var ErrNotOpen = errors.New("WebSocket: the handshake is not done")

// A Conn is one side of a WebSocket. Reading and writing may run at once.
type Conn struct {
	conn   net.Conn
	opener opener
	client bool

	handshake sync.Mutex
	open      atomic.Bool
	head      []byte // of the request or response, as far as it has been read
	failed    error  // of the handshake

	// The reading side.
	in       sync.Mutex
	r        *bufio.Reader
	header   []byte // of the next frame, as far as it has been read
	left     uint64 // bytes of the payload that were not read
	mask     [4]byte
	masked   int // bytes that were unmasked
	message  bool
	end      error // io.EOF or a failure
	controls control

	// The writing side.
	out     sync.Mutex
	pending []byte // of control frames and a header, in front of what is sent next
	room    int    // bytes of the payload that the header announced and that are missing
	key     [4]byte
	offset  int
	closed  bool // a Close frame was sent

	mail   sync.Mutex
	pong   []byte // to be sent; nil for none
	broken bool   // a Close frame is to be sent: the peer broke the protocol

	ponging sync.Mutex // held by the goroutine that sends for Read
}

// A control is a control frame that is being read.
type control struct {
	op      byte
	payload []byte
}

func newConn(conn net.Conn, client bool, o opener) *Conn {
	return &Conn{
		conn: conn, client: client, opener: o, r: bufio.NewReader(conn),
		header: make([]byte, 0, 14),
	}
}

// LocalAddr returns the address of this side.
func (c *Conn) LocalAddr() net.Addr { return c.conn.LocalAddr() }

// RemoteAddr returns the address of the peer.
func (c *Conn) RemoteAddr() net.Addr { return c.conn.RemoteAddr() }

// SetDeadline sets the deadlines of the connection below.
func (c *Conn) SetDeadline(t time.Time) error { return c.conn.SetDeadline(t) }

// SetReadDeadline sets the deadline for reading.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.conn.SetReadDeadline(t) }

// SetWriteDeadline sets the deadline for writing.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.conn.SetWriteDeadline(t) }

// Write sends p in binary messages. If a deadline passes, n counts the bytes that were
// sent, and the next Write continues behind them.
func (c *Conn) Write(p []byte) (n int, err error) {
	if !c.open.Load() {
		return 0, ErrNotOpen
	}
	c.out.Lock()
	for n < len(p) && err == nil {
		var sent int
		sent, err = c.writeSome(p[n:])
		n += sent
	}
	c.out.Unlock()
	c.sendPong()
	return n, err
}

// maxPending is the size of Conn.pending in bytes: a pong and a Close frame, or a header behind
// one of them.
const maxPending = 2 * (2 + 4 + maxControl)

var frames = sync.Pool{New: func() any { return new([maxPending + maxFrame]byte) }}

// writeSome sends a part of p that fits a frame.
func (c *Conn) writeSome(p []byte) (int, error) {
	if c.closed {
		return 0, net.ErrClosed
	}
	if c.room == 0 {
		c.room = min(len(p), maxFrame)
		c.begin(opBinary, c.room)
	}
	buf := frames.Get().(*[maxPending + maxFrame]byte)
	defer frames.Put(buf)
	head := copy(buf[:], c.pending)
	n := copy(buf[head:head+min(c.room, maxFrame)], p)
	if c.client {
		apply(buf[head:head+n], c.key, c.offset)
	}
	sent, err := c.conn.Write(buf[:head+n])
	c.sentPending(min(sent, head))
	payload := max(sent-head, 0)
	c.room -= payload
	c.offset += payload
	return payload, err
}

// sentPending drops what was sent of c.pending.
func (c *Conn) sentPending(n int) { c.pending = append(c.pending[:0], c.pending[n:]...) }

// flush sends what waits in c.pending. After an error the rest is sent by the next call.
func (c *Conn) flush() error {
	if len(c.pending) == 0 {
		return nil
	}
	n, err := c.conn.Write(c.pending)
	c.sentPending(n)
	return err
}

// begin adds the header of a frame to c.pending. RFC 6455, Section 5.2.
func (c *Conn) begin(op byte, n int) {
	start := len(c.pending)
	b := append(c.pending, op|finalBit)
	switch {
	case n <= 125:
		b = append(b, byte(n))
	case n <= 0xffff:
		b = binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
	}
	if c.client {
		// A client masks with a key that cannot be predicted. RFC 6455, Section 5.3.
		rand.Read(c.key[:])
		b[start+1] |= maskBit
		b = append(b, c.key[:]...)
	}
	c.pending, c.offset = b, 0
}

// apply masks or unmasks b, which is at an offset of the payload.
func apply(b []byte, key [4]byte, offset int) {
	for i := range b {
		b[i] ^= key[(offset+i)&3]
	}
}

// control sends a control frame. The caller holds c.out, and no frame is unfinished.
func (c *Conn) control(op byte, payload []byte) error {
	c.begin(op, len(payload))
	start := len(c.pending)
	c.pending = append(c.pending, payload...)
	if c.client {
		apply(c.pending[start:], c.key, 0)
	}
	return c.flush()
}

// answerPing sends the pong that is due, on a goroutine of its own: the deadline of Read does not
// end a write that waits for the peer.
func (c *Conn) answerPing() {
	if !c.ponging.TryLock() {
		return
	}
	go func() {
		free := c.sendPong()
		c.ponging.Unlock()
		if free && c.takesPong() { // of a ping that came too late for sendPong
			c.answerPing()
		}
	}()
}

// sendPong sends the pong that is due, or the Close frame for a peer that broke the protocol. It
// returns false if another goroutine writes, which sends it after that.
func (c *Conn) sendPong() bool {
	for c.takesPong() {
		if !c.out.TryLock() {
			return false
		}
		c.mail.Lock()
		pong, broken := c.pong, c.broken
		c.pong, c.broken = nil, false
		c.mail.Unlock()
		if broken {
			_ = c.closeSending(statusProtocol)
		} else if pong != nil && c.room == 0 && len(c.pending) == 0 && !c.closed {
			_ = c.control(opPong, pong) // the next Write has the error, and sends the rest
		}
		c.out.Unlock()
	}
	return true
}

func (c *Conn) takesPong() bool {
	c.mail.Lock()
	defer c.mail.Unlock()
	return c.pong != nil || c.broken
}

// CloseWrite ends the sending direction with a Close frame. The other direction continues.
func (c *Conn) CloseWrite() error { return c.sendClose(statusNormal) }

func (c *Conn) sendClose(status uint16) error {
	if !c.open.Load() {
		return ErrNotOpen
	}
	c.out.Lock()
	defer c.out.Unlock()
	return c.closeSending(status)
}

// closeSending is sendClose for a caller that holds c.out.
func (c *Conn) closeSending(status uint16) error {
	switch {
	case c.closed:
		return c.flush() // what a deadline has cut off
	case c.room > 0:
		return errors.New("WebSocket: a write is not complete")
	}
	c.closed = true
	return c.control(opClose, binary.BigEndian.AppendUint16(nil, status))
}

// closeTimeout bounds the last frame of Close.
const closeTimeout = time.Second

// Close sends a Close frame, unless one was sent, and closes the connection below.
func (c *Conn) Close() error { return c.closeWith(statusNormal) }

// Abort is Close with the status of an internal error, so that the peer does not take
// what it has received for the whole.
func (c *Conn) Abort() error { return c.closeWith(statusInternal) }

func (c *Conn) closeWith(status uint16) error {
	if c.open.Load() {
		c.conn.SetWriteDeadline(time.Now().Add(closeTimeout))
		c.ponging.Lock() // until a pong under way is sent, or the deadline
		defer c.ponging.Unlock()
		c.sendPong()
		if c.out.TryLock() { // a Write under way is cut off
			c.out.Unlock()
			_ = c.sendClose(status)
		}
	}
	return c.conn.Close()
}

// fail has the peer told that it broke the protocol. Read does not wait for that: a peer that
// breaks it may not read either.
func (c *Conn) fail(format string, args ...any) error {
	c.mail.Lock()
	c.broken = true
	c.mail.Unlock()
	c.answerPing()
	return &Error{Reason: fmt.Sprintf(format, args...)}
}

var errCut = fmt.Errorf("WebSocket: the connection ended without a Close frame: %w",
	io.ErrUnexpectedEOF)
