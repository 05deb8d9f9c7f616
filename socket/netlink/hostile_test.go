//go:build linux

package netlink_test

import (
	"encoding/binary"
	"testing"

	"github.com/sealsock/sealsock/internal/sockettest"
	"github.com/sealsock/sealsock/socket"
	"github.com/sealsock/sealsock/socket/netlink"
)

func TestWaiting(t *testing.T) {
	sockettest.Waits(t, "netlink", func() *socket.Socket { return open(t, netlink.UserSock).Socket })
}

func TestRefusals(t *testing.T) {
	sockettest.Refuses(t, "netlink", netlink.Family, socket.Raw, int(netlink.UserSock))
}

// TestGroup sends to a multicast group and checks the group of the received
// message: NETLINK_PKTINFO.
func TestGroup(t *testing.T) {
	sockettest.Shows(t, "netlink", sockettest.Ancillary, sockettest.Trip, sockettest.Options)
	const group = 5
	s, err := socket.New(netlink.Family, socket.Raw, int(netlink.UserSock))
	sockettest.Need(t, err)
	defer s.Close()
	sockettest.Need(t, s.Bind(netlink.Addr{}))
	sockettest.Need(t, netlink.AddMembership.Set(s, group))
	if err := netlink.PacketInfo.Set(s, true); err != nil {
		t.Fatal(err)
	}
	c := open(t, netlink.UserSock)
	// Besides the group a message has one receiver, here the sender itself.
	to := netlink.Addr{Port: c.LocalAddr().(netlink.Addr).Port, Groups: 1 << (group - 1)}
	_, err = c.SendTo(sockettest.Context(t), []byte("to the group"), 0, to)
	sockettest.Need(t, err)
	const level, info = 270, 3
	for _, item := range sockettest.Received(t, s) {
		raw, ok := item.(socket.RawAncillary)
		if ok && raw.Level == level && raw.Type == info && len(raw.Data) >= 4 && binary.NativeEndian.Uint32(raw.Data) == group {
			return
		}
	}
	t.Error("the message does not say which group it was for")
}
