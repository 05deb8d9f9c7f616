package socket

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

const (
	headerHasLength = false
	closeOnExecFlag = 0
)

// sysop is the part of an op that connect, accept and messages use.
type sysop struct {
	newFD     uintptr
	started   bool // connect has begun
	queueFull bool // never on Windows
	bufs      []windows.WSABuf
}

func (o *sysop) clear() {
	clear(o.bufs)
	o.newFD, o.started, o.queueFull = 0, false, false
	o.bufs = o.bufs[:0]
}

func (o *op) accepted() uintptr { return o.newFD }

func sysSocket(domain, typ, proto int) (uintptr, error) {
	if err := startWinsock(); err != nil {
		return 0, err
	}
	h, err := windows.WSASocket(int32(domain), int32(typ), int32(proto), nil, 0, windows.WSA_FLAG_OVERLAPPED|windows.WSA_FLAG_NO_HANDLE_INHERIT)
	return uintptr(h), err
}

func sysClose(fd uintptr) error { return windows.Closesocket(windows.Handle(fd)) }

func first(p []byte) unsafe.Pointer {
	if len(p) == 0 {
		return nil
	}
	return unsafe.Pointer(&p[0])
}

func callSend(o *op, fd uintptr) syscall.Errno {
	var name unsafe.Pointer
	if o.nameLen > 0 {
		name = unsafe.Pointer(&o.name)
	}
	n, e := call(procSend, fd, uintptr(first(o.buf)), uintptr(len(o.buf)), uintptr(o.flags), uintptr(name), uintptr(o.nameLen))
	if e == 0 {
		o.n = int(n)
	}
	return e
}

func callRecv(o *op, fd uintptr) syscall.Errno {
	size := int32(sockaddrSize)
	var name, length unsafe.Pointer
	if o.wants {
		name, length = unsafe.Pointer(&o.name), unsafe.Pointer(&size)
	}
	n, e := call(procRecv, fd, uintptr(first(o.buf)), uintptr(len(o.buf)), uintptr(o.flags), uintptr(name), uintptr(length))
	switch e {
	case 0:
		o.n = int(n)
	case windows.WSAEMSGSIZE: // the message was longer than the buffer, as elsewhere
		o.n, e = len(o.buf), 0
	}
	if e == 0 && o.wants {
		o.nameLen = int(min(size, sockaddrSize))
	}
	return e
}

var errNoControl = fmt.Errorf("ancillary data: not on windows: %w", errors.ErrUnsupported)

func (o *op) setBuffers(m *Message) error {
	if len(m.Buffers) > maxBuffers {
		return fmt.Errorf("%d buffers, more than %d: %w", len(m.Buffers), maxBuffers, windows.WSAEMSGSIZE)
	}
	for _, b := range m.Buffers {
		o.bufs = append(o.bufs, windows.WSABuf{Len: uint32(len(b)), Buf: (*byte)(first(b))})
	}
	if len(o.bufs) == 0 {
		o.bufs = append(o.bufs, windows.WSABuf{})
	}
	return nil
}

func (o *op) prepareSend(s *Socket, m *Message) error {
	if len(m.Control) > 0 {
		return errNoControl
	}
	if m.Addr != nil {
		n, err := s.fam().encode(m.Addr, &o.name)
		if err != nil {
			return err
		}
		o.nameLen = n
	}
	return o.setBuffers(m)
}

func (o *op) prepareRecv(m *Message) error { return o.setBuffers(m) }

func (o *op) finishRecv(s *Socket, m *Message) {
	m.N = o.n
	m.Flags = flagsOf(o.flags)
	if from := s.fam().decode(o.name[:o.nameLen]); from != nil {
		m.Addr = from
	}
}

func callSendMsg(o *op, fd uintptr) syscall.Errno {
	var name *windows.RawSockaddrAny
	if o.nameLen > 0 {
		name = (*windows.RawSockaddrAny)(unsafe.Pointer(&o.name))
	}
	var sent uint32
	err := windows.WSASendTo(windows.Handle(fd), &o.bufs[0], uint32(len(o.bufs)), &sent, uint32(o.flags), name, int32(o.nameLen), nil, nil)
	o.n = int(sent)
	return asErrno(err)
}

func callRecvMsg(o *op, fd uintptr) syscall.Errno {
	size, flags, got := int32(sockaddrSize), uint32(o.flags), uint32(0)
	err := windows.WSARecvFrom(windows.Handle(fd), &o.bufs[0], uint32(len(o.bufs)), &got, &flags, (*windows.RawSockaddrAny)(unsafe.Pointer(&o.name)), &size, nil, nil)
	e := asErrno(err)
	if e == windows.WSAEMSGSIZE {
		e, flags = 0, flags|windows.MSG_TRUNC
	}
	if e == 0 {
		o.n, o.flags, o.nameLen = int(got), int(flags), int(min(size, sockaddrSize))
	}
	return e
}

func asErrno(err error) syscall.Errno {
	if err == nil {
		return 0
	}
	if errno, ok := errnoOf(err); ok {
		return errno
	}
	return windows.WSAEINVAL
}

func callAccept(o *op, fd uintptr) syscall.Errno {
	size := int32(sockaddrSize)
	n, e := call(procAccept, fd, uintptr(unsafe.Pointer(&o.name)), uintptr(unsafe.Pointer(&size)))
	if e == 0 {
		_ = windows.SetHandleInformation(windows.Handle(n), windows.HANDLE_FLAG_INHERIT, 0)
		o.newFD, o.nameLen = n, int(min(size, sockaddrSize))
	}
	return e
}

// callConnect starts to connect and then asks for the result.
func callConnect(o *op, fd uintptr) syscall.Errno {
	if o.started {
		return connected(fd)
	}
	_, e := call(procConnect, fd, uintptr(unsafe.Pointer(&o.name)), uintptr(o.nameLen))
	switch e {
	case windows.WSAEWOULDBLOCK, windows.WSAEALREADY, windows.WSAEINPROGRESS, windows.WSAEINVAL:
		o.started = true
		return connected(fd)
	case windows.WSAEISCONN:
		if o.once {
			return 0
		}
	}
	return e
}

func connected(fd uintptr) syscall.Errno {
	const solSocket, soError = 0xffff, 0x1007
	var raw [4]byte
	if _, err := sysGetOption(fd, solSocket, soError, raw[:]); err != nil {
		return asErrno(err)
	}
	if e := syscall.Errno(*(*int32)(unsafe.Pointer(&raw))); e != 0 {
		return e
	}
	var name [sockaddrSize]byte
	if _, err := sysName(fd, &name, true); err != nil {
		return windows.WSAEWOULDBLOCK
	}
	return 0
}

func sysBind(fd uintptr, raw []byte) error {
	_, e := call(procBind, fd, uintptr(first(raw)), uintptr(len(raw)))
	return orNil(e)
}

func sysListen(fd uintptr, backlog int) error {
	_, e := call(procListen, fd, uintptr(backlog))
	return orNil(e)
}

func sysShutdown(fd uintptr, how int) error {
	_, e := call(procShut, fd, uintptr(how))
	return orNil(e)
}

func sysName(fd uintptr, raw *[sockaddrSize]byte, peer bool) (int, error) {
	proc := procName
	if peer {
		proc = procPeer
	}
	size := int32(sockaddrSize)
	_, e := call(proc, fd, uintptr(unsafe.Pointer(raw)), uintptr(unsafe.Pointer(&size)))
	return int(min(size, sockaddrSize)), orNil(e)
}

func sysSetOption(fd uintptr, level, name int, value unsafe.Pointer, size int) error {
	_, e := call(procSetOpt, fd, uintptr(level), uintptr(name), uintptr(value), uintptr(size))
	return orNil(e)
}

func sysGetOption(fd uintptr, level, name int, value []byte) (int, error) {
	size := int32(len(value))
	_, e := call(procGetOpt, fd, uintptr(level), uintptr(name), uintptr(first(value)), uintptr(unsafe.Pointer(&size)))
	return min(int(size), len(value)), orNil(e)
}

func sysDup(fd uintptr) (uintptr, error) {
	var info windows.WSAProtocolInfo
	if err := windows.WSADuplicateSocket(windows.Handle(fd), windows.GetCurrentProcessId(), &info); err != nil {
		return 0, err
	}
	return fromInfo(&info)
}

// fromInfo opens the socket that WSADuplicateSocket described.
func fromInfo(info *windows.WSAProtocolInfo) (uintptr, error) {
	h, err := windows.WSASocket(-1, -1, -1, info, 0, windows.WSA_FLAG_OVERLAPPED|windows.WSA_FLAG_NO_HANDLE_INHERIT)
	return uintptr(h), err
}

func sysInheritable(fd uintptr) (bool, error) {
	var flags uint32
	ok, _, err := procHandleInfo.Call(fd, uintptr(unsafe.Pointer(&flags)))
	if ok == 0 {
		return false, err
	}
	return flags&windows.HANDLE_FLAG_INHERIT != 0, nil
}

func sysSetInheritable(fd uintptr, on bool) error {
	var flags uint32
	if on {
		flags = windows.HANDLE_FLAG_INHERIT
	}
	return windows.SetHandleInformation(windows.Handle(fd), windows.HANDLE_FLAG_INHERIT, flags)
}

// describe asks for the protocol that the handle was opened with.
func describe(fd uintptr) (domain, typ, proto int, err error) {
	if err := startWinsock(); err != nil {
		return 0, 0, 0, err
	}
	const solSocket, soProtocolInfo = 0xffff, 0x2005
	var info windows.WSAProtocolInfo
	raw := (*[unsafe.Sizeof(info)]byte)(unsafe.Pointer(&info))
	if _, err := sysGetOption(fd, solSocket, soProtocolInfo, raw[:]); err != nil {
		return 0, 0, 0, err
	}
	return int(info.AddressFamily), int(info.SocketType), int(info.Protocol), nil
}

func (s *Socket) sendBatch(ctx context.Context, messages []Message, flags Flags) (int, error) {
	return s.sendEach(ctx, messages, flags)
}

func (s *Socket) recvBatch(ctx context.Context, messages []Message, flags Flags) (int, error) {
	return s.recvEach(ctx, messages, flags)
}

func orNil(e syscall.Errno) error {
	if e != 0 {
		return e
	}
	return nil
}
