package address

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/sealsock/sealsock/socket"
	"github.com/sealsock/sealsock/socket/inet"
	"github.com/sealsock/sealsock/socket/tipc"
	"github.com/sealsock/sealsock/socket/unix"
	"github.com/sealsock/sealsock/socket/vsock"
)

// firstPassed is the descriptor that systemd's first passed socket has:
// SD_LISTEN_FDS_START of sd_listen_fds(3).
const firstPassed = 3

// maxPassed bounds what a LISTEN_FDS variable can make this process look at.
const maxPassed = 1024

// inherited is a descriptor that the process was started with: by number, or,
// with number -1, the one that systemd passed under a name ("" is the first).
type inherited struct {
	number int
	name   string
}

func parseFD(_, rest string) (endpoint, error) {
	if name, ok := strings.CutPrefix(rest, "systemd"); ok && (name == "" || name[0] == '/') {
		name = strings.TrimPrefix(name, "/")
		if strings.ContainsAny(name, ":/") {
			return nil, problem(fmt.Sprintf("%q is no descriptor name: it has a colon or a slash", name), "")
		}
		return inherited{-1, name}, nil
	}
	n, err := strconv.ParseUint(rest, 10, 31)
	if err != nil {
		return nil, problem(fmt.Sprintf("%q is no descriptor number", rest), "write fd://3, or fd://systemd/NAME")
	}
	return inherited{number: int(n)}, nil
}

func (f inherited) network() string { return "fd" }
func (f inherited) host() string    { return "" }

func (f inherited) text() string {
	switch {
	case f.number >= 0:
		return fmt.Sprintf("fd://%d", f.number)
	case f.name != "":
		return "fd://systemd/" + f.name
	default:
		return "fd://systemd"
	}
}

// dial takes over a connected socket of any family. Descriptors above 2 are
// closed once they are taken over, so the connection is the only holder and its
// Close reaches the peer; 0 to 2 stay open, because much else writes to them.
func (f inherited) dial(context.Context) (net.Conn, error) {
	s, err := f.take()
	if err != nil {
		return nil, opError("dial", Address{"fd", f}, err)
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
		return nil, opError("dial", Address{"fd", f}, err)
	}
	return c, nil
}

// listen takes over a listening socket, as dial does a connected one.
func (f inherited) listen(context.Context) (net.Listener, error) {
	s, err := f.take()
	if err != nil {
		return nil, opError("listen", Address{"fd", f}, err)
	}
	if on, err := socket.AcceptsConnections.Get(s); err == nil && !on {
		_ = s.Close()
		return nil, opError("listen", Address{"fd", f}, errNotListening)
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
		return nil, opError("listen", Address{"fd", f}, err)
	}
	if u, ok := l.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false) // the path belongs to who made the socket
	}
	return l, nil
}

var errNotListening = errors.New("the descriptor is a socket that does not listen")

// native reports whether package net has the socket's family, so that it is a
// *net.TCPConn or its like, which much code knows how to use best.
func native(s *socket.Socket) bool {
	name := s.Family().Name
	return s.Type() == socket.Stream && (name == "inet" || name == "inet6" || name == "unix") && (s.Protocol() == 0 || s.Protocol() == syscall.IPPROTO_TCP)
}

// take makes a Socket of a copy of the descriptor, and closes the original. One
// that is no socket is left as it is.
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

// passed finds a descriptor by the environment variables of sd_listen_fds(3).
func passed(name string) (int, error) {
	if pid := os.Getenv("LISTEN_PID"); pid != strconv.Itoa(os.Getpid()) {
		return 0, errors.New("systemd passed this process no sockets: LISTEN_PID is not its number; start it from a .socket unit")
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
