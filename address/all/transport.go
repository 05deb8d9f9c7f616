package all

import (
	"context"
	"net"
	"net/netip"

	"github.com/sealsock/sealsock/internal/endpoint"
	"github.com/sealsock/sealsock/socket"
	"github.com/sealsock/sealsock/socket/inet"
	"github.com/sealsock/sealsock/socket/mptcp"
	"github.com/sealsock/sealsock/socket/sctp"
	"github.com/sealsock/sealsock/socket/smc"
	"github.com/sealsock/sealsock/socket/udplite"
)

// transport is a host and a port over another transport than TCP.
type transport struct{ endpoint.TCP }

func parseTransport(scheme, rest string) (endpoint.Endpoint, error) {
	end, err := endpoint.ParseTCP(scheme, rest)
	if err != nil {
		return nil, err
	}
	return transport{end.(endpoint.TCP)}, nil
}

func (t transport) kind() inet.Transport {
	switch t.Scheme {
	case "sctp":
		return sctp.Transport
	case "mptcp":
		return mptcp.Transport
	}
	return smc.Transport
}

func (t transport) Dial(ctx context.Context) (net.Conn, error) {
	return conn(inet.CreateConnection(ctx, t.Joined(), &inet.ConnectOptions{Transport: t.kind()}))
}

// listen accepts both IPv6 and IPv4 if the host is empty and the system
// supports dual-stack sockets.
func (t transport) Listen(ctx context.Context) (net.Listener, error) {
	both := t.Name == "" && inet.HasDualStackIPv6()
	l, err := inet.CreateServer(ctx, t.Joined(), &inet.ServerOptions{Transport: t.kind(), DualStack: both})
	if err != nil {
		return nil, err
	}
	return l, nil
}

// conn keeps a nil *Socket from becoming a net.Conn that is not nil.
func conn(s *socket.Socket, err error) (net.Conn, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

// listener keeps a nil *Listener from becoming a net.Listener that is not nil.
func listener(l *socket.Listener, err error) (net.Listener, error) {
	if err != nil {
		return nil, err
	}
	return l, nil
}

// lite is an IP address and a port for UDP-Lite.
type lite struct{ at netip.AddrPort }

var _ endpoint.Packets = lite{}

func parseUDPLite(_, rest string) (endpoint.Endpoint, error) {
	at, err := netip.ParseAddrPort(rest)
	if err != nil {
		return nil, endpoint.Problem("it is not an IP address with a port", "write udplite://192.0.2.1:443 or udplite://[2001:db8::1]:443")
	}
	return lite{at}, nil
}

func (lite) Network() string  { return "udplite" }
func (l lite) Text() string   { return "udplite://" + l.at.String() }
func (l lite) Host() string   { return l.at.Addr().WithZone("").String() }
func (l lite) addr() net.Addr { return inet.Addr{AddrPort: l.at, Net: "udplite"} }

func (l lite) Dial(context.Context) (net.Conn, error) {
	return nil, endpoint.OpError("dial", l, endpoint.ErrPackets)
}

func (l lite) Listen(context.Context) (net.Listener, error) {
	return nil, endpoint.OpError("listen", l, endpoint.ErrPackets)
}

func (l lite) DialPacket(ctx context.Context) (net.Conn, error) {
	version := 4
	if l.at.Addr().Is6() {
		version = 6
	}
	s, err := udplite.Transport.New(version)
	if err != nil {
		return nil, err
	}
	if err := s.Connect(ctx, l.addr()); err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

func (l lite) ListenPacket(context.Context) (net.PacketConn, error) {
	c, err := udplite.Open(l.at)
	if err != nil {
		return nil, err
	}
	return c, nil
}
