package socket_test

import (
	"testing"

	"github.com/sealsock/sealsock/socket"
	"github.com/sealsock/sealsock/socket/alg"
	"github.com/sealsock/sealsock/socket/bluetooth"
	"github.com/sealsock/sealsock/socket/can"
	"github.com/sealsock/sealsock/socket/divert"
	"github.com/sealsock/sealsock/socket/hyperv"
	"github.com/sealsock/sealsock/socket/inet"
	"github.com/sealsock/sealsock/socket/kernelcontrol"
	"github.com/sealsock/sealsock/socket/netlink"
	"github.com/sealsock/sealsock/socket/packet"
	"github.com/sealsock/sealsock/socket/qrtr"
	"github.com/sealsock/sealsock/socket/rds"
	"github.com/sealsock/sealsock/socket/tipc"
	"github.com/sealsock/sealsock/socket/unix"
	"github.com/sealsock/sealsock/socket/vsock"
)

// families are all that have addresses of their own.
var families = []socket.Family{
	inet.Family4, inet.Family6, unix.Family, netlink.Family, packet.Family, vsock.Family, can.Family, can.FamilyISOTP, can.FamilyJ1939,
	bluetooth.FamilyL2CAP, bluetooth.FamilyRFCOMM, bluetooth.FamilySCO, bluetooth.FamilyHCI, alg.Family, tipc.Family, qrtr.Family, rds.Family,
	hyperv.Family, divert.Family, kernelcontrol.Family,
}

// FuzzAddresses reads what a kernel might have written as the address of each
// family. What is an address can be written, and then reads the same.
func FuzzAddresses(f *testing.F) {
	for i, family := range families {
		for _, size := range []int{0, 1, 2, 8, 12, 16, 24, 28, 36, 88, 128} {
			raw := socket.AppendHeader(nil, max(family.Number, 0), size)
			f.Add(byte(i), append(raw, make([]byte, max(size-2, 0))...))
		}
	}
	f.Fuzz(func(t *testing.T, which byte, raw []byte) {
		family := families[int(which)%len(families)]
		a, err := family.Decode(raw)
		if err != nil {
			if a != nil {
				t.Fatalf("%s: an address and the error %v", family.Name, err)
			}
			return
		}
		_, _ = a.String(), a.Network()
		again, err := a.AppendSockaddr(nil)
		if err != nil {
			return // the kernel may write it but not read it, such as an unbound socket's name
		}
		b, err := family.Decode(again)
		if err != nil || a != b {
			t.Fatalf("%s: %v became %v, %v", family.Name, a, b, err)
		}
	})
}
