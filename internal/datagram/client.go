package datagram

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sealsock/sealsock/internal/udpbatch"
)

// New returns a connection over raw, a socket that is connected to the peer and keeps datagrams
// apart. It takes raw over. Start gives it its engine.
func New(raw net.Conn) *Conn {
	p := &socketPath{Conn: raw}
	if udp, ok := raw.(*net.UDPConn); ok {
		p.udp = udpbatch.New(udp)
	}
	return newConn(p, new(atomic.Int64))
}

// A socketPath is a socket of one connection.
type socketPath struct {
	net.Conn
	udp   *udpbatch.Conn // Conn, if it is one of UDP
	clock timers
	once  sync.Once
}

// largestDatagram is the size of the buffer that datagrams are read into: the largest of UDP.
const largestDatagram = 1<<16 - 1

func (p *socketPath) begin(c *Conn) { p.once.Do(func() { go p.receive(c) }) }

func (p *socketPath) opened() {}

func (p *socketPath) send(datagram []byte) error {
	_, err := p.Write(datagram)
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

func (p *socketPath) forget(*Conn) error     { return p.Close() }
func (p *socketPath) timers() *timers        { return &p.clock }
func (p *socketPath) netConn(*Conn) net.Conn { return p.Conn }

// receive reads the socket until it is closed.
func (p *socketPath) receive(c *Conn) {
	read := p.reader(c)
	for pause := time.Duration(0); ; {
		err := read()
		switch {
		case err == nil:
			pause = 0
		case errors.Is(err, net.ErrClosed):
			c.lost()
			return
		default:
			c.refuse(err)
			pause = longer(pause)
			time.Sleep(pause)
		}
	}
}

// reader returns a function that waits for datagrams and feeds them to c.
func (p *socketPath) reader(c *Conn) func() error {
	if p.udp != nil {
		r := p.udp.NewReader(1)
		feed := func(_ netip.AddrPort, datagram []byte) { c.feed(datagram) }
		return func() error { return r.Read(feed) }
	}
	buf := make([]byte, largestDatagram)
	return func() error {
		n, err := p.Read(buf)
		if err == nil {
			c.feed(buf[:n])
		}
		return err
	}
}

// Pauses after an error of a socket.
const (
	shortestPause = time.Millisecond
	longestPause  = time.Second
)

func longer(pause time.Duration) time.Duration {
	return min(max(2*pause, shortestPause), longestPause)
}
