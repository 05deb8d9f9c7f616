//go:build linux || darwin || freebsd

package loop

import (
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/sealsock/sealsock/internal/sockio"
)

const errAgain = unix.EAGAIN

// sysRead reads what is there; errAgain means that nothing is.
func sysRead(fd int32, b []byte) (int, error) { return result(sockio.Recv(int(fd), b)) }

// sysWrite writes what fits; errAgain means that nothing does.
func sysWrite(fd int32, b []byte) (int, error) { return result(sockio.Send(int(fd), b)) }

func result(n int, err syscall.Errno) (int, error) {
	if err != 0 {
		return n, err
	}
	return n, nil
}

func sysClose(fd int32) { _ = unix.Close(int(fd)) }

// sysEndWriting tells the peer that nothing follows.
func sysEndWriting(fd int32) { _ = unix.Shutdown(int(fd), unix.SHUT_WR) }

// ownDescriptor returns a descriptor of its own for the socket of raw.
func ownDescriptor(raw syscall.Conn) (fd int, err error) {
	rc, err := raw.SyscallConn()
	if err != nil {
		return -1, err
	}
	controlErr := rc.Control(func(old uintptr) {
		fd, err = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0)
	})
	if controlErr != nil {
		return -1, controlErr
	}
	return fd, err
}

// sysPeer returns the address of the peer, or nil if it has none.
func sysPeer(fd int32) net.Addr {
	sa, err := unix.Getpeername(int(fd))
	if err != nil {
		return nil
	}
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port)))
	case *unix.SockaddrInet6:
		return net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.AddrFrom16(sa.Addr), uint16(sa.Port)))
	case *unix.SockaddrUnix:
		return &net.UnixAddr{Name: sa.Name, Net: "unix"}
	}
	return nil
}
