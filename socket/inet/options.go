package inet

import (
	"time"

	"github.com/sealsock/sealsock/socket"
)

// The options of IPv4. One that this system lacks is an error to use, which
// errors.Is(errors.ErrUnsupported) recognises.
var (
	BindNoPort         = flag("IP_BIND_ADDRESS_NO_PORT")                                                    // choose the port when connecting, not when binding
	FreeBind           = flag("IP_FREEBIND")                                                                // bind to an address that is not here yet
	HeaderIncluded     = flag("IP_HDRINCL")                                                                 // raw packets come with their IP header
	IPOptions          = socket.NewBytes("IP_OPTIONS", numbers["IP_OPTIONS"], 40)                           // options in the header of each packet
	MTU                = count("IP_MTU")                                                                    // of the path, on a connected socket; read only
	MTUDiscover        = count("IP_MTU_DISCOVER")                                                           // 0 fragment, 1 by route, 2 never, 3 probe
	MulticastInterface = socket.NewStruct[[4]byte]("IP_MULTICAST_IF", numbers["IP_MULTICAST_IF"])           // address of the interface to send on
	MulticastLoop      = flag("IP_MULTICAST_LOOP")                                                          // hear what this host sends
	MulticastTTL       = count("IP_MULTICAST_TTL")                                                          // hops that multicast packets live
	AddMembership      = socket.NewStruct[Membership4]("IP_ADD_MEMBERSHIP", numbers["IP_ADD_MEMBERSHIP"])   // Join does this for both versions
	DropMembership     = socket.NewStruct[Membership4]("IP_DROP_MEMBERSHIP", numbers["IP_DROP_MEMBERSHIP"]) // Leave
	ReceiveDestination = flag("IP_RECVDSTADDR")                                                             // messages come with PacketInfo: BSD
	ReceiveErrors      = flag("IP_RECVERR")                                                                 // keep ICMP errors in the error queue
	ReceiveOptions     = flag("IP_RECVOPTS")                                                                // messages come with their IP options
	ReceiveOriginal    = flag("IP_RECVORIGDSTADDR")                                                         // messages come with OriginalDestination
	ReceivePacketInfo  = flag(firstOf("IP_RECVPKTINFO", "IP_PKTINFO"))                                      // messages come with PacketInfo
	ReceiveTOS         = flag("IP_RECVTOS")                                                                 // messages come with TOS
	ReceiveTTL         = flag("IP_RECVTTL")                                                                 // messages come with HopLimit
	ServiceType        = count("IP_TOS")                                                                    // of packets sent: DSCP and ECN
	Transparent        = flag("IP_TRANSPARENT")                                                             // be a proxy with others' addresses
	TTL                = count("IP_TTL")                                                                    // hops that packets live
)

// The options of IPv6.
var (
	Checksum6            = count("IPV6_CHECKSUM")                                         // offset of the checksum in raw packets; -1 for none
	DestinationOptions6  = socket.NewBytes("IPV6_DSTOPTS", numbers["IPV6_DSTOPTS"], 2048) // header of each packet: RFC 3542, Section 9.2
	DontFragment6        = flag("IPV6_DONTFRAG")                                          // refuse messages longer than the MTU
	FreeBind6            = flag("IPV6_FREEBIND")                                          // bind to an address that is not here yet
	HeaderIncluded6      = flag("IPV6_HDRINCL")                                           // raw packets come with their IP header
	HopOptions6          = socket.NewBytes("IPV6_HOPOPTS", numbers["IPV6_HOPOPTS"], 2048) // header of each packet: RFC 3542, Section 8
	JoinGroup6           = socket.NewStruct[Membership6]("IPV6_JOIN_GROUP", numbers["IPV6_JOIN_GROUP"])
	LeaveGroup6          = socket.NewStruct[Membership6]("IPV6_LEAVE_GROUP", numbers["IPV6_LEAVE_GROUP"])
	MTU6                 = count("IPV6_MTU")                                                        // of the path, on a connected socket
	MTUDiscover6         = count("IPV6_MTU_DISCOVER")                                               // as MTUDiscover
	MulticastHops6       = count("IPV6_MULTICAST_HOPS")                                             // hops that multicast packets live
	MulticastInterface6  = count("IPV6_MULTICAST_IF")                                               // index of the interface to send on
	MulticastLoop6       = flag("IPV6_MULTICAST_LOOP")                                              // hear what this host sends
	NextHop6             = socket.NewBytes("IPV6_NEXTHOP", numbers["IPV6_NEXTHOP"], 28)             // struct sockaddr_in6 of the first hop
	PathMTU6             = socket.NewBytes("IPV6_PATHMTU", numbers["IPV6_PATHMTU"], 32)             // struct ip6_mtuinfo; read only
	ReceiveDestOptions6  = flag("IPV6_RECVDSTOPTS")                                                 // messages come with destination options
	ReceiveErrors6       = flag("IPV6_RECVERR")                                                     // keep ICMPv6 errors in the error queue
	ReceiveHopLimit6     = flag("IPV6_RECVHOPLIMIT")                                                // messages come with HopLimit
	ReceiveHopOptions6   = flag("IPV6_RECVHOPOPTS")                                                 // messages come with hop-by-hop options
	ReceiveOriginal6     = flag("IPV6_RECVORIGDSTADDR")                                             // messages come with OriginalDestination
	ReceivePathMTU6      = flag("IPV6_RECVPATHMTU")                                                 // learn the MTU with each message
	ReceivePacketInfo6   = flag("IPV6_RECVPKTINFO")                                                 // messages come with PacketInfo
	ReceiveRouting6      = flag("IPV6_RECVRTHDR")                                                   // messages come with their routing header
	ReceiveTrafficClass6 = flag("IPV6_RECVTCLASS")                                                  // messages come with TOS
	RoutingHeader6       = socket.NewBytes("IPV6_RTHDR", numbers["IPV6_RTHDR"], 2048)               // header of each packet: RFC 3542, Section 7
	RoutingDestOptions6  = socket.NewBytes("IPV6_RTHDRDSTOPTS", numbers["IPV6_RTHDRDSTOPTS"], 2048) // options for each node of that route
	TrafficClass6        = count("IPV6_TCLASS")                                                     // of packets sent: DSCP and ECN; -1 for the default
	Transparent6         = flag("IPV6_TRANSPARENT")                                                 // be a proxy with others' addresses
	UnicastHops6         = count("IPV6_UNICAST_HOPS")                                               // hops that packets live
	UseMinimumMTU6       = count("IPV6_USE_MIN_MTU")                                                // send packets of 1,280 bytes at most: BSD
	V6Only               = flag("IPV6_V6ONLY")                                                      // no IPv4 on this IPv6 socket
)

// The options of TCP.
var (
	CongestionControl = socket.NewString("TCP_CONGESTION", numbers["TCP_CONGESTION"], 16)                                  // name of the algorithm: "cubic"
	CongestionInfo    = socket.NewBytes("TCP_CC_INFO", numbers["TCP_CC_INFO"], 64)                                         // the algorithm's own figures; read only
	ConnectionInfo    = socket.NewBytes("TCP_CONNECTION_INFO", numbers["TCP_CONNECTION_INFO"], 256)                        // struct tcp_connection_info of macOS; read only
	Cork              = flag("TCP_CORK")                                                                                   // hold back short segments
	DeferAccept       = socket.NewDuration("TCP_DEFER_ACCEPT", numbers["TCP_DEFER_ACCEPT"], time.Second)                   // accept when data is there
	FastOpen          = count("TCP_FASTOPEN")                                                                              // a listener's queue of connections with early data
	FastOpenConnect   = flag("TCP_FASTOPEN_CONNECT")                                                                       // send the first data with the SYN
	FastOpenKey       = socket.NewBytes("TCP_FASTOPEN_KEY", numbers["TCP_FASTOPEN_KEY"], 32)                               // key of the cookies
	FastOpenNoCookie  = flag("TCP_FASTOPEN_NO_COOKIE")                                                                     // early data without a cookie
	Info              = socket.NewBytes("TCP_INFO", numbers["TCP_INFO"], 512)                                              // struct tcp_info; read only
	InQueue           = flag("TCP_INQ")                                                                                    // messages tell how much is left to read
	KeepAliveCount    = count("TCP_KEEPCNT")                                                                               // probes before giving up
	KeepAliveIdle     = socket.NewDuration("TCP_KEEPIDLE", numbers[firstOf("TCP_KEEPIDLE", "TCP_KEEPALIVE")], time.Second) // idle time before the first probe
	KeepAliveInterval = socket.NewDuration("TCP_KEEPINTVL", numbers["TCP_KEEPINTVL"], time.Second)                         // between probes
	Linger2           = socket.NewDuration("TCP_LINGER2", numbers["TCP_LINGER2"], time.Second)                             // life of an orphan in FIN-WAIT-2
	MaxSegment        = count("TCP_MAXSEG")                                                                                // bytes of data in a segment
	MD5Signature      = socket.NewBytes("TCP_MD5SIG", numbers["TCP_MD5SIG"], 216)                                          // struct tcp_md5sig; write only
	MD5SignaturePlus  = socket.NewBytes("TCP_MD5SIG_EXT", numbers["TCP_MD5SIG_EXT"], 216)                                  // the same with flags
	NoDelay           = flag("TCP_NODELAY")                                                                                // send short segments at once
	NotSentLowWater   = count("TCP_NOTSENT_LOWAT")                                                                         // unsent bytes above which it is not writable
	QueueSequence     = count("TCP_QUEUE_SEQ")                                                                             // of the queue that RepairQueue chose
	QuickAck          = flag("TCP_QUICKACK")                                                                               // acknowledge at once, until the kernel thinks better
	Repair            = count("TCP_REPAIR")                                                                                // take a connection over: 1 on, 0 off, -1 off silently
	RepairOptions     = socket.NewBytes("TCP_REPAIR_OPTIONS", numbers["TCP_REPAIR_OPTIONS"], 64)                           // pairs of option code and value; write only
	RepairQueue       = count("TCP_REPAIR_QUEUE")                                                                          // 0 none, 1 receive, 2 send
	RepairWindow      = socket.NewStruct[[5]uint32]("TCP_REPAIR_WINDOW", numbers["TCP_REPAIR_WINDOW"])                     // struct tcp_repair_window
	SavedSYN          = socket.NewBytes("TCP_SAVED_SYN", numbers["TCP_SAVED_SYN"], 512)                                    // headers of the SYN of an accepted connection; read only
	SaveSYN           = count("TCP_SAVE_SYN")                                                                              // a listener keeps them
	SYNCount          = count("TCP_SYNCNT")                                                                                // tries to connect
	ThinDupAck        = flag("TCP_THIN_DUPACK")                                                                            // no effect since Linux 5.1
	ThinTimeouts      = flag("TCP_THIN_LINEAR_TIMEOUTS")                                                                   // no back-off for connections with little data
	Timestamp         = count("TCP_TIMESTAMP")                                                                             // value of the clock in the segments
	TransmitDelay     = socket.NewDuration("TCP_TX_DELAY", numbers["TCP_TX_DELAY"], time.Microsecond)                      // extra delay, for tests
	UpperProtocol     = socket.NewString("TCP_ULP", numbers["TCP_ULP"], 16)                                                // protocol on top: "tls"
	UserTimeout       = socket.NewDuration("TCP_USER_TIMEOUT", numbers["TCP_USER_TIMEOUT"], time.Millisecond)              // life of unacknowledged data
	WindowClamp       = count("TCP_WINDOW_CLAMP")                                                                          // limit of the window, in bytes
	ZeroCopyReceive   = socket.NewBytes("TCP_ZEROCOPY_RECEIVE", numbers["TCP_ZEROCOPY_RECEIVE"], 64)                       // struct tcp_zerocopy_receive
)

// Membership4 is struct ip_mreq: a group, and the address of the interface to
// hear it on.
type Membership4 struct{ Group, Interface [4]byte }

// Membership6 is struct ipv6_mreq: a group, and the index of the interface to
// hear it on.
type Membership6 struct {
	Group     [16]byte
	Interface uint32
}

func flag(name string) socket.Option[bool] { return socket.NewBool(name, numbers[name]) }
func count(name string) socket.Option[int] { return socket.NewInt(name, numbers[name]) }

// firstOf returns the first name that the system has an option for, because
// systems call some options differently; or the first of all.
func firstOf(names ...string) string {
	for _, name := range names {
		if _, ok := numbers[name]; ok {
			return name
		}
	}
	return names[0]
}
