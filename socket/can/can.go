package can

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"strconv"

	"github.com/sealsock/sealsock/socket"
)

// Family is raw CAN and the broadcast manager.
var Family = family(decodeAddr)

// Protocols of CAN sockets.
const (
	protoRaw   = 1
	protoBCM   = 2
	protoISOTP = 6
	protoJ1939 = 7
)

func family(decode func([]byte) (socket.Addr, error)) socket.Family {
	return socket.Family{Name: "can", Number: number, Module: "can can-raw can-bcm can-isotp can-j1939", Decode: decode}
}

// An Addr is a CAN interface, by its index; 0 is all of them. It is comparable.
type Addr struct{ Interface int }

var _ socket.Addr = Addr{}

// On returns the address of an interface, given by its name; "" is all of them.
func On(name string) (Addr, error) {
	i, err := interfaceIndex(name)
	return Addr{i}, err
}

// Network returns "can".
func (a Addr) Network() string { return "can" }

// String returns the interface's name, or its index if it has gone.
func (a Addr) String() string { return interfaceName(a.Interface) }

// AppendSockaddr appends a struct sockaddr_can.
func (a Addr) AppendSockaddr(b []byte) ([]byte, error) {
	return append(appendHead(b, a.Interface), make([]byte, 16)...), nil
}

// appendHead appends the part of struct sockaddr_can that all protocols share:
// 8 of its 24 bytes.
func appendHead(b []byte, ifindex int) []byte {
	b = socket.AppendHeader(b, number, 24)
	b = append(b, 0, 0)
	return binary.NativeEndian.AppendUint32(b, uint32(ifindex))
}

func decodeAddr(raw []byte) (socket.Addr, error) {
	i, err := cutHead(raw, 8)
	if err != nil {
		return nil, err
	}
	return Addr{i}, nil
}

func cutHead(raw []byte, size int) (ifindex int, err error) {
	if len(raw) < size {
		return 0, fmt.Errorf("struct sockaddr_can of %d bytes", len(raw))
	}
	return int(int32(binary.NativeEndian.Uint32(raw[4:]))), nil
}

func interfaceIndex(name string) (int, error) {
	if name == "" {
		return 0, nil
	}
	i, err := net.InterfaceByName(name)
	if err != nil {
		return 0, &net.OpError{Op: "resolve", Net: "can", Err: fmt.Errorf("interface %q: %w", name, err)}
	}
	return i.Index, nil
}

func interfaceName(index int) string {
	if index == 0 {
		return "any"
	}
	if i, err := net.InterfaceByIndex(index); err == nil {
		return i.Name
	}
	return strconv.Itoa(index)
}

// The options of raw CAN sockets. SetFilters sets CAN_RAW_FILTER.
var (
	ErrorFilter = socket.NewInt("CAN_RAW_ERR_FILTER", option(101, 2))     // classes of errors to receive
	Loopback    = socket.NewBool("CAN_RAW_LOOPBACK", option(101, 3))      // sockets of this machine receive sent frames; on by default
	ReceiveOwn  = socket.NewBool("CAN_RAW_RECV_OWN_MSGS", option(101, 4)) // hear oneself
	FDFrames    = socket.NewBool("CAN_RAW_FD_FRAMES", option(101, 5))     // send and receive FD frames
	JoinFilters = socket.NewBool("CAN_RAW_JOIN_FILTERS", option(101, 6))  // frames must pass all filters, not any
)

// option returns the numbers of an option of SOL_CAN_RAW and its siblings.
func option(level, name int) socket.OptionNumber {
	if number < 0 {
		return socket.OptionNumber{}
	}
	return socket.OptionNumber{Level: level, Name: name}
}

// A Filter lets frames pass whose identifier, flags included, equals ID in the
// bits of Mask; or, inverted, all others.
type Filter struct {
	ID, Mask uint32
	Inverted bool
}

// invFilter is CAN_INV_FILTER.
const invFilter = 0x20000000

// maxFilters is CAN_RAW_FILTER_MAX.
const maxFilters = 512

// A Conn is a raw CAN socket.
type Conn struct{ *socket.Socket }

// socket is nil for a nil Conn.
func (c *Conn) socket() *socket.Socket {
	if c == nil {
		return nil
	}
	return c.Socket
}

// Open opens a raw socket on an interface, given by its name; "" is all of them.
func Open(name string) (*Conn, error) {
	a, err := On(name)
	if err != nil {
		return nil, err
	}
	s, err := Family.Bind(socket.Raw, protoRaw, a)
	if err != nil {
		return nil, err
	}
	return &Conn{s}, nil
}

// SetFilters replaces the filters; a frame is received if it passes one of
// them. Without any filter the socket receives nothing. A new socket has one
// filter that passes every frame. The limit is 512 filters.
func (c *Conn) SetFilters(filters ...Filter) error {
	if len(filters) > maxFilters {
		return &net.OpError{Op: "set", Net: "can", Err: fmt.Errorf("%d filters, more than %d", len(filters), maxFilters)}
	}
	var raw []byte
	for _, f := range filters {
		id := f.ID
		if f.Inverted {
			id |= invFilter
		}
		raw = binary.NativeEndian.AppendUint32(raw, id)
		raw = binary.NativeEndian.AppendUint32(raw, f.Mask)
	}
	return c.socket().SetOption(option(101, 1), raw)
}

// WriteFrame sends a frame on the socket's interface.
func (c *Conn) WriteFrame(ctx context.Context, f Frame) error {
	if err := f.check(); err != nil {
		return &net.OpError{Op: "write", Net: "can", Addr: c.socket().LocalAddr(), Err: err}
	}
	_, err := c.socket().Send(ctx, appendFrame(make([]byte, 0, fdSize), f), 0)
	return err
}

// WriteFrameTo sends a frame on another interface; the socket must be on all.
func (c *Conn) WriteFrameTo(ctx context.Context, f Frame, to Addr) error {
	if err := f.check(); err != nil {
		return &net.OpError{Op: "write", Net: "can", Addr: to, Err: err}
	}
	_, err := c.socket().SendTo(ctx, appendFrame(make([]byte, 0, fdSize), f), 0, to)
	return err
}

// ReadFrame receives a frame and returns its interface. The caller owns the
// data.
func (c *Conn) ReadFrame(ctx context.Context) (Frame, Addr, error) {
	buf := make([]byte, fdSize)
	n, from, err := c.socket().RecvFrom(ctx, buf, 0)
	if err != nil {
		return Frame{}, Addr{}, err
	}
	f, err := parseFrame(buf[:n])
	if err != nil {
		return Frame{}, Addr{}, &net.OpError{Op: "read", Net: "can", Addr: from, Err: err}
	}
	a, _ := from.(Addr)
	return f, a, nil
}
