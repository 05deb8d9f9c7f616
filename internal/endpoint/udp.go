package endpoint

import (
	"context"
	"net"
)

// udp is a host and a port for datagrams.
type udp struct{ TCP }

func parseUDP(scheme, rest string) (Endpoint, error) {
	end, err := ParseTCP(scheme, rest)
	if err != nil {
		return nil, err
	}
	return udp{end.(TCP)}, nil
}

func (u udp) Dial(context.Context) (net.Conn, error) {
	return nil, OpError("dial", u, ErrPackets)
}

func (u udp) Listen(context.Context) (net.Listener, error) {
	return nil, OpError("listen", u, ErrPackets)
}

func (u udp) DialPacket(ctx context.Context) (net.Conn, error) {
	if err := u.auditName("dial"); err != nil {
		return nil, err
	}
	return dialer().DialContext(ctx, u.Scheme, u.Joined())
}

func (u udp) ListenPacket(ctx context.Context) (net.PacketConn, error) {
	if err := u.auditName("listen"); err != nil {
		return nil, err
	}
	return listening().ListenPacket(ctx, u.listenNetwork(), u.Joined())
}
