package socket

import (
	"fmt"
	"net"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Share prepares the socket for another process, whose number it takes, and
// returns what that process gives to FromShare. The socket stays open here.
// Only Windows has this.
func (s *Socket) Share(process int) ([]byte, error) {
	var info windows.WSAProtocolInfo
	err := s.control("WSADuplicateSocket", func(fd uintptr) error {
		return windows.WSADuplicateSocket(windows.Handle(fd), uint32(process), &info)
	})
	if err != nil {
		return nil, s.opError("file", nil, err)
	}
	raw := (*[unsafe.Sizeof(info)]byte)(unsafe.Pointer(&info))
	return append([]byte(nil), raw[:]...), nil
}

// FromShare opens the socket that another process prepared with Share. known
// is as for FromFD.
func FromShare(shared []byte, known ...Family) (*Socket, error) {
	var info windows.WSAProtocolInfo
	raw := (*[unsafe.Sizeof(info)]byte)(unsafe.Pointer(&info))
	if len(shared) != len(raw) {
		return nil, &net.OpError{Op: "file", Net: "socket", Err: fmt.Errorf("a shared socket of %d bytes, not %d", len(shared), len(raw))}
	}
	copy(raw[:], shared)
	if err := startWinsock(); err != nil {
		return nil, &net.OpError{Op: "file", Net: "socket", Err: err}
	}
	fd, err := fromInfo(&info)
	if err != nil {
		return nil, &net.OpError{Op: "file", Net: "socket", Err: callError("WSASocket", err)}
	}
	return FromFD(fd, known...)
}

// Ioctl is WSAIoctl: it sends in with a control code and returns how many bytes
// of the answer are in out. Only Windows has this.
func (s *Socket) Ioctl(code uint32, in, out []byte) (int, error) {
	var n uint32
	err := s.control("WSAIoctl", func(fd uintptr) error {
		return windows.WSAIoctl(windows.Handle(fd), code, (*byte)(first(in)), uint32(len(in)), (*byte)(first(out)), uint32(len(out)), &n, nil, 0)
	})
	return int(n), s.opError("set", nil, err)
}
