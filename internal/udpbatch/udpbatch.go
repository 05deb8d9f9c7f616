// Package udpbatch sends and receives several datagrams of UDP with one system call, where the
// operating system can. On Linux these are sendmmsg and recvmmsg; datagrams of one size for one
// peer pass the kernel's network stack in one piece (UDP_SEGMENT and UDP_GRO) if it has that.
// Elsewhere there is one call for each datagram. No call waits for more datagrams than there are.
package udpbatch

import (
	"net"
	"net/netip"

	"github.com/sealsock/sealsock/internal/reuse"
)

// MaxDatagrams and MaxBytes are what one call of Write takes.
const (
	MaxDatagrams = 64
	MaxBytes     = 65_000 // less than a packet of IP may have
)

// buffers are what Readers receive into.
var buffers reuse.BufferPool

// A Conn is a socket of UDP.
type Conn struct {
	*net.UDPConn
	system
}

// A Run is datagrams of one sender, one behind another. Who receives it may change the bytes.
type Run struct {
	From  netip.AddrPort
	Bytes []byte
	Size  int // of each datagram in bytes; the last one may be smaller
}

// Each calls use with each datagram: at least one, which may be empty.
func (r Run) Each(use func(datagram []byte)) {
	for len(r.Bytes) > r.Size {
		use(r.Bytes[:r.Size:r.Size])
		r.Bytes = r.Bytes[r.Size:]
	}
	use(r.Bytes)
}

// New returns a Conn over a socket, from which nothing but its Readers must read.
func New(udp *net.UDPConn) *Conn {
	c := &Conn{UDPConn: udp}
	c.open()
	return c
}

// Write sends the datagrams that stand one behind another in b, at most MaxDatagrams of together
// MaxBytes. On a socket that is connected, to is the zero value. It returns how many were sent, and
// the error of the one behind these.
func (c *Conn) Write(b []byte, sizes []int, to netip.AddrPort) (int, error) {
	if len(sizes) == 1 {
		return c.writeEach(b, sizes, to)
	}
	return c.writeBatch(b, sizes, to)
}

// writeEach is Write with a call for each datagram.
func (c *Conn) writeEach(b []byte, sizes []int, to netip.AddrPort) (n int, err error) {
	for _, size := range sizes {
		if to.IsValid() {
			_, err = c.WriteToUDPAddrPort(b[:size], to)
		} else {
			_, err = c.UDPConn.Write(b[:size])
		}
		if err != nil {
			return n, err
		}
		b = b[size:]
		n++
	}
	return n, nil
}
