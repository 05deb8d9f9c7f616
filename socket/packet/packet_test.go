package packet_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"testing"

	"github.com/sealsock/sealsock/internal/sockettest"
	"github.com/sealsock/sealsock/socket"
	"github.com/sealsock/sealsock/socket/packet"
)

// testType is an EtherType for local experiments: IEEE Std 802.
const testType packet.EtherType = 0x88b5

func TestAddr(t *testing.T) {
	sockettest.Shows(t, "packet", sockettest.Addresses)
	a := packet.Addr{Interface: 2, Protocol: packet.IPv4, Direction: packet.Outgoing, Type: 1}.To(net.HardwareAddr{2, 0, 0, 0, 0, 1})
	if a.String() != "2/0x800/02:00:00:00:00:01" {
		t.Error(a)
	}
	raw, err := a.AppendSockaddr(nil)
	if err != nil || len(raw) != 20 {
		t.Fatalf("% x, %v", raw, err)
	}
	if b, err := packet.Family.Decode(raw); b != a || err != nil {
		t.Errorf("%v came back as %v, %v", a, b, err)
	}
	if _, err := a.To(make([]byte, 9)).AppendSockaddr(nil); err == nil {
		t.Error("a hardware address of 9 bytes")
	}
	raw[11] = 20
	if _, err := packet.Family.Decode(raw); err == nil {
		t.Error("a hardware address beyond the end")
	}
	if _, err := packet.On("no-such-interface", packet.All); err == nil {
		t.Error("an interface that is not there")
	}
}

func open(t *testing.T, typ socket.Type, a packet.Addr, filter ...packet.Instruction) *socket.PacketConn {
	t.Helper()
	c, err := packet.Open(typ, a, filter...)
	sockettest.Need(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func loopback(t *testing.T, p packet.EtherType) packet.Addr {
	t.Helper()
	sockettest.Interface(t, "lo")
	a, err := packet.On("lo", p)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestCooked sends frames without writing their header.
func TestCooked(t *testing.T) {
	sockettest.Shows(t, "packet", sockettest.Trip, sockettest.Options)
	a := loopback(t, testType)
	s, r := open(t, socket.Datagram, a), open(t, socket.Datagram, a)
	if err := packet.IgnoreOutgoing.Set(r.Socket, true); err != nil {
		t.Fatal(err)
	}
	if _, err := s.WriteTo([]byte("payload"), a.To(make(net.HardwareAddr, 6))); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100)
	n, from, err := r.RecvFrom(sockettest.Context(t), buf, 0)
	if err != nil || string(buf[:n]) != "payload" {
		t.Fatalf("%q, %v", buf[:n], err)
	}
	if p := from.(packet.Addr); p.Protocol != testType || p.Interface != a.Interface || len(p.HardwareAddr()) != 6 {
		t.Errorf("from %+v", p)
	}
	if stats, err := packet.Statistics.Get(r.Socket); stats.Packets == 0 || err != nil {
		t.Errorf("%+v, %v", stats, err)
	}
}

// TestRaw sends a whole frame, and receives it with a filter.
func TestRaw(t *testing.T) {
	sockettest.Shows(t, "packet", sockettest.Trip, sockettest.Ancillary)
	a := loopback(t, testType)
	// Accept frames whose fifteenth byte is 'y'.
	r := open(t, socket.Raw, a, packet.Instruction{Op: 0x30, K: 14}, packet.Instruction{Op: 0x15, K: 'y', JF: 1},
		packet.Instruction{Op: 0x06, K: 0xffff}, packet.Instruction{Op: 0x06})
	if err := packet.AuxData.Set(r.Socket, true); err != nil {
		t.Fatal(err)
	}
	s := open(t, socket.Raw, a)
	head := append(make([]byte, 12), byte(testType>>8), byte(testType&0xff))
	for _, text := range []string{"no", "yes"} {
		if _, err := s.WriteTo(append(bytes.Clone(head), text...), a); err != nil {
			t.Fatal(err)
		}
	}
	buf := make([]byte, 100)
	m := socket.Message{Buffers: [][]byte{buf}, Control: make([]byte, 200)}
	n, err := r.RecvMsg(sockettest.Context(t), &m, 0)
	if err != nil || !bytes.Equal(buf[:n], append(head, "yes"...)) {
		t.Fatalf("%q, %v", buf[:n], err)
	}
	items, err := socket.ParseAncillary(m.Control[:m.ControlN])
	if err != nil {
		t.Fatal(err)
	}
	if aux, ok := packet.ParseAuxiliary(items); !ok || aux.Length != 17 {
		t.Errorf("%+v, %v", aux, ok)
	}
	if err := packet.SetFilter(r.Socket, nil); err == nil {
		t.Error("an empty filter")
	}
	if err := packet.SetFilter(r.Socket, []packet.Instruction{{Op: 0xffff}}); err == nil {
		t.Error("a filter that is no program")
	}
}

func TestMembership(t *testing.T) {
	sockettest.Shows(t, "packet", sockettest.Options)
	a := loopback(t, packet.All)
	c := open(t, socket.Raw, a)
	m := packet.Membership{Interface: int32(a.Interface), Kind: packet.Promiscuous}
	if err := packet.AddMembership.Set(c.Socket, m); err != nil {
		t.Fatal(err)
	}
	if err := packet.DropMembership.Set(c.Socket, m); err != nil {
		t.Fatal(err)
	}
}

// TestEthernet sends from one end of a pair of interfaces to the other.
func TestEthernet(t *testing.T) {
	sockettest.Shows(t, "packet", sockettest.Trip)
	sockettest.Interface(t, "pair0")
	far := "pair1"
	near, err := packet.On("pair0", testType)
	if err != nil {
		t.Fatal(err)
	}
	other, err := packet.On(far, testType)
	if err != nil {
		t.Fatal(err)
	}
	station := sockettest.Interface(t, far).HardwareAddr
	s, r := open(t, socket.Datagram, near), open(t, socket.Datagram, other)
	if _, err := s.WriteTo([]byte("over Ethernet"), near.To(station)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100)
	n, from, err := r.RecvFrom(sockettest.Context(t), buf, 0)
	if err != nil || string(buf[:13]) != "over Ethernet" {
		t.Fatalf("%q, %v", buf[:n], err)
	}
	if mac := sockettest.Interface(t, "pair0").HardwareAddr; !bytes.Equal(from.(packet.Addr).HardwareAddr(), mac) {
		t.Errorf("from %v, want %v", from, mac)
	}
}

func TestPython(t *testing.T) {
	sockettest.Shows(t, "packet", sockettest.Opinion)
	a := loopback(t, testType)
	c := open(t, socket.Datagram, a)
	if err := packet.IgnoreOutgoing.Set(c.Socket, true); err != nil {
		t.Fatal(err)
	}
	p := sockettest.Python(t, `
s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(int(arg[0])))
s.bind(('lo', int(arg[0])))
s.sendto(b'from Python', ('lo', int(arg[0]), 0, 0, b'\0' * 6))
while True:
    data, addr = s.recvfrom(100)
    if addr[2] != socket.PACKET_OUTGOING and not data.startswith(b'from Python'):
        break
say(data.decode(), addr[:2])
`, fmt.Sprint(int(testType)))
	buf := make([]byte, 100)
	ctx, cancel := context.WithCancel(sockettest.Context(t))
	defer cancel()
	n, _, err := c.RecvFrom(ctx, buf, 0)
	if err != nil || string(buf[:n]) != "from Python" {
		t.Fatalf("%q, %v", buf[:n], err)
	}
	if _, err := c.WriteTo([]byte("from Go"), a.To(make(net.HardwareAddr, 6))); err != nil {
		t.Fatal(err)
	}
	if line, want := p.Line(), fmt.Sprintf("from Go ('lo', %d)", testType); line != want {
		t.Errorf("Python received %q, want %q", line, want)
	}
	p.Wait()
}

func FuzzDecode(f *testing.F) {
	raw, _ := packet.Addr{Interface: 1, Hardware: "abcdef"}.AppendSockaddr(nil)
	f.Add(raw)
	f.Fuzz(func(t *testing.T, raw []byte) {
		a, err := packet.Family.Decode(raw)
		if err != nil {
			return
		}
		again, err := a.AppendSockaddr(nil)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := packet.Family.Decode(again); a != b || err != nil {
			t.Fatalf("%v is not %v, %v", a, b, err)
		}
	})
}

func Example() {
	a := packet.Addr{Interface: 2, Protocol: packet.ARP}
	fmt.Println(a.Network(), a)
	// Output: packet 2/0x806
}
