package rds

import (
	"net/netip"

	"github.com/sealsock/sealsock/socket"
	"github.com/sealsock/sealsock/socket/inet"
)

// Family is reliable datagram sockets. Their addresses are inet.Addr values.
var Family = family()

// A reliable datagram socket has the type SeqPacket, and no connections.
const socketType = socket.SeqPacket

// Open opens a socket that is bound to an address of this machine; port 0 lets
// the kernel choose.
func Open(local netip.AddrPort) (*socket.PacketConn, error) {
	s, err := Family.Bind(socketType, 0, inet.Addr{AddrPort: local, Net: "rds"})
	if err != nil {
		return nil, err
	}
	return s.PacketConn(), nil
}

// The options of RDS sockets. Those for memory that the network card reaches by
// itself take the structs of linux/rds.h.
var (
	CancelSentTo      = socket.NewBytes("RDS_CANCEL_SENT_TO", option(1), 28)   // discard messages queued for a peer: struct sockaddr
	GetMR             = socket.NewBytes("RDS_GET_MR", option(2), 32)           // struct rds_get_mr_args
	FreeMR            = socket.NewBytes("RDS_FREE_MR", option(3), 16)          // struct rds_free_mr_args
	ReceiveErrors     = socket.NewBool("RDS_RECVERR", option(5))               // messages come with the outcome of RDMA
	CongestionMonitor = socket.NewBool("RDS_CONG_MONITOR", option(6))          // messages come with a map of ports that have room
	GetMRForDest      = socket.NewBytes("RDS_GET_MR_FOR_DEST", option(7), 160) // struct rds_get_mr_for_dest_args
	Transport         = socket.NewInt("SO_RDS_TRANSPORT", option(8))           // 0 InfiniBand, 2 TCP
)

// Types of the ancillary data of RDS, at the level Level.
const (
	Level = 276 // SOL_RDS

	ControlRDMAArgs   = 1
	ControlRDMADest   = 2
	ControlRDMAMap    = 3
	ControlRDMAStatus = 4
)

// Flags in the arguments of RDMA.
const (
	RDMAReadWrite  = 1 << 0
	RDMAFence      = 1 << 1
	RDMAInvalidate = 1 << 2
	RDMAUseOnce    = 1 << 3
	RDMADontWait   = 1 << 4
	RDMANotifyMe   = 1 << 5
	RDMASilent     = 1 << 6
)

// option returns the numbers of an option of SOL_RDS.
func option(name int) socket.OptionNumber {
	if number < 0 {
		return socket.OptionNumber{}
	}
	return socket.OptionNumber{Level: Level, Name: name}
}

func family() socket.Family {
	f := inet.Transport{Name: "rds", Module: "rds rds_tcp", Domain: number}.Family(4)
	f.Takes = []int{inet.Family4.Number, inet.Family6.Number}
	f.EmptyMessages = true
	return f
}
