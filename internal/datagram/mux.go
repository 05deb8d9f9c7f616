package datagram

import (
	"errors"
	"hash/maphash"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/internal/udpbatch"
)

// Bounds of a Mux.
const (
	maxConns    = 1 << 18 // connections, open or not
	maxAccept   = 256     // that Accept has not returned
	maxUnproved = 256     // whose addresses are not proved, with an AddressCheck
)

// A Mux divides the datagrams of one socket among the connections of their senders. It is a
// net.Listener, whose connections are of type *Conn and await Start.
type Mux struct {
	socket net.PacketConn
	udp    *udpbatch.Conn // socket, if it is one of UDP
	accept chan *Conn
	done   chan struct{}
	once   sync.Once
	clock  timers
	queued atomic.Int64
	seed   maphash.Seed
	check  *engine.AddressCheck // nil for none

	idLen int // of the connection IDs that are received; 0 for none

	mu           sync.Mutex
	conns        map[peer]*pair
	ids          map[string]*muxPath // by connection ID
	count        int                 // of connections
	unproved     []place             // of those without a proof, the oldest first
	mostUnproved int                 // may be so
	closed       bool                // no more of them
	err          error
}

// A pair is what a peer has: a connection that is open, or whose handshake is under way, and the
// handshake of one that may replace it.
type pair struct{ conn, next *muxPath }

// A peer is the address of a peer: one of IP, or any other one as text.
type peer struct {
	at    netip.AddrPort
	other string
}

// A muxPath is the path of one connection of a Mux.
type muxPath struct {
	mux   *Mux
	peer  peer
	addr  net.Addr // of other sockets than UDP; else nil
	conn  *Conn
	hello uint64 // a hash of the ClientHello's random
	gone  bool   // it is not counted any more
	proof *engine.AddressProof
	alone bool // it has no proof, and counts among those
	late  bool // its place was given to another one
	ids   []string
	moved atomic.Pointer[route] // where the peer is; nil while it is where it began
}

// NewMux returns a Mux over a socket, which it takes over. It reads the socket from the first
// Accept on. With a check it keeps nothing of a peer that has not proved its address, but for a
// bounded number of those whose ClientHello needs several datagrams. Connection IDs have idLen
// bytes; with 0 there are none.
func NewMux(socket net.PacketConn, check *engine.AddressCheck, idLen int) *Mux {
	m := &Mux{
		check: check, idLen: idLen, ids: make(map[string]*muxPath),
		socket: socket, accept: make(chan *Conn, maxAccept), done: make(chan struct{}),
		seed: maphash.MakeSeed(), conns: make(map[peer]*pair), mostUnproved: maxUnproved,
	}
	if udp, ok := socket.(*net.UDPConn); ok {
		m.udp = udpbatch.New(udp)
	}
	return m
}

// Accept returns a connection whose peer has sent a ClientHello.
func (m *Mux) Accept() (net.Conn, error) {
	m.once.Do(func() { go m.receive() })
	select {
	case c := <-m.accept:
		return c, nil
	case <-m.done:
		return nil, m.reason()
	}
}

func (m *Mux) reason() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.err
}

// Addr returns the address of the socket.
func (m *Mux) Addr() net.Addr { return m.socket.LocalAddr() }

// Close makes the Mux accept no more connections. Those that exist continue, and the socket is
// closed with the last one.
func (m *Mux) Close() error {
	addr := m.Addr()
	m.stop(&net.OpError{Op: "accept", Net: addr.Network(), Addr: addr, Err: net.ErrClosed})
	m.once.Do(func() { go m.receive() }) // connections may have been accepted before
	m.cutWaiting()
	return m.release()
}

// stop ends Accept with err.
func (m *Mux) stop(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closed {
		m.closed, m.err = true, err
		close(m.done)
	}
}

// release closes the socket if nothing needs it any more.
func (m *Mux) release() error {
	m.mu.Lock()
	unused := m.closed && m.count == 0
	m.mu.Unlock()
	if !unused {
		return nil
	}
	if err := m.socket.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// receive reads the socket until it is closed.
func (m *Mux) receive() {
	read := m.reader()
	for pause := time.Duration(0); ; {
		err := read()
		switch {
		case err == nil:
			pause = 0
		case errors.Is(err, net.ErrClosed), errors.Is(err, io.EOF):
			m.end(err)
			return
		case ofPeer(err): // of a socket of the caller that asks for reports (IP_RECVERR)
			time.Sleep(shortestPause)
		default:
			pause = longer(pause)
			time.Sleep(pause)
		}
	}
}

// end ends all connections when the socket is closed.
func (m *Mux) end(err error) {
	m.stop(err)
	m.mu.Lock()
	var all []*Conn
	for _, p := range m.conns {
		for _, path := range []*muxPath{p.conn, p.next} {
			if path != nil {
				all = append(all, path.conn)
			}
		}
	}
	for _, path := range m.ids { // also those that have moved
		all = append(all, path.conn)
	}
	m.mu.Unlock()
	for _, c := range all {
		c.lost()
	}
}

// deliver gives a datagram to the connections of its sender.
func (m *Mux) deliver(from peer, addr net.Addr, datagram []byte) {
	if from == (peer{}) {
		return // a sender without an address, who cannot be answered
	}
	if p := m.identified(datagram); p != nil {
		if p.route().peer == from {
			p.conn.feed(datagram)
		} else {
			p.conn.feedFrom(route{from, addr}, datagram)
		}
		return
	}
	conn, next, begins := m.find(from, datagram)
	if begins != 0 && m.begin(&muxPath{mux: m, peer: from, addr: addr, hello: begins}, datagram) {
		return
	}
	if next != nil {
		// What is for one of the two is not authentic for the other. The connection
		// decrypts in place, so the other one needs a copy.
		next.feed(append([]byte(nil), datagram...))
	}
	if conn != nil {
		conn.feed(datagram)
	}
}

// find returns the connections of a sender. If the datagram begins another one, it returns a
// hash of the ClientHello's random, which is not 0.
func (m *Mux) find(from peer, datagram []byte) (conn, next *Conn, begins uint64) {
	random, isHello := helloRandom(datagram)
	if isHello {
		begins = maphash.Bytes(m.seed, random) | 1
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.conns[from]
	if p == nil {
		return nil, nil, begins
	}
	conn = p.conn.conn
	settled := p.conn.hello == begins && !p.conn.alone
	if p.next != nil {
		next = p.next.conn
		// One without a proof, whose address may be forged, does not keep others out.
		settled = settled || !p.next.alone
	}
	if settled {
		begins = 0
	}
	return conn, next, begins
}

// begin answers a ClientHello, or makes a connection of its sender. It returns false for one that
// is a part of a handshake that has begun.
func (m *Mux) begin(path *muxPath, datagram []byte) bool {
	var reply []byte
	now := time.Now()
	if m.check != nil {
		v, r, proof := m.check.Check(now, path.peer.bytes(), datagram)
		if v != engine.AddressProved && m.begun(path) {
			return false
		}
		reply, path.proof, path.alone = r, proof, v == engine.AddressUnproved
		switch v {
		case engine.AddressDiscard:
			return true
		case engine.AddressReply:
			_ = path.send(reply)
			return true
		}
	}
	path.conn = newConn(path, &m.queued)
	entered, old := m.enter(path, now)
	if old != nil {
		old.conn.in.end(old.ended())
		_ = old.conn.cut()
	}
	if !entered {
		if reply != nil {
			_ = path.send(reply)
		}
		return true
	}
	path.conn.in.hold(datagram)
	m.offer(path.conn)
	return true
}

// begun reports whether the ClientHello of a path is that of a connection that has no proof: it
// comes again, or is the second one. Only a proof begins another connection then, of a client that
// was asked for it before there was room for that connection.
func (m *Mux) begun(path *muxPath) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.conns[path.peer]
	return p != nil && (p.conn.hello == path.hello || p.next != nil && p.next.hello == path.hello)
}

// offer gives a connection to Accept.
func (m *Mux) offer(c *Conn) {
	select {
	case m.accept <- c:
	default: // no more than that wait
		_ = c.cut()
	}
	select {
	case <-m.done: // Close may have looked before the connection was there
		m.cutWaiting()
	default:
	}
}

// cutWaiting ends the connections that Accept has not returned.
func (m *Mux) cutWaiting() {
	for {
		select {
		case c := <-m.accept:
			_ = c.cut()
		default:
			return
		}
	}
}

// bytes returns the address for an AddressCheck.
func (p peer) bytes() []byte {
	if p.at.IsValid() {
		b, _ := p.at.MarshalBinary()
		return b
	}
	return []byte(p.other)
}

// Proof returns what the client of a Mux has proved of its address, or nil.
func (c *Conn) Proof() *engine.AddressProof {
	if p, ok := c.path.(*muxPath); ok {
		return p.proof
	}
	return nil
}

// opened makes a connection that is open the one of its peer. The one before, whose peer has
// begun again, ends. RFC 9147, Section 5.11.
func (p *muxPath) opened(*Conn) {
	p.mux.mu.Lock()
	p.proved()
	p.proof = nil // it has been used
	both := p.mux.conns[p.peer]
	var old *muxPath
	if both != nil && both.next == p {
		old, both.conn, both.next = both.conn, p, nil
	}
	p.mux.mu.Unlock()
	if old != nil {
		old.conn.fail(errReplaced)
	}
}

func (p *muxPath) send(datagram []byte) error { return p.sendTo(p.route(), datagram) }

func (p *muxPath) sendTo(to route, datagram []byte) error {
	if p.mux.udp != nil {
		_, err := p.mux.udp.WriteToUDPAddrPort(datagram, to.peer.at)
		return err
	}
	// A peer that does not read its UNIX-domain socket must not stop the others. The deadline of
	// the first try may pass while the system does not run this program, although there is room.
	var err error
	for range sendTries {
		_ = p.mux.socket.SetWriteDeadline(time.Now().Add(sendTime / sendTries))
		_, err = p.mux.socket.WriteTo(datagram, to.addr)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
	}
	return err
}

// route returns where the peer is.
func (p *muxPath) route() route {
	if to := p.moved.Load(); to != nil {
		return *to
	}
	return route{p.peer, p.addr}
}

// sendTime bounds the time that one datagram waits for a peer on a socket other than UDP, in
// several tries.
const (
	sendTime  = 10 * time.Millisecond
	sendTries = 2
)

// forget removes a connection that has ended.
func (p *muxPath) forget(*Conn) error {
	m := p.mux
	m.mu.Lock()
	if !p.gone {
		p.gone = true
		p.proved()
		m.count--
	}
	for _, id := range p.ids {
		delete(m.ids, id)
	}
	p.ids = nil
	m.leave(p)
	m.mu.Unlock()
	return m.release()
}

// leave makes a connection not the one of its address any more. The Mux is locked.
func (m *Mux) leave(p *muxPath) {
	both := m.conns[p.peer]
	if both == nil {
		return
	}
	switch p {
	case both.conn:
		both.conn, both.next = both.next, nil
	case both.next:
		both.next = nil
	}
	if both.conn == nil {
		delete(m.conns, p.peer)
	}
}

func (p *muxPath) closing()                 {} // each send has its bound
func (p *muxPath) timers() *timers          { return &p.mux.clock }
func (p *muxPath) LocalAddr() net.Addr      { return p.mux.socket.LocalAddr() }
func (p *muxPath) netConn(c *Conn) net.Conn { return &below{Conn: c} }

// RemoteAddr returns the address of the peer.
func (p *muxPath) RemoteAddr() net.Addr {
	to := p.route()
	if to.addr != nil {
		return to.addr
	}
	at := to.peer.at
	return net.UDPAddrFromAddrPort(netip.AddrPortFrom(at.Addr().Unmap(), at.Port()))
}

// A below stands for the socket of a connection of a Mux.
type below struct{ *Conn }

// Read waits until the connection has ended.
func (b *below) Read([]byte) (int, error) {
	for {
		b.in.mu.Lock()
		ended, changed := b.in.err, b.in.change()
		b.in.mu.Unlock()
		if ended != nil {
			return 0, io.EOF
		}
		<-changed
	}
}

// Write returns an error: the socket has other users.
func (b *below) Write([]byte) (int, error) { return 0, noStream("a socket of its own here") }

// Close ends the connection without close_notify.
func (b *below) Close() error { return b.cut() }

// helloRandom returns the random of a ClientHello with which a datagram begins.
//
//	type(1) version(2) epoch(2) number(6) length(2)               the record
//	type(1) length(3) message_seq(2) offset(3) fragment_length(3) the message
//	version(2) random(32)                                         the ClientHello
func helloRandom(datagram []byte) ([]byte, bool) {
	const message, body = 13, 13 + 12
	if len(datagram) < body+2+32 {
		return nil, false
	}
	const handshake, clientHello = 22, 1
	var (
		epoch  = datagram[3:5]
		offset = datagram[message+6 : message+9]
	)
	return datagram[body+2 : body+2+32], datagram[0] == handshake && datagram[1] == 0xfe &&
		epoch[0]|epoch[1] == 0 && datagram[message] == clientHello && datagram[body] == 0xfe &&
		offset[0]|offset[1]|offset[2] == 0
}
