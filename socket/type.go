package socket

import "strconv"

// A Type is how a socket carries data: the second argument of socket(2).
type Type int

// The types have these numbers on every system.
const (
	Stream    Type = 1 // bytes in order, without boundaries
	Datagram  Type = 2 // messages that may be lost
	Raw       Type = 3 // below the transport
	RDM       Type = 4 // messages that arrive, in any order
	SeqPacket Type = 5 // messages in order over a connection
)

// String returns the type's name in lower case.
func (t Type) String() string {
	switch t {
	case Stream:
		return "stream"
	case Datagram:
		return "datagram"
	case Raw:
		return "raw"
	case RDM:
		return "rdm"
	case SeqPacket:
		return "seqpacket"
	}
	return "type " + strconv.Itoa(int(t))
}
