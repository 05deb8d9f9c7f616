package udpbatch

import (
	"testing"

	"golang.org/x/sys/unix"
)

type limit struct {
	name  string
	apply func(*Conn)
}

// limits are what kernels and devices cannot do.
var limits = []limit{
	{"all", func(*Conn) {}},
	{"no segments", func(c *Conn) { c.segments.Store(false) }},
	{"no sendmmsg", func(c *Conn) { c.singly.Store(true) }},
	{"no descriptor", func(c *Conn) { c.raw = nil }},
}

// TestRefusesBatch: datagrams are sent one by one if the error may be due to their number.
func TestRefusesBatch(t *testing.T) {
	for _, tc := range []struct {
		errno unix.Errno
		count int
		want  bool
	}{
		{unix.EINVAL, 2, true}, {unix.EMSGSIZE, 2, true}, {unix.EIO, 2, true},
		{unix.EINVAL, 1, false}, {unix.EIO, 1, false}, {unix.ECONNREFUSED, 2, false},
		{unix.ENOSYS, 1, true}, {unix.EPERM, 1, true}, {unix.EPERM, 2, true},
		{unix.EACCES, 2, true},
	} {
		c := new(Conn)
		c.segments.Store(true)
		if got := c.refusesBatch(tc.errno, tc.count); got != tc.want {
			t.Errorf("%v of %d datagrams: %v", tc.errno, tc.count, got)
		}
		if c.segments.Load() == (tc.errno == unix.EIO && tc.count > 1) {
			t.Errorf("%v of %d datagrams: segments are %v", tc.errno, tc.count, c.segments.Load())
		}
		if c.singly.Load() != (tc.errno == unix.ENOSYS) {
			t.Errorf("%v: singly is %v", tc.errno, c.singly.Load())
		}
	}
}

// TestSegmentSize: ancillary data that is cut off or of another kind has no size.
func TestSegmentSize(t *testing.T) {
	for _, b := range [][]byte{nil, make([]byte, 3), make([]byte, 64), {255: 1}} {
		if n := segmentSize(b); n != 0 {
			t.Errorf("% x: %d", b, n)
		}
	}
}
