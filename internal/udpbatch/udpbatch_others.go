//go:build !linux

package udpbatch

import (
	"net/netip"

	"github.com/sealsock/sealsock/internal/reuse"
)

type system struct{}

func (c *Conn) open() {}

func (c *Conn) writeBatch(b []byte, sizes []int, to netip.AddrPort) (int, error) {
	return c.writeEach(b, sizes, to)
}

// A Reader receives datagrams. It is for one goroutine at a time.
type Reader struct {
	conn *Conn
	buf  *reuse.Buffer
}

// NewReader returns a Reader that receives with n buffers of 64 KiB where the system fills
// several at once.
func (c *Conn) NewReader(int) *Reader { return &Reader{conn: c, buf: buffers.Get()} }

// Free gives back the memory of r, whose other methods must not be called any more.
func (r *Reader) Free() {
	buffers.Put(r.buf)
	r.buf = nil
}

// Read waits for datagrams and calls use with each run of them, which is valid during that call.
func (r *Reader) Read(use func(Run)) error {
	n, from, err := r.conn.ReadFromUDPAddrPort(r.buf.Room[:])
	if err == nil {
		r.buf.Used(n)
		use(Run{From: from, Bytes: r.buf.Room[:n:n], Size: n})
	}
	return err
}
