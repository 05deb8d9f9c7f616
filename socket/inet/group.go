package inet

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"syscall"

	"github.com/sealsock/sealsock/socket"
)

// Join joins a multicast group on the interface with the given index; 0 lets
// the system choose one. It works for both versions of IP: RFC 3678, Section
// 5.1.
func Join(s *socket.Socket, group netip.Addr, ifindex int) error {
	return change(s, mcastJoinGroup, ifindex, group)
}

// Leave reverts Join.
func Leave(s *socket.Socket, group netip.Addr, ifindex int) error {
	return change(s, mcastLeaveGroup, ifindex, group)
}

// JoinSource joins a group for the packets of one source.
func JoinSource(s *socket.Socket, group, source netip.Addr, ifindex int) error {
	return change(s, mcastJoinSource, ifindex, group, source)
}

// LeaveSource reverts JoinSource.
func LeaveSource(s *socket.Socket, group, source netip.Addr, ifindex int) error {
	return change(s, mcastLeaveSource, ifindex, group, source)
}

// BlockSource blocks the packets of one source in a joined group.
func BlockSource(s *socket.Socket, group, source netip.Addr, ifindex int) error {
	return change(s, mcastBlockSource, ifindex, group, source)
}

// UnblockSource reverts BlockSource.
func UnblockSource(s *socket.Socket, group, source netip.Addr, ifindex int) error {
	return change(s, mcastUnblockSource, ifindex, group, source)
}

// storage is the size of struct sockaddr_storage.
const storage = 128

// change writes a struct group_req or group_source_req: an interface index and
// one or two struct sockaddr_storage.
func change(s *socket.Socket, option, ifindex int, addrs ...netip.Addr) error {
	level := syscall.IPPROTO_IP
	if addrs[0].Is6() {
		level = syscall.IPPROTO_IPV6
	}
	if !addrs[0].IsMulticast() {
		return fmt.Errorf("address %s is not a multicast group", addrs[0])
	}
	req := make([]byte, groupPadding, groupPadding+len(addrs)*storage)
	binary.NativeEndian.PutUint32(req, uint32(ifindex))
	for _, a := range addrs {
		raw, err := AddrOf(a, 0).AppendSockaddr(nil)
		if err != nil {
			return err
		}
		req = append(req, raw...)
		req = append(req, make([]byte, storage-len(raw))...)
	}
	return s.SetOption(socket.OptionNumber{Level: level, Name: option}, req)
}
