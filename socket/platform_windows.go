package socket

import (
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// platform is a non-blocking Winsock handle. On Windows only package net can use
// the runtime's poller, so a call that waits holds a thread, and checks every
// waitSlice whether the handle was closed or its deadline moved.
type platform struct {
	handle    windows.Handle
	mu        sync.RWMutex // held for reading by calls that use the handle
	shut      atomic.Bool
	deadlines [2]atomic.Pointer[time.Time]
}

// waitSlice is how long a closed socket or a passed deadline may go unnoticed.
const waitSlice = 20 * time.Millisecond

// errWouldBlock means that a call cannot complete without waiting.
const errWouldBlock = windows.WSAEWOULDBLOCK

var (
	winsock     = windows.NewLazySystemDLL("ws2_32.dll")
	procAccept  = winsock.NewProc("accept")
	procBind    = winsock.NewProc("bind")
	procConnect = winsock.NewProc("connect")
	procGetOpt  = winsock.NewProc("getsockopt")
	procIoctl   = winsock.NewProc("ioctlsocket")
	procListen  = winsock.NewProc("listen")
	procName    = winsock.NewProc("getsockname")
	procPeer    = winsock.NewProc("getpeername")
	procRecv    = winsock.NewProc("recvfrom")
	procSelect  = winsock.NewProc("select")
	procSend    = winsock.NewProc("sendto")
	procSetOpt  = winsock.NewProc("setsockopt")
	procShut    = winsock.NewProc("shutdown")

	procHandleInfo = windows.NewLazySystemDLL("kernel32.dll").NewProc("GetHandleInformation")
)

// startWinsock must come before any other call.
var startWinsock = sync.OnceValue(func() error {
	var data windows.WSAData
	return windows.WSAStartup(0x202, &data)
})

// call makes a Winsock call. All of them but accept return -1 for failure, and
// accept's failure has the same bits. The arguments may be pointers: the
// directive keeps what they point to alive, and where it is.
//
//go:uintptrescapes
func call(proc *windows.LazyProc, args ...uintptr) (uintptr, syscall.Errno) {
	r, _, err := proc.Call(args...)
	if int32(r) != -1 {
		return r, 0
	}
	errno, _ := err.(syscall.Errno)
	if errno == 0 {
		errno = syscall.EINVAL
	}
	return r, errno
}

func (p *platform) open(fd uintptr, _ string) error {
	const fionbio = 0x8004667e
	on := uint32(1)
	if _, e := call(procIoctl, fd, fionbio, uintptr(unsafe.Pointer(&on))); e != 0 {
		return os.NewSyscallError("ioctlsocket", e)
	}
	p.handle = windows.Handle(fd)
	return nil
}

func (p *platform) close() error {
	p.shut.Store(true)
	p.mu.Lock()
	defer p.mu.Unlock()
	err := windows.Closesocket(p.handle)
	p.handle = windows.InvalidHandle
	return err
}

func (p *platform) control(f func(fd uintptr)) error {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.shut.Load() {
		return net.ErrClosed
	}
	f(uintptr(p.handle))
	return nil
}

func (p *platform) wait(dir direction, o *op) error {
	return p.until(dir, func() bool {
		final := false
		if err := p.control(func(fd uintptr) { final = o.attempt(fd) }); err != nil {
			return true
		}
		return final
	})
}

// until runs try, and waits for the handle, until try reports that it is done.
func (p *platform) until(dir direction, try func() bool) error {
	for {
		if p.shut.Load() {
			return net.ErrClosed
		}
		slice := waitSlice
		if d := p.deadlines[dir].Load(); d != nil && !d.IsZero() {
			left := time.Until(*d)
			if left <= 0 {
				return os.ErrDeadlineExceeded
			}
			slice = min(slice, left)
		}
		done := try()
		if p.shut.Load() {
			return net.ErrClosed
		}
		if done {
			return nil
		}
		_ = p.control(func(fd uintptr) { waitReady(fd, dir, slice) })
	}
}

// fdSet is struct fd_set with one handle.
type fdSet struct {
	count  uint32
	handle [64]uintptr
}

// waitReady waits until the handle is ready, has failed, or the time is over.
func waitReady(fd uintptr, dir direction, most time.Duration) {
	timeout := struct{ sec, usec int32 }{0, int32(max(most, time.Millisecond) / time.Microsecond)}
	ready, failed := fdSet{count: 1}, fdSet{count: 1}
	ready.handle[0], failed.handle[0] = fd, fd
	var reads, writes unsafe.Pointer
	if dir == reading {
		reads = unsafe.Pointer(&ready)
	} else {
		writes = unsafe.Pointer(&ready)
	}
	_, _ = call(procSelect, 0, uintptr(reads), uintptr(writes), uintptr(unsafe.Pointer(&failed)), uintptr(unsafe.Pointer(&timeout)))
}

func (p *platform) setReadDeadline(t time.Time) error {
	p.deadlines[reading].Store(&t)
	return nil
}

func (p *platform) setWriteDeadline(t time.Time) error {
	p.deadlines[writing].Store(&t)
	return nil
}

func (p *platform) raw() syscall.RawConn { return rawConn{p} }

// rawConn gives access to the handle as package net does.
type rawConn struct{ p *platform }

func (r rawConn) Control(f func(fd uintptr)) error { return r.p.control(f) }

func (r rawConn) Read(f func(fd uintptr) bool) error { return r.wait(reading, f) }

func (r rawConn) Write(f func(fd uintptr) bool) error { return r.wait(writing, f) }

func (r rawConn) wait(dir direction, f func(fd uintptr) bool) error {
	return r.p.until(dir, func() bool {
		done := false
		_ = r.p.control(func(fd uintptr) { done = f(fd) })
		return done
	})
}

// isUnsupported reports whether the error of WSASocket means that the system has
// no such socket.
func isUnsupported(e syscall.Errno) bool {
	switch e {
	case windows.WSAEAFNOSUPPORT, windows.WSAEPROTONOSUPPORT, windows.WSAESOCKTNOSUPPORT, windows.WSAEPFNOSUPPORT:
		return true
	}
	return false
}
