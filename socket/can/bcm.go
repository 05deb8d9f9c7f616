package can

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"net"
	"time"
	"unsafe"

	"github.com/sealsock/sealsock/socket"
)

// An Opcode is the type of a message to or from the broadcast manager.
type Opcode uint32

// The opcodes have the kernel's numbers.
const (
	TxSetup   Opcode = 1  // create a cyclic transmission
	TxDelete  Opcode = 2  // remove it
	TxRead    Opcode = 3  // ask for it
	TxSend    Opcode = 4  // send one frame
	RxSetup   Opcode = 5  // create a subscription
	RxDelete  Opcode = 6  // remove it
	RxRead    Opcode = 7  // ask for it
	TxStatus  Opcode = 8  // answer to TxRead
	TxExpired Opcode = 9  // the count is over
	RxStatus  Opcode = 10 // answer to RxRead
	RxTimeout Opcode = 11 // the frame did not come
	RxChanged Opcode = 12 // the frame came, or changed
)

// BCMFlags are those of a message to the broadcast manager.
type BCMFlags uint32

// The flags have the kernel's numbers.
const (
	SetTimer         BCMFlags = 0x0001
	StartTimer       BCMFlags = 0x0002
	TxCountEvent     BCMFlags = 0x0004 // report the end of the count
	TxAnnounce       BCMFlags = 0x0008 // send a change at once
	TxCopyID         BCMFlags = 0x0010 // the message's identifier is for all frames
	RxFilterID       BCMFlags = 0x0020 // look at the identifier alone
	RxCheckLength    BCMFlags = 0x0040
	RxNoAutoTimer    BCMFlags = 0x0080
	RxAnnounceResume BCMFlags = 0x0100
	TxResetIndex     BCMFlags = 0x0200 // begin with the first frame again
	RxRemoteFrame    BCMFlags = 0x0400 // answer remote requests with the frame
	FDFrame          BCMFlags = 0x0800 // the frames are FD frames
)

// maxBCMFrames is the number of frames in a message: MAX_NFRAMES.
const maxBCMFrames = 256

// A BCMMessage is a message to or from the broadcast manager.
type BCMMessage struct {
	Opcode Opcode
	Flags  BCMFlags

	// A transmission sends Count frames at Interval1 and the rest at Interval2.
	// A subscription reports that a frame has not come for Interval1, and
	// changes no more often than every Interval2. In whole microseconds.
	Count                uint32
	Interval1, Interval2 time.Duration

	ID     uint32  // identifier with its flags
	Frames []Frame // to send in turn; or the mask of a subscription
}

// A BCM is a connection to the broadcast manager of an interface.
type BCM struct{ s *socket.Socket }

// DialBCM connects to the broadcast manager of an interface, given by its name.
func DialBCM(ctx context.Context, name string) (*BCM, error) {
	a, err := On(name)
	if err != nil {
		return nil, err
	}
	s, err := Family.Dial(ctx, socket.Datagram, protoBCM, a)
	if err != nil {
		return nil, err
	}
	return &BCM{s}, nil
}

// Send sends a message to the broadcast manager. Close removes its
// transmissions and subscriptions.
func (b *BCM) Send(ctx context.Context, m BCMMessage) error {
	raw, err := appendBCM(nil, m)
	if err != nil {
		return &net.OpError{Op: "write", Net: "can", Addr: b.Socket().RemoteAddr(), Err: err}
	}
	_, err = b.Socket().Send(ctx, raw, 0)
	return err
}

// Next waits for the next message of the broadcast manager.
func (b *BCM) Next(ctx context.Context) (BCMMessage, error) {
	buf := make([]byte, bcmHead+maxBCMFrames*fdSize)
	n, err := b.Socket().Recv(ctx, buf, 0)
	if err != nil {
		return BCMMessage{}, err
	}
	m, err := parseBCM(buf[:n])
	if err != nil {
		return BCMMessage{}, &net.OpError{Op: "read", Net: "can", Addr: b.Socket().RemoteAddr(), Err: err}
	}
	return m, nil
}

// Close closes the connection and removes its transmissions and subscriptions.
func (b *BCM) Close() error { return b.Socket().Close() }

// Socket returns the socket, for its deadlines.
func (b *BCM) Socket() *socket.Socket {
	if b == nil {
		return nil
	}
	return b.s
}

// The head of a message has C longs in it, and is rounded up to 8 bytes.
//
//	struct bcm_msg_head {
//	        __u32 opcode;
//	        __u32 flags;
//	        __u32 count;
//	        struct bcm_timeval ival1, ival2;
//	        canid_t can_id;
//	        __u32 nframes;
//	        struct can_frame frames[];
//	};
const (
	long    = int(unsafe.Sizeof(uintptr(0)))
	bcmTime = (12 + long - 1) / long * long
	bcmID   = bcmTime + 4*long
	bcmHead = (bcmID + 8 + 7) / 8 * 8
)

func appendBCM(b []byte, m BCMMessage) ([]byte, error) {
	if len(m.Frames) > maxBCMFrames {
		return nil, fmt.Errorf("%d frames, more than %d", len(m.Frames), maxBCMFrames)
	}
	head := make([]byte, bcmHead)
	binary.NativeEndian.PutUint32(head, uint32(m.Opcode))
	binary.NativeEndian.PutUint32(head[4:], uint32(m.Flags))
	binary.NativeEndian.PutUint32(head[8:], m.Count)
	for i, d := range []time.Duration{m.Interval1, m.Interval2} {
		if d < 0 || d/time.Second > math.MaxInt32 {
			return nil, fmt.Errorf("an interval of %v", d)
		}
		putLong(head[bcmTime+2*i*long:], int64(d/time.Second))
		putLong(head[bcmTime+(2*i+1)*long:], int64(d%time.Second/time.Microsecond))
	}
	binary.NativeEndian.PutUint32(head[bcmID:], m.ID)
	binary.NativeEndian.PutUint32(head[bcmID+4:], uint32(len(m.Frames)))
	b = append(b, head...)
	for _, f := range m.Frames {
		if err := f.check(); err != nil {
			return nil, err
		}
		if f.FD != (m.Flags&FDFrame != 0) {
			return nil, fmt.Errorf("frame %v: classic and FD frames cannot be mixed, and FD frames need the flag FDFrame", f)
		}
		b = appendFrame(b, f)
	}
	return b, nil
}

func parseBCM(b []byte) (BCMMessage, error) {
	if len(b) < bcmHead {
		return BCMMessage{}, fmt.Errorf("a message of %d bytes from the broadcast manager", len(b))
	}
	m := BCMMessage{
		Opcode: Opcode(binary.NativeEndian.Uint32(b)),
		Flags:  BCMFlags(binary.NativeEndian.Uint32(b[4:])),
		Count:  binary.NativeEndian.Uint32(b[8:]),
		ID:     binary.NativeEndian.Uint32(b[bcmID:]),
	}
	for i, d := range []*time.Duration{&m.Interval1, &m.Interval2} {
		sec, micro := getLong(b[bcmTime+2*i*long:]), getLong(b[bcmTime+(2*i+1)*long:])
		*d = time.Duration(sec)*time.Second + time.Duration(micro)*time.Microsecond
	}
	size := classicSize
	if m.Flags&FDFrame != 0 {
		size = fdSize
	}
	frames := b[bcmHead:]
	if count := binary.NativeEndian.Uint32(b[bcmID+4:]); uint64(count)*uint64(size) != uint64(len(frames)) {
		return BCMMessage{}, fmt.Errorf("%d frames in %d bytes from the broadcast manager", count, len(frames))
	}
	for ; len(frames) > 0; frames = frames[size:] {
		f, err := parseFrame(frames[:size:size])
		if err != nil {
			return BCMMessage{}, err
		}
		m.Frames = append(m.Frames, f)
	}
	return m, nil
}

func putLong(b []byte, v int64) {
	if long == 8 {
		binary.NativeEndian.PutUint64(b, uint64(v))
		return
	}
	binary.NativeEndian.PutUint32(b, uint32(v))
}

func getLong(b []byte) int64 {
	if long == 8 {
		return int64(binary.NativeEndian.Uint64(b))
	}
	return int64(int32(binary.NativeEndian.Uint32(b)))
}
