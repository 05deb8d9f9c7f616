package socket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"syscall"
)

// maxBuffers is the number of buffers that one message takes: UIO_MAXIOV.
const maxBuffers = 1024

// maxBatch is the number of messages that one SendMMsg or RecvMMsg moves.
const maxBatch = 1024

// A Message is the argument of sendmsg(2) and recvmsg(2). Its memory belongs to
// the caller; a Message can be used again after every call.
type Message struct {
	// Buffers are sent one after another, or filled in this order. At most
	// 1,024 of them.
	Buffers [][]byte

	// Control is encoded ancillary data to send, or space to receive it in.
	// AppendAncillary encodes it, ParseAncillary decodes it, and ControlSpace
	// returns how much space an item needs.
	Control []byte

	// Addr is the destination, nil on a connected socket. After receiving, it
	// is the sender, or nil if it has no address.
	Addr net.Addr

	// N is the number of bytes sent, or received into Buffers.
	N int

	// ControlN is the number of bytes received into Control.
	ControlN int

	// Flags reports that a received message ended a record (EOR), was longer
	// than Buffers (Truncated), or lost ancillary data (ControlTruncated).
	Flags Flags
}

var errNoMessage = fmt.Errorf("the Message is nil: %w", os.ErrInvalid)

// SendMsg sends one message, sets m.N and returns it. On a stream it may send
// less than all of m.Buffers. Flags may be 0.
func (s *Socket) SendMsg(ctx context.Context, m *Message, flags Flags) (int, error) {
	if m == nil {
		return 0, s.opError("write", nil, errNoMessage)
	}
	m.N = 0
	f, err := flags.number()
	if err != nil {
		return 0, s.opError("write", m.Addr, err)
	}
	o := newOp(callSendMsg)
	defer o.free()
	if err := o.prepareSend(s, m); err != nil {
		return 0, s.opError("write", m.Addr, err)
	}
	if m.Addr != nil {
		if err := s.audit("sendmsg", m.Addr); err != nil {
			return 0, s.opError("write", m.Addr, err)
		}
	}
	o.flags, o.once = f, flags&DontWait != 0
	if err := s.run(ctx, writing, o); err != nil {
		return 0, s.opError("write", m.Addr, callError("sendmsg", err))
	}
	m.N = o.n
	return o.n, nil
}

// RecvMsg receives one message into m.Buffers and m.Control, sets the fields
// that describe it, and returns the number of bytes in m.Buffers. It returns
// io.EOF at the end of a stream.
//
// Descriptors that arrive are close-on-exec and belong to the caller, who finds
// them with ParseAncillary, also when the message has the flag
// ControlTruncated. RecvFDs does all this for the common case.
func (s *Socket) RecvMsg(ctx context.Context, m *Message, flags Flags) (int, error) {
	if m == nil {
		return 0, s.opError("read", nil, errNoMessage)
	}
	m.N, m.ControlN, m.Flags, m.Addr = 0, 0, 0, nil
	f, err := flags.number()
	if err != nil {
		return 0, s.opError("read", nil, err)
	}
	o := newOp(callRecvMsg)
	defer o.free()
	if err := o.prepareRecv(m); err != nil {
		return 0, s.opError("read", nil, err)
	}
	o.flags, o.once = f|s.recvFlags(), flags&DontWait != 0
	err = s.run(ctx, reading, o)
	if s.resetOrEnd(o, err) {
		o.once = true
		if err = s.run(ctx, reading, o); err != nil {
			return 0, io.EOF
		}
	}
	if err != nil {
		return 0, s.opError("read", nil, callError("recvmsg", err))
	}
	o.finishRecv(s, m)
	if s.endsAt(m) {
		return 0, io.EOF
	}
	return m.N, nil
}

// recvFlags returns the flag that makes received descriptors close-on-exec, in
// the one family that has them: others refuse flags that they do not know.
func (s *Socket) recvFlags() int {
	if s.fam().Number == syscall.AF_UNIX {
		return closeOnExecFlag
	}
	return 0
}

// endsAt reports whether a received message is the end of the stream. The end
// of a stream may come with ancillary data: credentials for one, where those
// were asked for. A message of the error queue need not have any bytes.
func (s *Socket) endsAt(m *Message) bool {
	switch {
	case m.N > 0, !s.zeroEnds, m.Flags&ErrQueue != 0:
		return false
	case m.ControlN > 0 && (s.typ != Stream || carriesRights(m)):
		return false
	}
	for _, b := range m.Buffers {
		if len(b) > 0 {
			return true
		}
	}
	return false
}

// carriesRights reports whether descriptors came with a message.
func carriesRights(m *Message) bool {
	items, _ := ParseAncillary(m.Control[:m.ControlN])
	return slices.ContainsFunc(items, func(item Ancillary) bool {
		switch item.(type) {
		case Rights, ProcessFD:
			return true
		}
		return false
	})
}

// SendMMsg sends the messages in their order, in few system calls where the
// system has a call for that (Linux), and returns how many were sent; it sets
// their N. It waits until the first can be sent and stops at the first that
// cannot: an error with n > 0 is about messages[n]. Linux keeps such an error to itself, and
// returns n alone; the next call tries messages[n] again. At most 1,024 messages are sent.
func (s *Socket) SendMMsg(ctx context.Context, messages []Message, flags Flags) (n int, err error) {
	if len(messages) > maxBatch {
		messages = messages[:maxBatch]
	}
	for i := range messages {
		if a := messages[i].Addr; a != nil {
			if err := s.audit("sendmsg", a); err != nil {
				return 0, s.opError("write", a, err)
			}
		}
	}
	if len(messages) == 0 {
		return 0, nil
	}
	return s.sendBatch(ctx, messages, flags)
}

// RecvMMsg waits for one message, takes those that have arrived by then, and
// returns how many. An error after the first message is that of the next call that
// receives. At most 1,024 are received at once. At the end of a stream,
// or of a connection that carries messages, it returns io.EOF.
func (s *Socket) RecvMMsg(ctx context.Context, messages []Message, flags Flags) (n int, err error) {
	if len(messages) > maxBatch {
		messages = messages[:maxBatch]
	}
	if len(messages) == 0 {
		return 0, nil
	}
	return s.recvBatch(ctx, messages, flags)
}

// sendEach is sendBatch by single calls.
func (s *Socket) sendEach(ctx context.Context, messages []Message, flags Flags) (int, error) {
	for i := range messages {
		if i == 1 {
			flags |= DontWait
		}
		if _, err := s.SendMsg(ctx, &messages[i], flags); err != nil {
			if i > 0 && errors.Is(err, ErrWouldBlock) {
				err = nil
			}
			return i, err
		}
	}
	return len(messages), nil
}

// recvEach is recvBatch by single calls. An error after the first message is that of the
// next call: the kernel reports an asynchronous one, such as ECONNREFUSED, only once.
func (s *Socket) recvEach(ctx context.Context, messages []Message, flags Flags) (int, error) {
	for i := range messages {
		if i == 1 {
			flags |= DontWait
		}
		if _, err := s.RecvMsg(ctx, &messages[i], flags); err != nil {
			if i == 0 {
				return 0, err
			}
			var call *os.SyscallError
			if errno, ok := errnoOf(err); ok && errors.As(err, &call) && errno != errWouldBlock {
				s.missed.Store(&errno)
			}
			return i, nil // the next call meets other errors, and the end, again
		}
	}
	return len(messages), nil
}
