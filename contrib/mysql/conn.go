package sealmysql

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/starttls"
)

// The phases of a connection.
const (
	greeted        = iota // the driver has to answer the greeting
	authenticating        // sequence numbers are translated
	ready                 // the driver has sent a command
)

// A conn is what the driver takes for a connection in plaintext. Like every connection of a
// database driver it is used by one goroutine at a time; only Close may come at any time.
type conn struct {
	raw     net.Conn
	sealed  atomic.Pointer[sealsock.Conn] // over raw, once the handshake is done
	upgrade func() (*sealsock.Conn, error)

	phase          int
	pending        []byte // of the greeting, for the driver
	sent, received packets
	translated     []byte
}

var _ net.Conn = (*conn)(nil)

// current is the connection that carries data now.
func (c *conn) current() net.Conn {
	if s := c.sealed.Load(); s != nil {
		return s
	}
	return c.raw
}

// Read gives the driver the greeting, and then what comes over TLS. It reads nothing behind
// the greeting in plaintext, where an attacker can put the server's answers.
func (c *conn) Read(p []byte) (int, error) {
	if len(c.pending) > 0 {
		n := copy(p, c.pending)
		c.pending = c.pending[n:]
		return n, nil
	}
	if c.phase == greeted {
		return 0, io.EOF // the greeting is an error, and the connection ends
	}
	n, err := c.current().Read(p)
	if c.phase == authenticating {
		c.received.translate(p[:n], -1)
	}
	return n, err
}

// Write upgrades the connection with the driver's first packet.
func (c *conn) Write(p []byte) (int, error) {
	switch c.phase {
	case greeted:
		return c.answer(p)
	case ready:
		return c.current().Write(p)
	}
	own := append(c.translated[:0], p...)
	if begins := c.sent.translate(own, +1); begins {
		c.phase, c.translated = ready, nil
	} else {
		c.translated = own
	}
	return c.current().Write(own)
}

// sslRequest is the size of an SSLRequest, with its header. The answer to the greeting begins
// with the same fields.
const sslRequest = 4 + 32

// useTLS is the capability flag CLIENT_SSL.
const useTLS = 1 << 11

// answer sends the driver's answer to the greeting. If the upgrade fails, it reports that
// the SSLRequest was written, so that the driver returns the error as it is.
func (c *conn) answer(p []byte) (int, error) {
	if len(p) < sslRequest {
		return 0, errors.New("sealmysql: the driver's answer to the greeting is too short")
	}
	own := bytes.Clone(p)
	flags := binary.LittleEndian.Uint32(own[4:]) | useTLS
	binary.LittleEndian.PutUint32(own[4:], flags)
	request := bytes.Clone(own[:sslRequest])
	copy(request, []byte{sslRequest - 4, 0, 0})
	if _, err := c.raw.Write(request); err != nil {
		return 0, err
	}
	c.raw.SetDeadline(time.Time{}) // the driver's, which from now on are those of sealed
	sealed, err := c.upgrade()
	if err != nil {
		return sslRequest, err
	}
	c.sealed.Store(sealed)
	c.phase = authenticating
	c.sent.translate(own, +1)
	if _, err := sealed.Write(own); err != nil {
		return sslRequest, err
	}
	return len(p), nil
}

// Close closes the connection, also in the middle of an upgrade.
func (c *conn) Close() error { return c.current().Close() }

// LocalAddr implements net.Conn.
func (c *conn) LocalAddr() net.Addr { return c.raw.LocalAddr() }

// RemoteAddr implements net.Conn.
func (c *conn) RemoteAddr() net.Addr { return c.raw.RemoteAddr() }

// SetDeadline implements net.Conn.
func (c *conn) SetDeadline(t time.Time) error { return c.current().SetDeadline(t) }

// SetReadDeadline implements net.Conn.
func (c *conn) SetReadDeadline(t time.Time) error { return c.current().SetReadDeadline(t) }

// SetWriteDeadline implements net.Conn.
func (c *conn) SetWriteDeadline(t time.Time) error { return c.current().SetWriteDeadline(t) }

// packets finds the headers of packets in one direction: the length in three bytes, and the
// sequence number.
type packets struct {
	header [3]byte
	n      int // bytes of the header that came
	left   int // bytes of the packet that follow
}

// translate adds by to the sequence number of each packet in p, until it finds one of number
// 0, which begins a command: then it returns true.
func (s *packets) translate(p []byte, by int) (begins bool) {
	for i := 0; i < len(p); {
		if s.left > 0 {
			skipped := min(s.left, len(p)-i)
			s.left -= skipped
			i += skipped
			continue
		}
		if s.n < len(s.header) {
			s.header[s.n] = p[i]
			s.n++
		} else {
			if p[i] == 0 {
				return true
			}
			p[i] = byte(int(p[i]) + by)
			s.left = int(s.header[0]) | int(s.header[1])<<8 | int(s.header[2])<<16
			s.n = 0
		}
		i++
	}
	return false
}

// maxGreeting bounds the greeting in bytes. That of a server has about 100.
const maxGreeting = 4 << 10

// greetingPatience bounds the wait for the greeting if the context has no deadline.
const greetingPatience = 10 * time.Second

// readGreeting reads the server's first packet, and no byte behind it. A server that refuses
// the client begins with an error, which the driver reports.
func readGreeting(ctx context.Context, raw net.Conn) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, greetingPatience)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { raw.SetReadDeadline(time.Unix(1, 0)) })
	packet, err := readPacket(raw)
	if !stop() {
		return nil, &starttls.Error{
			Protocol: protocol, Reason: "the server did not greet in time", Err: context.Cause(ctx),
		}
	}
	if err != nil {
		return nil, err
	}
	return packet, check(packet[4:])
}

const protocol = "mysql"

func readPacket(r io.Reader) ([]byte, error) {
	packet := make([]byte, 4)
	if _, err := io.ReadFull(r, packet); err != nil {
		return nil, fmt.Errorf("sealmysql: the greeting: %w", err)
	}
	n := int(packet[0]) | int(packet[1])<<8 | int(packet[2])<<16
	if n > maxGreeting || n == 0 {
		return nil, &starttls.Error{
			Protocol: protocol, Reason: fmt.Sprintf("the server's greeting has %d bytes", n),
		}
	}
	packet = append(packet, make([]byte, n)...)
	if _, err := io.ReadFull(r, packet[4:]); err != nil {
		return nil, fmt.Errorf("sealmysql: the greeting: %w", err)
	}
	return packet, nil
}

// check returns an error for a greeting without TLS. The greeting of protocol version 10 has
// the version, the server's name, the thread ID, a salt of 8 bytes, a filler, and the flags.
func check(greeting []byte) error {
	if greeting[0] == 0xff {
		return nil // an error of the server
	}
	end := bytes.IndexByte(greeting, 0)
	const toFlags = 1 + 4 + 8 + 1
	if greeting[0] != 10 || end < 0 || len(greeting) < end+toFlags+2 {
		return &starttls.Error{
			Protocol: protocol, Reason: "the server did not greet with protocol version 10",
			Reply: string(greeting[:min(len(greeting), 200)]),
		}
	}
	if binary.LittleEndian.Uint16(greeting[end+toFlags:])&useTLS == 0 {
		return &starttls.Error{
			Protocol: protocol, Reason: "the server does not offer TLS", Refused: true,
		}
	}
	return nil
}
