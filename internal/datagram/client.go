package datagram

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sealsock/sealsock/internal/reuse"
	"github.com/sealsock/sealsock/internal/stream"
	"github.com/sealsock/sealsock/internal/udpbatch"
)

// New returns a connection over raw, a socket that is connected to the peer and keeps datagrams
// apart. It takes raw over. Start gives it its engine.
func New(raw net.Conn) *Conn {
	own := new(struct { // one piece of memory
		conn   Conn
		path   socketPath
		queued atomic.Int64
	})
	p := &own.path
	p.Conn = raw
	if udp, ok := raw.(*net.UDPConn); ok {
		p.udp = udpbatch.New(udp)
	}
	own.conn.init(p, &own.queued)
	return &own.conn
}

// A socketPath is a socket of one connection. Who needs a datagram reads it: until the connection
// is open, the one who runs the handshake and holds the turn for it (await), and then the one who
// calls Read and holds Conn.reading (fetch). If none of them is there, or very much comes, a
// goroutine reads from then on: see look.
type socketPath struct {
	net.Conn
	udp   *udpbatch.Conn // Conn, if it is one of UDP
	clock timers

	reader  *udpbatch.Reader   // of udp; nil while there is no buffer
	buf     *reuse.Buffer      // of other sockets, likewise
	keep    func(udpbatch.Run) // sets got
	got     udpbatch.Run       // what was read, in the buffer
	by      time.Time          // the deadline for reading; guarded by inbox.mu
	asked   bool               // for a deadline, at least once; likewise
	running atomic.Bool        // the goroutine has begun, which alone reads
	watched atomic.Bool        // look is going to be called
	watch   time.Time          // when that is; zero for never; guarded by Conn.mu
	reads   int                // by Read since the last look
	writers int                // calls of Write under way; guarded by inbox.mu
	pause   time.Duration      // after an error
}

func (p *socketPath) reached() {}

// opened gives the buffer of the handshake back, before Read may take one.
func (p *socketPath) opened(c *Conn) {
	if !p.running.Load() {
		p.free()
	}
}

// run begins the goroutine.
func (p *socketPath) run(c *Conn) {
	p.running.Store(true)
	go p.receive(c)
}

// send tries again if the size is refused: that may be the report of a router on a datagram before,
// and the system divides the next ones.
func (p *socketPath) send(datagram []byte) error {
	_, err := p.Write(datagram)
	if errors.Is(err, syscall.EMSGSIZE) {
		_, err = p.Write(datagram)
	}
	return err
}

func (p *socketPath) sendBatch(b []byte, sizes []int) (int, error) {
	if p.udp == nil {
		return sendEach(p, b, sizes)
	}
	return p.udp.Write(b, sizes, netip.AddrPort{})
}

// sendEach sends the datagrams that stand one behind another in b.
func sendEach(p path, b []byte, sizes []int) (int, error) {
	for i, n := range sizes {
		if err := p.send(b[:n]); err != nil {
			return i, err
		}
		b = b[n:]
	}
	return len(sizes), nil
}

// A client's socket receives from one address alone.
func (p *socketPath) route() route               { return route{} }
func (p *socketPath) sendTo(route, []byte) error { return nil }
func (p *socketPath) move(route)                 {}

// closing bounds what waits for a peer that does not read its UNIX-domain socket.
func (p *socketPath) closing() {
	if p.udp == nil {
		_ = p.SetWriteDeadline(time.Now().Add(sendTime))
	}
}

// timed applies the deadline of Write to a socket that may make it wait for the peer, as those of
// UDP do not, until done is called. What the engine sends by itself has no deadline.
func (c *Conn) timed() (done func()) {
	p, ok := c.path.(*socketPath)
	if !ok || p.udp != nil {
		return func() {}
	}
	c.in.mu.Lock()
	defer c.in.mu.Unlock()
	p.writers++
	c.writeUntil(c.in.writeBy)
	return func() {
		c.in.mu.Lock()
		defer c.in.mu.Unlock()
		if p.writers--; p.writers == 0 {
			c.writeUntil(time.Time{})
		}
	}
}

// writeUntil sets the deadline of a socket that has one for Write, unless Close has. The inbox is
// locked.
func (c *Conn) writeUntil(t time.Time) {
	if p, ok := c.path.(*socketPath); ok && p.udp == nil && !c.closing.Load() {
		_ = p.SetWriteDeadline(t)
	}
}

func (p *socketPath) timers() *timers        { return &p.clock }
func (p *socketPath) netConn(*Conn) net.Conn { return p.Conn }

// forget closes the socket. A Read that waits for it gives the buffer back itself.
func (p *socketPath) forget(c *Conn) error {
	err := p.Close()
	if c.in.isOpen() && !p.running.Load() && c.reading.TryLock() {
		p.free()
		c.reading.Unlock()
	}
	return err
}

// receive reads the socket until it is closed.
func (p *socketPath) receive(c *Conn) {
	stream.GrowStack()
	defer p.free()
	for {
		run, err := p.read()
		switch {
		case err == nil:
			p.pause = 0
			c.feedRun(run)
		case errors.Is(err, net.ErrClosed):
			c.lost()
			return
		default:
			c.refuse(err)
			p.pause = longer(p.pause)
			time.Sleep(p.pause)
		}
	}
}

// read waits for datagrams, which have their memory in the buffer.
func (p *socketPath) read() (run udpbatch.Run, err error) {
	if p.udp == nil {
		if p.buf == nil {
			p.buf = buffers.Get()
		}
		n, err := p.Read(p.buf.Room[:])
		if err != nil {
			return run, err
		}
		p.buf.Used(n)
		return udpbatch.Run{Bytes: p.buf.Room[:n], Size: n}, nil
	}
	if p.reader == nil {
		p.reader = p.udp.NewReader(1)
		p.keep = func(run udpbatch.Run) { p.got = run }
	}
	err = p.reader.Read(p.keep)
	return p.got, err
}

// free gives the buffer back.
func (p *socketPath) free() {
	if p.reader != nil {
		p.reader.Free()
	}
	buffers.Put(p.buf)
	p.reader, p.buf, p.got = nil, nil, udpbatch.Run{}
}

// leave gives the buffer back when a goroutine leaves a handshake that is not done, unless receive
// has it.
func (p *socketPath) leave(c *Conn) {
	if c.in.isOpen() {
		return
	}
	p.clock.set(c, time.Time{})
	if !p.running.Load() {
		p.free()
	}
}

// until sets the deadline for reading. It returns false if the socket has none. The inbox is
// locked.
func (p *socketPath) until(t time.Time) bool {
	if p.asked && p.by.Equal(t) {
		return true
	}
	p.by, p.asked = t, true
	return p.SetReadDeadline(t) == nil
}

// interrupt makes a Read return. The inbox is locked.
func (p *socketPath) interrupt() { p.until(past) }

// past is a deadline that is over.
var past = time.Unix(1, 0)

// await is awaitPeer where nothing else reads the socket. It returns what has come as a call, which
// has its memory in the buffer.
func (p *socketPath) await(ctx context.Context, c *Conn, h *handshake, at time.Time) (call, error) {
	c.in.mu.Lock()
	by := earlier(c.in.readBy, c.in.writeBy)
	err := c.overdue("read", by)
	if err != nil || len(c.in.pending) > 0 || c.in.err != nil {
		c.in.mu.Unlock()
		return call{}, err
	}
	if !p.until(time.Time{}) {
		p.run(c)
		c.in.mu.Unlock()
		return call{}, nil
	}
	c.in.reader = p
	c.in.mu.Unlock()
	p.clock.set(c, earlier(earlier(at, by), h.until)) // see expire
	if err = over(ctx); err != nil {                  // its end interrupts from now on
		p.interrupted(c, false)
		return call{}, err
	}
	run, err := p.read()
	late := err != nil && expired(err)
	p.interrupted(c, late)
	switch {
	case err == nil:
		p.pause = 0
		return c.oneOf(run), nil
	case late:
		return call{}, over(ctx)
	case errors.Is(err, net.ErrClosed):
		c.lost()
		return call{}, nil
	}
	c.refuse(err)
	p.pause = longer(p.pause)
	return call{}, c.awaitPeer(ctx, h, time.Now().Add(p.pause))
}

// interrupted ends what interrupt is for. A deadline that has passed may be that of the caller,
// before the handshake.
func (p *socketPath) interrupted(c *Conn, passed bool) {
	c.in.mu.Lock()
	defer c.in.mu.Unlock()
	c.in.reader = nil
	if passed {
		p.by = past
	}
}

// oneOf returns the call for what was read. Several datagrams wait in the inbox: the handshake may
// have to answer a question between them.
func (c *Conn) oneOf(run udpbatch.Run) call {
	if len(run.Bytes) > run.Size {
		run.Each(c.feed)
		return call{}
	}
	return call{datagram: run.Bytes, size: run.Size}
}

// expired reports whether err is that of a deadline, which a socket of the caller may name in its
// own way. The error of a system call is another one, also if it tells of a time that is over.
func expired(err error) bool {
	var timeout net.Error
	var errno syscall.Errno
	return errors.Is(err, os.ErrDeadlineExceeded) ||
		errors.As(err, &timeout) && timeout.Timeout() && !errors.As(err, &errno)
}

// buffers are for datagrams of one connection each. Nothing is kept of what was read into them.
var buffers reuse.BufferPool

// Pauses after an error of a socket.
const (
	shortestPause = time.Millisecond
	longestPause  = time.Second
)

func longer(pause time.Duration) time.Duration {
	return min(max(2*pause, shortestPause), longestPause)
}
