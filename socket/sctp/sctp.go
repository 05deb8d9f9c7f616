package sctp

import (
	"context"
	"time"

	"github.com/sealsock/sealsock/socket"
	"github.com/sealsock/sealsock/socket/inet"
)

// Protocol is IPPROTO_SCTP.
const Protocol = 132

// Transport is SCTP for package inet, whose CreateConnection and CreateServer
// take it.
var Transport = inet.Transport{Name: "sctp", Module: "sctp", Type: socket.Stream, Protocol: Protocol, Domain: missing}

// The options of SCTP sockets: RFC 6458, Section 8.
var (
	RTOInfo     = socket.NewStruct[RTO]("SCTP_RTOINFO", option(0))             // retransmission timeouts
	InitMessage = socket.NewStruct[Init]("SCTP_INITMSG", option(2))            // what is offered when connecting
	NoDelay     = socket.NewBool("SCTP_NODELAY", option(3))                    // send short messages at once
	AutoClose   = socket.NewDuration("SCTP_AUTOCLOSE", option(4), time.Second) // close when idle: one-to-many style
	NoFragments = socket.NewBool("SCTP_DISABLE_FRAGMENTS", option(8))          // refuse messages longer than the path takes
	MaxSegment  = socket.NewInt("SCTP_MAXSEG", option(13))                     // bytes of a message in one packet
	Status      = socket.NewBytes("SCTP_STATUS", option(14), 256)              // struct sctp_status; read only
	MappedV4    = socket.NewBool("SCTP_I_WANT_MAPPED_V4_ADDR", option(12))     // IPv4 addresses on an IPv6 socket are mapped
	MaxBurst    = socket.NewInt("SCTP_MAX_BURST", option(20))                  // packets that are sent at once
)

// RTO is struct sctp_rtoinfo, in milliseconds.
type RTO struct {
	Association       int32
	Initial, Max, Min uint32
}

// Init is struct sctp_initmsg.
type Init struct {
	OutStreams   uint16 // offered
	MaxInStreams uint16
	MaxAttempts  uint16
	MaxTimeout   uint16 // ms
}

// option returns the numbers of an option of SCTP.
func option(name int) socket.OptionNumber {
	if missing < 0 {
		return socket.OptionNumber{}
	}
	return socket.OptionNumber{Level: Protocol, Name: name}
}

// Dial connects to "host:port", as inet.CreateConnection does.
func Dial(ctx context.Context, address string) (*socket.Socket, error) {
	return inet.CreateConnection(ctx, address, &inet.ConnectOptions{Transport: Transport})
}

// Listen accepts connections to "host:port", as inet.CreateServer does.
func Listen(ctx context.Context, address string) (*socket.Listener, error) {
	return inet.CreateServer(ctx, address, &inet.ServerOptions{Transport: Transport})
}
