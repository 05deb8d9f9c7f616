package address

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"
)

// maxPath is the longest path, or abstract name with its leading NUL, that fits
// struct sockaddr_un on Linux with the NUL behind a path. The systems with less
// room refuse the rest themselves.
const maxPath = 107

// local is a UNIX-domain stream socket. A name that starts with "@" is in
// Linux's abstract name space.
type local struct{ path string }

func parseUnix(_, rest string) (endpoint, error) {
	if rest == "" {
		return nil, problem("it has no path", "write unix:///run/app.sock, or unix://@name for an abstract name")
	}
	if rest == "@" {
		return nil, problem("the abstract name is empty", "write unix://@name")
	}
	if len(rest) > maxPath {
		return nil, problem(fmt.Sprintf("the path has %d bytes, more than %d", len(rest), maxPath), "use a shorter one, or a relative one")
	}
	return local{rest}, nil
}

func (l local) network() string { return "unix" }
func (l local) text() string    { return "unix://" + l.path }
func (l local) host() string    { return "" }

func (l local) dial(ctx context.Context) (net.Conn, error) {
	if err := l.check("dial"); err != nil {
		return nil, err
	}
	var d net.Dialer
	return d.DialContext(ctx, "unix", l.path)
}

func (l local) listen(ctx context.Context) (net.Listener, error) {
	if err := l.check("listen"); err != nil {
		return nil, err
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "unix", l.path)
	if errors.Is(err, syscall.EADDRINUSE) && stale(l.path, func() (net.Conn, error) { return l.dial(ctx) }) {
		if os.Remove(l.path) == nil {
			return lc.Listen(ctx, "unix", l.path)
		}
	}
	return ln, err
}

// check refuses an abstract name where it would become a file called "@name".
func (l local) check(op string) error {
	if strings.HasPrefix(l.path, "@") && runtime.GOOS != "linux" {
		return opError(op, Address{"unix", l}, errors.New("abstract names are Linux's; not implemented on "+runtime.GOOS))
	}
	return nil
}

// stale reports whether the path is a socket that nobody listens on: what a
// listener leaves behind that was killed. A file that is no socket, and a
// socket that may be alive, are left alone.
func stale(path string, dial func() (net.Conn, error)) bool {
	if strings.HasPrefix(path, "@") {
		return false
	}
	info, err := os.Lstat(path)
	if err != nil || info.Mode().Type() != fs.ModeSocket {
		return false
	}
	c, err := dial()
	if err == nil {
		_ = c.Close()
		return false
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}
