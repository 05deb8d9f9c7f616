package stream

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sealsock/sealsock/engine"
)

// late is the state of a server's requests for the client's certificate.
type late struct {
	sync.Mutex
	inbox   []*engine.LateRequest    // for the receiving half
	waiting map[string]chan struct{} // by context, closed with the answer
	full    atomic.Bool              // something is in inbox
	asked   int32                    // requests that are not answered yet
}

// maxHeld bounds the application data that is kept while a request waits for its
// answer and no Read is under way. At the bound, the answer has to wait for a Read.
const maxHeld = 1 << 20

// lateTurn is how long no Read must have been called before a waiter reads by itself.
const lateTurn = 5 * time.Millisecond

// RequestClientCertificate asks, on a server, for the client's certificate and waits for
// the answer. If no Read is under way, it reads by itself and keeps the data.
func (c *Conn) RequestClientCertificate(ctx context.Context) error {
	answered := make(chan struct{})
	var request *engine.LateRequest
	err := c.control(ctx, func(s *engine.Sender, dst []byte) ([]byte, error) {
		c.late.Lock()
		defer c.late.Unlock()
		if c.late.asked >= engine.MaxLateRequests {
			return dst, errAsked
		}
		dst, q, err := s.RequestCertificate(dst)
		if err != nil {
			return dst, err
		}
		request = q
		c.late.asked++
		if c.late.waiting == nil {
			c.late.waiting = map[string]chan struct{}{}
		}
		c.late.inbox = append(c.late.inbox, q)
		c.late.full.Store(true)
		c.late.waiting[string(q.Context)] = answered
		return dst, nil
	})
	if err != nil {
		return err
	}
	defer func() {
		c.late.Lock()
		defer c.late.Unlock()
		delete(c.late.waiting, string(request.Context))
	}()
	return c.awaitAnswer(ctx, answered)
}

var errAsked = &engine.Error{
	Fault: engine.FaultUsage, Reason: "the client did not answer earlier requests for its certificate",
	Hint: "close the connection",
}

// awaitAnswer waits for the reader to see the answer, and reads if there is no
// reader.
func (c *Conn) awaitAnswer(ctx context.Context, answered <-chan struct{}) error {
	turn := time.NewTicker(lateTurn)
	defer turn.Stop()
	for reads := c.in.begun.Load(); ; reads = c.in.begun.Load() {
		select {
		case <-answered:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-turn.C:
			if err := c.brokenBy(); err != nil {
				return err
			}
		}
		if c.in.readers() || c.in.begun.Load() != reads || !c.in.TryLock() {
			continue // there is a reader
		}
		err := c.readAnswer(ctx, answered)
		c.in.Unlock()
		if err != nil {
			return err
		}
	}
}

// readAnswer reads until the answer is there, or another goroutine calls Read, and
// keeps application data.
func (c *Conn) readAnswer(ctx context.Context, answered <-chan struct{}) error {
	release := c.interruptible(ctx, true, false)
	defer release()
	for {
		select {
		case <-answered:
			return nil
		default:
		}
		if c.in.readers() {
			return nil // let it read
		}
		if len(c.in.plain) > 0 {
			if len(c.in.held)+len(c.in.plain) > maxHeld {
				return nil // a Read has to take some of it first
			}
			c.in.held = append(c.in.held, c.in.plain...)
			c.in.plain = nil
		}
		if err := c.next(true, nil); err != nil {
			if ctx.Err() == nil && isTimeout(err) {
				return nil // a reader's deadline, and not ours
			}
			return c.interrupted(ctx, err)
		}
	}
}

// expect passes new requests to the engine, so that it accepts their answers.
func (c *Conn) expect() error {
	if !c.late.full.Load() {
		return nil
	}
	c.late.Lock()
	defer c.late.Unlock()
	for len(c.late.inbox) > 0 {
		q := c.late.inbox[0]
		c.late.inbox = c.late.inbox[1:]
		if err := c.in.recv.Expect(q); err != nil {
			return err
		}
	}
	c.late.full.Store(false)
	return nil
}

// answered wakes the goroutine that waits for an answer.
func (c *Conn) answered(context []byte) {
	c.late.Lock()
	defer c.late.Unlock()
	c.late.asked--
	if ch := c.late.waiting[string(context)]; ch != nil {
		close(ch)
		delete(c.late.waiting, string(context))
	}
}
