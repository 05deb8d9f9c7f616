package smc

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"syscall"

	"github.com/sealsock/sealsock/socket"
	"github.com/sealsock/sealsock/socket/netlink"
)

// A Mode tells how a connection transfers its data.
type Mode uint8

// The modes of linux/smc_diag.h.
const (
	RDMA     Mode = 0 // SMC-R: remote direct memory access
	Fallback Mode = 1 // plain TCP, because one side or the path has no SMC
	Shared   Mode = 2 // SMC-D: memory that both systems share
)

// String returns "SMC-R", "TCP" or "SMC-D".
func (m Mode) String() string {
	switch m {
	case RDMA:
		return "SMC-R"
	case Fallback:
		return "TCP"
	case Shared:
		return "SMC-D"
	}
	return fmt.Sprintf("mode %d", uint8(m))
}

// A Use is what the kernel reports of a connection.
type Use struct {
	Mode Mode

	// Reason is why the connection fell back to TCP, as the number of a decline
	// message (RFC 7609, Appendix A, and net/smc/smc_clc.h), such as NoDevice; 0
	// where the kernel gives none. Peer is the reason that the peer gave.
	Reason, Peer uint32
}

// Frequent reasons for a fallback.
const (
	PeerWithoutSMC uint32 = 0x03010000 // the peer connected with plain TCP
	NoDevice       uint32 = 0x03030000 // this side has neither an RDMA nor an ISM device for the path
	PeerDeclined   uint32 = 0x03070000 // the peer gave the reason in Use.Peer
)

// InUse reports whether a connection uses SMC, or TCP, which SMC falls back to. It
// asks the kernel over netlink (smc_diag) and needs no privileges. The kernel answers
// for every SMC socket of the network namespace, so that the call takes time in
// proportion to their number. Errors are of type *net.OpError. A socket that is not
// connected has ENOTCONN; a kernel without smc_diag refuses with ENOENT, inside a
// *netlink.Error.
func InUse(ctx context.Context, s *socket.Socket) (Use, error) {
	u, err := inUse(ctx, s)
	if err != nil {
		var op *net.OpError
		if !errors.As(err, &op) {
			err = &net.OpError{Op: "diagnose", Net: s.Family().Name, Source: s.LocalAddr(),
				Addr: s.RemoteAddr(), Err: err}
		}
		return Use{}, err
	}
	return u, nil
}

func inUse(ctx context.Context, s *socket.Socket) (Use, error) {
	if number < 0 || s.Family().Number != number {
		return Use{}, fmt.Errorf("a socket of %s has no mode of SMC", s.Family().Name)
	}
	node, err := inode(s)
	if err != nil {
		return Use{}, err
	}
	c, err := netlink.Open(netlink.SockDiag)
	if err != nil {
		return Use{}, err
	}
	defer c.Close()
	answers, err := c.Execute(ctx, netlink.Message{
		Type: byFamily, Flags: netlink.Dump, Data: request(),
	})
	if err != nil {
		return Use{}, err
	}
	for _, m := range answers {
		u, found, err := answer(m.Data, node)
		if found || err != nil {
			return u, err
		}
	}
	return Use{}, errors.New("the kernel lists no such socket of SMC in this network namespace")
}

// The numbers of linux/sock_diag.h and linux/smc_diag.h.
const (
	afSMC    = 43 // AF_SMC
	byFamily = 20 // SOCK_DIAG_BY_FAMILY

	diagFallback = 5 // SMC_DIAG_FALLBACK, the attribute that has the reasons

	stateInit   = 2  // SMC_INIT: before connect has succeeded
	stateListen = 10 // SMC_LISTEN

	idSize      = 48 // struct inet_diag_sockid
	requestSize = 4 + idSize
	answerSize  = 4 + idSize + 4 + 8
)

// request makes a struct smc_diag_req, for all sockets and their reasons:
//
//	struct smc_diag_req {
//	        __u8 diag_family;
//	        __u8 pad[2];
//	        __u8 diag_ext;
//	        struct inet_diag_sockid id;
//	};
func request() []byte {
	b := make([]byte, requestSize)
	b[0] = afSMC
	b[3] = 1 << (diagFallback - 1)
	return b
}

// answer reads a struct smc_diag_msg and its attributes. found is whether it is about
// the socket with an inode.
//
//	struct smc_diag_msg {
//	        __u8 diag_family;
//	        __u8 diag_state;
//	        __u8 diag_mode;
//	        __u8 diag_shutdown;
//	        struct inet_diag_sockid id;
//	        __u32 diag_uid;
//	        __aligned_u64 diag_inode;
//	};
func answer(b []byte, node uint64) (u Use, found bool, err error) {
	if len(b) < answerSize {
		return Use{}, false, fmt.Errorf("an answer of smc_diag of %d bytes, where %d are due",
			len(b), answerSize)
	}
	if binary.NativeEndian.Uint64(b[answerSize-8:]) != node {
		return Use{}, false, nil
	}
	if b[1] == stateInit || b[1] == stateListen {
		return Use{}, true, syscall.ENOTCONN
	}
	u.Mode = Mode(b[2])
	attributes, err := netlink.ParseAttributes(b[answerSize:])
	if err != nil {
		return Use{}, true, fmt.Errorf("an answer of smc_diag: %w", err)
	}
	for _, a := range attributes {
		if a.Type == diagFallback && len(a.Data) >= 8 {
			u.Reason = binary.NativeEndian.Uint32(a.Data)
			u.Peer = binary.NativeEndian.Uint32(a.Data[4:])
		}
	}
	return u, true, nil
}
