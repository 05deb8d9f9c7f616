package socket

import (
	"net"
	"os"
	"syscall"
)

// LocalAddr returns the socket's own address, in its family's type. It is never
// nil: an address that cannot be had is a RawAddr without bytes.
func (s *Socket) LocalAddr() net.Addr {
	local, _ := s.knownNames()
	if local == nil {
		s.learnNames()
		local, _ = s.knownNames()
	}
	if local == nil {
		return RawAddr{Net: s.fam().Name}
	}
	return local
}

// RemoteAddr returns the peer's address, in its family's type. It is never nil:
// an address that cannot be had is a RawAddr without bytes.
func (s *Socket) RemoteAddr() net.Addr {
	_, remote := s.knownNames()
	if remote == nil {
		s.learnNames()
		_, remote = s.knownNames()
	}
	if remote == nil {
		return RawAddr{Net: s.fam().Name}
	}
	return remote
}

func (s *Socket) knownNames() (local, remote net.Addr) {
	if s == nil {
		return nil, nil
	}
	s.naming.Lock()
	defer s.naming.Unlock()
	return s.local, s.remote
}

// learnNames asks the kernel for both addresses. One that the socket does not
// have leaves the stored address unchanged.
func (s *Socket) learnNames() {
	var local, remote Addr
	err := s.control("getsockname", func(fd uintptr) error {
		var raw [sockaddrSize]byte
		if n, err := sysName(fd, &raw, false); err == nil {
			local = s.fam().decode(raw[:n])
		}
		if n, err := sysName(fd, &raw, true); err == nil {
			remote = s.fam().decode(raw[:n])
		}
		return nil
	})
	if err != nil {
		return
	}
	s.naming.Lock()
	defer s.naming.Unlock()
	if local != nil {
		s.local = local
	}
	if remote != nil {
		s.remote = remote
	}
}

// SyscallConn returns access to the descriptor, as net's connections do.
func (s *Socket) SyscallConn() (syscall.RawConn, error) {
	if !s.made() {
		return nil, s.opError("raw-control", nil, errNotMade)
	}
	if s.closed.Load() {
		return nil, s.opError("raw-control", nil, net.ErrClosed)
	}
	return s.sys.raw(), nil
}

// FD returns the descriptor's number while the socket is open. It stays the
// socket's: use it at once, and neither close nor keep it.
func (s *Socket) FD() (uintptr, error) {
	var number uintptr
	err := s.control("fd", func(fd uintptr) error {
		number = fd
		return nil
	})
	return number, s.opError("file", nil, err)
}

// Dup returns a second Socket for the same connection, with deadlines of its
// own. The connection ends when both are closed.
func (s *Socket) Dup() (*Socket, error) {
	fd, err := s.dup()
	if err != nil {
		return nil, err
	}
	d, err := adopt(fd, s.family, s.typ, s.proto)
	if err != nil {
		return nil, err
	}
	d.local, d.remote = s.knownNames()
	return d, nil
}

// File returns a copy of the descriptor as a file, to be handed to a child
// process or to another library. It is independent of the Socket, except that
// both are non-blocking.
func (s *Socket) File() (*os.File, error) {
	fd, err := s.dup()
	if err != nil {
		return nil, err
	}
	return os.NewFile(fd, s.fam().Name), nil
}

// Detach gives the descriptor away: it closes the Socket, and returns a copy of
// the descriptor that this package keeps no reference to. The caller closes it.
func (s *Socket) Detach() (uintptr, error) {
	fd, err := s.dup()
	if err != nil {
		return 0, err
	}
	if err := s.close(false); err != nil {
		_ = sysClose(fd)
		return 0, err
	}
	return fd, nil
}

func (s *Socket) dup() (uintptr, error) {
	var copied uintptr
	err := s.control("dup", func(fd uintptr) error {
		var err error
		copied, err = sysDup(fd)
		return err
	})
	return copied, s.opError("file", nil, err)
}

// SetInheritable sets whether programs that this process executes inherit the
// descriptor. It is off for every new socket.
func (s *Socket) SetInheritable(on bool) error {
	err := s.control("fcntl", func(fd uintptr) error { return sysSetInheritable(fd, on) })
	return s.opError("set", nil, err)
}

// Inheritable reports what SetInheritable set.
func (s *Socket) Inheritable() (bool, error) {
	var on bool
	err := s.control("fcntl", func(fd uintptr) error {
		var err error
		on, err = sysInheritable(fd)
		return err
	})
	return on, s.opError("file", nil, err)
}
