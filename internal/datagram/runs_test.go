package datagram

import (
	"bytes"
	"testing"
	"time"

	"github.com/sealsock/sealsock/internal/udpbatch"
)

// TestCommon: the datagrams of a run are for one connection only if they have its address or its
// connection ID, all of them the same, and none may begin another connection.
func TestCommon(t *testing.T) {
	m, enter := muxOf(t, 2)
	first, second := enter(1), enter(2)
	id := (*issuer)(first).Issue()
	other := (*issuer)(second).Issue()
	unknown := []byte{id[0] ^ 1, id[1]}
	if bytes.Equal(unknown, other) {
		unknown[1] ^= 1
	}
	with := func(id []byte) []byte { return append(append([]byte{0b0011_1111}, id...), 1, 2, 3, 4) }
	plain := []byte{0b0010_1111, 1, 2, 3, 4, 5, 6}
	hello := make([]byte, 13+12+2+32)
	copy(hello, []byte{22, 0xfe})
	hello[13], hello[13+12] = 1, 0xfe
	padded := append(bytes.Clone(plain), make([]byte, len(hello)-len(plain))...)
	for _, tc := range []struct {
		name string
		port uint16
		run  [][]byte
		want *muxPath
	}{
		{"its ID", 1, [][]byte{with(id), with(id), with(id)}, first},
		{"its ID, and a shorter one", 1, [][]byte{with(id), with(id), with(id)[:4]}, first},
		{"its ID from elsewhere", 2, [][]byte{with(id), with(id)}, nil},
		{"two IDs", 1, [][]byte{with(id), with(other)}, nil},
		{"two IDs at the end", 1, [][]byte{with(id), with(id), with(other)}, nil},
		{"an ID of none", 1, [][]byte{with(unknown), with(unknown)}, nil},
		{"no ID", 2, [][]byte{plain, plain}, second},
		{"no ID at first", 1, [][]byte{plain, with(id)}, nil},
		{"no ID, of a stranger", 3, [][]byte{plain, plain}, nil},
		{"a hello", 2, [][]byte{padded, hello, padded}, nil},
		{"a hello at the end", 2, [][]byte{padded, hello}, nil},
	} {
		run := udpbatch.Run{From: at(tc.port).peer.at, Size: len(tc.run[0])}
		for _, d := range tc.run {
			run.Bytes = append(run.Bytes, d...)
		}
		got := m.common(peer{at: run.From}, run)
		if tc.want == nil && got != nil || tc.want != nil && got != tc.want.conn {
			t.Errorf("%s: %p, expected %v", tc.name, got, tc.want)
		}
	}
	next := &muxPath{mux: m, peer: second.peer}
	next.conn = newConn(next, &m.queued)
	m.enter(next, time.Now())
	run := udpbatch.Run{From: second.peer.at, Size: len(plain), Bytes: bytes.Repeat(plain, 2)}
	if m.common(second.peer, run) != nil {
		t.Error("a run may be for either of two connections, and one has it")
	}
}
