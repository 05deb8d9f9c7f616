package smc

import (
	"context"

	"github.com/sealsock/sealsock/socket"
	"github.com/sealsock/sealsock/socket/inet"
)

// Transport is SMC for package inet, whose CreateConnection and CreateServer
// take it.
var Transport = inet.Transport{Name: "smc", Module: "smc smc_diag", Type: socket.Stream, Protocol6: 1, Domain: number}

// LimitHandshakes makes a listener fall back to TCP when it is busy.
var LimitHandshakes = socket.NewBool("SMC_LIMIT_HS", option(1))

// option returns the numbers of an option of SOL_SMC.
func option(name int) socket.OptionNumber {
	if number < 0 {
		return socket.OptionNumber{}
	}
	return socket.OptionNumber{Level: 286, Name: name}
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
