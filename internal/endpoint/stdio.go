package endpoint

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// standard is the process's input and output as one connection.
type standard struct{}

func parseStdio(_, rest string) (Endpoint, error) {
	if rest != "" && rest != "//" {
		return nil, Problem("stdio: takes no further text", "write stdio:")
	}
	return standard{}, nil
}

func (standard) Text() string { return "stdio:" }
func (standard) Host() string { return "" }

func (standard) Dial(context.Context) (net.Conn, error) {
	return &duplex{in: os.Stdin, out: os.Stdout}, nil
}

// listen returns a listener that accepts one connection. Once that is closed, Accept
// returns io.EOF: there will be no other.
func (standard) Listen(context.Context) (net.Listener, error) {
	return NewSingle(&duplex{in: os.Stdin, out: os.Stdout}, standard{}), nil
}

// duplex joins two files into a net.Conn. Deadlines work where the system can
// poll the files (pipes and sockets that were opened non-blocking) and are
// os.ErrNoDeadline elsewhere.
type duplex struct {
	in, out *os.File
}

var (
	_ net.Conn = (*duplex)(nil)
	_ net.Addr = standard{}
)

func (standard) Network() string { return "stdio" }
func (standard) String() string  { return "stdio:" }

func (d *duplex) Read(b []byte) (int, error)  { return d.in.Read(b) }
func (d *duplex) Write(b []byte) (int, error) { return d.out.Write(b) }
func (d *duplex) LocalAddr() net.Addr         { return standard{} }
func (d *duplex) RemoteAddr() net.Addr        { return standard{} }

// CloseWrite closes the output, so that the reader of the output receives EOF.
func (d *duplex) CloseWrite() error { return d.out.Close() }

func (d *duplex) Close() error {
	err := d.out.Close()
	if errors.Is(err, os.ErrClosed) {
		err = nil // after CloseWrite
	}
	return errors.Join(err, d.in.Close())
}

func (d *duplex) SetReadDeadline(t time.Time) error  { return d.in.SetReadDeadline(t) }
func (d *duplex) SetWriteDeadline(t time.Time) error { return d.out.SetWriteDeadline(t) }

func (d *duplex) SetDeadline(t time.Time) error {
	return errors.Join(d.SetReadDeadline(t), d.SetWriteDeadline(t))
}

// single is a listener with one connection.
type single struct {
	addr  net.Addr
	conns chan net.Conn
	over  chan struct{} // closed when the connection is
	done  chan struct{}
	once  sync.Once
}

// NewSingle returns a listener with one connection.
func NewSingle(c net.Conn, addr net.Addr) net.Listener {
	l := &single{addr: addr, conns: make(chan net.Conn, 1), over: make(chan struct{}),
		done: make(chan struct{})}
	l.conns <- onlyConn{Conn: c, closed: sync.OnceFunc(func() { close(l.over) })}
	return l
}

// Accept returns the connection, and io.EOF after it was closed.
func (l *single) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.over:
		return nil, l.opError(io.EOF)
	case <-l.done:
		return nil, l.opError(net.ErrClosed)
	}
}

func (l *single) opError(err error) error {
	return &net.OpError{Op: "accept", Net: l.addr.Network(), Addr: l.addr, Err: err}
}

// Close closes the connection too, unless it was accepted.
func (l *single) Close() error {
	l.once.Do(func() { close(l.done) })
	select {
	case c := <-l.conns:
		return c.Close()
	default:
		return nil
	}
}

func (l *single) Addr() net.Addr { return l.addr }

// onlyConn is the connection of a single listener.
type onlyConn struct {
	net.Conn
	closed func()
}

// Close implements net.Conn.
func (c onlyConn) Close() error {
	defer c.closed()
	return c.Conn.Close()
}

// CloseWrite closes the sending direction, if the connection can.
func (c onlyConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}
