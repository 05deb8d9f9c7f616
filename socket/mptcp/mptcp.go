package mptcp

import (
	"context"

	"github.com/sealsock/sealsock/socket"
	"github.com/sealsock/sealsock/socket/inet"
)

// Protocol is IPPROTO_MPTCP.
const Protocol = 262

// Transport is multipath TCP for package inet, whose CreateConnection and
// CreateServer take it. The options of TCP that are in package inet work too.
var Transport = inet.Transport{Name: "mptcp", Type: socket.Stream, Protocol: Protocol, Domain: missing}

// The options of multipath TCP.
var (
	Info           = socket.NewBytes("MPTCP_INFO", option(1), 256)           // struct mptcp_info; read only
	SubflowDetails = socket.NewBytes("MPTCP_TCPINFO", option(2), 4096)       // struct tcp_info of each path; read only
	SubflowAddrs   = socket.NewBytes("MPTCP_SUBFLOW_ADDRS", option(3), 4096) // addresses of each path; read only
)

// option returns the numbers of an option of SOL_MPTCP.
func option(name int) socket.OptionNumber {
	if missing < 0 {
		return socket.OptionNumber{}
	}
	return socket.OptionNumber{Level: 284, Name: name}
}

// Dial connects to "host:port", as inet.CreateConnection does.
func Dial(ctx context.Context, address string) (*socket.Socket, error) {
	return inet.CreateConnection(ctx, address, &inet.ConnectOptions{Transport: Transport})
}

// Listen accepts connections to "host:port", as inet.CreateServer does,
// including connections of peers that use plain TCP.
func Listen(ctx context.Context, address string) (*socket.Listener, error) {
	return inet.CreateServer(ctx, address, &inet.ServerOptions{Transport: Transport})
}

// InUse reports whether a connection is multipath TCP and not plain TCP, which
// it falls back to.
func InUse(s *socket.Socket) bool {
	_, err := Info.Get(s)
	return err == nil
}
