package measure

import (
	"errors"
	"io"
	"net"
	"runtime"
	"sync"
	"time"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/stream"
)

// A stack is an implementation in this process, a Side.
type stack struct {
	name string
	// ready prepares both ends for a kind of handshake.
	ready func(h Handshake) (*ends, error)
	loops func(connections int) (float64, error) // of Idle; nil for none
	alone func(d time.Duration) (float64, error) // of Bulk; nil for none
}

// Name returns the name of the implementation.
func (s *stack) Name() string { return s.name }

// A conn is a connection of a stack.
type conn interface {
	net.Conn
	CloseWrite() error
}

// ends makes the two ends of connections.
type ends struct {
	client, server func(raw net.Conn) (c conn, handshake func() error, err error)
	// listen and dial are for a real listener. dial sends request, early if it can.
	listen func(net.Listener) (net.Listener, error)
	dial   func(addr string, request []byte) (net.Conn, error)
	// read reads a request, early if it came so.
	read func(c net.Conn, p []byte) (int, error)
}

// pair connects two ends over an exchange. after runs on the server behind its handshake,
// and then on the client.
func (e *ends) pair(rawClient, rawServer net.Conn, x *exchange) (c, s conn, err error) {
	c, shakeClient, err := e.client(rawClient)
	if err != nil {
		return nil, nil, err
	}
	s, shakeServer, err := e.server(rawServer)
	if err != nil {
		return nil, nil, err
	}
	done := make(chan error, 1)
	go func() {
		x.begin()
		err := shakeServer()
		if err == nil {
			_, err = s.Write([]byte{1}) // with it, the tickets are read
		}
		x.pause(serverEnd)
		done <- err
	}()
	x.begin()
	err = shakeClient()
	if err == nil {
		_, err = io.ReadFull(c, make([]byte, 1))
	}
	x.pause(clientEnd)
	if err != nil {
		rawClient.Close()
	}
	if other := <-done; err == nil {
		err = other
	}
	return c, s, err
}

// once makes one connection over x, which it may have been for others before, and returns the
// time of each end.
func (e *ends) once(x *exchange) ([2]time.Duration, error) {
	x.reset()
	_, _, err := e.pair(x.end(clientEnd), x.end(serverEnd), x)
	return x.spent, err
}

func (s *stack) Handshakes(h Handshake, d time.Duration) (r Shares, err error) {
	e, err := s.ready(h)
	if err != nil {
		return r, err
	}
	x := newExchange(false)              // for all connections: its memory is none of theirs
	if _, err := e.once(x); err != nil { // which leaves a session
		return r, err
	}
	n := 0.0
	start := time.Now()
	for time.Since(start) < d {
		if _, err := e.once(x); err != nil {
			return r, err
		}
		n++
	}
	r.PerSecond = n / time.Since(start).Seconds()
	n, x.timed = 0, true
	for start = time.Now(); time.Since(start) < d; n++ {
		spent, err := e.once(x)
		if err != nil {
			return r, err
		}
		r.Client += float64(spent[clientEnd]) / 1e3
		r.Server += float64(spent[serverEnd]) / 1e3
	}
	r.Client, r.Server = r.Client/n, r.Server/n
	return r, nil
}

// usual is the handshake of what measures something else.
var usual = Handshake{Key: "p256", Chain: 1, Group: iana.X25519}

// connect makes a usual connection.
func (s *stack) connect(over Transport) (c, srv conn, err error) {
	e, err := s.ready(usual)
	if err != nil {
		return nil, nil, err
	}
	x := newExchange(false)
	var near, far net.Conn = x.end(clientEnd), x.end(serverEnd)
	if over != Memory {
		if near, far, err = tcpPipe(); err != nil {
			return nil, nil, err
		}
	}
	return e.pair(near, far, x)
}

// chunk is how much is written at once.
const chunk = 16 << 10

func (s *stack) Bulk(over Transport, d time.Duration) (float64, error) {
	if over == Alone && s.alone == nil {
		return 0, errors.ErrUnsupported
	}
	if over == Alone {
		return s.alone(d)
	}
	c, srv, err := s.connect(over)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	defer srv.Close()
	start := time.Now()
	go func() {
		send(c, over, source{start.Add(d)})
		c.CloseWrite()
	}()
	n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{srv},
		make([]byte, 64<<10))
	return float64(n) / 1e6 / time.Since(start).Seconds(), err
}

// send sends what src has: 16 KiB at a time, or as io.Copy does it.
func send(c conn, over Transport, src source) {
	if over == Copied {
		_, _ = io.Copy(c, src)
		return
	}
	data := make([]byte, chunk)
	for {
		n, err := src.Read(data)
		if err == nil {
			_, err = c.Write(data[:n])
		}
		if err != nil {
			return
		}
	}
}

// A source has bytes until a time. It writes none, so that it takes no time.
type source struct{ until time.Time }

func (s source) Read(p []byte) (int, error) {
	if time.Now().After(s.until) {
		return 0, io.EOF
	}
	return len(p), nil
}

func (s *stack) Trips(d time.Duration) (float64, error) {
	c, srv, err := s.connect(Loopback)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	defer srv.Close()
	go echo(srv, chunk)
	data := make([]byte, 64)
	n := 0.0
	start := time.Now()
	for ; time.Since(start) < d; n++ {
		if err := trip(c, data); err != nil {
			return 0, err
		}
	}
	return n / time.Since(start).Seconds(), nil
}

func echo(s net.Conn, size int) {
	buf := make([]byte, size)
	for {
		n, err := s.Read(buf)
		if err != nil {
			return
		}
		if _, err := s.Write(buf[:n]); err != nil {
			return
		}
	}
}

func trip(c net.Conn, data []byte) error {
	if _, err := c.Write(data); err != nil {
		return err
	}
	_, err := io.ReadFull(c, data)
	return err
}

func (s *stack) FirstByte(h Handshake, d time.Duration) (float64, error) {
	e, err := s.ready(h)
	if err != nil {
		return 0, err
	}
	l, addr, err := e.serve(func(c net.Conn) {
		b := make([]byte, 1)
		if _, err := e.read(c, b); err == nil {
			_, _ = c.Write(b)
			_, _ = c.Read(b) // the end
		}
	})
	if err != nil {
		return 0, err
	}
	defer l.Close()
	var took []float64
	for start := time.Now(); time.Since(start) < d; {
		t := time.Now()
		c, err := e.dial(addr, []byte("x"))
		if err != nil {
			return 0, err
		}
		_, err = io.ReadFull(c, make([]byte, 1))
		took = append(took, float64(time.Since(t))/1e3)
		c.Close()
		if err != nil {
			return 0, err
		}
	}
	return MedianOf(took[min(1, len(took)-1):]), nil // the first has no session
}

func (s *stack) Cost(h Handshake) (c Costs, err error) {
	e, err := s.ready(h)
	if err != nil {
		return c, err
	}
	const n = 100
	var before, after runtime.MemStats
	x := newExchange(false) // one for all: it is no part of a handshake
	near, far := x.end(clientEnd), x.end(serverEnd)
	for i := range 2 * n {
		if i == n {
			runtime.ReadMemStats(&before)
		}
		if _, _, err := e.pair(near, far, x); err != nil {
			return c, err
		}
	}
	runtime.ReadMemStats(&after)
	c.Objects = float64(after.Mallocs-before.Mallocs) / n
	c.Bytes = float64(after.TotalAlloc-before.TotalAlloc) / n
	x = newExchange(false)
	if _, _, err = e.pair(x.end(clientEnd), x.end(serverEnd), x); err != nil {
		return c, err
	}
	c.Client, c.Server = x.sent(clientEnd), x.sent(serverEnd)
	return c, nil
}

func (s *stack) Idle(style Style, connections int) (float64, error) {
	if style == Loop {
		if s.loops == nil {
			return 0, errors.ErrUnsupported
		}
		return s.loops(connections)
	}
	e, err := s.ready(usual)
	if err != nil {
		return 0, err
	}
	l, addr, err := e.serve(func(c net.Conn) { echo(c, 64) })
	if err != nil {
		return 0, err
	}
	defer l.Close()
	goroutines(2*(connections+warm) + 100)
	var before float64
	for i := range connections + warm {
		if i == warm {
			rest()
			before = heap()
		}
		c, err := e.dial(addr, make([]byte, 64))
		if err != nil {
			return 0, err
		}
		defer c.Close()
		if _, err := io.ReadFull(c, make([]byte, 64)); err != nil {
			return 0, err
		}
		go c.Read(nothing)
	}
	rest()
	return (heap() - before) / float64(2*connections), nil
}

// nothing is the buffer of reads that nothing comes for.
var nothing = make([]byte, 1)

// rest waits until all goroutines wait in their reads, and makes our connections rest, as they
// do when they have waited for some seconds.
func rest() {
	for range 3 {
		time.Sleep(50 * time.Millisecond)
		stream.SweepAll()
	}
}

// goroutines makes the runtime have n of them, whose memory it keeps for others: the heap of a
// goroutine is not that of a connection.
func goroutines(n int) {
	var started, end sync.WaitGroup
	begin := make(chan struct{})
	for range n {
		started.Add(1)
		end.Go(func() {
			started.Done()
			<-begin
		})
	}
	started.Wait()
	close(begin)
	end.Wait()
}

// serve starts a real listener and calls do with each connection.
func (e *ends) serve(do func(net.Conn)) (l net.Listener, addr string, err error) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	if l, err = e.listen(inner); err != nil {
		inner.Close()
		return nil, "", err
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				do(c)
			}()
		}
	}()
	return l, inner.Addr().String(), nil
}

// warm is how many connections come before those that are counted.
const warm = 20

func heap() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}
