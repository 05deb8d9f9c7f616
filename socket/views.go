package socket

import (
	"context"
	"net"
	"time"
)

// A Listener is a listening Socket as a net.Listener. The methods of nil and of the zero
// value do what those of a nil Socket do.
type Listener struct{ s *Socket }

// A PacketConn is a Socket that carries messages as a net.PacketConn. It is a
// net.Conn as well, once it is connected.
type PacketConn struct{ *Socket }

// A NonBlocking is a Socket whose calls never wait: they return
// ErrWouldBlock, inside a *net.OpError, when they would.
type NonBlocking struct{ s *Socket }

var (
	_ net.Listener   = (*Listener)(nil)
	_ net.PacketConn = (*PacketConn)(nil)
	_ net.Conn       = (*PacketConn)(nil)
)

// Listener returns the socket as a net.Listener. Call Listen first.
func (s *Socket) Listener() *Listener { return &Listener{s} }

// PacketConn returns the socket as a net.PacketConn.
func (s *Socket) PacketConn() *PacketConn { return &PacketConn{s} }

// NonBlocking returns a view of the socket whose calls never wait. The socket
// itself is not changed.
func (s *Socket) NonBlocking() NonBlocking { return NonBlocking{s} }

// Accept waits for the next connection, which is a *Socket.
func (l *Listener) Accept() (net.Conn, error) {
	c, err := l.Socket().Accept(context.Background())
	if err != nil {
		return nil, err
	}
	return c, nil
}

// AcceptContext is Accept that ends with the context.
func (l *Listener) AcceptContext(ctx context.Context) (*Socket, error) {
	return l.Socket().Accept(ctx)
}

// Close stops listening. Accept then returns net.ErrClosed.
func (l *Listener) Close() error { return l.Socket().Close() }

// Addr returns the address that is listened on.
func (l *Listener) Addr() net.Addr { return l.Socket().LocalAddr() }

// SetDeadline bounds the waiting of Accept.
func (l *Listener) SetDeadline(t time.Time) error { return l.Socket().SetReadDeadline(t) }

// Socket returns the listening socket, for its options.
func (l *Listener) Socket() *Socket {
	if l == nil {
		return nil
	}
	return l.s
}

func (c *PacketConn) socket() *Socket {
	if c == nil {
		return nil
	}
	return c.Socket
}

// ReadFrom is RecvFrom for net.PacketConn.
func (c *PacketConn) ReadFrom(p []byte) (int, net.Addr, error) {
	return c.socket().RecvFrom(context.Background(), p, 0)
}

// WriteTo is SendTo for net.PacketConn.
func (c *PacketConn) WriteTo(p []byte, to net.Addr) (int, error) {
	return c.socket().SendTo(context.Background(), p, 0, to)
}

// Send is Socket.Send that does not wait.
func (n NonBlocking) Send(p []byte, flags Flags) (int, error) {
	return n.s.Send(context.Background(), p, flags|DontWait)
}

// Recv is Socket.Recv that does not wait.
func (n NonBlocking) Recv(p []byte, flags Flags) (int, error) {
	return n.s.Recv(context.Background(), p, flags|DontWait)
}

// SendTo is Socket.SendTo that does not wait.
func (n NonBlocking) SendTo(p []byte, flags Flags, to net.Addr) (int, error) {
	return n.s.SendTo(context.Background(), p, flags|DontWait, to)
}

// RecvFrom is Socket.RecvFrom that does not wait.
func (n NonBlocking) RecvFrom(p []byte, flags Flags) (int, net.Addr, error) {
	return n.s.RecvFrom(context.Background(), p, flags|DontWait)
}

// SendMsg is Socket.SendMsg that does not wait.
func (n NonBlocking) SendMsg(m *Message, flags Flags) (int, error) {
	return n.s.SendMsg(context.Background(), m, flags|DontWait)
}

// RecvMsg is Socket.RecvMsg that does not wait.
func (n NonBlocking) RecvMsg(m *Message, flags Flags) (int, error) {
	return n.s.RecvMsg(context.Background(), m, flags|DontWait)
}

// Accept is Socket.Accept that does not wait.
func (n NonBlocking) Accept() (*Socket, error) {
	o := newOp(callAccept)
	defer o.free()
	o.once = true
	return n.s.accept(context.Background(), o)
}

// Connect starts to connect. ErrWouldBlock means that the connect is in progress;
// call Connect again for its result, which is nil once the socket is connected.
func (n NonBlocking) Connect(a net.Addr) error {
	o := newOp(callConnect)
	defer o.free()
	l, err := n.s.fam().encode(a, &o.name)
	if err != nil {
		return n.s.opError("dial", a, err)
	}
	o.nameLen, o.once = l, true
	if err := n.s.audit("connect", a); err != nil {
		return n.s.opError("dial", a, err)
	}
	if err := n.s.run(context.Background(), writing, o); err != nil {
		return n.s.opError("dial", a, callError("connect", err))
	}
	if o.queueFull {
		return n.s.opError("dial", a, callError("connect", ErrWouldBlock))
	}
	n.s.learnNames()
	return nil
}

// Socket returns the socket that this is a view of.
func (n NonBlocking) Socket() *Socket { return n.s }
