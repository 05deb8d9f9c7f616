package smc

import (
	"encoding/binary"
	"errors"
	"syscall"
	"testing"

	"github.com/sealsock/sealsock/socket/netlink"
)

// diag makes an answer of smc_diag.
func diag(state, mode byte, node uint64, reasons ...uint32) []byte {
	b := make([]byte, answerSize)
	b[0], b[1], b[2] = 43, state, mode
	binary.NativeEndian.PutUint32(b[52:], 1000) // the user
	binary.NativeEndian.PutUint64(b[56:], node)
	b = netlink.AppendAttribute(b, 3, []byte{1}) // SMC_DIAG_SHUTDOWN
	if len(reasons) == 2 {
		value := binary.NativeEndian.AppendUint32(nil, reasons[0])
		b = netlink.AppendAttribute(b, 5, binary.NativeEndian.AppendUint32(value, reasons[1]))
	}
	return b
}

// TestAnswer reads answers of smc_diag: the mode is the third byte, and the inode
// identifies the socket.
func TestAnswer(t *testing.T) {
	const active = 1
	node := uint64(1)<<40 | 7
	for name, tc := range map[string]struct {
		b     []byte
		want  Use
		found bool
		err   error
	}{
		"SMC-R":    {diag(active, 0, node), Use{Mode: RDMA}, true, nil},
		"fallback": {diag(active, 1, node, NoDevice, 0), Use{Fallback, NoDevice, 0}, true, nil},
		"declined": {
			diag(active, 1, node, PeerDeclined, NoDevice),
			Use{Fallback, PeerDeclined, NoDevice}, true, nil,
		},
		"SMC-D":       {diag(active, 2, node, 0, 0), Use{Mode: Shared}, true, nil},
		"another":     {diag(active, 2, 7), Use{}, false, nil},
		"unconnected": {diag(2, 0, node), Use{}, true, syscall.ENOTCONN},
		"listening":   {diag(10, 0, node), Use{}, true, syscall.ENOTCONN},
	} {
		got, found, err := answer(tc.b, node)
		if got != tc.want || found != tc.found || !errors.Is(err, tc.err) {
			t.Errorf("%s: %+v, %v, %v", name, got, found, err)
		}
	}
	whole := diag(active, 2, node, 0, 0)
	for n := range len(whole) {
		// Without its padding an attribute is whole too.
		fits := n == answerSize || n >= answerSize+5 && n <= answerSize+8
		if _, _, err := answer(whole[:n], node); (err == nil) != fits {
			t.Errorf("the first %d bytes: %v", n, err)
		}
	}
	for m, want := range map[Mode]string{
		RDMA: "SMC-R", Fallback: "TCP", Shared: "SMC-D", 9: "mode 9",
	} {
		if m.String() != want {
			t.Errorf("%d is %q", m, m.String())
		}
	}
}

// TestRequest compares the request with struct smc_diag_req.
func TestRequest(t *testing.T) {
	b := request()
	if len(b) != 52 || b[0] != 43 || b[3] != 0x10 {
		t.Errorf("% x", b)
	}
}
