package socket

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// A Socket is one socket of any family. Its methods may be called from many
// goroutines at once; one reader and one writer do not wait for each other. The methods of a
// nil Socket and of the zero value return errors that errors.Is(os.ErrInvalid) recognises.
type Socket struct {
	sys      platform
	family   Family
	typ      Type
	proto    int
	zeroEnds bool // a read of nothing is the end
	sides    [2]side
	closed   atomic.Bool
	missed   atomic.Pointer[syscall.Errno] // of a receive in a batch; see recvEach

	naming        sync.Mutex
	local, remote net.Addr // as far as they are known
}

var (
	_ net.Conn     = (*Socket)(nil)
	_ syscall.Conn = (*Socket)(nil)
)

// New opens a socket. It is close-on-exec. proto is 0 for the family's usual
// protocol.
func New(f Family, typ Type, proto int) (*Socket, error) {
	if err := Audit(AuditEvent{Op: "socket", Family: f.Name, Type: typ, Protocol: proto}); err != nil {
		return nil, &net.OpError{Op: "socket", Net: f.Name, Err: err}
	}
	if f.Number < 0 {
		return nil, NotImplemented("socket", f.Name)
	}
	fd, err := sysSocket(f.Number, int(typ), proto)
	if err != nil {
		return nil, openError(&f, typ, proto, "socket", err)
	}
	return adopt(fd, f, typ, proto)
}

// SocketPair opens two sockets that are connected to each other. Linux does
// this for UNIX-domain and TIPC sockets, the BSDs for UNIX-domain sockets.
func SocketPair(f Family, typ Type, proto int) (a, b *Socket, err error) {
	if err := Audit(AuditEvent{Op: "socket", Family: f.Name, Type: typ, Protocol: proto}); err != nil {
		return nil, nil, &net.OpError{Op: "socketpair", Net: f.Name, Err: err}
	}
	if f.Number < 0 {
		return nil, nil, NotImplemented("socketpair", f.Name)
	}
	fds, err := sysSocketPair(f.Number, int(typ), proto)
	if err != nil {
		return nil, nil, openError(&f, typ, proto, "socketpair", err)
	}
	a, err = adopt(fds[0], f, typ, proto)
	if err != nil {
		_ = sysClose(fds[1])
		return nil, nil, err
	}
	b, err = adopt(fds[1], f, typ, proto)
	if err != nil {
		_ = a.Close()
		return nil, nil, err
	}
	return a, b, nil
}

// FromFD takes over an open descriptor, such as one that the process inherited
// from inetd, systemd or its parent. It asks the kernel for the family, type
// and protocol; known lists the families whose addresses are returned in their
// own types. The descriptor belongs to the Socket from then on, also when
// FromFD fails, and becomes non-blocking for all that share its open file.
func FromFD(fd uintptr, known ...Family) (*Socket, error) {
	domain, typ, proto, err := describe(fd)
	if err != nil {
		_ = sysClose(fd)
		return nil, &net.OpError{Op: "file", Net: "socket", Err: callError("getsockopt", err)}
	}
	f := Family{Name: familyName(domain), Number: domain}
	for _, k := range known {
		if k.Number == domain {
			f = k
			break
		}
	}
	return adopt(fd, f, Type(typ), proto)
}

// adopt makes a Socket of a descriptor that has no other owner.
func adopt(fd uintptr, f Family, typ Type, proto int) (*Socket, error) {
	s := &Socket{family: f, typ: typ, proto: proto}
	s.zeroEnds = typ == Stream || typ == SeqPacket && !f.EmptyMessages
	if err := s.sys.open(fd, f.Name); err != nil {
		_ = sysClose(fd)
		return nil, &net.OpError{Op: "socket", Net: f.Name, Err: err}
	}
	s.sides[reading].prepare(s.sys.setReadDeadline)
	s.sides[writing].prepare(s.sys.setWriteDeadline)
	return s, nil
}

// Family returns the family that the socket was opened with.
func (s *Socket) Family() Family { return *s.fam() }

// fam returns the family without a copy. That of nil is the zero Family.
func (s *Socket) fam() *Family {
	if s == nil {
		return &noFamily
	}
	return &s.family
}

var noFamily Family

// Type returns the socket's type.
func (s *Socket) Type() Type {
	if s == nil {
		return 0
	}
	return s.typ
}

// Protocol returns the protocol number.
func (s *Socket) Protocol() int {
	if s == nil {
		return 0
	}
	return s.proto
}

// made reports whether this package opened s. The zero value and nil have no descriptor.
func (s *Socket) made() bool { return s != nil && s.sides[reading].set != nil }

// Bind gives the socket a local address.
func (s *Socket) Bind(a net.Addr) error {
	if err := s.audit("bind", a); err != nil {
		return s.opError("bind", a, err)
	}
	var raw [sockaddrSize]byte
	n, err := s.fam().encode(a, &raw)
	if err != nil {
		return s.opError("bind", a, err)
	}
	if err := s.control("bind", func(fd uintptr) error { return sysBind(fd, raw[:n]) }); err != nil {
		return s.opError("bind", a, err)
	}
	s.learnNames()
	return nil
}

// Connect connects the socket: a stream to its peer, a datagram socket to the
// address that Send sends to. When it fails, close the socket: its state after an
// interrupted connect depends on the system.
func (s *Socket) Connect(ctx context.Context, a net.Addr) error {
	if err := s.audit("connect", a); err != nil {
		return s.opError("dial", a, err)
	}
	o := newOp(callConnect)
	defer o.free()
	n, err := s.fam().encode(a, &o.name)
	if err != nil {
		return s.opError("dial", a, err)
	}
	o.nameLen = n
	if err := s.connect(ctx, o); err != nil {
		return s.opError("dial", a, callError("connect", err))
	}
	s.learnNames()
	s.naming.Lock()
	if s.remote == nil {
		s.remote = a
	}
	s.naming.Unlock()
	return nil
}

// connect repeats the call while the listener's queue is full: UNIX-domain sockets
// return EAGAIN for that, and no event reports that the queue has room again.
func (s *Socket) connect(ctx context.Context, o *op) error {
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		o.queueFull = false
		err := s.run(ctx, writing, o)
		if err != nil || !o.queueFull {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return cause(ctx)
		case <-timer.C:
		}
	}
}

// Listen makes the socket accept connections. backlog is how many may wait to
// be accepted; 0 or less asks for as many as the system allows.
func (s *Socket) Listen(backlog int) error {
	if backlog <= 0 {
		backlog = 1<<16 - 1 // the system takes its own maximum instead
	}
	if err := s.control("listen", func(fd uintptr) error { return sysListen(fd, backlog) }); err != nil {
		return s.opError("listen", nil, err)
	}
	s.learnNames()
	return nil
}

// Accept waits for a connection and returns it.
func (s *Socket) Accept(ctx context.Context) (*Socket, error) {
	o := newOp(callAccept)
	defer o.free()
	return s.accept(ctx, o)
}

func (s *Socket) accept(ctx context.Context, o *op) (*Socket, error) {
	o.wants = !s.fam().Nameless
	if err := s.run(ctx, reading, o); err != nil {
		return nil, s.opError("accept", nil, callError("accept", err))
	}
	c, err := adopt(o.accepted(), s.family, s.typ, s.proto)
	if err != nil {
		return nil, err
	}
	c.remote = s.fam().decode(o.name[:o.nameLen])
	return c, nil
}

// Shutdown ends one direction of a connection, or both.
func (s *Socket) Shutdown(how ShutdownHow) error {
	err := s.control("shutdown", func(fd uintptr) error { return sysShutdown(fd, int(how)) })
	return s.opError("close", nil, err)
}

// A ShutdownHow is the direction that Shutdown ends.
type ShutdownHow int

// The values have these numbers on every system.
const (
	ShutdownRead  ShutdownHow = 0 // receive no more
	ShutdownWrite ShutdownHow = 1 // send no more; the peer reads the end
	ShutdownBoth  ShutdownHow = 2
)

// CloseWrite is Shutdown(ShutdownWrite).
func (s *Socket) CloseWrite() error { return s.Shutdown(ShutdownWrite) }

// CloseRead is Shutdown(ShutdownRead).
func (s *Socket) CloseRead() error { return s.Shutdown(ShutdownRead) }

// Close closes the socket. Calls that wait return an error that
// errors.Is(net.ErrClosed) recognises, and so do all later ones, Close itself
// included.
func (s *Socket) Close() error { return s.close(s.fam().EndByShutdown) }

// close closes the descriptor. With end it also ends the connection, for copies of
// the descriptor too.
func (s *Socket) close(end bool) error {
	if !s.made() {
		return s.opError("close", nil, errNotMade)
	}
	if s.closed.Swap(true) {
		return s.opError("close", nil, net.ErrClosed)
	}
	if end {
		// The error is ignored: shutdown fails on a socket that is not connected.
		_ = s.sys.control(func(fd uintptr) { _ = sysShutdown(fd, int(ShutdownBoth)) })
	}
	return s.opError("close", nil, s.sys.close())
}

// Send sends bytes on a connected socket and returns how many. A stream may
// take fewer than all; SendAll and Write do not return before everything is
// sent. Flags may be 0.
func (s *Socket) Send(ctx context.Context, p []byte, flags Flags) (int, error) {
	o := newOp(callSend)
	n, err := s.send(ctx, o, p, flags)
	o.free()
	if err != nil {
		return n, s.opError("write", nil, callError("send", err))
	}
	return n, nil
}

func (s *Socket) send(ctx context.Context, o *op, p []byte, flags Flags) (int, error) {
	f, err := flags.number()
	if err != nil {
		return 0, err
	}
	o.buf, o.flags, o.once = p, f, flags&DontWait != 0
	err = s.run(ctx, writing, o)
	return o.n, err
}

// SendAll sends all of p, and returns how much was sent if it fails.
func (s *Socket) SendAll(ctx context.Context, p []byte, flags Flags) (n int, err error) {
	for {
		m, err := s.Send(ctx, p[n:], flags)
		n += m
		if err != nil || n == len(p) {
			return n, err
		}
		if m == 0 {
			return n, s.opError("write", nil, io.ErrNoProgress)
		}
	}
}

// Recv receives bytes into p and returns how many. At the end of a stream it
// returns io.EOF. An empty datagram is 0 bytes and no error.
//
// With the flag WaitAll a stream is received until p is full, and fewer bytes
// are the last ones before its end, or before an error that is returned with
// them.
func (s *Socket) Recv(ctx context.Context, p []byte, flags Flags) (int, error) {
	if flags&WaitAll != 0 && flags&(Peek|DontWait) == 0 && s.Type() == Stream {
		n, err := s.RecvInto(ctx, p, flags&^WaitAll)
		if err == io.ErrUnexpectedEOF {
			err = nil
		}
		return n, err
	}
	o := newOp(callRecv)
	n, err := s.recv(ctx, o, p, flags)
	o.free()
	if err != nil {
		return n, s.recvError("recv", err)
	}
	return n, nil
}

// recv returns io.EOF at the end of a stream.
func (s *Socket) recv(ctx context.Context, o *op, p []byte, flags Flags) (int, error) {
	f, err := flags.number()
	if err != nil {
		return 0, err
	}
	o.buf, o.flags, o.once = p, f, flags&DontWait != 0
	err = s.run(ctx, reading, o)
	if s.resetOrEnd(o, err) {
		o.once = true
		if err = s.run(ctx, reading, o); err != nil {
			o.n, err = 0, nil
		}
	}
	if err == nil && o.n == 0 && len(p) > 0 && s.zeroEnds && flags&ErrQueue == 0 {
		err = io.EOF
	}
	return o.n, err
}

// resetOrEnd reports whether a receive in a family with ResetIsEnd reached the
// end, and must check once more for messages.
func (s *Socket) resetOrEnd(o *op, err error) bool {
	return s.fam().ResetIsEnd && (err == syscall.ECONNRESET || err == nil && o.n == 0)
}

// recvError wraps the errors of receiving, all but io.EOF.
func (s *Socket) recvError(call string, err error) error {
	if err == io.EOF {
		return err
	}
	return s.opError("read", nil, callError(call, err))
}

// RecvInto fills all of p, as io.ReadFull does: it returns io.EOF when the
// stream ended before the first byte and io.ErrUnexpectedEOF when it ended
// before the last.
func (s *Socket) RecvInto(ctx context.Context, p []byte, flags Flags) (n int, err error) {
	for n < len(p) {
		m, err := s.Recv(ctx, p[n:], flags)
		n += m
		if err == io.EOF && n > 0 {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return n, err
		}
		if m == 0 {
			return n, s.opError("read", nil, io.ErrNoProgress)
		}
	}
	return n, nil
}

// SendTo sends one message to an address.
func (s *Socket) SendTo(ctx context.Context, p []byte, flags Flags, to net.Addr) (int, error) {
	if err := s.audit("sendto", to); err != nil {
		return 0, s.opError("write", to, err)
	}
	o := newOp(callSend)
	defer o.free()
	n, err := s.fam().encode(to, &o.name)
	if err != nil {
		return 0, s.opError("write", to, err)
	}
	o.nameLen = n
	n, err = s.send(ctx, o, p, flags)
	if err != nil {
		return n, s.opError("write", to, callError("sendto", err))
	}
	return n, nil
}

// RecvFrom receives one message and who sent it; the address is nil if the
// sender has none. What does not fit p is lost, unless the flag Peek is given.
func (s *Socket) RecvFrom(ctx context.Context, p []byte, flags Flags) (int, net.Addr, error) {
	o := newOp(callRecv)
	defer o.free()
	o.wants = true
	n, err := s.recv(ctx, o, p, flags)
	if err != nil {
		return n, nil, s.recvError("recvfrom", err)
	}
	if from := s.fam().decode(o.name[:o.nameLen]); from != nil {
		return n, from, nil
	}
	return n, nil, nil
}

// Read is Recv for net.Conn.
func (s *Socket) Read(p []byte) (int, error) { return s.Recv(context.Background(), p, 0) }

// Write is SendAll for net.Conn. On a socket that keeps message boundaries, p
// is one message.
func (s *Socket) Write(p []byte) (int, error) { return s.SendAll(context.Background(), p, 0) }

// SetDeadline sets the time after which calls fail instead of waiting, with an
// error whose Timeout method reports true and that errors.Is
// (os.ErrDeadlineExceeded) recognises. The zero time means never.
func (s *Socket) SetDeadline(t time.Time) error {
	return errors.Join(s.SetReadDeadline(t), s.SetWriteDeadline(t))
}

// SetReadDeadline is SetDeadline for calls that receive or accept.
func (s *Socket) SetReadDeadline(t time.Time) error { return s.setDeadline(reading, t) }

// SetWriteDeadline is SetDeadline for calls that send or connect.
func (s *Socket) SetWriteDeadline(t time.Time) error { return s.setDeadline(writing, t) }

func (s *Socket) setDeadline(dir direction, t time.Time) error {
	if !s.made() {
		return s.opError("set", nil, errNotMade)
	}
	if s.closed.Load() {
		return s.opError("set", nil, net.ErrClosed)
	}
	return s.opError("set", nil, s.sides[dir].setUser(t))
}

// control runs a call that does not wait.
func (s *Socket) control(call string, f func(fd uintptr) error) error {
	if !s.made() {
		return errNotMade
	}
	if s.closed.Load() {
		return net.ErrClosed
	}
	var err error
	if cerr := s.sys.control(func(fd uintptr) {
		for {
			if err = f(fd); !errors.Is(err, syscall.EINTR) {
				return
			}
		}
	}); cerr != nil {
		if s.closed.Load() || errors.Is(cerr, os.ErrClosed) {
			cerr = net.ErrClosed
		}
		return cerr
	}
	return callError(call, err)
}
