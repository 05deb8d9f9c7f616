package all

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/sealsock/sealsock/internal/endpoint"
	"github.com/sealsock/sealsock/socket"
	"github.com/sealsock/sealsock/socket/inet"
	"github.com/sealsock/sealsock/socket/tipc"
	"github.com/sealsock/sealsock/socket/unix"
	"github.com/sealsock/sealsock/socket/vsock"
)

// firstPassed is the descriptor that systemd's first passed socket has:
// SD_LISTEN_FDS_START of sd_listen_fds(3).
const firstPassed = 3

// maxPassed is the largest number of descriptors in LISTEN_FDS that are
// examined.
const maxPassed = 1024

// inherited is a descriptor that the process was started with: by number, or,
// with number -1, the one that systemd passed under a name ("" is the first).
type inherited struct {
	number int
	name   string
}

func parseFD(_, rest string) (endpoint.Endpoint, error) {
	if name, ok := strings.CutPrefix(rest, "systemd"); ok && (name == "" || name[0] == '/') {
		name = strings.TrimPrefix(name, "/")
		if strings.ContainsAny(name, ":/") {
			return nil, endpoint.Problem(
				fmt.Sprintf("%q is not a descriptor name: it contains a colon or a slash", name), "")
		}
		return inherited{-1, name}, nil
	}
	n, err := strconv.ParseUint(rest, 10, 31)
	if err != nil {
		return nil, endpoint.Problem(fmt.Sprintf("%q is not a descriptor number", rest), "write fd://3, or fd://systemd/NAME")
	}
	return inherited{number: int(n)}, nil
}

func (f inherited) Network() string { return "fd" }
func (f inherited) Host() string    { return "" }

func (f inherited) Text() string {
	switch {
	case f.number >= 0:
		return fmt.Sprintf("fd://%d", f.number)
	case f.name != "":
		return "fd://systemd/" + f.name
	default:
		return "fd://systemd"
	}
}

// dial adopts a connected socket of any family. A descriptor above 2 is closed
// after it is duplicated, so that Close of the connection reaches the peer.
// Descriptors 0 to 2 stay open, because other code writes to them.
func (f inherited) Dial(context.Context) (net.Conn, error) {
	s, err := f.take()
	if err != nil {
		return nil, endpoint.OpError("dial", f, err)
	}
	if !native(s) {
		return stream(s)
	}
	defer s.Close()
	file, err := s.File()
	if err != nil {
		return nil, err
	}
	defer file.Close()
	c, err := net.FileConn(file)
	if err != nil {
		return nil, endpoint.OpError("dial", f, err)
	}
	return c, nil
}

// listen adopts a listening socket in the same way as dial.
func (f inherited) Listen(context.Context) (net.Listener, error) {
	s, err := f.take()
	if err != nil {
		return nil, endpoint.OpError("listen", f, err)
	}
	if on, err := socket.AcceptsConnections.Get(s); err == nil && !on {
		_ = s.Close()
		return nil, endpoint.OpError("listen", f, errNotListening)
	}
	if !native(s) {
		if s.Type() == socket.Stream {
			return s.Listener(), nil
		}
		return streams{s.Listener()}, nil
	}
	defer s.Close()
	file, err := s.File()
	if err != nil {
		return nil, err
	}
	defer file.Close()
	l, err := net.FileListener(file)
	if err != nil {
		return nil, endpoint.OpError("listen", f, err)
	}
	if u, ok := l.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false) // the process that made the socket owns the path
	}
	return l, nil
}

var errNotListening = errors.New("the descriptor is a socket that does not listen")

// native reports whether package net supports the socket's family. The result
// is then a *net.TCPConn or similar, for which much code has a fast path.
func native(s *socket.Socket) bool {
	name := s.Family().Name
	return s.Type() == socket.Stream && (name == "inet" || name == "inet6" || name == "unix") && (s.Protocol() == 0 || s.Protocol() == syscall.IPPROTO_TCP)
}

// take makes a Socket from a copy of the descriptor and closes the original. A
// descriptor that is not a socket is left unchanged.
func (f inherited) take() (*socket.Socket, error) {
	number := f.number
	if number < 0 {
		var err error
		if number, err = passed(f.name); err != nil {
			return nil, err
		}
	}
	copied, err := duplicate(number)
	if err != nil {
		return nil, err
	}
	s, err := socket.FromFD(copied, inet.Family4, inet.Family6, unix.Family, vsock.Family, tipc.Family)
	if err == nil && number > 2 {
		release(number)
	}
	return s, err
}

// passed looks up a descriptor by the environment variables of
// sd_listen_fds(3).
func passed(name string) (int, error) {
	if pid := os.Getenv("LISTEN_PID"); pid != strconv.Itoa(os.Getpid()) {
		return 0, errors.New("systemd passed no sockets to this process: LISTEN_PID is not its process ID; start it from a .socket unit")
	}
	count, err := strconv.Atoi(os.Getenv("LISTEN_FDS"))
	if err != nil || count < 1 || count > maxPassed {
		return 0, fmt.Errorf("systemd passed no sockets: LISTEN_FDS is %q", os.Getenv("LISTEN_FDS"))
	}
	if name == "" {
		return firstPassed, nil
	}
	names := strings.SplitN(os.Getenv("LISTEN_FDNAMES"), ":", count+1)
	for i, n := range names[:min(count, len(names))] {
		if n == name {
			return firstPassed + i, nil
		}
	}
	return 0, fmt.Errorf("systemd passed no socket named %q; it passed %q", name, os.Getenv("LISTEN_FDNAMES"))
}
