package socket

import (
	"encoding/binary"
	"time"
)

// Control codes for Ioctl on Windows.
const (
	SIORcvAll           = 0x98000001 // SIO_RCVALL: take every packet of the interface
	SIOKeepAliveVals    = 0x98000004 // SIO_KEEPALIVE_VALS
	SIOLoopbackFastPath = 0x98000010 // SIO_LOOPBACK_FAST_PATH
)

// A ReceiveAllMode is what ReceiveAll asks for.
type ReceiveAllMode uint32

// The modes of SIO_RCVALL.
const (
	ReceiveAllOff             ReceiveAllMode = 0
	ReceiveAllOn              ReceiveAllMode = 1
	ReceiveAllSocketLevelOnly ReceiveAllMode = 2
	ReceiveAllIPLevel         ReceiveAllMode = 3
)

// ReceiveAll makes a raw IP socket of Windows, bound to an interface's address,
// take every packet of that interface.
func (s *Socket) ReceiveAll(mode ReceiveAllMode) error {
	_, err := s.Ioctl(SIORcvAll, binary.NativeEndian.AppendUint32(nil, uint32(mode)), nil)
	return err
}

// SetKeepAliveValues sets the probing of an idle peer on Windows, in whole
// milliseconds.
func (s *Socket) SetKeepAliveValues(on bool, idle, interval time.Duration) error {
	in := make([]byte, 12)
	if on {
		binary.NativeEndian.PutUint32(in, 1)
	}
	binary.NativeEndian.PutUint32(in[4:], uint32(idle.Milliseconds()))
	binary.NativeEndian.PutUint32(in[8:], uint32(interval.Milliseconds()))
	_, err := s.Ioctl(SIOKeepAliveVals, in, nil)
	return err
}

// SetLoopbackFastPath makes TCP over the loopback interface of Windows faster.
// Set it on both ends before they connect.
func (s *Socket) SetLoopbackFastPath(on bool) error {
	var v uint32
	if on {
		v = 1
	}
	_, err := s.Ioctl(SIOLoopbackFastPath, binary.NativeEndian.AppendUint32(nil, v), nil)
	return err
}
