package websocket

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// Read reads the payload of messages. It runs the handshake first if that is not done.
// After a deadline it continues where it was.
func (c *Conn) Read(p []byte) (int, error) {
	if err := c.Handshake(); err != nil {
		return 0, err
	}
	c.in.Lock()
	defer c.in.Unlock()
	for c.end == nil {
		if c.controls.op == 0 && c.left > 0 {
			n, err := c.r.Read(p[:min(uint64(len(p)), c.left)])
			c.unmask(p[:n])
			if n > 0 || len(p) == 0 {
				return n, nil
			}
			if err != nil {
				return 0, c.ended(err)
			}
			continue
		}
		if err := c.advance(); err != nil {
			return 0, c.ended(err)
		}
	}
	return 0, c.end
}

// unmask takes b from the payload.
func (c *Conn) unmask(b []byte) {
	if !c.client {
		apply(b, c.mask, c.masked)
	}
	c.masked += len(b)
	c.left -= uint64(len(b))
}

// ended keeps an error that is final. A deadline is none.
func (c *Conn) ended(err error) error {
	var timeout interface{ Timeout() bool }
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		return err
	case err == io.EOF && c.end == nil:
		err = errCut
	}
	if c.end == nil {
		c.end = err
	}
	return c.end
}

// advance reads a header, or the payload of a control frame.
func (c *Conn) advance() error {
	if c.controls.op == 0 {
		return c.readHeader()
	}
	for c.left > 0 {
		b, err := c.r.ReadByte()
		if err != nil {
			return err
		}
		one := []byte{b}
		c.unmask(one)
		c.controls.payload = append(c.controls.payload, one[0])
	}
	done := c.controls
	c.controls = control{}
	switch done.op {
	case opClose:
		c.end = c.closedBy(done.payload)
	case opPing:
		c.mail.Lock()
		c.pong = append([]byte{}, done.payload...)
		c.mail.Unlock()
		c.answerPing()
	}
	return nil
}

// closedBy returns the meaning of a Close frame.
func (c *Conn) closedBy(payload []byte) error {
	if len(payload) == 0 {
		return io.EOF
	}
	if len(payload) == 1 {
		return c.fail("a Close frame has half a status")
	}
	status := int(binary.BigEndian.Uint16(payload))
	if status == statusNormal {
		return io.EOF
	}
	reason := fmt.Sprintf("the peer closed the connection with the status %d", status)
	if text := payload[2:]; len(text) > 0 {
		reason += ": " + strconv.Quote(string(text))
	}
	return &Error{Reason: reason, Status: status}
}

// readHeader reads the header of a frame.
func (c *Conn) readHeader() error {
	for {
		need := headerLength(c.header)
		if len(c.header) == need {
			break
		}
		b, err := c.r.ReadByte()
		if err != nil {
			return err
		}
		c.header = append(c.header, b)
	}
	h := c.header
	c.header = h[:0]
	return c.take(h)
}

// headerLength returns the length of a header, as far as its beginning tells.
func headerLength(h []byte) int {
	if len(h) < 2 {
		return 2
	}
	n := 2
	switch h[1] &^ maskBit {
	case 126:
		n += 2
	case 127:
		n += 8
	}
	if h[1]&maskBit != 0 {
		n += 4
	}
	return n
}

// take checks a header and begins its frame. RFC 6455, Sections 5.1, 5.2, 5.4 and 5.5.
func (c *Conn) take(h []byte) error {
	op, final := h[0]&0x0f, h[0]&finalBit != 0
	masked := h[1]&maskBit != 0
	length, minimal := payloadLength(h)
	switch {
	case h[0]&0x70 != 0:
		return c.fail("a frame has bits of an extension, and none was agreed on")
	case masked == c.client:
		return c.fail("a frame of a client must be masked, and one of a server must not")
	case !minimal:
		return c.fail("the length of a frame is not in its shortest form")
	}
	isControl := op >= opClose
	if isControl && (!final || length > maxControl) {
		return c.fail("a control frame is fragmented or has more than %d bytes", maxControl)
	}
	if problem := c.checkOpcode(op); problem != "" {
		return c.fail("%s", problem)
	}
	c.left, c.masked = length, 0
	if masked {
		copy(c.mask[:], h[len(h)-4:])
	}
	if isControl {
		c.controls = control{op: op}
	} else {
		c.message = !final
	}
	return nil
}

// checkOpcode returns what is wrong with the opcode of a frame, or nothing.
func (c *Conn) checkOpcode(op byte) string {
	switch op {
	case opContinuation:
		if !c.message {
			return "a message begins with a continuation"
		}
	case opText, opBinary:
		if c.message {
			return "a message begins within another one"
		}
	case opClose, opPing, opPong:
	default:
		return fmt.Sprintf("the opcode %#x is unknown", op)
	}
	return ""
}

// payloadLength returns the length in a header, and whether its form is the shortest.
func payloadLength(h []byte) (n uint64, minimal bool) {
	switch n := uint64(h[1] &^ maskBit); n {
	case 126:
		n = uint64(binary.BigEndian.Uint16(h[2:]))
		return n, n > 125
	case 127:
		n = binary.BigEndian.Uint64(h[2:])
		return n, n > 0xffff && n>>63 == 0
	default:
		return n, true
	}
}

// endOfHead reports whether the head of an HTTP message is complete.
func endOfHead(b []byte) bool {
	// RFC 9112, Section 2.2: a single LF may end a line.
	return bytes.HasSuffix(b, []byte("\n\r\n")) || bytes.HasSuffix(b, []byte("\n\n"))
}
