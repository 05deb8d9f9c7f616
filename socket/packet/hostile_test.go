package packet_test

import (
	"testing"

	"github.com/sealsock/sealsock/internal/sockettest"
	"github.com/sealsock/sealsock/socket"
	"github.com/sealsock/sealsock/socket/packet"
)

// silentType is another EtherType for experiments, which no test sends.
const silentType packet.EtherType = 0x88b6

func TestWaiting(t *testing.T) {
	sockettest.Waits(t, "packet", func() *socket.Socket { return open(t, socket.Datagram, loopback(t, silentType)).Socket })
}

func TestRefusals(t *testing.T) {
	sockettest.Refuses(t, "packet", packet.Family, socket.Datagram, 0)
}

func FuzzAuxiliary(f *testing.F) {
	f.Add(make([]byte, 20))
	f.Add([]byte("short"))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, ok := packet.ParseAuxiliary([]socket.Ancillary{socket.RawAncillary{Level: packet.Level, Type: 8, Data: data}})
		if ok != (len(data) >= 20) {
			t.Errorf("%d bytes: %v", len(data), ok)
		}
	})
}
