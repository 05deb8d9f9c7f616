package netlink

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"syscall"

	"github.com/sealsock/sealsock/socket"
)

// Family is netlink.
var Family = socket.Family{Name: "netlink", Number: number, Decode: decode}

// A Protocol is a netlink protocol: the part of the kernel at the other end.
type Protocol int

// The protocols in the headers of the kernel.
const (
	Route         Protocol = 0
	UserSock      Protocol = 2
	Firewall      Protocol = 3 // unused since Linux 3.5
	SockDiag      Protocol = 4
	NFLog         Protocol = 5 // unused since Linux 3.17
	XFRM          Protocol = 6
	SELinux       Protocol = 7
	ISCSI         Protocol = 8
	Audit         Protocol = 9
	FIBLookup     Protocol = 10
	Connector     Protocol = 11
	NetFilter     Protocol = 12
	IP6Firewall   Protocol = 13 // unused since Linux 3.5
	DNRouting     Protocol = 14 // DECnet, gone since Linux 6.1
	KObjectUEvent Protocol = 15
	Generic       Protocol = 16
	SCSITransport Protocol = 18
	ECryptFS      Protocol = 19
	RDMA          Protocol = 20
	Crypto        Protocol = 21
)

// An Addr is a netlink address. It is comparable. The zero Addr is the kernel.
type Addr struct {
	Port   uint32 // the socket's number, which is often the process's; 0 is the kernel
	Groups uint32 // bits of the multicast groups 1 to 32
}

var _ socket.Addr = Addr{}

// Network returns "netlink".
func (a Addr) Network() string { return "netlink" }

// String returns "port/groups", the latter in hexadecimal.
func (a Addr) String() string { return fmt.Sprintf("%d/%#x", a.Port, a.Groups) }

// AppendSockaddr appends a struct sockaddr_nl.
func (a Addr) AppendSockaddr(b []byte) ([]byte, error) {
	b = socket.AppendHeader(b, number, 12)
	b = append(b, 0, 0)
	b = binary.NativeEndian.AppendUint32(b, a.Port)
	return binary.NativeEndian.AppendUint32(b, a.Groups), nil
}

func decode(raw []byte) (socket.Addr, error) {
	if len(raw) < 12 {
		return nil, fmt.Errorf("struct sockaddr_nl of %d bytes", len(raw))
	}
	return Addr{binary.NativeEndian.Uint32(raw[4:]), binary.NativeEndian.Uint32(raw[8:])}, nil
}

// The options of netlink sockets.
var (
	AddMembership  = socket.NewInt("NETLINK_ADD_MEMBERSHIP", option(1))  // join a multicast group, by number
	DropMembership = socket.NewInt("NETLINK_DROP_MEMBERSHIP", option(2)) // and no more
	PacketInfo     = socket.NewBool("NETLINK_PKTINFO", option(3))        // messages come with their group
	BroadcastError = socket.NewBool("NETLINK_BROADCAST_ERROR", option(4))
	NoBuffers      = socket.NewBool("NETLINK_NO_ENOBUFS", option(5)) // lose messages without an error
	ListenAll      = socket.NewBool("NETLINK_LISTEN_ALL_NSID", option(8))
	CapAck         = socket.NewBool("NETLINK_CAP_ACK", option(10))        // acknowledgements without the request
	ExtendedAck    = socket.NewBool("NETLINK_EXT_ACK", option(11))        // errors come with text
	StrictChecks   = socket.NewBool("NETLINK_GET_STRICT_CHK", option(12)) // refuse filters that are not understood
)

// option returns the numbers of an option of SOL_NETLINK.
func option(name int) socket.OptionNumber {
	if number < 0 {
		return socket.OptionNumber{}
	}
	return socket.OptionNumber{Level: 270, Name: name}
}

// A Conn is a netlink socket that is bound to a unique port. Execute must not
// be called concurrently. A Conn that has joined a multicast group is for
// receiving only.
type Conn struct {
	*socket.Socket
	sequence atomic.Uint32
	buf      []byte
}

var errNotMade = &net.OpError{
	Op: "read", Net: "netlink",
	Err: fmt.Errorf("this Conn is nil or a zero value: use Open: %w", os.ErrInvalid),
}

// maxDatagram is the largest datagram that the kernel sends, with room to spare.
const maxDatagram = 64 << 10

// Open opens a socket of a protocol and joins the multicast groups, by number.
func Open(p Protocol, groups ...int) (*Conn, error) {
	s, err := socket.New(Family, socket.Raw, int(p))
	if err != nil {
		return nil, err
	}
	c := &Conn{Socket: s, buf: make([]byte, maxDatagram)}
	if err := c.prepare(groups); err != nil {
		_ = s.Close()
		return nil, err
	}
	return c, nil
}

func (c *Conn) prepare(groups []int) error {
	if err := c.Bind(Addr{}); err != nil {
		return err
	}
	for _, g := range groups {
		if err := AddMembership.Set(c.Socket, g); err != nil {
			return err
		}
	}
	return ExtendedAck.Set(c.Socket, true)
}

// Execute sends a request to the kernel and returns the messages of the answer,
// without the acknowledgement. The kernel's refusal is an *[Error] inside a
// *net.OpError. The flags Request and Ack, and the sequence number, are set by
// Execute; the answer of a dump is all of its parts.
func (c *Conn) Execute(ctx context.Context, m Message) ([]Message, error) {
	if c == nil || c.Socket == nil {
		return nil, errNotMade
	}
	m.Flags |= Request
	if m.Flags&Dump != Dump {
		m.Flags |= Ack
	}
	m.Sequence = c.sequence.Add(1)
	if _, err := c.SendTo(ctx, AppendMessage(nil, m), 0, Addr{}); err != nil {
		return nil, err
	}
	var answer []Message
	for {
		messages, err := c.Receive(ctx)
		if err != nil {
			return nil, err
		}
		for _, r := range messages {
			if r.Sequence != m.Sequence {
				continue // of a request that was given up
			}
			done, err := r.ends()
			if err != nil {
				return nil, &net.OpError{Op: "read", Net: "netlink", Addr: Addr{}, Err: err}
			}
			if done {
				return answer, nil
			}
			answer = append(answer, r)
		}
	}
}

// Receive returns the messages of the next datagram. Later calls do not
// overwrite their data.
func (c *Conn) Receive(ctx context.Context) ([]Message, error) {
	if c == nil || c.Socket == nil {
		return nil, errNotMade
	}
	n, from, err := c.RecvFrom(ctx, c.buf, 0)
	if err != nil {
		return nil, err
	}
	if a, ok := from.(Addr); !ok || a.Port != 0 && c.Protocol() != int(UserSock) {
		return nil, nil // a process, not the kernel
	}
	messages, err := ParseMessages(append([]byte(nil), c.buf[:n]...))
	if err != nil {
		return nil, &net.OpError{Op: "read", Net: "netlink", Addr: from, Err: err}
	}
	return messages, nil
}

// An Error is the kernel's refusal of a request.
type Error struct {
	Errno syscall.Errno
	Text  string // the kernel's explanation, if it has one
}

func (e *Error) Error() string {
	if e == nil {
		return "<nil>"
	}
	if e.Text == "" {
		return "the kernel refused the request: " + e.Errno.Error()
	}
	return "the kernel refused the request: " + e.Errno.Error() + ": " + e.Text
}

// Unwrap returns the errno.
func (e *Error) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Errno
}

// ends reports whether a message ends an answer, and returns the error that it
// contains.
func (m Message) ends() (bool, error) {
	switch m.Type {
	case typeDone:
		if len(m.Data) >= 4 {
			return true, refusal(m, m.Data[:4], m.Data[4:])
		}
		return true, nil
	case typeError:
		if len(m.Data) < 4 {
			return true, errors.New("an error message without an error")
		}
		rest := m.Data[4:]
		if m.Flags&capped != 0 {
			rest = rest[min(headerSize, len(rest)):]
		} else if len(rest) >= 4 {
			// The message contains the whole request, followed by the text.
			rest = rest[min(uint64(align(int(binary.NativeEndian.Uint32(rest)))), uint64(len(rest))):]
		}
		return true, refusal(m, m.Data[:4], rest)
	}
	return false, nil
}

// refusal parses an errno and the text in the attributes that follow it.
func refusal(m Message, errno, rest []byte) error {
	n := int32(binary.NativeEndian.Uint32(errno))
	if n == 0 {
		return nil
	}
	e := &Error{Errno: syscall.Errno(-n)}
	if m.Flags&ackTLVs == 0 {
		return e
	}
	attrs, _ := ParseAttributes(rest)
	for _, a := range attrs {
		if a.Type == attrMessage {
			e.Text = a.Text()
		}
	}
	return e
}
