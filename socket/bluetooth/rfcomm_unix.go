//go:build !windows

package bluetooth

import (
	"fmt"

	"github.com/sealsock/sealsock/socket"
)

// appendRFCOMM appends a struct sockaddr_rc, or FreeBSD's sockaddr_rfcomm, which
// has the same fields in the same places.
func appendRFCOMM(b []byte, a RFCOMMAddr) []byte {
	b = socket.AppendHeader(b, numberRFCOMM, 10)
	b = a.Device.append(b)
	return append(b, a.Channel, 0)
}

func decodeRFCOMM(raw []byte) (socket.Addr, error) {
	if len(raw) < 9 {
		return nil, fmt.Errorf("struct sockaddr_rc of %d bytes", len(raw))
	}
	return RFCOMMAddr{deviceOf(raw[2:8]), raw[8]}, nil
}
