package can

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Sizes of struct can_frame and struct canfd_frame.
const (
	classicSize = 16
	fdSize      = 72

	maxClassic = 8
	maxFD      = 64
)

// Flags in the identifier of a frame, as the kernel has them.
const (
	ExtendedFlag = 0x80000000 // CAN_EFF_FLAG: the identifier has 29 bits
	RemoteFlag   = 0x40000000 // CAN_RTR_FLAG: a request for a frame
	ErrorFlag    = 0x20000000 // CAN_ERR_FLAG: news about the bus

	StandardMask = 0x000007ff // CAN_SFF_MASK
	ExtendedMask = 0x1fffffff // CAN_EFF_MASK
	ErrorMask    = 0x1fffffff // CAN_ERR_MASK
)

// A Frame is one frame on the bus.
type Frame struct {
	// ID is the identifier with its flags. An identifier of 29 bits needs
	// ExtendedFlag, also if it is small.
	ID uint32

	// Data is at most 8 bytes, or 64 in an FD frame, whose length is 0 to 8, 12,
	// 16, 20, 24, 32, 48 or 64.
	Data []byte

	FD          bool
	BitRate     bool // FD: the data is sent faster
	ErrorActive bool // FD: of a sender in the state "error passive"
}

// String returns the frame as candump writes it: "123#DEADBEEF".
func (f Frame) String() string {
	digits := 3
	if f.ID&(ExtendedFlag|ErrorFlag) != 0 {
		digits = 8
	}
	id := f.ID & ExtendedMask
	if f.ID&ErrorFlag != 0 {
		id |= ErrorFlag
	}
	switch {
	case f.FD:
		return fmt.Sprintf("%0*X##%X%X", digits, id, f.flags(), f.Data)
	case f.ID&RemoteFlag != 0:
		return fmt.Sprintf("%0*X#R", digits, id)
	}
	return fmt.Sprintf("%0*X#%X", digits, id, f.Data)
}

func (f Frame) flags() byte {
	var b byte
	if f.BitRate {
		b |= 1
	}
	if f.ErrorActive {
		b |= 2
	}
	return b
}

// check returns an error if a frame cannot be sent.
func (f Frame) check() error {
	most := maxClassic
	if f.FD {
		most = maxFD
	}
	switch {
	case len(f.Data) > most:
		return fmt.Errorf("a frame with %d bytes, more than %d", len(f.Data), most)
	case f.FD && lengthFD(len(f.Data)) != len(f.Data):
		return fmt.Errorf("an FD frame cannot have %d bytes; the next length is %d", len(f.Data), lengthFD(len(f.Data)))
	case f.ID&ExtendedFlag == 0 && f.ID&ExtendedMask > StandardMask && f.ID&ErrorFlag == 0:
		return fmt.Errorf("identifier %#x has more than 11 bits and no extended flag", f.ID&ExtendedMask)
	case !f.FD && (f.BitRate || f.ErrorActive):
		return errors.New("a classic frame has no bit rate switch and no error state")
	}
	return nil
}

// lengthFD rounds up to a length that FD frames have.
func lengthFD(n int) int {
	for _, l := range []int{8, 12, 16, 20, 24, 32, 48, 64} {
		switch {
		case n <= 8:
			return n
		case n <= l:
			return l
		}
	}
	return maxFD
}

// appendFrame appends a struct can_frame or canfd_frame.
//
//	struct canfd_frame {
//	        canid_t can_id;
//	        __u8    len;
//	        __u8    flags;
//	        __u8    __res0;
//	        __u8    __res1;
//	        __u8    data[64] __attribute__((aligned(8)));
//	};
func appendFrame(b []byte, f Frame) []byte {
	size, flags := maxClassic, byte(0)
	if f.FD {
		size, flags = maxFD, f.flags()
	}
	b = binary.NativeEndian.AppendUint32(b, f.ID)
	b = append(b, byte(len(f.Data)), flags, 0, 0)
	b = append(b, f.Data...)
	return append(b, make([]byte, size-len(f.Data))...)
}

// parseFrame reads a frame. Its data is part of b.
func parseFrame(b []byte) (Frame, error) {
	if len(b) != classicSize && len(b) != fdSize {
		return Frame{}, fmt.Errorf("a frame of %d bytes is neither classic nor FD", len(b))
	}
	n := int(b[4])
	if n > len(b)-8 {
		return Frame{}, fmt.Errorf("a frame with %d bytes of data in %d", n, len(b)-8)
	}
	f := Frame{ID: binary.NativeEndian.Uint32(b), Data: b[8 : 8+n : 8+n], FD: len(b) == fdSize}
	if f.FD {
		f.BitRate, f.ErrorActive = b[5]&1 != 0, b[5]&2 != 0
	}
	return f, nil
}
