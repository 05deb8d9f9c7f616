package socket

import "time"

// The options of SOL_SOCKET. An option that the system lacks is declared too, and
// using it is an error that errors.Is(errors.ErrUnsupported) recognises. Those
// marked "read only" fail in Set.
var (
	AcceptsConnections = NewBool("SO_ACCEPTCONN", numberOf("SO_ACCEPTCONN"))           // whether the socket listens; read only
	Broadcasts         = NewBool("SO_BROADCAST", numberOf("SO_BROADCAST"))             // may send to broadcast addresses
	BusyPoll           = NewInt("SO_BUSY_POLL", numberOf("SO_BUSY_POLL"))              // µs to poll the device for
	Cookie             = NewStruct[uint64]("SO_COOKIE", numberOf("SO_COOKIE"))         // the socket's number in the kernel; read only
	Debug              = NewBool("SO_DEBUG", numberOf("SO_DEBUG"))                     // protocol debugging
	Device             = NewString("SO_BINDTODEVICE", numberOf("SO_BINDTODEVICE"), 16) // interface name that it is tied to
	DeviceIndex        = NewInt("SO_BINDTOIFINDEX", numberOf("SO_BINDTOIFINDEX"))      // interface index that it is tied to
	Domain             = NewInt("SO_DOMAIN", numberOf("SO_DOMAIN"))                    // AF_ number; read only
	ExclusiveAddr      = NewBool("SO_EXCLUSIVEADDRUSE", numberOf("SO_EXCLUSIVEADDRUSE"))
	FIB                = NewInt("SO_SETFIB", numberOf("SO_SETFIB"))                         // FreeBSD's routing table
	IncomingCPU        = NewInt("SO_INCOMING_CPU", numberOf("SO_INCOMING_CPU"))             // processor that handled the last packet
	KeepAlive          = NewBool("SO_KEEPALIVE", numberOf("SO_KEEPALIVE"))                  // probe an idle peer
	Lingers            = NewStruct[Linger]("SO_LINGER", numberOf("SO_LINGER"))              // what Close does with unsent data
	Mark               = NewInt("SO_MARK", numberOf("SO_MARK"))                             // mark on each packet, for routing and filters
	NoRoute            = NewBool("SO_DONTROUTE", numberOf("SO_DONTROUTE"))                  // send only to hosts on the link
	OOBInline          = NewBool("SO_OOBINLINE", numberOf("SO_OOBINLINE"))                  // urgent data stays in the stream
	PassCredentials    = NewBool("SO_PASSCRED", numberOf("SO_PASSCRED"))                    // messages come with Credentials
	PassProcessFD      = NewBool("SO_PASSPIDFD", numberOf("SO_PASSPIDFD"))                  // messages come with a ProcessFD
	PassSecurity       = NewBool("SO_PASSSEC", numberOf("SO_PASSSEC"))                      // messages come with a SecurityLabel
	PeerCredentials    = NewStruct[UserCredentials]("SO_PEERCRED", numberOf("SO_PEERCRED")) // who connected; read only
	PeerSecurity       = NewString("SO_PEERSEC", numberOf("SO_PEERSEC"), 4096)              // the peer's security label; read only
	PendingError       = NewInt("SO_ERROR", numberOf("SO_ERROR"))                           // errno of the last failure, which reading clears; read only
	Priority           = NewInt("SO_PRIORITY", numberOf("SO_PRIORITY"))                     // of the packets in the device's queue
	ProtocolNumber     = NewInt("SO_PROTOCOL", numberOf("SO_PROTOCOL"))                     // read only
	ReceiveBuffer      = NewInt("SO_RCVBUF", numberOf("SO_RCVBUF"))                         // bytes; Linux doubles what is set
	ReceiveBufferForce = NewInt("SO_RCVBUFFORCE", numberOf("SO_RCVBUFFORCE"))               // as root, beyond the system's maximum
	ReceiveLowWater    = NewInt("SO_RCVLOWAT", numberOf("SO_RCVLOWAT"))                     // bytes that wake a reader
	ReceiveTimeout     = NewStruct[Timeval]("SO_RCVTIMEO", numberOf("SO_RCVTIMEO"))         // no effect here: use a deadline; for files made of the socket
	ReportDrops        = NewBool("SO_RXQ_OVFL", numberOf("SO_RXQ_OVFL"))                    // messages come with Dropped
	ReuseAddr          = NewBool("SO_REUSEADDR", numberOf("SO_REUSEADDR"))                  // bind although old connections remain
	ReusePort          = NewBool("SO_REUSEPORT", numberOf("SO_REUSEPORT"))                  // many sockets on one port
	ReusePortBalanced  = NewBool("SO_REUSEPORT_LB", numberOf("SO_REUSEPORT_LB"))            // FreeBSD: and share its connections
	RouteTable         = NewInt("SO_RTABLE", numberOf("SO_RTABLE"))                         // OpenBSD's routing table
	SendBuffer         = NewInt("SO_SNDBUF", numberOf("SO_SNDBUF"))                         // bytes; Linux doubles what is set
	SendBufferForce    = NewInt("SO_SNDBUFFORCE", numberOf("SO_SNDBUFFORCE"))               // as root, beyond the system's maximum
	SendLowWater       = NewInt("SO_SNDLOWAT", numberOf("SO_SNDLOWAT"))                     // bytes of room that wake a writer
	SendTimeout        = NewStruct[Timeval]("SO_SNDTIMEO", numberOf("SO_SNDTIMEO"))         // as ReceiveTimeout
	Timestamps         = NewBool("SO_TIMESTAMP", numberOf("SO_TIMESTAMP"))                  // messages come with a Timestamp, in µs
	TimestampsNano     = NewBool("SO_TIMESTAMPNS", numberOf("SO_TIMESTAMPNS"))              // and in ns
	TypeNumber         = NewInt("SO_TYPE", numberOf("SO_TYPE"))                             // read only
	UseLoopback        = NewBool("SO_USELOOPBACK", numberOf("SO_USELOOPBACK"))              // receive own routing messages
	UserCookie         = NewInt("SO_USER_COOKIE", numberOf("SO_USER_COOKIE"))               // FreeBSD: a number for its filters
	ZeroCopySends      = NewBool("SO_ZEROCOPY", numberOf("SO_ZEROCOPY"))                    // allows the flag ZeroCopy
)

// UserCredentials is struct ucred: who opened the other end.
type UserCredentials struct {
	PID      int32
	UID, GID uint32
}

// Timeval is struct timeval on a 64-bit system.
type Timeval struct{ Seconds, Microseconds int64 }

// Linger is struct linger: with On, Close waits up to Seconds for data to be
// sent; with On and 0 seconds it throws the data away and resets.
type Linger struct {
	On      lingerField // 0 or 1
	Seconds lingerField
}

// Duration returns how long Close lingers.
func (l Linger) Duration() time.Duration { return time.Duration(l.Seconds) * time.Second }

// numberOf returns the numbers of an option of SOL_SOCKET, or zero where the
// system lacks it.
func numberOf(name string) OptionNumber { return optionNumbers[name] }
