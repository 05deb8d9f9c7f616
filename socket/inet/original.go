package inet

import (
	"errors"
	"net"
	"runtime"
	"syscall"

	"github.com/sealsock/sealsock/socket"
)

// OriginalDestination returns where an accepted TCP connection was sent to
// before a firewall rule of Linux redirected it here: SO_ORIGINAL_DST.
func OriginalDestination(s *socket.Socket) (Addr, error) {
	if runtime.GOOS != "linux" {
		return Addr{}, socket.NotImplemented("get", "original destination")
	}
	const original = 80
	raw := make([]byte, 28)
	n, err := s.GetOption(socket.OptionNumber{Level: syscall.IPPROTO_IP, Name: original}, raw)
	if local, ok := s.LocalAddr().(Addr); ok && local.Is6() && !local.Addr().Is4In6() {
		n, err = s.GetOption(socket.OptionNumber{Level: syscall.IPPROTO_IPV6, Name: original}, raw)
	}
	if err != nil {
		return Addr{}, err
	}
	a, err := decode(s.Family().Name, raw[:n])
	if err != nil {
		return Addr{}, &net.OpError{Op: "get", Net: s.Family().Name, Err: err}
	}
	addr, ok := a.(Addr)
	if !ok {
		return Addr{}, &net.OpError{Op: "get", Net: s.Family().Name, Err: errors.New("no address of IP")}
	}
	return addr, nil
}
