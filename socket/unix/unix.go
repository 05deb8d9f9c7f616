package unix

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"

	"github.com/sealsock/sealsock/socket"
)

// Family is the UNIX domain.
var Family = socket.Family{
	Name:    "unix",
	Number:  syscall.AF_UNIX,
	Module:  "unix",
	Decode:  decode,
	Convert: convert,
}

// An Addr is the name of a UNIX-domain socket. It is comparable. The zero Addr
// is that of a socket without a name.
type Addr struct {
	Name     string // a path, or the abstract name's bytes without the leading NUL
	Abstract bool   // Linux: not a file
}

var _ socket.Addr = Addr{}

// Path returns the address of a socket in the file system.
func Path(path string) Addr { return Addr{Name: path} }

// Abstract returns an address in Linux's abstract name space. Binding to the
// empty one lets the kernel choose a name.
func Abstract(name string) Addr { return Addr{name, true} }

// Network returns "unix".
func (a Addr) Network() string { return "unix" }

// String returns the path, or "@" and the abstract name.
func (a Addr) String() string {
	if a.Abstract {
		return "@" + a.Name
	}
	return a.Name
}

// AppendSockaddr appends a struct sockaddr_un.
func (a Addr) AppendSockaddr(b []byte) ([]byte, error) {
	switch {
	case a.Abstract && runtime.GOOS != "linux":
		return b, fmt.Errorf("address %s: abstract names exist only on Linux, not on %s", a, runtime.GOOS)
	case a.Abstract:
		if len(a.Name) > pathSize-1 {
			return b, fmt.Errorf("abstract name of %d bytes, more than %d", len(a.Name), pathSize-1)
		}
		b = socket.AppendHeader(b, syscall.AF_UNIX, 0)
		if a.Name == "" {
			return b, nil // the header alone asks for a name
		}
		b = append(b, 0)
		return append(b, a.Name...), nil
	case a.Name == "":
		return b, fmt.Errorf("address of a UNIX-domain socket without a path")
	case len(a.Name) > pathSize-1:
		return b, fmt.Errorf("path of %d bytes, more than %d: %s", len(a.Name), pathSize-1, a.Name)
	case strings.IndexByte(a.Name, 0) >= 0:
		return b, fmt.Errorf("path %q has a NUL in it", a.Name)
	}
	b = socket.AppendHeader(b, syscall.AF_UNIX, 2+len(a.Name)+1)
	b = append(b, a.Name...)
	return append(b, 0), nil
}

func decode(raw []byte) (socket.Addr, error) {
	if len(raw) < 2 {
		return nil, fmt.Errorf("struct sockaddr of %d bytes", len(raw))
	}
	name := raw[2:]
	if len(name) == 1 && name[0] == 0 && runtime.GOOS == "linux" {
		// A name of no bytes: as an Addr it would ask for a name when it is used.
		return nil, errors.New("an abstract name without bytes")
	}
	if len(name) > 0 && name[0] == 0 && runtime.GOOS == "linux" {
		return Addr{string(name[1:]), true}, nil
	}
	path, _, _ := strings.Cut(string(name), "\x00")
	return Addr{Name: path}, nil
}

// convert takes *net.UnixAddr, whose abstract names begin with "@".
func convert(a net.Addr) (socket.Addr, error) {
	u, ok := a.(*net.UnixAddr)
	if !ok || u == nil {
		return nil, fmt.Errorf("address %v of type %T is not of the UNIX domain", a, a)
	}
	if name, ok := strings.CutPrefix(u.Name, "@"); ok && runtime.GOOS == "linux" {
		return Abstract(name), nil
	}
	return Path(u.Name), nil
}

// Dial connects to a socket. With type Datagram, the connection can send only,
// unless the socket is bound first.
func Dial(ctx context.Context, typ socket.Type, a Addr) (*socket.Socket, error) {
	return Family.Dial(ctx, typ, 0, a)
}

// Listen accepts connections of type Stream or SeqPacket. Closing the listener
// leaves the file of a path behind; Unlink removes it.
func Listen(typ socket.Type, a Addr) (*socket.Listener, error) {
	return Family.Listen(typ, 0, a)
}

// ListenDatagram receives datagrams.
func ListenDatagram(a Addr) (*socket.PacketConn, error) {
	s, err := Family.Bind(socket.Datagram, 0, a)
	if err != nil {
		return nil, err
	}
	return s.PacketConn(), nil
}

// Pair returns two connected sockets.
func Pair(typ socket.Type) (a, b *socket.Socket, err error) {
	return socket.SocketPair(Family, typ, 0)
}

// Unlink removes the file of a path; an abstract name has none.
func (a Addr) Unlink() error {
	if a.Abstract || a.Name == "" {
		return nil
	}
	return os.Remove(a.Name)
}
