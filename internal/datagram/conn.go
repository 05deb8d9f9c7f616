package datagram

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/internal/stream"
)

// A Conn is a connection of DTLS. Any of its methods may be called from any goroutine.
type Conn struct {
	path  path
	owner stream.Owner
	begun *handshake // guarded by in; nil once it is done

	mu     sync.Mutex // of the engine
	engine *engine.DatagramConn
	armed  bool      // its timeouts go to the timers of the path
	proved bool      // the path knows that the peer receives at its address
	moves  *moves    // nil while the peer has used one address
	used   bool      // since the time of quiet was set
	quiet  time.Time // when the engine may rest; zero while it rests, and before it is armed

	early [][]byte // 0-RTT data of a client, until the server has accepted it

	in      inbox
	reading sync.Mutex // held by Read, which waits
	closing atomic.Bool
	timer   deadline

	late map[string]chan struct{} // closed with the answers to requests for a certificate
}

var _ net.Conn = (*Conn)(nil)

// A path carries datagrams to the peer of one connection, and gives what comes to its inbox.
type path interface {
	// reached is called when the peer is known to receive at its address, and opened when the
	// handshake is done.
	reached()
	opened(*Conn)
	// send sends one datagram. The connection may continue after an error.
	send(datagram []byte) error
	// sendBatch sends datagrams of the given sizes, which stand one behind another, and returns
	// how many were sent, and the error of the one behind these.
	sendBatch(b []byte, sizes []int) (int, error)
	// sendTo sends one to another address, and move makes one that of the peer.
	sendTo(to route, datagram []byte) error
	move(to route)
	// route is the address of the peer.
	route() route
	// closing bounds the time that what is sent from now on waits for the peer.
	closing()
	// forget ends the path: nothing comes any more.
	forget(*Conn) error
	timers() *timers
	netConn(*Conn) net.Conn
	LocalAddr() net.Addr
	RemoteAddr() net.Addr
}

// Start gives a Conn its engine. The options need an Owner; that for streams that end without
// close_notify has no use.
func (c *Conn) Start(e *engine.DatagramConn, opts stream.Options) {
	c.in.mu.Lock() // another connection may replace this one already
	c.engine, c.owner, c.begun.opts = e, opts.Owner, opts
	c.in.mu.Unlock()
}

func newConn(p path, shared *atomic.Int64) *Conn {
	c := new(Conn)
	c.init(p, shared)
	return c
}

func (c *Conn) init(p path, shared *atomic.Int64) {
	c.path, c.begun = p, new(handshake)
	c.in.shared = shared
}

// Made reports whether c has a socket below: nil and the zero value have none.
func (c *Conn) Made() bool { return c != nil && c.path != nil && c.engine != nil }

// NetConn returns the socket of a client. On a server, whose connections share a socket, it
// returns what stands for one: its Close ends c without close_notify.
func (c *Conn) NetConn() net.Conn {
	if !c.Made() {
		return nil
	}
	return c.path.netConn(c)
}

// LocalAddr returns the address of this side.
func (c *Conn) LocalAddr() net.Addr {
	if c == nil || c.path == nil {
		return nil
	}
	return c.path.LocalAddr()
}

// RemoteAddr returns the address of the peer.
func (c *Conn) RemoteAddr() net.Addr {
	if c == nil || c.path == nil {
		return nil
	}
	return c.path.RemoteAddr()
}

// State returns what is known of the connection. It is complete once the handshake is done.
func (c *Conn) State() engine.State {
	if !c.Made() {
		return engine.State{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.engine.State()
}

// HandshakeDone reports whether the peer is proved.
func (c *Conn) HandshakeDone() bool { return c.Made() && c.in.isOpen() }

// A call is one of the methods of the engine.
type call struct {
	do       func(*engine.DatagramConn, time.Time) ([]engine.Event, error)
	datagram []byte // for Receive, if do is nil
	size     int    // of each one, for ReceiveRun
	from     *route // of the datagram, if it is not the address of the peer
}

// An outcome is what a call has done.
type outcome struct {
	done, closed bool
	question     engine.Question
	sessions     []*engine.Session
	messages     queue
	early        queue           // of 0-RTT data
	proved       bool            // by a late certificate
	reached      bool            // the peer, for the first time
	answered     []chan struct{} // requests for one
	first        []byte          // datagram for the peer; nil for none
	out          [][]byte        // the others
	probes       []probe
	err          error // which is final
	unsent       error // of the socket
}

// run makes a call and sends what the engine has for the peer.
func (c *Conn) run(k call) outcome {
	c.mu.Lock()
	o := c.locked(k)
	c.mu.Unlock()
	if o.reached {
		c.path.reached()
	}
	for _, p := range o.probes {
		_ = c.path.sendTo(p.to, p.datagram) // the check of the path repeats it
	}
	if o.first != nil {
		o.unsent = c.path.send(o.first)
	}
	for _, d := range o.out {
		if err := c.path.send(d); err != nil {
			o.unsent = err
		}
	}
	return o
}

// locked makes a call. A panic in a callback of the engine's configuration ends the
// connection. The engine is locked.
func (c *Conn) locked(k call) (o outcome) {
	defer func() {
		if v := recover(); v != nil {
			o.err = panicked(v)
			c.abort(&o)
		}
		c.in.put(&o.messages, &o.early)
		c.use()
	}()
	now := time.Now()
	var events []engine.Event
	switch {
	case k.from != nil:
		events, o.err = c.receiveFrom(&o, now, *k.from, k.datagram)
	case k.do == nil:
		events, o.err = c.engine.ReceiveRun(now, k.datagram, k.size)
	default:
		events, o.err = k.do(c.engine, now)
	}
	if !c.proved && c.engine.AddressProved() {
		c.proved, o.reached = true, true
	}
	c.note(&o, events)
	if c.moves != nil {
		c.probes(&o, c.moves.checking)
	}
	o.drain(c.engine)
	return o
}

// note acts on events. Messages and sessions are not used before the engine is unlocked.
func (c *Conn) note(o *outcome, events []engine.Event) {
	for i := range events {
		ev := &events[i]
		switch ev.Kind {
		case engine.EventData:
			if ev.Early {
				o.early.add(newMessage(ev.Data))
			} else {
				o.messages.add(newMessage(ev.Data))
			}
		case engine.EventEarlyAccepted:
			c.early = nil
		case engine.EventHandshakeDone:
			o.done = true
		case engine.EventClosed:
			o.closed = true
		case engine.EventWaiting:
			o.question = ev.Question
		case engine.EventSession:
			o.sessions = append(o.sessions, ev.Session)
		case engine.EventClientAuth:
			o.proved = o.proved || !ev.Declined
			if a := c.late[string(ev.Context)]; a != nil {
				o.answered = append(o.answered, a)
				delete(c.late, string(ev.Context))
			}
		}
	}
}

func (o *outcome) drain(e *engine.DatagramConn) {
	for d := e.NextDatagram(); d != nil; d = e.NextDatagram() {
		if o.first == nil {
			o.first = d
		} else {
			o.out = append(o.out, d)
		}
	}
}

// abort ends the engine with o.err. The engine is locked.
func (c *Conn) abort(o *outcome) {
	defer func() { _ = recover() }() // a callback for the end panicked too
	_ = c.engine.Abort(o.err)
	o.drain(c.engine)
}

// settle uses what a call of an open connection has done.
func (c *Conn) settle(o outcome) {
	switch {
	case o.err != nil:
		c.fail(o.err)
	case o.closed:
		c.in.closed()
	}
	if o.proved {
		c.owner.Proved()
	}
	for _, a := range o.answered {
		close(a)
	}
	if o.question != nil {
		go c.answerLate(o.question) // the engine has one question at a time
	}
	for _, s := range o.sessions {
		c.offer(s)
	}
}

// answerLate answers a question of an open connection: a request for a certificate.
func (c *Conn) answerLate(q engine.Question) {
	ctx, cancel := context.WithTimeout(context.Background(), lateAnswer)
	defer cancel()
	a, err := c.ask(ctx, q)
	if err != nil {
		a = engine.Refuse(err)
	}
	c.settle(c.run(resume(a)))
}

// lateAnswer bounds the time for a question of an open connection.
const lateAnswer = time.Minute

func resume(a engine.Answer) call {
	return call{do: func(e *engine.DatagramConn, now time.Time) ([]engine.Event, error) {
		return e.Resume(now, a)
	}}
}

// feed takes a datagram from the peer, which is not kept.
func (c *Conn) feed(datagram []byte) {
	if !c.in.hold(datagram) && c.in.ended() == nil {
		c.settle(c.run(call{datagram: datagram, size: len(datagram)}))
	}
}

// refuse ends a handshake for which the system reports that the peer cannot be reached. An
// open connection continues: the report may be forged, or soon be out of date.
func (c *Conn) refuse(err error) {
	if !c.in.isOpen() && !passing(err) {
		c.fail(unreachable(err))
	}
}

// fail ends the connection with err.
func (c *Conn) fail(err error) error {
	c.in.mu.Lock()
	ended, owner := c.in.err, c.owner
	c.in.mu.Unlock()
	if ended == nil && owner != nil { // it has begun
		owner.Failed(err)
	}
	if !c.in.end(err) {
		return c.in.ended()
	}
	c.path.timers().set(c, time.Time{})
	return err
}

// Close sends close_notify and ends the connection.
func (c *Conn) Close() error {
	if c == nil || c.path == nil {
		return stream.ErrNotMade
	}
	if !c.closing.CompareAndSwap(false, true) {
		return c.opError("close", net.ErrClosed)
	}
	if c.engine != nil && c.in.isOpen() {
		c.in.mu.Lock()
		c.path.closing()
		c.in.mu.Unlock()
		c.run(call{do: closeNotify})
	}
	return c.cut()
}

// cut ends the connection without a word to the peer.
func (c *Conn) cut() error {
	c.closing.Store(true)
	c.lost()
	c.in.discard()
	return c.path.forget(c)
}

// lost ends the connection when its socket is closed.
func (c *Conn) lost() {
	c.in.end(c.opError("read", net.ErrClosed))
	c.mu.Lock()
	if c.armed {
		c.armed = false
		c.engine.Rest() // keys are not left to the garbage collector
	}
	c.mu.Unlock()
	c.path.timers().set(c, time.Time{})
}

func closeNotify(e *engine.DatagramConn, _ time.Time) ([]engine.Event, error) {
	return nil, e.CloseNotify()
}

// CloseWrite sends close_notify.
func (c *Conn) CloseWrite() error {
	if !c.Made() {
		return stream.ErrNotMade
	}
	if !c.in.isOpen() {
		return usage("the handshake is not complete: CloseWrite needs an open connection", "")
	}
	if err := c.in.ended(); err != nil {
		return err
	}
	return c.run(call{do: closeNotify}).err
}

func (c *Conn) opError(op string, err error) error {
	local, remote := c.path.LocalAddr(), c.path.RemoteAddr()
	network := "udp"
	if local != nil {
		network = local.Network()
	}
	return &net.OpError{Op: op, Net: network, Source: local, Addr: remote, Err: err}
}

// SetDeadline sets both deadlines.
func (c *Conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline sets the deadline of Read, which may wait already.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.setDeadline(t, true) }

// SetWriteDeadline sets the deadline of Write.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.setDeadline(t, false) }

func (c *Conn) setDeadline(t time.Time, read bool) error {
	if !c.Made() {
		return stream.ErrNotMade
	}
	c.in.mu.Lock()
	defer c.in.mu.Unlock()
	if c.closing.Load() {
		return c.opError("set", net.ErrClosed)
	}
	if read {
		c.in.readBy = t
	} else {
		c.in.writeBy = t
		if p, ok := c.path.(*socketPath); ok && p.writers > 0 {
			c.writeUntil(t)
		}
	}
	c.in.changed()
	return nil
}

// overdue returns the error of a deadline that has passed, or nil.
func (c *Conn) overdue(op string, by time.Time) error {
	if by.IsZero() || time.Now().Before(by) {
		return nil
	}
	return c.opError(op, os.ErrDeadlineExceeded)
}

// earlier returns the earlier of two times, of which the zero one is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
