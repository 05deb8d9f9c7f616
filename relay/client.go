package relay

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/sealsock/sealsock/message"
)

// A client is one connection to the relay.
type client struct {
	server   *Server
	limits   Limits
	conn     net.Conn
	messages *message.Conn

	credit  float64 // bytes it may send now
	counted time.Time

	mu      sync.Mutex
	queue   []*Message
	size    int   // cost of what is queued
	notices int   // of it, what may not be lost
	reason  error // why it ends; the first one counts
	filled  chan struct{}
	over    chan struct{} // closed with the reason
	written chan struct{} // the writer has ended
}

// oneBatch is how many bytes of messages are sent under one deadline, about.
const oneBatch = 128 << 10

// leastQueue is how many bytes may wait for a client when too many wait for all together, and
// as many again of what it must be told.
const leastQueue = 64 << 10

// cost is what a message of n bytes counts for the rate of its sender.
func cost(n int) int { return n + 64 }

// cost is what a queued message counts: its bytes, and the memory for the rest of it.
func (m *Message) cost() int {
	const rest = 160
	return rest + 1 + memberSize + len(m.Payload) + memberSize*len(m.Members)
}

// post queues a message for the client. It never waits. A payload that exceeds the queue is
// dropped. Members that are not told who is present cannot follow: for any other message
// the connection ends. It implements Sink.
func (c *client) post(m *Message) bool {
	if m.Kind == KindError {
		c.end(&Error{m.Code})
		return false
	}
	c.mu.Lock()
	size := len(m.Payload) // the writer takes the message
	full := c.full(m)
	ended := c.reason != nil
	if !full && !ended {
		c.queue = append(c.queue, m)
		c.count(m, m.cost())
	}
	c.mu.Unlock()
	switch {
	case full && !m.mayBeLost():
		c.end(&Error{CodeSlow})
	case !full && !ended && m.Kind == KindDeliver:
		c.server.delivered.Add(1)
		c.server.bytes.Add(int64(size))
	case m.Kind == KindUndeliverable:
		c.server.undeliverable.Add(1)
	}
	c.wake()
	return !full && !ended
}

// mayBeLost reports whether a client can follow without the message.
func (m *Message) mayBeLost() bool {
	return m.Kind == KindDeliver || m.Kind == KindUndeliverable || m.Kind == KindPong
}

// full reports whether too much waits for the client, or for all clients together, for another
// message. The caller holds the lock.
func (c *client) full(m *Message) bool {
	size := c.size + m.cost()
	crowded := c.server.waiting.Load()+int64(m.cost()) > int64(c.limits.Waiting)
	switch {
	case size > c.limits.Queue:
		return true
	case m.mayBeLost():
		return crowded && size > leastQueue
	default: // others join and leave as often as they like
		return crowded && c.notices > leastQueue
	}
}

// count counts n bytes of m more that wait. The caller holds the lock.
func (c *client) count(m *Message, n int) {
	c.size += n
	if !m.mayBeLost() {
		c.notices += n
	}
	c.server.waiting.Add(int64(n))
}

func (c *client) wake() {
	select {
	case c.filled <- struct{}{}:
	default:
	}
}

// end ends the connection for a reason, without waiting for it. The client is told the
// reason if it is an *Error.
func (c *client) end(reason error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reason != nil {
		return
	}
	c.reason = reason
	var told *Error
	if errors.As(reason, &told) {
		c.queue = []*Message{{Kind: KindError, Code: told.Code}}
		c.count(c.queue[0], c.queue[0].cost())
	}
	close(c.over)
	c.conn.SetReadDeadline(time.Unix(1, 0))
	c.wake()
}

func (c *client) cause() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reason
}

// finish waits until the reason was sent, for a second at most, and closes the connection.
// A socket that is closed with unread data would drop the reason.
func (c *client) finish() {
	c.conn.SetDeadline(time.Now().Add(time.Second))
	<-c.written
	c.mu.Lock()
	c.server.waiting.Add(-int64(c.size)) // what was not sent
	c.size, c.notices = 0, 0
	c.mu.Unlock()
	var told *Error
	half, ok := c.conn.(interface{ CloseWrite() error })
	if ok && errors.As(c.cause(), &told) && half.CloseWrite() == nil {
		io.Copy(io.Discard, io.LimitReader(c.conn, 4*maxMessage))
	}
	c.conn.Close()
}

// write sends what is queued.
func (c *client) write() {
	defer close(c.written)
	var out outgoing
	for {
		<-c.filled
		c.mu.Lock()
		queue, ended := c.queue, c.reason != nil
		c.queue = nil
		c.mu.Unlock()
		for len(queue) > 0 {
			n := batchOf(queue)
			if !c.send(&out, queue[:n]) {
				return
			}
			clear(queue[:n]) // the rest may wait for long
			queue = queue[n:]
		}
		if ended {
			return
		}
	}
}

// batchOf returns how many messages of a queue are sent together.
func batchOf(queue []*Message) int {
	size := 0
	for i, m := range queue {
		if size += m.cost(); size > oneBatch {
			return max(i, 1)
		}
	}
	return len(queue)
}

// send sends messages. After the end only the reason is sent, which finish bounds.
func (c *client) send(out *outgoing, batch []*Message) bool {
	c.mu.Lock()
	for _, m := range batch {
		c.count(m, -m.cost())
	}
	ended := c.reason != nil
	if !ended {
		c.conn.SetWriteDeadline(time.Now().Add(c.limits.Writing))
	}
	c.mu.Unlock()
	if ended && batch[0].Kind != KindError { // an error is alone in its queue
		return true
	}
	err := out.send(c.messages, batch...)
	for _, m := range batch {
		m.Release()
	}
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		err = &Error{CodeSlow}
	}
	if err != nil {
		c.end(err)
	}
	return err == nil
}

// receive receives a message of the client, at its rate.
func (c *client) receive(patience time.Duration) (*Message, error) {
	if err := c.pace(); err != nil {
		return nil, err
	}
	c.mu.Lock()
	if c.reason == nil {
		c.conn.SetReadDeadline(time.Now().Add(patience))
	}
	c.mu.Unlock()
	b, err := c.messages.Receive(nil)
	c.credit -= float64(cost(len(b)))
	var timeout net.Error
	switch {
	case c.cause() != nil:
		return nil, c.cause()
	case errors.Is(err, message.ErrTooLong):
		return nil, &Error{CodeProtocol}
	case errors.As(err, &timeout) && timeout.Timeout():
		return nil, &Error{CodeIdle}
	case err != nil:
		return nil, err
	}
	m, err := parseOwned(b)
	if errors.Is(err, ErrMalformed) {
		err = &Error{CodeProtocol}
	}
	return m, err
}

// pace waits until the client may send again.
func (c *client) pace() error {
	now := time.Now()
	c.credit += now.Sub(c.counted).Seconds() * float64(c.limits.Rate)
	c.credit, c.counted = min(c.credit, float64(c.limits.Burst)), now
	if c.credit >= 0 {
		return nil
	}
	wait := time.NewTimer(time.Duration(-c.credit / float64(c.limits.Rate) * float64(time.Second)))
	defer wait.Stop()
	select {
	case <-wait.C:
		return nil
	case <-c.over:
		return c.cause()
	}
}
