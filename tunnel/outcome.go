package tunnel

import (
	"errors"
	"io"
	"sync"
	"time"
)

// An outcome collects the results of the directions of a pair that runs.
type outcome struct {
	p   *pair
	all sync.WaitGroup // of directions that run

	mu      sync.Mutex
	running int
	first   error
	stopped bool
	late    *time.Timer
}

// report takes the result of a direction. It cuts the connections after an error, except that
// what a side sent before it stopped reading has time to arrive.
func (o *outcome) report(err error) {
	o.mu.Lock()
	cut := false
	switch {
	case err == nil:
	case errors.Is(err, errStopped):
		o.stopped = true
	case o.first == nil && atSending(err):
		o.first, o.late = err, time.AfterFunc(cutTime, o.p.cut)
	default:
		o.first, cut = clearer(o.first, err), true
	}
	o.mu.Unlock()
	if cut {
		o.p.cut()
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.running--
	o.all.Done()
}

// interrupt cuts the connections for a reason, if a direction runs still.
func (o *outcome) interrupt(why error) {
	o.mu.Lock()
	running := o.running > 0
	if running {
		o.first = why
	}
	o.mu.Unlock()
	if running {
		o.p.cut()
	}
}

// result is that of the pair, once no direction runs.
func (o *outcome) result() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.late != nil {
		o.late.Stop()
	}
	switch {
	case o.first == nil && o.stopped:
		return errStopped
	case o.first != nil:
		o.p.cut()
	}
	return o.first
}

// discard receives what can no longer be sent, since closing with unread input would cut off what
// is sent to that end. A peer that does not end in time is cut for the reason.
func (p *pair) discard(d *direction, why error) {
	late := time.AfterFunc(cutTime, func() { p.interrupt(why) })
	defer late.Stop()
	io.Copy(io.Discard, onlyReader{d.from.conn})
}

// onlyReader hides the WriteTo of a connection, which takes no small steps.
type onlyReader struct{ io.Reader }
