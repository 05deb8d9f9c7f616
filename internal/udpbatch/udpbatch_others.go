//go:build !linux

package udpbatch

import "net/netip"

type system struct{}

func (c *Conn) open() {}

func (c *Conn) writeBatch(b []byte, sizes []int, to netip.AddrPort) (int, error) {
	return c.writeEach(b, sizes, to)
}

// A Reader receives datagrams. It is for one goroutine at a time.
type Reader struct {
	conn *Conn
	buf  [largest]byte
}

// NewReader returns a Reader that receives with n buffers of 64 KiB where the system fills
// several at once.
func (c *Conn) NewReader(int) *Reader { return &Reader{conn: c} }

// Read waits for datagrams and calls use with each, and with its sender. The datagram is valid
// during that call, which may change it.
func (r *Reader) Read(use func(from netip.AddrPort, datagram []byte)) error {
	n, from, err := r.conn.ReadFromUDPAddrPort(r.buf[:])
	if err == nil {
		use(from, r.buf[:n:n])
	}
	return err
}
