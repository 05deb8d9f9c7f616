package tunnel

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"syscall"

	"github.com/sealsock/sealsock/internal/wire"
)

// maxHello bounds what is read to find a ClientHello, in bytes: more than any client sends.
const maxHello = 64 << 10

// A hello is what a ClientHello asks for in the clear.
type hello struct {
	serverName string
	alpn       []string
}

// readHello reads records until it has a whole ClientHello, and returns all bytes that it
// read. It reads nothing behind the last of these records. RFC 9846, Sections 4 and 5.1.
func readHello(r io.Reader) (*hello, []byte, error) {
	var read, message []byte
	for {
		head := make([]byte, 5)
		if _, err := io.ReadFull(r, head); err != nil {
			return nil, read, err
		}
		read = append(read, head...)
		size := int(binary.BigEndian.Uint16(head[3:]))
		if head[0] != 22 || head[1] != 3 || size == 0 || size > 1<<14 {
			return nil, read, &refusal{reason: "hello", text: "the connection does not begin with a " +
				"ClientHello of TLS"}
		}
		if len(read)+size > maxHello {
			return nil, read, &refusal{reason: "hello",
				text: fmt.Sprintf("the ClientHello has more than %d bytes", maxHello)}
		}
		at := len(read)
		read = append(read, make([]byte, size)...)
		if _, err := io.ReadFull(r, read[at:]); err != nil {
			return nil, read, err
		}
		message = append(message, read[at:]...)
		if h, done, err := parseHello(message); done || err != nil {
			return h, read, err
		}
	}
}

// parseHello parses a ClientHello, once it is whole.
func parseHello(message []byte) (*hello, bool, error) {
	if message[0] != 1 {
		return nil, false, &refusal{reason: "hello", text: "the first message is no ClientHello"}
	}
	if len(message) < 4 {
		return nil, false, nil
	}
	size := int(message[1])<<16 | int(message[2])<<8 | int(message[3])
	if size > maxHello {
		return nil, false, &refusal{reason: "hello",
			text: fmt.Sprintf("the ClientHello announces %d bytes, more than %d", size, maxHello)}
	}
	if len(message) < 4+size {
		return nil, false, nil
	}
	m, err := wire.ParseClientHello(message[4 : 4+size])
	if err != nil {
		return nil, false, err
	}
	return &hello{m.ServerName, m.ALPN}, true, nil
}

// A replayed connection returns bytes that were read from it already.
type replayed struct {
	net.Conn
	front []byte
}

// Read implements net.Conn.
func (c *replayed) Read(p []byte) (int, error) {
	if len(c.front) > 0 {
		n := copy(p, c.front)
		if c.front = c.front[n:]; len(c.front) == 0 {
			c.front = nil
		}
		return n, nil
	}
	return c.Conn.Read(p)
}

// CloseWrite ends the sending direction.
func (c *replayed) CloseWrite() error { return closeWrite(c.Conn) }

// SyscallConn returns the descriptor below.
func (c *replayed) SyscallConn() (syscall.RawConn, error) { return rawOf(c.Conn) }
