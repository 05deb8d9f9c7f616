package mptcp_test

import (
	"encoding/binary"
	"testing"

	"github.com/sealsock/sealsock/internal/sockettest"
	"github.com/sealsock/sealsock/socket"
	"github.com/sealsock/sealsock/socket/inet"
	"github.com/sealsock/sealsock/socket/mptcp"
)

func TestWaiting(t *testing.T) {
	sockettest.Waits(t, "MPTCP", func() *socket.Socket {
		a, _ := sockettest.Pair(t, listen("127.0.0.1:0"), dial)
		return a
	})
}

func TestRefusals(t *testing.T) {
	sockettest.Refuses(t, "MPTCP", mptcp.Transport.Family(4), socket.Stream, mptcp.Transport.Protocol)
}

// TestInQueue checks the number of unread bytes that each message carries:
// TCP_INQ.
func TestInQueue(t *testing.T) {
	sockettest.Shows(t, "MPTCP", sockettest.Ancillary, sockettest.Options)
	a, b := sockettest.Pair(t, listen("127.0.0.1:0"), dial)
	if err := inet.InQueue.Set(b, true); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Write([]byte("xyz")); err != nil {
		t.Fatal(err)
	}
	m := socket.Message{Buffers: [][]byte{make([]byte, 1)}, Control: make([]byte, 100)}
	if _, err := b.RecvMsg(sockettest.Context(t), &m, 0); err != nil {
		t.Fatal(err)
	}
	items, err := socket.ParseAncillary(m.Control[:m.ControlN])
	if err != nil || len(items) != 1 {
		t.Fatalf("%v, %v", items, err)
	}
	const level, inQueue = 6, 36 // SOL_TCP and TCP_CM_INQ
	raw, ok := items[0].(socket.RawAncillary)
	if !ok || raw.Level != level || raw.Type != inQueue || len(raw.Data) < 4 || binary.NativeEndian.Uint32(raw.Data) != 2 {
		t.Errorf("%v, want two bytes left", items[0])
	}
}
