package tipc

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"net"
	"time"

	"github.com/sealsock/sealsock/socket"
)

// topologyService is TIPC_TOP_SRV, which every node has.
const topologyService = 1

// WaitForever is the timeout of a subscription without an end.
const WaitForever time.Duration = math.MaxInt64

// A Subscription asks the topology service about a range of a service.
type Subscription struct {
	Service, Lower, Upper uint32

	// EachSocket asks for an event for every socket that binds, instead of one
	// for the first and the last of an instance.
	EachSocket bool

	// Timeout is the duration of the subscription, in whole milliseconds. 0
	// reports only existing services, and WaitForever does not expire.
	Timeout time.Duration
}

// An EventKind is the type of an event.
type EventKind uint32

// The kinds have the kernel's numbers.
const (
	Published EventKind = 1
	Withdrawn EventKind = 2
	TimedOut  EventKind = 3
)

// String returns the kind's name in lower case.
func (k EventKind) String() string {
	switch k {
	case Published:
		return "published"
	case Withdrawn:
		return "withdrawn"
	case TimedOut:
		return "timed out"
	}
	return fmt.Sprintf("event %d", uint32(k))
}

// An Event is a change in the range of a subscription.
type Event struct {
	Kind         EventKind
	Lower, Upper uint32 // the instances
	Socket       Addr   // which was bound
}

// A Topology is a connection to the topology service.
type Topology struct{ s *socket.Socket }

// DialTopology connects to the topology service of this node.
func DialTopology(ctx context.Context) (*Topology, error) {
	s, err := Dial(ctx, socket.SeqPacket, Service(topologyService, topologyService))
	if err != nil {
		return nil, err
	}
	return &Topology{s}, nil
}

// Subscribe adds a subscription.
func (t *Topology) Subscribe(ctx context.Context, sub Subscription) error {
	_, err := t.socket().Send(ctx, sub.encode(), 0)
	return err
}

// Next waits for the next event of any subscription.
func (t *Topology) Next(ctx context.Context) (Event, error) {
	buf := make([]byte, eventSize)
	n, err := t.socket().Recv(ctx, buf, 0)
	if err != nil {
		return Event{}, err
	}
	e, err := parseEvent(buf[:n])
	if err != nil {
		return Event{}, &net.OpError{Op: "read", Net: "tipc", Err: err}
	}
	return e, nil
}

// Close ends the connection and its subscriptions.
func (t *Topology) Close() error { return t.socket().Close() }

// socket is nil for a Topology that DialTopology did not make.
func (t *Topology) socket() *socket.Socket {
	if t == nil {
		return nil
	}
	return t.s
}

const (
	filterPorts   = 1 // TIPC_SUB_PORTS
	filterService = 2 // TIPC_SUB_SERVICE

	subscriptionSize = 28
	eventSize        = 20 + subscriptionSize
)

// encode writes a struct tipc_subscr: service type, lower, upper, timeout,
// filter, and 8 bytes that each event repeats.
func (sub Subscription) encode() []byte {
	timeout, filter := uint32(math.MaxUint32), uint32(filterService)
	if sub.Timeout != WaitForever {
		timeout = uint32(min(max(sub.Timeout.Milliseconds(), 0), math.MaxUint32-1))
	}
	if sub.EachSocket {
		filter = filterPorts
	}
	var b []byte
	for _, v := range []uint32{sub.Service, sub.Lower, sub.Upper, timeout, filter, 0, 0} {
		b = binary.NativeEndian.AppendUint32(b, v)
	}
	return b
}

// parseEvent reads a struct tipc_event.
func parseEvent(b []byte) (Event, error) {
	if len(b) != eventSize {
		return Event{}, fmt.Errorf("an event of %d bytes, not %d", len(b), eventSize)
	}
	at := func(i int) uint32 { return binary.NativeEndian.Uint32(b[4*i:]) }
	return Event{EventKind(at(0)), at(1), at(2), SocketID(at(3), at(4))}, nil
}
