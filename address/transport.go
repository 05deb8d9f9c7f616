package address

import (
	"context"
	"net"
	"net/netip"

	"github.com/sealsock/sealsock/socket"
	"github.com/sealsock/sealsock/socket/inet"
	"github.com/sealsock/sealsock/socket/mptcp"
	"github.com/sealsock/sealsock/socket/sctp"
	"github.com/sealsock/sealsock/socket/smc"
	"github.com/sealsock/sealsock/socket/udplite"
)

// transport is a host and a port over another transport than TCP.
type transport struct{ tcp }

func parseTransport(scheme, rest string) (endpoint, error) {
	end, err := parseTCP(scheme, rest)
	if err != nil {
		return nil, err
	}
	return transport{end.(tcp)}, nil
}

func (t transport) kind() inet.Transport {
	switch t.scheme {
	case "sctp":
		return sctp.Transport
	case "mptcp":
		return mptcp.Transport
	}
	return smc.Transport
}

func (t transport) dial(ctx context.Context) (net.Conn, error) {
	return conn(inet.CreateConnection(ctx, t.hostPort(), &inet.ConnectOptions{Transport: t.kind()}))
}

// listen accepts both IPv6 and IPv4 if the host is empty and the system
// supports dual-stack sockets.
func (t transport) listen(ctx context.Context) (net.Listener, error) {
	both := t.name == "" && inet.HasDualStackIPv6()
	l, err := inet.CreateServer(ctx, t.hostPort(), &inet.ServerOptions{Transport: t.kind(), DualStack: both})
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

// udp is a host and a port for datagrams.
type udp struct{ tcp }

func parseUDP(scheme, rest string) (endpoint, error) {
	end, err := parseTCP(scheme, rest)
	if err != nil {
		return nil, err
	}
	return udp{end.(tcp)}, nil
}

func (u udp) dial(context.Context) (net.Conn, error) {
	return nil, opError("dial", Address{u.scheme, u}, errPackets)
}

func (u udp) listen(context.Context) (net.Listener, error) {
	return nil, opError("listen", Address{u.scheme, u}, errPackets)
}

func (u udp) dialPacket(ctx context.Context) (net.Conn, error) {
	if err := u.auditName("dial"); err != nil {
		return nil, err
	}
	return dialer().DialContext(ctx, u.scheme, u.hostPort())
}

func (u udp) listenPacket(ctx context.Context) (net.PacketConn, error) {
	if err := u.auditName("listen"); err != nil {
		return nil, err
	}
	return listening().ListenPacket(ctx, u.listenNetwork(), u.hostPort())
}

// lite is an IP address and a port for UDP-Lite.
type lite struct{ at netip.AddrPort }

var _ packetEndpoint = lite{}

func parseUDPLite(_, rest string) (endpoint, error) {
	at, err := netip.ParseAddrPort(rest)
	if err != nil {
		return nil, problem("it is not an IP address with a port", "write udplite://192.0.2.1:443 or udplite://[2001:db8::1]:443")
	}
	return lite{at}, nil
}

func (lite) network() string  { return "udplite" }
func (l lite) text() string   { return "udplite://" + l.at.String() }
func (l lite) host() string   { return l.at.Addr().WithZone("").String() }
func (l lite) self() Address  { return Address{"udplite", l} }
func (l lite) addr() net.Addr { return inet.Addr{AddrPort: l.at, Net: "udplite"} }

func (l lite) dial(context.Context) (net.Conn, error) {
	return nil, opError("dial", l.self(), errPackets)
}

func (l lite) listen(context.Context) (net.Listener, error) {
	return nil, opError("listen", l.self(), errPackets)
}

func (l lite) dialPacket(ctx context.Context) (net.Conn, error) {
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

func (l lite) listenPacket(context.Context) (net.PacketConn, error) {
	c, err := udplite.Open(l.at)
	if err != nil {
		return nil, err
	}
	return c, nil
}
