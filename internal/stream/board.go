package stream

import (
	"math/bits"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sealsock/sealsock/engine"
)

const (
	// maxHelpers is how many goroutines help one Write.
	maxHelpers = 3
	// boardSize is how many shares of a Write are numbered and not sent yet.
	boardSize = 2 * (maxHelpers + 1)
	// worthHelp is how many shares wait at least when a helper is started.
	worthHelp = 3
	// maxLinger bounds the time that a helper looks for work, and patience that in which a writer
	// looks for the end of a share before it blocks.
	maxLinger = 30 * time.Microsecond
	patience  = 20 * time.Microsecond
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

// A share is a batch of records.
type share struct {
	records engine.Reserved
	data    []byte // nil if it is sealed already
	buf     *buffer
	sealer  int    // of which buf is
	sealed  []byte // inside buf.b, or longer
	err     error
	done    atomic.Bool // the others are the writer's again
}

// A board has the shares of a Write under way, where goroutines find them: the writer, which is
// the sealer of the number 0, and helpers. It is used by one Write at a time, and its helpers may
// find the shares of the next one.
type board struct {
	shares  [boardSize]share // a ring
	first   uint64           // number of the oldest share that was not sent
	helpers atomic.Uint32    // a bit for each sealer that runs
	faults  bool             // whether a fault panics in the goroutine of the Write
	shelves [1 + maxHelpers]shelf

	_         [64]byte      // what follows changes often
	published atomic.Uint64 // number of the next share
	taken     atomic.Uint64 // number of the next share that nothing seals yet
	blocked   atomic.Bool   // the writer waits for wake
	wake      sync.Mutex    // locked; a channel would belong to one bubble of package synctest
}

var boards = sync.Pool{New: func() any { return newBoard() }}

func newBoard() *board {
	b := new(board)
	b.wake.Lock()
	return b
}

// A shelf has the buffers that a sealer has sealed to before: they are in the cache of its
// processor. The sealer takes them, and the writer puts them back.
type shelf struct {
	top atomic.Pointer[buffer]
	_   [56]byte
}

func (f *shelf) take() *buffer {
	for {
		buf := f.top.Load()
		if buf == nil {
			return getBuffer(bufferSize)
		}
		if f.top.CompareAndSwap(buf, buf.below) {
			buf.below = nil
			return buf
		}
	}
}

func (f *shelf) put(buf *buffer) {
	for {
		top := f.top.Load()
		if buf.below, buf.height = top, 1; top != nil {
			buf.height = top.height + 1
		}
		if buf.height > boardSize/2 {
			buf.below = nil
			putBuffer(buf)
			return
		}
		if f.top.CompareAndSwap(top, buf) {
			return
		}
	}
}

// add returns the next share. It is published by adding to published.
func (b *board) add() *share {
	s := &b.shares[b.published.Load()%boardSize]
	s.done.Store(false)
	return s
}

// left returns how many shares were not sent.
func (b *board) left() int { return int(b.published.Load() - b.first) }

// waiting returns how many shares nothing seals yet.
func (b *board) waiting() int { return int(b.published.Load() - b.taken.Load()) }

// sealNext seals the next share, if there is one that nothing seals yet.
func (b *board) sealNext(sealer int) bool {
	for {
		n := b.taken.Load()
		if n == b.published.Load() {
			return false
		}
		if !b.taken.CompareAndSwap(n, n+1) {
			continue
		}
		s := &b.shares[n%boardSize]
		if s.data != nil {
			s.sealer, s.buf = sealer, b.shelves[sealer].take()
			if sealer != 0 {
				debug.SetPanicOnFault(b.faults)
			}
			s.seal()
		}
		s.done.Store(true)
		return true
	}
}

// seal seals the share. A panic, such as that of a fault in the memory of data, is an error:
// nothing recovers it in a helper, and the writer waits for the share.
func (s *share) seal() {
	defer func() {
		if v := recover(); v != nil {
			s.records = engine.Reserved{} // it is not for the next Write, and has a key
			s.err = panicked(v)
		}
	}()
	s.sealed, s.err = s.records.Seal(s.buf.b[:0], s.data)
}

// hire starts helpers for the shares that wait, if that is worth it and they are allowed.
func (b *board) hire() {
	waiting := b.waiting()
	if waiting < worthHelp {
		return
	}
	working := b.helpers.Load()
	want := min(maxHelpers, waiting-1) - bits.OnesCount32(working)
	if want <= 0 {
		return
	}
	for i, n := 1, takeHelpers(want); n > 0; i++ {
		if working&(1<<i) == 0 {
			b.helpers.Or(1 << i)
			go b.help(i)
			n--
		}
	}
}

// help seals shares. It ends when there was none for as long as it had sealed: to wake a thread
// takes the system longer than a share takes.
func (b *board) help(sealer int) {
	credit := time.Duration(0)
	for from := time.Now(); ; {
		for b.sealNext(sealer) {
			if b.blocked.Load() && b.blocked.CompareAndSwap(true, false) {
				b.wake.Unlock()
			}
		}
		now := time.Now()
		credit = min(credit+now.Sub(from), maxLinger)
		for from = now; b.waiting() == 0; now = time.Now() {
			if now.Sub(from) >= credit { // both 0 where time stands still: in a bubble
				b.helpers.And(^(1 << sealer))
				helping.Add(-1)
				return
			}
			runtime.Gosched()
		}
		credit -= now.Sub(from)
		from = now
	}
}

// front returns the oldest share that was not sent.
func (b *board) front() *share { return &b.shares[b.first%boardSize] }

// oldest takes the oldest share once it is sealed, and seals others meanwhile.
func (b *board) oldest() *share {
	s := b.front()
	b.first++
	if s.done.Load() {
		return s
	}
	b.hire()
	for since := (time.Time{}); !s.done.Load(); {
		switch {
		case b.sealNext(0):
			since = time.Time{}
		case since.IsZero():
			since = time.Now()
		case time.Since(since) > patience:
			b.block(s)
		}
	}
	return s
}

// block waits until a helper has sealed a share, which may be s.
func (b *board) block(s *share) {
	b.blocked.Store(true)
	if s.done.Load() && b.blocked.CompareAndSwap(true, false) {
		return
	}
	b.wake.Lock()
}

// clear takes all shares once they are sealed, and frees them.
func (b *board) clear() {
	for b.left() > 0 {
		b.free(b.oldest())
	}
}

// own takes a buffer for a share that the writer seals itself, before it is published.
func (b *board) own(s *share) []byte {
	s.sealer, s.buf = 0, b.shelves[0].take()
	return s.buf.b[:0]
}

// free empties a share.
func (b *board) free(s *share) {
	if s.buf != nil {
		b.shelves[s.sealer].put(s.buf)
	}
	s.data, s.buf, s.sealed, s.err = nil, nil, nil, nil
}
