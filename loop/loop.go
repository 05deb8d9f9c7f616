package loop

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/sealsock/sealsock/engine"
)

const (
	// readSize is what one call reads at most: four of the largest records.
	readSize = 4 * engine.MaxRecord
	// turns is how often one connection is read before the others have their turn.
	turns = 4
	// lingering is how many seconds a connection is still read, and the data dropped,
	// after a fatal alert: closing it at once would reset it before the peer has read
	// the alert.
	lingering = 2
	// restAfter is for how many seconds a connection is quiet before it gives back the
	// memory of its keys. Making them again takes a microsecond.
	restAfter = 5
)

// A loop is one goroutine with a poller and its connections. What has no lock belongs
// to the goroutine.
type loop struct {
	opts  *Options
	poll  *poller
	conns map[int32]*Conn
	quiet queue // those in conns, by their last activity
	count atomic.Int32
	start time.Time
	now   uint32 // seconds since start
	swept uint32

	buf    []byte  // for reading
	output buffers // for output
	parts  buffers // each for a record
	again  []*Conn // to be continued without an event
	dirty  []*Conn // have output that was not written yet

	mu      sync.Mutex
	tasks   []func()
	stopped bool
}

func newLoop(opts *Options) (*loop, error) {
	p, err := newPoller()
	if err != nil {
		return nil, err
	}
	return &loop{
		opts: opts, poll: p, conns: map[int32]*Conn{}, start: time.Now(),
		buf: make([]byte, readSize),
	}, nil
}

// post has a function called by the loop. It returns false once the loop is stopped.
func (l *loop) post(f func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return false
	}
	l.tasks = append(l.tasks, f)
	l.poll.wake()
	return true
}

// stop ends the loop after what was posted before.
func (l *loop) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopped = true
	l.poll.wake()
}

// take returns what was posted, and whether the loop is stopped.
func (l *loop) take() (tasks []func(), stopped bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	tasks, l.tasks = l.tasks, nil
	return tasks, l.stopped
}

func (l *loop) run() {
	for {
		limit := 1000
		switch {
		case len(l.again) > 0:
			limit = 0
		case len(l.conns) == 0:
			limit = -1
		}
		if err := l.poll.wait(limit, l.changed); err != nil {
			l.end(err)
			return
		}
		l.now = uint32(time.Since(l.start) / time.Second)
		again := l.again
		l.again = nil
		for _, c := range again {
			c.queued = false
			c.turn()
		}
		tasks, stopped := l.take()
		for _, f := range tasks {
			f()
		}
		for len(l.dirty) > 0 {
			dirty := l.dirty
			l.dirty = nil
			for _, c := range dirty {
				c.unsent = false
				c.guarded(c.flush)
			}
		}
		l.sweep()
		if stopped {
			l.end(ErrClosed)
			return
		}
	}
}

// end closes everything and the poller.
func (l *loop) end(err error) {
	l.mu.Lock()
	l.stopped = true
	tasks := l.tasks
	l.tasks = nil
	l.mu.Unlock()
	for _, f := range tasks {
		f()
	}
	for _, c := range l.conns {
		if !c.over && !c.asking {
			_ = c.engine.CloseWrite()
			c.writeOut()
		}
		c.finish(err)
		c.release()
	}
	l.poll.close()
}

// changed notes what the poller found about a connection.
func (l *loop) changed(r ready) {
	c := l.conns[r.fd]
	if c == nil {
		return
	}
	c.readable = c.readable || r.readable
	c.writable = c.writable || r.writable
	c.hungUp = c.hungUp || r.hungUp
	c.turn()
}

// open begins with a connection. data was decrypted before it came here.
func (l *loop) open(c *Conn, data []byte) {
	l.conns[c.fd] = c
	l.count.Add(1)
	c.touch()
	c.guarded(func() {
		c.handler.OnOpen(c)
		if len(data) > 0 && !c.over {
			c.handler.OnData(c, data)
		}
	})
	if err := l.poll.add(int(c.fd)); err != nil {
		c.fail(err)
		return
	}
	c.turn()
}

// sweep ends connections that were quiet, or whose peers take nothing, for too long.
func (l *loop) sweep() {
	if l.now == l.swept {
		return
	}
	l.swept = l.now
	if l.opts.IdleTimeout > 0 {
		limit := seconds(l.opts.IdleTimeout)
		for c := l.quiet.first; c != nil && l.now-c.active > limit; c = l.quiet.first {
			c.touch() // it is not the first any more, whatever happens
			c.end(timedOut(ErrIdle))
		}
	}
	for _, c := range l.conns {
		l.check(c)
	}
}

// check ends a connection that has lingered long enough, or whose peer takes nothing.
func (l *loop) check(c *Conn) {
	if c.over {
		if l.now-c.active > lingering {
			c.release()
		}
		return
	}
	if !c.resting && l.now-c.active >= restAfter {
		c.giveBack()
	}
	waits := !c.asking && len(c.engine.Output()) > 0
	if limit := l.opts.WriteTimeout; limit > 0 && waits && l.now-c.taken > seconds(limit) {
		c.end(timedOut(ErrWriteTimeout))
	}
}

// seconds rounds up.
func seconds(d time.Duration) uint32 { return uint32((d + time.Second - 1) / time.Second) }

// A queue is a list of connections, the one that was quiet for longest first.
type queue struct{ first, last *Conn }

func (q *queue) remove(c *Conn) {
	if c.prev != nil {
		c.prev.next = c.next
	} else if q.first == c {
		q.first = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	} else if q.last == c {
		q.last = c.prev
	}
	c.prev, c.next = nil, nil
}

func (q *queue) push(c *Conn) {
	if c.prev = q.last; c.prev != nil {
		c.prev.next = c
	} else {
		q.first = c
	}
	q.last = c
}
