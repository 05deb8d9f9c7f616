package relay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Limits bound what clients may cost. A field that is zero has its default. The limits of
// rooms are those of the [Bus].
type Limits struct {
	PerAddress int           // connections of an IPv4 address, or an IPv6 network of 64 bits; 100
	Rate       int           // bytes a second that a member may send for long; 8 MiB
	Burst      int           // bytes that it may send at once after a rest; 8 MiB
	Queue      int           // bytes that wait for a member that reads slowly; 4 MiB
	Waiting    int           // bytes that wait for all members, beyond 128 KiB of each; 512 MiB
	Joining    time.Duration // until a client has joined a room; 10 seconds
	Idle       time.Duration // between two messages of a client; 90 seconds
	Writing    time.Duration // for a client to read a message; 20 seconds
}

// Stats are the numbers of a [Server] since its start.
type Stats struct {
	Connected     int64 // clients now
	Clients       int64 // clients that were served or refused
	Refused       int64 // clients that joined no room
	Delivered     int64 // messages queued for a member
	Bytes         int64 // of these messages
	Undeliverable int64 // messages to absent or slow members
}

// A Server serves the clients of a relay. It is safe for concurrent use.
type Server struct {
	bus    Bus
	limits Limits

	mu        sync.Mutex
	addresses map[netip.Prefix]int

	connected, clients, refused, delivered, bytes, undeliverable atomic.Int64

	waiting atomic.Int64 // cost of what waits for all clients
}

// NewServer returns a Server of the rooms of bus.
func NewServer(bus Bus, limits Limits) *Server {
	return &Server{
		bus: bus, addresses: make(map[netip.Prefix]int),
		limits: Limits{
			PerAddress: cmp.Or(limits.PerAddress, 100),
			Rate:       cmp.Or(limits.Rate, 8<<20),
			Burst:      cmp.Or(limits.Burst, 8<<20),
			Queue:      cmp.Or(limits.Queue, 4<<20),
			Waiting:    cmp.Or(limits.Waiting, 512<<20),
			Joining:    cmp.Or(limits.Joining, 10*time.Second),
			Idle:       cmp.Or(limits.Idle, 90*time.Second),
			Writing:    cmp.Or(limits.Writing, 20*time.Second),
		},
	}
}

var errNotMade = fmt.Errorf("relay: a nil or zero value: use its constructor: %w", os.ErrInvalid)

// Stats returns the numbers now.
func (s *Server) Stats() Stats {
	if s == nil {
		return Stats{}
	}
	return Stats{
		Connected: s.connected.Load(), Clients: s.clients.Load(), Refused: s.refused.Load(),
		Delivered: s.delivered.Load(), Bytes: s.bytes.Load(),
		Undeliverable: s.undeliverable.Load(),
	}
}

// Serve serves a client until it leaves, breaks a rule, or ctx ends, and closes conn. The
// error is nil if the client ended the connection in order, and otherwise the reason: an
// [*Error], or that of the connection.
func (s *Server) Serve(ctx context.Context, conn net.Conn) error {
	if s == nil || s.bus == nil || conn == nil {
		return errNotMade
	}
	s.clients.Add(1)
	s.connected.Add(1)
	defer s.connected.Add(-1)
	c := newClient(conn, s)
	stop := context.AfterFunc(ctx, func() { c.end(&Error{CodeClosing}) })
	defer stop()
	from := addressOf(conn.RemoteAddr())
	err := error(&Error{CodeAddressFull})
	if s.admit(from) {
		err = s.attend(c)
		s.release(from)
	} else {
		s.refused.Add(1)
		c.receive(time.Second) // what was not read would make the system drop the reason
	}
	c.end(err)
	c.finish()
	if err := c.cause(); !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// attend makes the client a member of a room and carries its messages.
func (s *Server) attend(c *client) error {
	m, err := c.receive(s.limits.Joining)
	if err == nil && m.Kind != KindJoin {
		err = &Error{CodeProtocol}
	}
	if err != nil {
		s.refused.Add(1)
		return err
	}
	seat, err := s.bus.Enter(m.Room, m.Token.Member(m.Room), c.post)
	if err != nil {
		s.refused.Add(1)
		return err
	}
	defer seat.Leave()
	for {
		m, err := c.receive(s.limits.Idle)
		if err != nil {
			return err
		}
		switch m.Kind {
		case KindSend:
			if own, ok := seat.(*memorySeat); ok {
				own.forward(m)
			} else {
				seat.Send(m.Member, m.Payload)
			}
		case KindPing:
			c.post(&Message{Kind: KindPong})
		default:
			return &Error{CodeProtocol}
		}
	}
}

// admit counts a connection of an address, if it may have one more.
func (s *Server) admit(from netip.Prefix) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if from.IsValid() && s.addresses[from] >= s.limits.PerAddress {
		return false
	}
	s.addresses[from]++
	return true
}

func (s *Server) release(from netip.Prefix) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.addresses[from]--; s.addresses[from] == 0 {
		delete(s.addresses, from)
	}
}

// addressOf returns what counts as one address. It is invalid where there is none, as with
// UNIX sockets, whose clients may choose a name that looks like an address.
func addressOf(addr net.Addr) netip.Prefix {
	if _, local := addr.(*net.UnixAddr); local || addr == nil ||
		strings.HasPrefix(addr.Network(), "unix") {
		return netip.Prefix{}
	}
	ap, err := netip.ParseAddrPort(addr.String())
	if err != nil {
		return netip.Prefix{}
	}
	ip := ap.Addr().Unmap().WithZone("")
	bits := 64
	if ip.Is4() {
		bits = 32
	}
	return netip.PrefixFrom(ip, bits).Masked()
}

// newClient returns a client whose messages wait in a queue for its writer.
func newClient(conn net.Conn, s *Server) *client {
	c := &client{
		server: s, limits: s.limits, conn: conn,
		messages: messagesOver(conn),
		credit:   float64(s.limits.Burst), counted: time.Now(),
		filled: make(chan struct{}, 1), over: make(chan struct{}), written: make(chan struct{}),
	}
	go c.write()
	return c
}
