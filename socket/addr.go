package socket

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net"
	"slices"
	"strconv"
	"syscall"
)

// sockaddrSize holds any family's address: struct sockaddr_storage.
const sockaddrSize = 128

// An Addr is the address of a socket in one family.
type Addr interface {
	net.Addr

	// AppendSockaddr appends the form that the kernel takes, which begins with
	// the header that [AppendHeader] writes, and returns the longer slice. An
	// error means that the address has no such form: its name is too long, for example.
	AppendSockaddr(b []byte) ([]byte, error)
}

// A Family describes an address family to this package. The packages below
// this one have theirs in a variable called Family; a family without a package
// can be written down where it is needed.
type Family struct {
	Name   string // for errors and Addr.Network: "vsock"
	Number int    // the AF_ number here; negative where the system has none
	Module string // the Linux modules that bring it, for the error's advice

	// Decode reads an address as the kernel wrote it. With a nil Decode,
	// addresses are [RawAddr] values.
	Decode func(raw []byte) (Addr, error)

	// Convert turns another package's address, such as *net.UDPAddr, into this
	// family's. It may be nil.
	Convert func(a net.Addr) (Addr, error)

	// Takes lists the AF_ numbers of the addresses that the family's sockets
	// take, where that is not the family's own: RDS sockets have IP addresses.
	Takes []int

	// EmptyMessages means that a read of no bytes on a SeqPacket socket is an
	// empty message and not the end of a connection.
	EmptyMessages bool

	// Nameless means that the peers of the family's sockets have no addresses:
	// the kernel fails an accept that asks for one.
	Nameless bool

	// EndByShutdown makes Close end a connection with shutdown(2) first, in a
	// family whose peers would see a reset otherwise. The connection is then
	// over for a Dup of the socket too.
	EndByShutdown bool

	// ResetIsEnd means that the kernel reports a connection that the peer has
	// closed as a reset, and that it may do so before the last messages are
	// read. Reading then returns those, and io.EOF after them.
	ResetIsEnd bool
}

// RawAddr is an address in a family that this program has no type for: the
// bytes of struct sockaddr, header included. It is comparable.
type RawAddr struct {
	Net   string // what Network returns
	Bytes string
}

// Network returns the family's name.
func (a RawAddr) Network() string { return a.Net }

// String returns the bytes in hexadecimal.
func (a RawAddr) String() string { return hex.EncodeToString([]byte(a.Bytes)) }

// AppendSockaddr appends the bytes.
func (a RawAddr) AppendSockaddr(b []byte) ([]byte, error) {
	if len(a.Bytes) > sockaddrSize {
		return b, fmt.Errorf("raw address has %d bytes, more than %d", len(a.Bytes), sockaddrSize)
	}
	return append(b, a.Bytes...), nil
}

// AppendHeader appends what every struct sockaddr begins with: the family, and
// on the BSDs the length of the whole, which is given in bytes.
func AppendHeader(b []byte, family, length int) []byte {
	if headerHasLength {
		return append(b, byte(length), byte(family))
	}
	return binary.NativeEndian.AppendUint16(b, uint16(family))
}

// HeaderFamily returns the AF_ number that a struct sockaddr begins with. It
// reports false for fewer than two bytes.
func HeaderFamily(raw []byte) (family int, ok bool) {
	if len(raw) < 2 {
		return 0, false
	}
	if headerHasLength {
		return int(raw[1]), true
	}
	return int(binary.NativeEndian.Uint16(raw)), true
}

// decode reads an address that the kernel wrote. Nothing was written for a peer
// without a name, which is a nil Addr.
func (f *Family) decode(raw []byte) Addr {
	family, ok := HeaderFamily(raw)
	if !ok {
		return nil
	}
	if f.Decode != nil && f.takes(family) {
		if a, err := f.Decode(raw); err == nil {
			return a
		}
	}
	return RawAddr{f.Name, string(raw)}
}

// encode writes an address for a socket of this family into buf, which has
// sockaddrSize bytes, and returns its length.
func (f *Family) encode(a net.Addr, buf *[sockaddrSize]byte) (int, error) {
	own, ok := a.(Addr)
	if !ok && f.Convert != nil && a != nil {
		var err error
		if own, err = f.Convert(a); err != nil {
			return 0, err
		}
	}
	if own == nil {
		return 0, fmt.Errorf("address %v of type %T cannot be used on a %s socket", a, a, f.Name)
	}
	raw, err := own.AppendSockaddr(buf[:0])
	if err != nil {
		return 0, err
	}
	family, ok := HeaderFamily(raw)
	if !ok || len(raw) > sockaddrSize {
		return 0, fmt.Errorf("address %v has a struct sockaddr of %d bytes", a, len(raw))
	}
	if !f.takes(family) {
		return 0, fmt.Errorf("address %v is of network %s, which a %s socket does not support", a, a.Network(), f.Name)
	}
	if len(raw) > 0 && &raw[0] != &buf[0] {
		copy(buf[:], raw)
	}
	return len(raw), nil
}

func (f *Family) takes(family int) bool {
	if len(f.Takes) > 0 {
		return slices.Contains(f.Takes, family)
	}
	return family == f.Number
}

// familyName names a family that is known by its number alone.
func familyName(number int) string {
	switch number {
	case syscall.AF_INET:
		return "inet"
	case syscall.AF_INET6:
		return "inet6"
	case syscall.AF_UNIX:
		return "unix"
	}
	return "family" + strconv.Itoa(number)
}
