package bluetooth

import (
	"encoding/binary"
	"fmt"

	"github.com/sealsock/sealsock/socket"
)

// Windows has RFCOMM alone; the numbers are of ws2bth.h.
const (
	number       = -1
	numberRFCOMM = 32 // AF_BTH

	protoHCI    = 0
	protoL2CAP  = 0
	protoRFCOMM = 3
	protoSCO    = 0

	anyPort = 0xffffffff // BT_PORT_ANY
)

// appendRFCOMM appends a SOCKADDR_BTH, which is packed: the address as a number
// of 64 bits, a service's identifier, which is zero, and the channel.
func appendRFCOMM(b []byte, a RFCOMMAddr) []byte {
	b = socket.AppendHeader(b, numberRFCOMM, 30)
	b = a.Device.append(b)
	b = append(b, make([]byte, 2+16)...)
	channel := uint32(a.Channel)
	if channel == 0 {
		channel = anyPort
	}
	return binary.LittleEndian.AppendUint32(b, channel)
}

func decodeRFCOMM(raw []byte) (socket.Addr, error) {
	if len(raw) < 30 {
		return nil, fmt.Errorf("struct SOCKADDR_BTH of %d bytes", len(raw))
	}
	a := RFCOMMAddr{Device: deviceOf(raw[2:8])}
	if channel := binary.LittleEndian.Uint32(raw[26:]); channel <= 30 {
		a.Channel = uint8(channel)
	}
	return a, nil
}
