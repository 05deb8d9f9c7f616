package bluetooth_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/sealsock/sealsock/internal/sockettest"
	"github.com/sealsock/sealsock/socket"
	"github.com/sealsock/sealsock/socket/bluetooth"
)

func TestDevice(t *testing.T) {
	d, err := bluetooth.ParseDevice("00:1a:2B:aa:Bb:ff")
	if err != nil || d.String() != "00:1A:2B:AA:BB:FF" {
		t.Errorf("%v, %v", d, err)
	}
	for _, text := range []string{"", "00:11:22:33:44", "00:11:22:33:44:5", "00:11:22:33:44:GG", "00:11:22:33:44:555", "0011223344:55:"} {
		if d, err := bluetooth.ParseDevice(text); err == nil {
			t.Errorf("%q is %v", text, d)
		}
	}
}

func FuzzParseDevice(f *testing.F) {
	f.Add("00:11:22:AA:BB:CC")
	f.Fuzz(func(t *testing.T, text string) {
		d, err := bluetooth.ParseDevice(text)
		if err != nil {
			return
		}
		if e, err := bluetooth.ParseDevice(d.String()); d != e || err != nil {
			t.Fatalf("%q is %v, then %v, %v", text, d, e, err)
		}
	})
}

func TestAddresses(t *testing.T) {
	for _, row := range []string{"L2CAP", "RFCOMM", "SCO", "HCI"} {
		sockettest.Shows(t, row, sockettest.Addresses)
	}
	d := bluetooth.Device{1, 2, 3, 4, 5, 6}
	for _, c := range []struct {
		text string
		a    socket.Addr
		f    socket.Family
	}{
		{"01:02:03:04:05:06/4097", bluetooth.L2CAPAddr{Device: d, PSM: 0x1001, CID: 4, Type: bluetooth.LERandom}, bluetooth.FamilyL2CAP},
		{"01:02:03:04:05:06/30", bluetooth.RFCOMMAddr{Device: d, Channel: 30}, bluetooth.FamilyRFCOMM},
		{"01:02:03:04:05:06", bluetooth.SCOAddr{Device: d}, bluetooth.FamilySCO},
		{"hci1/3", bluetooth.HCIAddr{Controller: 1, Channel: bluetooth.ControlChannel}, bluetooth.FamilyHCI},
		{"none/2", bluetooth.HCIAddr{Controller: bluetooth.NoController, Channel: bluetooth.MonitorChannel}, bluetooth.FamilyHCI},
	} {
		if c.a.String() != c.text || c.a.Network() != c.f.Name {
			t.Errorf("%s %v, want %s", c.a.Network(), c.a, c.text)
		}
		raw, err := c.a.AppendSockaddr(nil)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := c.f.Decode(raw); b != c.a || err != nil {
			t.Errorf("%v came back as %v, %v", c.a, b, err)
		}
		if b, err := c.f.Decode(raw[:5]); err == nil {
			t.Errorf("5 bytes are %v", b)
		}
	}
	if _, err := (bluetooth.RFCOMMAddr{Channel: 31}).AppendSockaddr(nil); err == nil {
		t.Error("channel 31")
	}
	for _, psm := range []uint16{2, 0x1000, 0x1101} {
		if _, err := (bluetooth.L2CAPAddr{PSM: psm}).AppendSockaddr(nil); err == nil {
			t.Errorf("PSM %#x", psm)
		}
	}
	raw, _ := bluetooth.SCOAddr{Device: d}.AppendSockaddr(nil)
	if !bytes.HasSuffix(raw, []byte{6, 5, 4, 3, 2, 1}) {
		t.Errorf("struct sockaddr_sco is % x", raw)
	}
}

// two returns two controllers that are up and can be connected to.
func two(t *testing.T) (a, b bluetooth.Controller) {
	t.Helper()
	all, err := bluetooth.Controllers()
	sockettest.Need(t, err)
	if len(all) < 2 {
		t.Skipf("%d Bluetooth controllers here, and the test needs two", len(all))
	}
	for _, c := range all[:2] {
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		if err := c.SetVisible(true, true); err != nil {
			t.Fatal(err)
		}
	}
	all, err = bluetooth.Controllers()
	if err != nil || !all[0].Up || all[0].Device == bluetooth.Any {
		t.Fatalf("%+v, %v", all, err)
	}
	return all[0], all[1]
}

// TestRFCOMMConn keeps one channel open, and with it the link: closing and
// opening the link takes seconds.
func TestRFCOMMConn(t *testing.T) {
	sockettest.Shows(t, "RFCOMM", sockettest.IsConn)
	a, b := two(t)
	channel := uint8(30)
	listen := func() (*socket.Listener, error) {
		return bluetooth.ListenRFCOMM(bluetooth.RFCOMMAddr{Device: b.Device, Channel: channel})
	}
	dial := func(to net.Addr) (*socket.Socket, error) {
		return bluetooth.DialRFCOMM(context.Background(), a.Device, to.(bluetooth.RFCOMMAddr))
	}
	sockettest.Pair(t, listen, dial)
	channel = 0
	sockettest.Conn(t, func() (*socket.Listener, error) {
		channel++
		return listen()
	}, dial)
}

func TestRFCOMM(t *testing.T) {
	sockettest.Shows(t, "RFCOMM", sockettest.Trip, sockettest.Options)
	a, b := two(t)
	client, server := sockettest.Pair(t, func() (*socket.Listener, error) {
		return bluetooth.ListenRFCOMM(bluetooth.RFCOMMAddr{Device: b.Device, Channel: 3})
	}, func(to net.Addr) (*socket.Socket, error) {
		return bluetooth.DialRFCOMM(sockettest.Context(t), a.Device, to.(bluetooth.RFCOMMAddr))
	})
	sockettest.RoundTrip(t, client, server)
	if from := server.RemoteAddr().(bluetooth.RFCOMMAddr); from.Device != a.Device {
		t.Errorf("connected from %v, want %v", from, a.Device)
	}
	if info, err := bluetooth.RFCOMMInfo.Get(client); info.Handle == 0 || err != nil {
		t.Errorf("%+v, %v", info, err)
	}
	if _, err := bluetooth.Security.Get(client); err != nil {
		t.Error(err)
	}
}

// l2cap returns both ends of a connection.
func l2cap(t *testing.T) (client, server *socket.Socket) {
	t.Helper()
	a, b := two(t)
	return sockettest.Pair(t, func() (*socket.Listener, error) {
		return bluetooth.ListenL2CAP(socket.SeqPacket, bluetooth.L2CAPAddr{Device: b.Device, PSM: 0x1001})
	}, func(to net.Addr) (*socket.Socket, error) {
		return bluetooth.DialL2CAP(sockettest.Context(t), socket.SeqPacket, a.Device, to.(bluetooth.L2CAPAddr))
	})
}

func TestL2CAP(t *testing.T) {
	sockettest.Shows(t, "L2CAP", sockettest.Trip, sockettest.Options)
	client, server := l2cap(t)
	sockettest.RoundTrip(t, client, server)
	o, err := bluetooth.L2CAP.Get(client)
	if err != nil || o.SendMTU < 48 {
		t.Errorf("%+v, %v", o, err)
	}
	if info, err := bluetooth.L2CAPInfo.Get(client); info.Handle == 0 || err != nil {
		t.Errorf("%+v, %v", info, err)
	}
}

func TestL2CAPStream(t *testing.T) {
	sockettest.Shows(t, "L2CAP", sockettest.Trip)
	client, server := l2cap(t)
	x, err := bluetooth.StreamL2CAP(client)
	if err != nil {
		t.Fatal(err)
	}
	y, err := bluetooth.StreamL2CAP(server)
	if err != nil {
		t.Fatal(err)
	}
	data := bytes.Repeat([]byte("0123456789"), 1000)
	sent := make(chan error, 1)
	go func() {
		_, err := x.Write(data)
		sent <- err
	}()
	_ = y.SetDeadline(time.Now().Add(30 * time.Second))
	got := make([]byte, 0, len(data))
	for len(got) < len(data) {
		buf := make([]byte, 100)
		n, err := y.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, buf[:n]...)
	}
	if err := <-sent; err != nil || !bytes.Equal(got, data) {
		t.Errorf("received %v, %v", bytes.Equal(got, data), err)
	}
}

// TestHCI asks a controller for its address by a command.
func TestHCI(t *testing.T) {
	sockettest.Shows(t, "HCI", sockettest.Trip, sockettest.Options)
	a, _ := two(t)
	s, err := bluetooth.OpenHCI(bluetooth.HCIAddr{Controller: a.Index})
	sockettest.Need(t, err)
	defer s.Close()
	const event, commandComplete = 4, 0x0e
	if err := bluetooth.HCIFiltering.Set(s, bluetooth.HCIFilter{Types: 1 << event, Events: [2]uint32{1 << commandComplete}}); err != nil {
		t.Fatal(err)
	}
	ctx := sockettest.Context(t)
	if _, err := s.Send(ctx, []byte{1, 0x09, 0x10, 0}, 0); err != nil { // Read BD_ADDR
		t.Fatal(err)
	}
	buf := make([]byte, 260)
	n, err := s.Recv(ctx, buf, 0)
	if err != nil || n < 13 {
		t.Fatalf("% x, %v", buf[:n], err)
	}
	raw, _ := bluetooth.SCOAddr{Device: a.Device}.AppendSockaddr(nil)
	if !bytes.Equal(buf[7:13], raw[2:]) {
		t.Errorf("% x, want the address %v", buf[:n], a.Device)
	}
	if _, err := bluetooth.HCIFiltering.Get(s); err != nil {
		t.Error(err)
	}
}

// TestHCIControl asks the kernel's management interface for its version.
func TestHCIControl(t *testing.T) {
	sockettest.Shows(t, "HCI", sockettest.Trip)
	s, err := bluetooth.OpenHCI(bluetooth.HCIAddr{Controller: bluetooth.NoController, Channel: bluetooth.ControlChannel})
	sockettest.Need(t, err)
	defer s.Close()
	ctx := sockettest.Context(t)
	if _, err := s.Send(ctx, []byte{1, 0, 0xff, 0xff, 0, 0}, 0); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100)
	if n, err := s.Recv(ctx, buf, 0); err != nil || n != 12 || buf[0] != 1 {
		t.Errorf("% x, %v, want the command's end", buf[:n], err)
	}
}

func TestSCO(t *testing.T) {
	sockettest.Shows(t, "SCO", sockettest.Trip, sockettest.Options)
	a, b := two(t)
	// A voice connection needs a connection to be there.
	client, server := sockettest.Pair(t, func() (*socket.Listener, error) {
		return bluetooth.ListenSCO(bluetooth.SCOAddr{Device: b.Device})
	}, func(to net.Addr) (*socket.Socket, error) {
		return bluetooth.DialSCO(sockettest.Context(t), a.Device, to.(bluetooth.SCOAddr))
	})
	sockettest.RoundTrip(t, client, server)
	if mtu, err := bluetooth.SCOMTU.Get(client); mtu == 0 || err != nil {
		t.Errorf("packets of %d bytes, %v", mtu, err)
	}
}

func TestPython(t *testing.T) {
	for _, row := range []string{"L2CAP", "RFCOMM"} {
		sockettest.Shows(t, row, sockettest.Opinion)
	}
	a, b := two(t)
	l, err := bluetooth.ListenRFCOMM(bluetooth.RFCOMMAddr{Device: b.Device})
	sockettest.Need(t, err)
	defer l.Close()
	l2, err := bluetooth.ListenL2CAP(socket.SeqPacket, bluetooth.L2CAPAddr{Device: b.Device, PSM: 0x1003})
	sockettest.Need(t, err)
	defer l2.Close()
	p := sockettest.Python(t, `
s = socket.socket(socket.AF_BLUETOOTH, socket.SOCK_STREAM, socket.BTPROTO_RFCOMM)
s.bind((arg[0], 0))
s.connect((arg[1], int(arg[2])))
s.sendall(b'from Python')
say(s.recv(100).decode())
m = socket.socket(socket.AF_BLUETOOTH, socket.SOCK_SEQPACKET, socket.BTPROTO_L2CAP)
m.bind((arg[0], 0))
m.connect((arg[1], 0x1003))
m.send(b'over L2CAP')
say(m.recv(100).decode())
`, a.Device.String(), b.Device.String(), strconv.Itoa(int(l.Addr().(bluetooth.RFCOMMAddr).Channel)))
	for _, c := range []struct {
		l    *socket.Listener
		text string
	}{{l, "from Python"}, {l2, "over L2CAP"}} {
		s, err := c.l.AcceptContext(sockettest.Context(t))
		sockettest.Need(t, err)
		buf := make([]byte, 100)
		if n, err := s.Read(buf); err != nil || string(buf[:n]) != c.text {
			t.Errorf("%q, %v", buf[:n], err)
		}
		if _, err := s.Write([]byte("from Go")); err != nil {
			t.Fatal(err)
		}
		if line := p.Line(); line != "from Go" {
			t.Errorf("Python received %q", line)
		}
		defer s.Close()
	}
	p.Wait()
}

func Example() {
	d, err := bluetooth.ParseDevice("00:1A:7D:DA:71:13")
	fmt.Println(bluetooth.RFCOMMAddr{Device: d, Channel: 3}, err)
	// Output: 00:1A:7D:DA:71:13/3 <nil>
}
