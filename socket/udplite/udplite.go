package udplite

import (
	"net/netip"

	"github.com/sealsock/sealsock/socket"
	"github.com/sealsock/sealsock/socket/inet"
)

// Protocol is IPPROTO_UDPLITE.
const Protocol = 136

// Transport is UDP-Lite for package inet.
var Transport = inet.Transport{Name: "udplite", Type: socket.Datagram, Protocol: Protocol, Domain: missing}

// The options of UDP-Lite. The coverage counts from the header on, which has 8
// bytes; 0 means everything, and 1 to 7 nothing less than the header.
var (
	SendCoverage    = socket.NewInt("UDPLITE_SEND_CSCOV", option(sendCoverage))    // bytes that the checksum covers
	ReceiveCoverage = socket.NewInt("UDPLITE_RECV_CSCOV", option(receiveCoverage)) // drop datagrams that it covers less of
)

// option returns the numbers of an option of UDP-Lite.
func option(name int) socket.OptionNumber {
	if missing < 0 {
		return socket.OptionNumber{}
	}
	return socket.OptionNumber{Level: Protocol, Name: name}
}

// Open opens a socket that is bound to an address of this machine; port 0 lets
// the kernel choose.
func Open(local netip.AddrPort) (*socket.PacketConn, error) {
	version := 4
	if local.Addr().Is6() {
		version = 6
	}
	s, err := Transport.New(version)
	if err != nil {
		return nil, err
	}
	if err := s.Bind(inet.Addr{AddrPort: local, Net: "udplite"}); err != nil {
		_ = s.Close()
		return nil, err
	}
	return s.PacketConn(), nil
}
