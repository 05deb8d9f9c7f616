package bluetooth_test

import (
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"golang.org/x/net/nettest"

	"github.com/sealsock/sealsock/internal/sockettest"
	"github.com/sealsock/sealsock/socket"
	"github.com/sealsock/sealsock/socket/bluetooth"
)

// rfcomm and sco return both ends of a connection, as l2cap does.
func rfcomm(t *testing.T) (client, server *socket.Socket) {
	t.Helper()
	a, b := two(t)
	return sockettest.Pair(t, func() (*socket.Listener, error) {
		return bluetooth.ListenRFCOMM(bluetooth.RFCOMMAddr{Device: b.Device, Channel: 4})
	}, func(to net.Addr) (*socket.Socket, error) {
		return bluetooth.DialRFCOMM(sockettest.Context(t), a.Device, to.(bluetooth.RFCOMMAddr))
	})
}

func sco(t *testing.T) (client, server *socket.Socket) {
	t.Helper()
	a, b := two(t)
	return sockettest.Pair(t, func() (*socket.Listener, error) {
		return bluetooth.ListenSCO(bluetooth.SCOAddr{Device: b.Device})
	}, func(to net.Addr) (*socket.Socket, error) {
		return bluetooth.DialSCO(sockettest.Context(t), a.Device, to.(bluetooth.SCOAddr))
	})
}

func TestWaiting(t *testing.T) {
	for row, connect := range map[string]func(*testing.T) (a, b *socket.Socket){"L2CAP": l2cap, "RFCOMM": rfcomm, "SCO": sco} {
		t.Run(row, func(t *testing.T) {
			sockettest.Waits(t, row, func() *socket.Socket {
				a, _ := connect(t)
				return a
			})
		})
	}
	t.Run("HCI", func(t *testing.T) {
		sockettest.Waits(t, "HCI", func() *socket.Socket {
			s, err := bluetooth.OpenHCI(bluetooth.HCIAddr{Controller: bluetooth.NoController, Channel: bluetooth.ControlChannel})
			sockettest.Need(t, err)
			return s
		})
	})
}

func TestRefusals(t *testing.T) {
	const l2cap, hci, sco, rfcomm = 0, 1, 2, 3 // the kernel's numbers
	for _, c := range []struct {
		row   string
		f     socket.Family
		typ   socket.Type
		proto int
	}{
		{"L2CAP", bluetooth.FamilyL2CAP, socket.SeqPacket, l2cap}, {"RFCOMM", bluetooth.FamilyRFCOMM, socket.Stream, rfcomm},
		{"SCO", bluetooth.FamilySCO, socket.SeqPacket, sco}, {"HCI", bluetooth.FamilyHCI, socket.Raw, hci},
	} {
		t.Run(c.row, func(t *testing.T) { sockettest.Refuses(t, c.row, c.f, c.typ, c.proto) })
	}
}

// TestL2CAPConn runs the conformance test for net.Conn over the adapter that
// makes a stream of L2CAP, in the mode that loses nothing. One connection stays
// open, and with it the link.
func TestL2CAPConn(t *testing.T) {
	sockettest.Shows(t, "L2CAP", sockettest.IsConn)
	l2cap(t)
	a, b := two(t)
	psm := uint16(0x1201)
	nettest.TestConn(t, func() (net.Conn, net.Conn, func(), error) {
		psm += 2
		x, y := sockettest.Pair(t, func() (*socket.Listener, error) {
			return bluetooth.ListenReliableL2CAP(bluetooth.L2CAPAddr{Device: b.Device, PSM: psm})
		}, func(to net.Addr) (*socket.Socket, error) {
			return bluetooth.DialReliableL2CAP(sockettest.Context(t), a.Device, to.(bluetooth.L2CAPAddr))
		})
		if o, err := bluetooth.L2CAP.Get(x); err != nil || o.Mode != bluetooth.L2CAPRetransmission {
			t.Errorf("%+v, %v, want the mode of retransmission", o, err)
		}
		client, err := bluetooth.StreamL2CAP(x)
		if err != nil {
			return nil, nil, nil, err
		}
		server, err := bluetooth.StreamL2CAP(y)
		return client, server, func() { _, _ = x.Close(), y.Close() }, err
	})
}

func TestTimestamps(t *testing.T) {
	a, b := l2cap(t)
	sockettest.Stamped(t, "L2CAP", b, func() error { _, err := a.Write([]byte("x")); return err })
}

// TestPacketStatus checks the status of a received voice packet: BT_PKT_STATUS,
// whose ancillary data is SCM_BT_PKT_STATUS. Linux 6.1 tells only the side that
// connected.
func TestPacketStatus(t *testing.T) {
	sockettest.Shows(t, "SCO", sockettest.Ancillary)
	a, b := sco(t)
	if err := bluetooth.PacketStatus.Set(a, true); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Write([]byte("voice")); err != nil {
		t.Fatal(err)
	}
	const level, status = 274, 3
	items := sockettest.Received(t, a)
	for _, item := range items {
		if raw, ok := item.(socket.RawAncillary); ok && raw.Level == level && raw.Type == status && len(raw.Data) == 1 {
			return
		}
	}
	t.Errorf("the packet came without its state: %v", items)
}

// TestDirection checks the direction and the time of a packet of a controller:
// HCI_DATA_DIR and HCI_TIME_STAMP.
func TestDirection(t *testing.T) {
	sockettest.Shows(t, "HCI", sockettest.Ancillary)
	c, _ := two(t)
	s, err := bluetooth.OpenHCI(bluetooth.HCIAddr{Controller: c.Index})
	sockettest.Need(t, err)
	defer s.Close()
	const event, commandComplete = 4, 0x0e
	if err := bluetooth.HCIFiltering.Set(s, bluetooth.HCIFilter{Types: 1 << event, Events: [2]uint32{1 << commandComplete}}); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(bluetooth.HCIDirection.Set(s, true), bluetooth.HCITimestamp.Set(s, true)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Send(sockettest.Context(t), []byte{1, 0x09, 0x10, 0}, 0); err != nil { // Read BD_ADDR
		t.Fatal(err)
	}
	m := socket.Message{Buffers: [][]byte{make([]byte, 260)}, Control: make([]byte, 200)}
	if _, err := s.RecvMsg(sockettest.Context(t), &m, 0); err != nil {
		t.Fatal(err)
	}
	info, err := bluetooth.ParseHCIAncillary(m.Control[:m.ControlN])
	if err != nil || !info.Incoming || time.Since(info.Time).Abs() > time.Minute {
		t.Errorf("%+v, %v, want a packet that came in just now", info, err)
	}
}

func FuzzHCIAncillary(f *testing.F) {
	direction, err := socket.AppendAncillary(nil, socket.RawAncillary{Type: 1, Data: []byte{1, 0, 0, 0}}, socket.RawAncillary{Type: 2, Data: make([]byte, 16)})
	if err != nil {
		return // no ancillary data on this system
	}
	f.Add(direction)
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := bluetooth.ParseHCIAncillary(b)
		if err == nil && len(b) == 0 && a != (bluetooth.HCIAncillary{}) {
			t.Errorf("nothing is %+v", a)
		}
	})
}

// TestPythonBelow has Python's socket ask a controller for its address, and
// exchange voice.
func TestPythonBelow(t *testing.T) {
	for _, row := range []string{"SCO", "HCI"} {
		sockettest.Shows(t, row, sockettest.Opinion)
	}
	a, b := two(t)
	l, err := bluetooth.ListenSCO(bluetooth.SCOAddr{Device: b.Device})
	sockettest.Need(t, err)
	defer l.Close()
	p := sockettest.Python(t, `
h = socket.socket(socket.AF_BLUETOOTH, socket.SOCK_RAW, socket.BTPROTO_HCI)
h.setsockopt(socket.SOL_HCI, socket.HCI_FILTER, struct.pack('=III H2x', 1 << 4, 1 << 14, 0, 0))
h.bind((int(arg[0]),))
h.send(b'\x01\x09\x10\x00')
say(h.recv(260)[7:13][::-1].hex(':').upper())
s = socket.socket(socket.AF_BLUETOOTH, socket.SOCK_SEQPACKET, socket.BTPROTO_SCO)
s.bind(arg[1].encode())
s.connect(arg[2].encode())
s.send(b'voice of Python')
say(s.recv(100).decode())
`, fmt.Sprint(a.Index), a.Device.String(), b.Device.String())
	if line := p.Line(); line != a.Device.String() {
		t.Errorf("Python found the controller %s, want %s", line, a.Device)
	}
	s, err := l.AcceptContext(sockettest.Context(t))
	sockettest.Need(t, err)
	defer s.Close()
	buf := make([]byte, 100)
	if n, err := s.Read(buf); err != nil || string(buf[:n]) != "voice of Python" {
		t.Errorf("%q, %v", buf[:n], err)
	}
	if _, err := s.Write([]byte("voice of Go")); err != nil {
		t.Fatal(err)
	}
	if line := p.Line(); line != "voice of Go" {
		t.Errorf("Python received %q", line)
	}
	p.Wait()
}
