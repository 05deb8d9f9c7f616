package udpbatch

import (
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sealsock/sealsock/internal/reuse"
)

// A system is what a Conn has of the kernel's.
type system struct {
	raw      syscall.RawConn // nil if the socket gives no access to its descriptor
	family   int
	segments atomic.Bool // the kernel divides a large datagram into several
	singly   atomic.Bool // there is no sendmmsg
}

// open asks the kernel what it can do.
func (c *Conn) open() {
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	err = raw.Control(func(fd uintptr) {
		c.family, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DOMAIN)
		if err != nil {
			return
		}
		c.raw = raw
		// A kernel without the option would ignore it in a message, and send that in one piece.
		_, without := unix.GetsockoptInt(int(fd), unix.SOL_UDP, unix.UDP_SEGMENT)
		c.segments.Store(without == nil)
		_ = unix.SetsockoptInt(int(fd), unix.SOL_UDP, unix.UDP_GRO, 1)
	})
	if err != nil {
		c.raw = nil
	}
}

// mmsghdr is struct mmsghdr of sendmmsg(2).
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
}

// A name is room for an address of IP: struct sockaddr_in or sockaddr_in6.
type name [unix.SizeofSockaddrInet6]byte

// segmentControl is the length of ancillary data with the size of segments, of 16 bits.
var segmentControl = unix.CmsgSpace(2)

// A writing is what the kernel receives pointers to during a Write.
type writing struct {
	hdrs    [MaxDatagrams]mmsghdr
	iov     [MaxDatagrams]unix.Iovec
	control [MaxDatagrams][32]byte
	count   [MaxDatagrams]int // of the datagrams in a message
	name    name
	used    int // messages
	from    int // the first that was not sent
	errno   syscall.Errno
	try     func(fd uintptr) bool
}

var writings = sync.Pool{New: func() any {
	w := new(writing)
	w.try = w.send
	return w
}}

func (w *writing) free() {
	clear(w.iov[:w.used])
	clear(w.hdrs[:w.used])
	w.used, w.from = 0, 0
	writings.Put(w)
}

// writeBatch sends with as few calls as possible.
func (c *Conn) writeBatch(b []byte, sizes []int, to netip.AddrPort) (n int, err error) {
	if c.raw == nil || c.singly.Load() || len(sizes) > MaxDatagrams || to.Addr().Zone() != "" {
		return c.writeEach(b, sizes, to) // a zone needs the names of interfaces
	}
	w := writings.Get().(*writing)
	defer w.free()
	w.prepare(b, sizes, c.segments.Load())
	if !w.address(c.family, to) {
		return c.writeEach(b, sizes, to) // which has the error
	}
	for w.from < w.used {
		before := w.from
		if err := c.raw.Write(w.try); err != nil {
			return n, err
		}
		for _, count := range w.count[before:w.from] {
			for _, size := range sizes[n : n+count] {
				b = b[size:]
			}
			n += count
		}
		if w.errno == 0 {
			continue
		}
		if !c.refusesBatch(w.errno, w.count[w.from]) {
			return n, c.opError("write", "sendmmsg", to, w.errno)
		}
		sent, err := c.writeRefused(b, sizes[n:], to, w.errno)
		return n + sent, err
	}
	return n, nil
}

// writeRefused sends one by one what was refused as a batch: each of them has its own outcome.
func (c *Conn) writeRefused(
	b []byte, sizes []int, to netip.AddrPort, errno syscall.Errno,
) (int, error) {
	n, err := c.writeEach(b, sizes, to)
	if n > 0 && forbidden(errno) {
		c.singly.Store(true) // it is the call that is refused
	}
	return n, err
}

// refusesBatch reports whether an error of a message of count datagrams may be due to that they are
// several.
func (c *Conn) refusesBatch(errno syscall.Errno, count int) bool {
	switch {
	case errno == unix.ENOSYS:
		c.singly.Store(true)
		return true
	case forbidden(errno): // or by a filter of packets
		return true
	case count == 1:
		return false
	case errno == unix.EIO: // the device computes no checksums
		c.segments.Store(false)
		return true
	}
	return errno == unix.EINVAL || errno == unix.EMSGSIZE // they exceed the path's MTU
}

// forbidden reports whether an error may be that of a filter of system calls, which chooses it:
// container runtimes have EPERM, and systemd's SystemCallErrorNumber is often EACCES.
func forbidden(errno syscall.Errno) bool { return errno == unix.EPERM || errno == unix.EACCES }

// prepare makes a message of each run of datagrams with the same size, of which the last may be
// smaller.
func (w *writing) prepare(b []byte, sizes []int, segments bool) {
	for len(sizes) > 0 {
		count, length := 1, sizes[0]
		for segments && count < len(sizes) && sizes[count-1] == sizes[0] && sizes[count] <= sizes[0] &&
			sizes[0] > 0 && sizes[count] > 0 {
			length += sizes[count]
			count++
		}
		i := w.used
		w.used++
		w.count[i] = count
		if length > 0 {
			w.iov[i].Base = &b[0]
		}
		w.iov[i].SetLen(length)
		h := &w.hdrs[i].hdr
		h.Iov = &w.iov[i]
		h.SetIovlen(1)
		if count > 1 {
			h.Control = &w.control[i][0]
			h.SetControllen(segmentControl)
			head := (*unix.Cmsghdr)(unsafe.Pointer(&w.control[i][0]))
			head.Level, head.Type = unix.SOL_UDP, unix.UDP_SEGMENT
			head.SetLen(unix.CmsgLen(2))
			*(*uint16)(unsafe.Pointer(&w.control[i][unix.CmsgLen(0)])) = uint16(sizes[0])
		}
		b, sizes = b[length:], sizes[count:]
	}
}

// address puts the destination into the messages. It returns false for one that the socket does
// not have.
func (w *writing) address(family int, to netip.AddrPort) bool {
	if !to.IsValid() {
		return true
	}
	length := uint32(unix.SizeofSockaddrInet6)
	clear(w.name[:])
	switch {
	case family == unix.AF_INET6:
		sa := (*unix.RawSockaddrInet6)(unsafe.Pointer(&w.name))
		sa.Family, sa.Addr = unix.AF_INET6, to.Addr().As16()
	case family == unix.AF_INET && to.Addr().Unmap().Is4():
		length = unix.SizeofSockaddrInet4
		sa := (*unix.RawSockaddrInet4)(unsafe.Pointer(&w.name))
		sa.Family, sa.Addr = unix.AF_INET, to.Addr().Unmap().As4()
	default:
		return false
	}
	w.name[2], w.name[3] = byte(to.Port()>>8), byte(to.Port())
	for i := range w.hdrs[:w.used] {
		w.hdrs[i].hdr.Name, w.hdrs[i].hdr.Namelen = &w.name[0], length
	}
	return true
}

// send sends messages. It returns false if the socket has no room.
func (w *writing) send(fd uintptr) bool {
	for {
		n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&w.hdrs[w.from])),
			uintptr(w.used-w.from), unix.MSG_DONTWAIT, 0, 0)
		switch errno {
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			return false
		case 0:
			w.from += int(n)
		}
		w.errno = errno
		return true
	}
}

func (c *Conn) opError(op, call string, to netip.AddrPort, errno syscall.Errno) error {
	e := &net.OpError{
		Op: op, Net: "udp", Source: c.LocalAddr(), Addr: c.RemoteAddr(),
		Err: os.NewSyscallError(call, errno),
	}
	if to.IsValid() {
		e.Addr = net.UDPAddrFromAddrPort(to)
	}
	return e
}

// A Reader receives datagrams. It is for one goroutine at a time.
type Reader struct {
	conn    *Conn
	hdrs    []mmsghdr
	iov     []unix.Iovec
	names   []name
	control [][256]byte
	buffers []*reuse.Buffer
	n       int // messages that were received
	errno   syscall.Errno
	try     func(fd uintptr) bool
	zones   map[uint32]string
	singly  bool // there is no recvmmsg
}

// NewReader returns a Reader that receives with n buffers of 64 KiB where the system fills
// several at once.
func (c *Conn) NewReader(n int) *Reader {
	if c.raw == nil {
		n = 1
	}
	r := &Reader{
		conn: c, hdrs: make([]mmsghdr, n), iov: make([]unix.Iovec, n), names: make([]name, n),
		control: make([][256]byte, n), buffers: make([]*reuse.Buffer, n), zones: make(map[uint32]string),
	}
	for i := range r.hdrs {
		r.buffers[i] = buffers.Get()
		r.iov[i].Base = &r.buffers[i].Room[0]
		r.iov[i].SetLen(reuse.LargestDatagram)
		h := &r.hdrs[i].hdr
		h.Iov, h.Name, h.Control = &r.iov[i], &r.names[i][0], &r.control[i][0]
		h.SetIovlen(1)
	}
	r.try = r.receive
	return r
}

// Free gives back the memory of r, whose other methods must not be called any more.
func (r *Reader) Free() {
	clear(r.iov)
	for _, b := range r.buffers {
		buffers.Put(b)
	}
	r.buffers = nil
}

// Read waits for datagrams and calls use with each run of them, which is valid during that call.
func (r *Reader) Read(use func(Run)) error {
	if r.conn.raw == nil || r.singly {
		b := r.buffers[0]
		n, from, err := r.conn.ReadFromUDPAddrPort(b.Room[:])
		if err == nil {
			b.Used(n)
			use(Run{From: from, Bytes: b.Room[:n:n], Size: n})
		}
		return err
	}
	if err := r.conn.raw.Read(r.try); err != nil {
		return err
	}
	switch {
	case r.errno == 0:
	case r.errno == unix.ENOSYS || forbidden(r.errno):
		_ = r.conn.raw.Control(func(fd uintptr) {
			_ = unix.SetsockoptInt(int(fd), unix.SOL_UDP, unix.UDP_GRO, 0)
		})
		r.singly = true
		return r.Read(use)
	default:
		return r.conn.opError("read", "recvmmsg", netip.AddrPort{}, r.errno)
	}
	for i := range r.n {
		use(r.run(i))
	}
	return nil
}

// receive receives what there is. It returns false if there is nothing.
func (r *Reader) receive(fd uintptr) bool {
	for i := range r.hdrs {
		h := &r.hdrs[i].hdr
		h.Namelen = uint32(len(r.names[i]))
		h.SetControllen(len(r.control[i]))
	}
	for {
		n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&r.hdrs[0])),
			uintptr(len(r.hdrs)), unix.MSG_DONTWAIT, 0, 0)
		switch errno {
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			return false
		case 0:
			r.n = int(n)
		}
		r.errno = errno
		return true
	}
}

// run returns the datagrams of a message.
func (r *Reader) run(i int) Run {
	b, n := r.buffers[i], int(r.hdrs[i].n)
	b.Used(n)
	all := b.Room[:n:n]
	size := segmentSize(r.control[i][:r.hdrs[i].hdr.Controllen])
	if size <= 0 {
		size = len(all)
	}
	return Run{From: r.sender(i), Bytes: all, Size: size}
}

// segmentSize returns the size of the datagrams that the kernel has put together; 0 if it has
// not.
func segmentSize(control []byte) int {
	for len(control) >= unix.SizeofCmsghdr {
		head := (*unix.Cmsghdr)(unsafe.Pointer(&control[0]))
		length := int(head.Len)
		if length < unix.SizeofCmsghdr || length > len(control) {
			return 0
		}
		if head.Level == unix.SOL_UDP && head.Type == unix.UDP_GRO && length >= unix.CmsgLen(4) {
			return int(*(*int32)(unsafe.Pointer(&control[unix.CmsgLen(0)])))
		}
		control = control[min(len(control), unix.CmsgSpace(length-unix.CmsgLen(0))):]
	}
	return 0
}

// sender returns the address that a message has come from.
func (r *Reader) sender(i int) netip.AddrPort {
	b := &r.names[i]
	port := uint16(b[2])<<8 | uint16(b[3])
	switch sa := (*unix.RawSockaddrInet6)(unsafe.Pointer(b)); {
	case r.hdrs[i].hdr.Namelen < unix.SizeofSockaddrInet4:
		return netip.AddrPort{}
	case sa.Family == unix.AF_INET:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[4:8])), port)
	case sa.Family == unix.AF_INET6:
		a := netip.AddrFrom16(sa.Addr)
		if sa.Scope_id != 0 {
			a = a.WithZone(r.zone(sa.Scope_id))
		}
		return netip.AddrPortFrom(a, port)
	}
	return netip.AddrPort{}
}

// zone returns the name of an interface, of which there are few.
func (r *Reader) zone(index uint32) string {
	name, ok := r.zones[index]
	if !ok {
		name = strconv.FormatUint(uint64(index), 10)
		if i, err := net.InterfaceByIndex(int(index)); err == nil {
			name = i.Name
		}
		r.zones[index] = name
	}
	return name
}
