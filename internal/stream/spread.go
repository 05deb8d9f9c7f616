package stream

import (
	"runtime"
	"sync/atomic"

	"github.com/sealsock/sealsock/engine"
)

// A large Write is sealed on several processors: one batch of records each, in order of their
// numbers, and written in that order. The number of goroutines that help is bounded for all
// connections together, so that connections which share the processors evenly do not wake
// helpers for each other.

const (
	// spreadSize is the least size of a Write that is spread. Waking a helper costs as much as
	// sealing some 20 KB.
	spreadSize = 256 << 10
	// maxHelpers is how many goroutines help one Write.
	maxHelpers = 3
)

// helping is the number of goroutines that help a Write, of all connections.
var helping atomic.Int32

// takeHelpers returns how many goroutines may help, at most n. They are given back by adding
// to helping.
func takeHelpers(n int) int {
	limit := int32(runtime.GOMAXPROCS(0) - 1)
	for {
		busy := helping.Load()
		take := min(int32(n), limit-busy)
		if take <= 0 {
			return 0
		}
		if helping.CompareAndSwap(busy, busy+take) {
			return int(take)
		}
	}
}

// A spreadJob is a batch of records.
type spreadJob struct {
	records *engine.Reserved
	data    []byte
	buf     *buffer
	sealed  []byte // inside buf.b, or longer
	err     error
	done    chan struct{} // receives a value once it is sealed
}

func (j *spreadJob) seal() {
	j.sealed, j.err = j.records.Seal(j.sealed, j.data)
	j.records = nil
	j.done <- struct{}{}
}

// A spread is a Write under way on several processors.
type spread struct {
	c    *Conn
	jobs []spreadJob     // a ring
	work chan *spreadJob // those that nothing seals yet
	// first is the number of the oldest job that was not delivered, and next that of the job
	// that comes next. Their places in the ring are the remainders.
	first, next int
}

// writeSpread is write for a large p, with as many helpers as it was given. The sending half is
// held.
func (c *Conn) writeSpread(p []byte, helpers int) (n int, err error) {
	depth := 2 * (helpers + 1)
	s := &spread{c: c, jobs: make([]spreadJob, depth), work: make(chan *spreadJob, depth)}
	for i := range s.jobs {
		s.jobs[i].done = make(chan struct{}, 1)
	}
	for range helpers {
		go func() {
			defer helping.Add(-1)
			for j := range s.work {
				j.seal()
			}
		}()
	}
	defer close(s.work)
	for len(p) > 0 || s.first < s.next {
		if len(p) > 0 && s.next-s.first < depth {
			chunk := p[:min(len(p), batch*c.out.send.MaxData())]
			if err := s.add(chunk); err != nil {
				return n, err
			}
			n += len(chunk)
			p = p[len(chunk):]
			continue
		}
		if err := s.deliver(); err != nil {
			return n, c.transport("write", err)
		}
	}
	return n, nil
}

// add begins with a batch of data, behind what is in the mailbox. If that fails, what was
// begun before is sent, and the connection has ended.
func (s *spread) add(data []byte) error {
	out := &s.c.out
	buf := getBuffer(bufferSize)
	sealed, err := out.apply(buf.b[:0])
	if err == nil {
		j := &s.jobs[s.next%len(s.jobs)]
		if j.records = out.send.Reserve(len(data)); j.records != nil {
			j.data, j.buf, j.sealed, j.err = data, buf, sealed, nil
			s.next++
			s.work <- j
			return nil
		}
		// A new key is due, for example.
		if sealed, err = out.sealData(sealed, data); err == nil {
			j.buf, j.sealed, j.err = buf, sealed, nil
			s.next++
			j.done <- struct{}{}
			return nil
		}
	}
	defer putBuffer(buf)
	for s.first < s.next {
		if err := s.deliver(); err != nil {
			break // what is left waits in front of sealed
		}
	}
	return s.c.sealing(sealed, err)
}

// deliver writes the oldest batch. After a failure all that are left are kept, in their order:
// their numbers are used.
func (s *spread) deliver() error {
	out := &s.c.out
	j := s.oldest()
	err := j.err
	if err == nil {
		err = out.deliver(s.c.raw, j.sealed)
	}
	putBuffer(j.buf)
	if err == nil {
		return nil
	}
	for s.first < s.next {
		j := s.oldest()
		out.unsent = append(out.unsent, j.sealed...)
		putBuffer(j.buf)
	}
	return err
}

// oldest takes the oldest batch once it is sealed, and seals others meanwhile.
func (s *spread) oldest() *spreadJob {
	j := &s.jobs[s.first%len(s.jobs)]
	s.first++
	for {
		select {
		case <-j.done:
			return j
		default:
		}
		select {
		case <-j.done:
			return j
		case other := <-s.work:
			other.seal()
		}
	}
}
