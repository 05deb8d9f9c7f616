package datagram

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// New returns a connection over raw, a socket that is connected to the peer and keeps datagrams
// apart. It takes raw over. Start gives it its engine.
func New(raw net.Conn) *Conn {
	return newConn(&socketPath{Conn: raw}, new(atomic.Int64))
}

// A socketPath is a socket of one connection.
type socketPath struct {
	net.Conn
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

// A client's socket receives from one address alone.
func (p *socketPath) route() route               { return route{} }
func (p *socketPath) sendTo(route, []byte) error { return nil }
func (p *socketPath) move(route)                 {}

func (p *socketPath) forget(*Conn) error     { return p.Close() }
func (p *socketPath) timers() *timers        { return &p.clock }
func (p *socketPath) netConn(*Conn) net.Conn { return p.Conn }

// receive reads the socket until it is closed.
func (p *socketPath) receive(c *Conn) {
	buf := make([]byte, largestDatagram)
	for pause := time.Duration(0); ; {
		n, err := p.Read(buf)
		switch {
		case err == nil:
			pause = 0
			c.feed(buf[:n])
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

// Pauses after an error of a socket.
const (
	shortestPause = time.Millisecond
	longestPause  = time.Second
)

func longer(pause time.Duration) time.Duration {
	return min(max(2*pause, shortestPause), longestPause)
}
