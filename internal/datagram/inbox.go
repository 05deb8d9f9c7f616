package datagram

import (
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of what waits on one connection. What comes beyond is dropped, as by a socket whose
// buffer is full.
const (
	maxPending      = 32        // datagrams of a handshake
	maxPendingBytes = 64 << 10  // and their sizes
	maxQueue        = 256       // messages that were not read
	maxQueueBytes   = 256 << 10 // and their sizes
)

// maxShared bounds the bytes that wait on all connections of a socket.
const maxShared = 64 << 20

// An inbox is what a connection has received and not used yet, and what those who wait for it
// have to know.
type inbox struct {
	mu       sync.Mutex
	wake     chan struct{} // closed at the next change; nil while none waits
	pending  [][]byte      // datagrams for the handshake
	messages queue
	early    queue         // of 0-RTT data
	size     int           // bytes of all these
	shared   *atomic.Int64 // the bytes of all connections of the socket
	open     bool          // the handshake takes no more: datagrams are used as they come
	eof      bool          // the peer has closed its side
	err      error         // what ended the connection

	readBy, writeBy time.Time // deadlines

	reader *socketPath // of which the handshake reads, or nil
}

// A message is one that was received.
type message struct {
	data []byte
	next *message // in a queue
	room [smallMessage]byte
}

// A queue is messages in the order in which they have come.
type queue struct {
	first, last *message
	n           int
}

func (q *queue) add(m *message) {
	if q.first == nil {
		q.first = m
	} else {
		q.last.next = m
	}
	q.last = m
	q.n++
}

// remove takes the first message off a queue that has one.
func (q *queue) remove() *message {
	m := q.first
	if q.first = m.next; q.first == nil {
		q.last = nil
	}
	m.next = nil
	q.n--
	return m
}

// smallMessage is the size up to which messages take their memory from a pool.
const smallMessage = 2048

var messagePool = sync.Pool{New: func() any { return new(message) }}

func newMessage(data []byte) *message {
	if len(data) > smallMessage {
		return &message{data: append([]byte(nil), data...)}
	}
	m := messagePool.Get().(*message)
	m.data = m.room[:copy(m.room[:], data)]
	return m
}

func (m *message) free() {
	if len(m.data) <= smallMessage {
		m.data = nil
		messagePool.Put(m)
	}
}

// changed tells those who wait. The inbox is locked.
func (in *inbox) changed() {
	in.wakeAll()
	if in.reader != nil {
		in.reader.interrupt()
	}
}

// wakeAll wakes those who wait, but for who reads the socket. The inbox is locked.
func (in *inbox) wakeAll() {
	if in.wake != nil {
		close(in.wake)
		in.wake = nil
	}
}

// poke lets those who wait look for a change.
func (in *inbox) poke() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.changed()
}

// change returns a channel that is closed at the next change. The inbox is locked.
func (in *inbox) change() <-chan struct{} {
	if in.wake == nil {
		in.wake = make(chan struct{})
	}
	return in.wake
}

// reserve counts n bytes that are going to wait, and reports whether they may. The inbox is
// locked.
func (in *inbox) reserve(n, most int) bool {
	if in.size+n > most || in.shared.Load()+int64(n) > maxShared {
		return false
	}
	in.size += n
	in.shared.Add(int64(n))
	return true
}

// release counts n bytes that do not wait any more. The inbox is locked.
func (in *inbox) release(n int) {
	in.size -= n
	in.shared.Add(-int64(n))
}

// hold keeps a datagram for the handshake. It returns false if the datagram has to be used
// at once.
func (in *inbox) hold(datagram []byte) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.open {
		return false
	}
	if in.err == nil && len(in.pending) < maxPending && in.reserve(len(datagram), maxPendingBytes) {
		in.pending = append(in.pending, append([]byte(nil), datagram...))
		in.changed()
	}
	return true
}

// next returns the next datagram for the handshake; nil if there is none.
func (in *inbox) next() (datagram []byte) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.pending) == 0 {
		return nil
	}
	datagram, in.pending = in.pending[0], in.pending[1:]
	in.release(len(datagram))
	return datagram
}

// opened returns false if there still is a datagram for the handshake. Otherwise datagrams are
// used as they come from now on.
func (in *inbox) opened() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.pending) > 0 {
		return false
	}
	in.pending, in.open = nil, true
	in.changed()
	return true
}

// isOpen reports whether the handshake is done.
func (in *inbox) isOpen() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.open
}

// put keeps messages for Read, and those of 0-RTT data for ReadEarly. It takes them off the queues.
func (in *inbox) put(messages, early *queue) {
	if messages.n == 0 && early.n == 0 {
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.move(&in.messages, messages)
	in.move(&in.early, early)
	in.changed()
}

// move takes messages over from another queue. It drops those that there is no room for. The inbox
// is locked.
func (in *inbox) move(to, from *queue) {
	for from.n > 0 {
		m := from.remove()
		if in.err != nil || to.n >= maxQueue || !in.reserve(len(m.data), maxQueueBytes) {
			m.free()
			continue
		}
		to.add(m)
	}
}

// take copies the next message into p. It returns false if there is none, and then the end of
// the connection, if that has come.
func (in *inbox) take(p []byte) (n int, ok bool, err error) {
	if in.messages.n == 0 {
		switch {
		case in.err != nil:
			return 0, false, in.err
		case in.eof:
			return 0, false, io.EOF
		}
		return 0, false, nil
	}
	n, err = in.pop(&in.messages, p)
	return n, true, err
}

// pop copies the first message of a list into p. The inbox is locked.
func (in *inbox) pop(list *queue, p []byte) (int, error) {
	m := list.first
	if len(m.data) > len(p) {
		return 0, tooShort(len(m.data), len(p))
	}
	n := copy(p, m.data)
	in.release(n)
	list.remove().free()
	return n, nil
}

// end ends the connection with err, unless it has ended, and reports whether it had not.
func (in *inbox) end(err error) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	defer in.changed()
	if in.err != nil {
		return false
	}
	in.err = err
	in.release(pendingSize(in.pending))
	in.pending = nil
	return true
}

func pendingSize(datagrams [][]byte) (n int) {
	for _, d := range datagrams {
		n += len(d)
	}
	return n
}

// discard drops what was not read and cannot be read any more.
func (in *inbox) discard() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.release(in.size)
	in.pending, in.messages, in.early = nil, queue{}, queue{}
	in.changed()
}

// ended returns what ended the connection, or nil.
func (in *inbox) ended() error {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.err
}

// closed notes that the peer has closed its side.
func (in *inbox) closed() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.eof = true
	in.changed()
}
