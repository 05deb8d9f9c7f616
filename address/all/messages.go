package all

import (
	"context"
	"errors"
	"net"

	"github.com/sealsock/sealsock/internal/endpoint"
	"github.com/sealsock/sealsock/socket"
	"github.com/sealsock/sealsock/socket/bluetooth"
	"github.com/sealsock/sealsock/socket/unix"
)

// The sizes of messages on a seqpacket socket: what is sent, and what is taken
// from others.
const (
	seqPacketSend    = 16 << 10
	seqPacketReceive = 256 << 10
)

// packets is a UNIX-domain seqpacket socket.
type packets struct{ endpoint.Local }

func parseSeqPacket(scheme, rest string) (endpoint.Endpoint, error) {
	end, err := endpoint.ParseUnix(scheme, rest)
	if err != nil {
		return nil, err
	}
	return packets{end.(endpoint.Local)}, nil
}

func (p packets) Network() string { return "unixpacket" }
func (p packets) Text() string    { return "seqpacket://" + p.Path }

func (p packets) addr() unix.Addr {
	if p.Path[0] == '@' {
		return unix.Abstract(p.Path[1:])
	}
	return unix.Path(p.Path)
}

func (p packets) Dial(ctx context.Context) (net.Conn, error) {
	s, err := unix.Dial(ctx, socket.SeqPacket, p.addr())
	if err != nil {
		return nil, err
	}
	return stream(s)
}

func (p packets) Listen(ctx context.Context) (net.Listener, error) {
	bind := func() (*socket.Listener, error) { return unix.Listen(socket.SeqPacket, p.addr()) }
	if p.Path[0] == '@' {
		l, err := bind()
		if err != nil {
			return nil, err
		}
		return streams{l}, nil
	}
	dial := func() (net.Conn, error) { return p.Dial(ctx) }
	l, c, err := endpoint.Path[*socket.Listener]{
		Network: "unixpacket", Name: p.Path, Bind: bind, Dial: dial,
	}.Listen(ctx)
	if err != nil {
		return nil, err
	}
	return claimedStreams{streams{l}, c}, nil
}

// claimedStreams is a listener on a path. Close removes the file of the path.
type claimedStreams struct {
	streams
	claim *endpoint.Claim
}

func (l claimedStreams) Close() error { return l.claim.Release(l.streams.Close) }

// streams is a listener on a family that keeps message boundaries. Its
// connections are streams.
type streams struct{ *socket.Listener }

// Accept skips a connection that ends before its message sizes can be read: a
// peer must not stop the listener.
func (l streams) Accept() (net.Conn, error) {
	for {
		s, err := l.AcceptContext(context.Background())
		if err != nil {
			return nil, err
		}
		if c, err := stream(s); err == nil || errors.Is(err, endpoint.ErrPackets) {
			return c, err
		}
	}
}

// stream wraps a connection that keeps message boundaries as a stream.
func stream(s *socket.Socket) (net.Conn, error) {
	var c *socket.StreamConn
	var err error
	switch {
	case s.Type() == socket.Stream:
		return s, nil
	case s.Family().Name == bluetooth.FamilyL2CAP.Name:
		c, err = bluetooth.StreamL2CAP(s)
	case s.Type() == socket.SeqPacket:
		c, err = socket.StreamOver(s, seqPacketSend, seqPacketReceive)
	default:
		err = &net.OpError{Op: "dial", Net: s.Family().Name, Addr: s.LocalAddr(), Err: endpoint.ErrPackets}
	}
	if err != nil {
		_ = s.Close()
		return nil, err
	}
	return c, nil
}
