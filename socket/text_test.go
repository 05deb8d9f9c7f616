package socket_test

import (
	"net"
	"testing"

	"github.com/sealsock/sealsock/socket"
)

func TestText(t *testing.T) {
	for _, c := range [][2]string{
		{socket.SeqPacket.String(), "seqpacket"}, {socket.Stream.String(), "stream"}, {socket.Datagram.String(), "datagram"},
		{socket.Raw.String(), "raw"}, {socket.RDM.String(), "rdm"}, {socket.Type(9).String(), "type 9"},
		{socket.Flags(0).String(), "0"}, {(socket.Peek | socket.More).String(), "Peek|More"}, {socket.Flags(1 << 31).String(), "0x80000000"},
		{socket.RawAddr{Net: "x", Bytes: "\x01\xff"}.String(), "01ff"},
	} {
		if c[0] != c[1] {
			t.Errorf("%q, want %q", c[0], c[1])
		}
	}
	var addr net.Addr = socket.RawAddr{Net: "x"}
	if addr.Network() != "x" {
		t.Error(addr.Network())
	}
}

func TestHeader(t *testing.T) {
	b := socket.AppendHeader(nil, 38, 16)
	if f, ok := socket.HeaderFamily(b); f != 38 || !ok {
		t.Errorf("family %d, %v", f, ok)
	}
	if _, ok := socket.HeaderFamily(b[:1]); ok {
		t.Error("a header of one byte")
	}
}
