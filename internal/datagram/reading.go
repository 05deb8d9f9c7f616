package datagram

import (
	"context"
	"errors"
	"net"
	"time"
)

// read waits until take reports that it has taken what it is for, or returns an error. The inbox is
// locked meanwhile.
func (c *Conn) read(take func() (bool, error)) error {
	if err := c.Handshake(context.Background()); err != nil {
		return err
	}
	c.reading.Lock()
	defer c.endRead()
	p, _ := c.path.(*socketPath)
	for alarm := (*time.Timer)(nil); ; {
		c.in.mu.Lock()
		ok, err := take()
		by := c.in.readBy
		if !ok && err == nil {
			err = c.overdue("read", by)
		}
		if ok || err != nil {
			c.in.mu.Unlock()
			return err
		}
		if p != nil && !p.running.Load() {
			p.fetch(c, by)
			continue
		}
		changed := c.in.change()
		c.in.mu.Unlock()
		alarm = sleep(context.Background(), changed, by, alarm)
	}
}

// endRead ends what read has begun. A connection that has ended needs its socket no more.
func (c *Conn) endRead() {
	p, ok := c.path.(*socketPath)
	if !ok || p.running.Load() {
		c.reading.Unlock()
		return
	}
	ended := c.in.ended() != nil
	if ended {
		p.free()
	}
	c.reading.Unlock()
	if !ended && p.watched.CompareAndSwap(false, true) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.armed {
			p.watch = time.Now().Add(watchTime)
			c.path.timers().set(c, c.due())
		}
	}
}

// fetch waits for datagrams until a time, or until something has changed, and uses them. Its caller
// holds Conn.reading. The inbox is locked before, and not afterwards.
func (p *socketPath) fetch(c *Conn, by time.Time) {
	if !p.until(by) {
		p.run(c)
		c.in.mu.Unlock()
		return
	}
	c.in.reader = p
	c.in.mu.Unlock()
	run, err := p.read()
	late := err != nil && expired(err)
	p.interrupted(c, late)
	switch {
	case err == nil:
		p.pause = 0
		p.reads += 1 + len(run.Bytes)/(run.Size+1)
		c.feedRun(run)
	case late:
	case errors.Is(err, net.ErrClosed):
		c.lost()
	default:
		c.refuse(err)
		p.pause = longer(p.pause)
		c.in.mu.Lock()
		changed := c.in.change()
		c.in.mu.Unlock()
		sleep(context.Background(), changed, earlier(by, time.Now().Add(p.pause)), nil)
	}
}

// When a goroutine begins to read the socket of an open connection.
const (
	// watchTime is how long no Read has read it. What the peer sends waits in the socket meanwhile:
	// also key updates and the acknowledgment of a flight, for which timers run for a second.
	watchTime = 50 * time.Millisecond
	// manyReads is how many datagrams have come within a watchTime. The goroutine keeps more
	// messages between two Reads than the buffer of a socket.
	manyReads = 64
)

// look begins to read the socket in a goroutine, until it is closed, if no Read has read it within
// the last watchTime, or if very much came. While a Read waits it leaves that to the next look.
func (p *socketPath) look(c *Conn, now time.Time) {
	c.mu.Lock()
	due := c.armed && !p.watch.IsZero() && !now.Before(p.watch)
	if due {
		p.watch = time.Time{}
		p.watched.Store(false) // before TryLock: endRead looks at it behind Unlock
	}
	c.mu.Unlock()
	if !due || p.running.Load() || !c.reading.TryLock() {
		return
	}
	defer c.reading.Unlock()
	n := p.reads
	p.reads = 0
	if n == 0 || n >= manyReads {
		p.start(c)
		return
	}
	p.watched.Store(true)
	c.mu.Lock()
	p.watch = now.Add(watchTime) // expire sets the timer
	c.mu.Unlock()
}

// start begins the goroutine on an open connection. Its caller holds Conn.reading.
func (p *socketPath) start(c *Conn) {
	c.in.mu.Lock()
	p.until(time.Time{})
	c.in.mu.Unlock()
	p.run(c)
}
