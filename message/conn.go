package message

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"slices"
	"sync"
	"time"
)

const (
	// DefaultLimit is the limit of a message in bytes when Options has none: 1 MiB.
	DefaultLimit = 1 << 20

	headerSize = 4
	oneWrite   = 63 << 10 // bytes of messages in one write, which TLS sends in one segment
	smallWrite = 4 << 10  // bytes that a Conn keeps memory for
	firstGrow  = 64 << 10 // bytes that are allocated because of a length alone
)

// writeBuffers holds buffers for writes of more than smallWrite bytes.
var writeBuffers = sync.Pool{New: func() any { return new([oneWrite]byte) }}

// ErrTooLong is in the error for a message that exceeds the limit.
var ErrTooLong = errors.New("message too long")

// Options of a [Conn]. The zero value is ready to use.
type Options struct {
	// Limit is the size of the longest message in bytes, in both directions. 0 is
	// DefaultLimit. What exceeds 4,294,967,295, the longest that the format has, is
	// that.
	Limit int
	// Buffer, if set, returns the slice to which [Conn.Receive] appends a message of length
	// bytes if it was given none. It has to be safe for concurrent use.
	Buffer func(length int) []byte
}

// A Conn sends and receives messages. Any number of goroutines may use it: each message
// is sent and received whole.
type Conn struct {
	conn   net.Conn
	limit  int
	buffer func(length int) []byte

	sending sync.Mutex
	cut     error // why no further message can be sent
	scratch []byte

	receiving sync.Mutex
	failed    error // why no further message can be received
	header    [headerSize]byte
	known     int    // bytes of header that were received
	part      []byte // of a message whose receipt was interrupted
}

// New returns a Conn that owns conn: nothing else may read from it or write to it. A
// message costs memory only as its bytes arrive, whatever its length claims.
func New(conn net.Conn, opts Options) *Conn {
	limit := opts.Limit
	if limit <= 0 {
		limit = DefaultLimit
	}
	if most := uint64(math.MaxUint32); uint64(limit) > most {
		limit = int(most) // of 64 bits
	}
	return &Conn{conn: conn, limit: limit, buffer: opts.Buffer}
}

// usable reports whether c was made by New with a connection.
func (c *Conn) usable() bool { return c != nil && c.conn != nil }

// Send sends p as one message and keeps no part of it. If p exceeds the limit, nothing is
// sent and the error is ErrTooLong. If the connection fails or the deadline passes within
// the message, the peer cannot find the next one: each further Send returns that error.
func (c *Conn) Send(p []byte) error {
	return c.SendAll([][]byte{p})
}

// SendAll sends messages in order, in fewer writes than one for each. A message is the
// concatenation of its parts. If one exceeds the limit, none is sent. The errors are those of
// [Conn.Send].
func (c *Conn) SendAll(messages ...[][]byte) error {
	if !c.usable() {
		return net.ErrClosed
	}
	total := 0
	for _, parts := range messages {
		n := lengthOf(parts)
		if n > c.limit {
			return fmt.Errorf("message: a message of %d bytes exceeds the limit of %d: %w",
				n, c.limit, ErrTooLong)
		}
		total += headerSize + n
	}
	c.sending.Lock()
	defer c.sending.Unlock()
	if c.cut != nil {
		return c.cut
	}
	w := writer{conn: c.conn, buf: c.scratch[:0], size: smallWrite}
	if total > smallWrite {
		large := writeBuffers.Get().(*[oneWrite]byte)
		defer writeBuffers.Put(large)
		w.buf, w.size = large[:0], oneWrite
	}
	w.messages(messages)
	if total <= smallWrite {
		c.scratch = w.buf[:0]
	}
	if w.err != nil && w.written > 0 {
		c.cut = fmt.Errorf("message: a message was not sent whole: %w", w.err)
		return c.cut
	}
	return w.err
}

func lengthOf(parts [][]byte) (n int) {
	for _, part := range parts {
		n += len(part)
	}
	return n
}

// A writer collects bytes and writes size of them at once.
type writer struct {
	conn    net.Conn
	buf     []byte
	size    int
	written int
	err     error
}

func (w *writer) messages(messages [][][]byte) {
	var header [headerSize]byte
	for _, parts := range messages {
		binary.BigEndian.PutUint32(header[:], uint32(lengthOf(parts)))
		w.add(header[:])
		for _, part := range parts {
			w.add(part)
		}
	}
	w.flush()
}

func (w *writer) add(p []byte) {
	for len(p) > 0 && w.err == nil {
		n := min(len(p), w.size-len(w.buf))
		w.buf = append(w.buf, p[:n]...)
		p = p[n:]
		if len(w.buf) == w.size {
			w.flush()
		}
	}
}

// flush writes what was collected, and erases it.
func (w *writer) flush() {
	if w.err == nil && len(w.buf) > 0 {
		var n int
		n, w.err = w.conn.Write(w.buf)
		w.written += n
	}
	clear(w.buf)
	w.buf = w.buf[:0]
}

// Receive appends the next message to buf, which may be nil, and returns the extended
// slice, which is the caller's. The error is io.EOF if the peer ended the stream between
// two messages, has io.ErrUnexpectedEOF in it if within one, and ErrTooLong if the peer
// exceeded the limit. After a deadline that passed within a message, a further Receive
// continues with it.
func (c *Conn) Receive(buf []byte) ([]byte, error) {
	if !c.usable() {
		return buf, net.ErrClosed
	}
	c.receiving.Lock()
	defer c.receiving.Unlock()
	if c.failed != nil {
		return buf, c.failed
	}
	length, err := c.length()
	if err != nil {
		return buf, err
	}
	dst := buf
	if dst == nil && c.buffer != nil {
		dst = c.buffer(length)[:0]
	}
	message, err := c.body(append(dst, c.part...), length-len(c.part))
	clear(c.part)
	c.part = c.part[:0]
	if err != nil {
		c.part = append(c.part, message[len(dst):]...)
		return buf, c.because(err, length)
	}
	c.known, c.part = 0, nil
	return message, nil
}

// length reads the rest of the length.
func (c *Conn) length() (int, error) {
	for c.known < headerSize {
		n, err := c.conn.Read(c.header[c.known:])
		c.known += n
		if err == nil || c.known == headerSize {
			continue
		}
		if err == io.EOF && c.known == 0 {
			return 0, err
		}
		return 0, c.because(err, -1)
	}
	length := binary.BigEndian.Uint32(c.header[:])
	if uint64(length) > uint64(c.limit) {
		c.failed = fmt.Errorf("message: the peer sent a message of %d bytes, and the limit is %d: %w",
			length, c.limit, ErrTooLong)
		return 0, c.failed
	}
	return int(length), nil
}

// body appends the next rest bytes to buf, in steps: a length is only a claim.
func (c *Conn) body(buf []byte, rest int) ([]byte, error) {
	for step := firstGrow; rest > 0; step *= 2 {
		chunk := min(rest, step)
		buf = slices.Grow(buf, chunk)
		n, err := io.ReadFull(c.conn, buf[len(buf):len(buf)+chunk])
		buf = buf[:len(buf)+n]
		rest -= n
		if err != nil && rest > 0 {
			return buf, err
		}
	}
	return buf, nil
}

// because returns the error for err within a message. The length is -1 if it is unknown.
func (c *Conn) because(err error, length int) error {
	switch {
	case err != io.EOF && err != io.ErrUnexpectedEOF:
		return err // perhaps a deadline, after which the message continues
	case length < 0:
		c.failed = fmt.Errorf("message: the connection ended within the length of a message: %w",
			io.ErrUnexpectedEOF)
	default:
		c.failed = fmt.Errorf("message: the connection ended after %d of %d bytes of a message: %w",
			len(c.part), length, io.ErrUnexpectedEOF)
	}
	return c.failed
}

// CloseWrite ends the stream of messages to the peer, if the connection can do so.
func (c *Conn) CloseWrite() error {
	if !c.usable() {
		return net.ErrClosed
	}
	half, ok := c.conn.(interface{ CloseWrite() error })
	if !ok {
		return fmt.Errorf("message: %T cannot end one direction: %w", c.conn, errors.ErrUnsupported)
	}
	c.sending.Lock()
	defer c.sending.Unlock()
	return half.CloseWrite()
}

// Close closes the connection. A Send or Receive that waits returns an error.
func (c *Conn) Close() error {
	if !c.usable() {
		return net.ErrClosed
	}
	return c.conn.Close()
}

// NetConn returns the connection below.
func (c *Conn) NetConn() net.Conn {
	if !c.usable() {
		return nil
	}
	return c.conn
}

// SetDeadline sets the time when a Send and a Receive that wait give up, as
// [net.Conn].SetDeadline has it. The zero time is none.
func (c *Conn) SetDeadline(t time.Time) error {
	if !c.usable() {
		return net.ErrClosed
	}
	return c.conn.SetDeadline(t)
}

// SetReadDeadline sets the time when a Receive that waits gives up.
func (c *Conn) SetReadDeadline(t time.Time) error {
	if !c.usable() {
		return net.ErrClosed
	}
	return c.conn.SetReadDeadline(t)
}

// SetWriteDeadline sets the time when a Send that waits gives up.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	if !c.usable() {
		return net.ErrClosed
	}
	return c.conn.SetWriteDeadline(t)
}
