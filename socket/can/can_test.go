//go:build linux

package can_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sealsock/sealsock/internal/sockettest"
	"github.com/sealsock/sealsock/socket"
	"github.com/sealsock/sealsock/socket/can"
)

// bus is the virtual bus that the tests use.
const bus = "vcan0"

func open(t *testing.T) *can.Conn {
	t.Helper()
	sockettest.Interface(t, bus)
	c, err := can.Open(bus)
	sockettest.Need(t, err)
	t.Cleanup(func() { _ = c.Close() })
	if err := can.FDFrames.Set(c.Socket, true); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestRaw(t *testing.T) {
	sockettest.Shows(t, "CAN raw", sockettest.Trip)
	a, b := open(t), open(t)
	ctx := sockettest.Context(t)
	for _, f := range []can.Frame{
		{ID: 0x123, Data: []byte("hello")},
		{ID: 0x1234567 | can.ExtendedFlag, Data: []byte{}},
		{ID: 0x7 | can.RemoteFlag, Data: []byte{}},
		{ID: 0x7a, FD: true, BitRate: true, Data: bytes.Repeat([]byte{0xaa}, 64)},
	} {
		if err := a.WriteFrame(ctx, f); err != nil {
			t.Fatal(err)
		}
		g, from, err := b.ReadFrame(ctx)
		if err != nil || g.String() != f.String() || from.String() != bus {
			t.Errorf("%v became %v from %v, %v", f, g, from, err)
		}
	}
	if err := a.WriteFrame(ctx, can.Frame{Data: make([]byte, 9)}); err == nil {
		t.Error("a frame of 9 bytes was sent")
	}
}

func TestAllInterfaces(t *testing.T) {
	sockettest.Shows(t, "CAN raw", sockettest.Trip, sockettest.Addresses)
	a := open(t)
	all, err := can.Open("")
	sockettest.Need(t, err)
	defer all.Close()
	ctx := sockettest.Context(t)
	if err := a.WriteFrame(ctx, can.Frame{ID: 1, Data: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	f, from, err := all.ReadFrame(ctx)
	if err != nil || from.String() != bus {
		t.Fatalf("%v from %v, %v", f, from, err)
	}
	if err := all.WriteFrameTo(ctx, can.Frame{ID: 2, Data: []byte("y")}, from); err != nil {
		t.Fatal(err)
	}
	if f, _, err := a.ReadFrame(ctx); err != nil || f.String() != "002#79" {
		t.Errorf("%v, %v", f, err)
	}
	if err := all.WriteFrameTo(ctx, can.Frame{ID: 0x800}, from); err == nil {
		t.Error("a wrong identifier was sent")
	}
}

func TestFilters(t *testing.T) {
	sockettest.Shows(t, "CAN raw", sockettest.Options)
	a, b := open(t), open(t)
	ctx := sockettest.Context(t)
	if err := b.SetFilters(can.Filter{ID: 0x100, Mask: 0x700}, can.Filter{ID: 0x200, Mask: 0x600, Inverted: true}); err != nil {
		t.Fatal(err)
	}
	if err := can.JoinFilters.Set(b.Socket, true); err != nil {
		t.Fatal(err)
	}
	for _, id := range []uint32{0x200, 0x300, 0x123} {
		if err := a.WriteFrame(ctx, can.Frame{ID: id}); err != nil {
			t.Fatal(err)
		}
	}
	if f, _, err := b.ReadFrame(ctx); err != nil || f.ID != 0x123 {
		t.Errorf("%v passed, %v", f, err)
	}
	if err := b.SetFilters(make([]can.Filter, 513)...); err == nil {
		t.Error("513 filters")
	}
	for _, set := range []error{
		can.ReceiveOwn.Set(a.Socket, true), can.Loopback.Set(a.Socket, true), can.ErrorFilter.Set(a.Socket, can.ErrorMask), b.SetFilters(),
	} {
		if set != nil {
			t.Error(set)
		}
	}
	if err := a.WriteFrame(ctx, can.Frame{ID: 5}); err != nil {
		t.Fatal(err)
	}
	if f, _, err := a.ReadFrame(ctx); err != nil || f.ID != 5 {
		t.Errorf("hears %v of itself, %v", f, err)
	}
}

func TestBCM(t *testing.T) {
	sockettest.Shows(t, "CAN broadcast manager", sockettest.Trip, sockettest.Addresses, sockettest.BadInput)
	r := open(t)
	ctx := sockettest.Context(t)
	b, err := can.DialBCM(ctx, bus)
	sockettest.Need(t, err)
	defer b.Close()
	if err := b.Send(ctx, can.BCMMessage{
		Opcode: can.TxSetup, Flags: can.SetTimer | can.StartTimer | can.TxCountEvent, Count: 5, Interval1: 2 * time.Millisecond, ID: 0x321,
		Frames: []can.Frame{{ID: 0x321, Data: []byte{1}}, {ID: 0x321, Data: []byte{2}}},
	}); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		f, _, err := r.ReadFrame(ctx)
		if err != nil || f.ID != 0x321 || int(f.Data[0]) != i%2+1 {
			t.Errorf("frame %d is %v, %v", i, f, err)
		}
	}
	if m, err := b.Next(ctx); err != nil || m.Opcode != can.TxExpired {
		t.Errorf("%+v, %v, want the end of the count", m, err)
	}
	// A subscription that reports changes of the first byte, and silence.
	if err := b.Send(ctx, can.BCMMessage{
		Opcode: can.RxSetup, Flags: can.SetTimer | can.StartTimer, Interval1: 100 * time.Millisecond, ID: 0x55,
		Frames: []can.Frame{{ID: 0x55, Data: []byte{0xff}}},
	}); err != nil {
		t.Fatal(err)
	}
	for _, data := range []byte{7, 7, 8} {
		if err := r.WriteFrame(ctx, can.Frame{ID: 0x55, Data: []byte{data}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []byte{7, 8} {
		if m, err := b.Next(ctx); err != nil || m.Opcode != can.RxChanged || len(m.Frames) != 1 || m.Frames[0].Data[0] != want {
			t.Errorf("%+v, %v, want a change to %d", m, err, want)
		}
	}
	if m, err := b.Next(ctx); err != nil || m.Opcode != can.RxTimeout {
		t.Errorf("%+v, %v, want a time-out", m, err)
	}
	if err := b.Send(ctx, can.BCMMessage{Opcode: can.RxDelete, ID: 0x77}); err == nil {
		t.Error("a subscription that is not there was deleted")
	}
	if err := b.Send(ctx, can.BCMMessage{Interval1: -1}); err == nil {
		t.Error("a negative interval was sent")
	}
}

// isotp opens both ends of an ISO-TP connection.
func isotp(t *testing.T, rx, tx uint32, prepare func(*socket.Socket) error) (a, b *socket.Socket) {
	t.Helper()
	i := sockettest.Interface(t, bus).Index
	a, err := can.DialISOTP(can.ISOTPAddr{Interface: i, Rx: rx, Tx: tx}, prepare)
	sockettest.Need(t, err)
	b, err = can.DialISOTP(can.ISOTPAddr{Interface: i, Rx: tx, Tx: rx}, prepare)
	sockettest.Need(t, err)
	t.Cleanup(func() { _, _ = a.Close(), b.Close() })
	return a, b
}

func TestISOTP(t *testing.T) {
	sockettest.Shows(t, "ISO-TP", sockettest.Trip, sockettest.Options)
	a, b := isotp(t, 0x701, 0x702, nil)
	sockettest.RoundTrip(t, a, b)
	ctx := sockettest.Context(t)
	buf := make([]byte, can.MaxISOTPReceive)
	for _, size := range []int{1, 7, 8, 1000, can.MaxISOTPSend} {
		message := bytes.Repeat([]byte{byte(size)}, size)
		if _, err := a.Send(ctx, message, 0); err != nil {
			t.Fatal(err)
		}
		if n, err := b.Recv(ctx, buf, 0); err != nil || !bytes.Equal(buf[:n], message) {
			t.Errorf("%d bytes became %d, %v", size, n, err)
		}
	}
	wide, narrow := isotp(t, 0x18da00f1|can.ExtendedFlag, 0x18daf100|can.ExtendedFlag, func(s *socket.Socket) error {
		return errors.Join(
			can.ISOTPLinkLayer.Set(s, can.LinkLayer{MTU: 72, TxLength: 64}),
			can.ISOTPFlowControl.Set(s, can.FlowControl{BlockSize: 4, STMin: 0}))
	})
	sockettest.RoundTrip(t, wide, narrow)
	if text := wide.LocalAddr().String(); text != bus+"/18da00f1:18daf100" {
		t.Error(text)
	}
}

// TestISOTPStream transfers several messages in both directions at once. ISO-TP
// fails if the other side does not respond for a second, which happens on a
// loaded machine: the test then retries.
func TestISOTPStream(t *testing.T) {
	sockettest.Shows(t, "ISO-TP", sockettest.Trip)
	for try := 0; ; try++ {
		err := bothWays(t)
		if err == nil {
			return
		}
		if try == 3 || !errors.Is(err, syscall.ETIMEDOUT) && !errors.Is(err, syscall.ECOMM) {
			t.Fatal(err)
		}
	}
}

func bothWays(t *testing.T) error {
	t.Helper()
	i := sockettest.Interface(t, bus).Index
	x, err := can.StreamISOTP(sockettest.Context(t), can.ISOTPAddr{Interface: i, Rx: 0x601, Tx: 0x602})
	sockettest.Need(t, err)
	defer x.Close()
	y, err := can.StreamISOTP(sockettest.Context(t), can.ISOTPAddr{Interface: i, Rx: 0x602, Tx: 0x601})
	sockettest.Need(t, err)
	defer y.Close()
	data := bytes.Repeat([]byte("0123456789"), 2000)
	errs := make(chan error, 4)
	for _, c := range []*socket.StreamConn{x, y} {
		_ = c.SetDeadline(time.Now().Add(30 * time.Second))
		go func() {
			_, err := c.Write(data)
			errs <- err
		}()
		go func() {
			got := make([]byte, len(data))
			_, err := io.ReadFull(c, got)
			if err == nil && !bytes.Equal(got, data) {
				err = errors.New("other bytes arrived")
			}
			if err != nil { // unblock the other side
				_ = c.SetDeadline(time.Unix(1, 0))
			}
			errs <- err
		}()
	}
	var all error
	for range 4 {
		if err := <-errs; all == nil || errors.Is(all, os.ErrDeadlineExceeded) && err != nil {
			all = err
		}
	}
	return all
}

// TestISOTPWithoutPeer checks that a message without a receiver is an error.
func TestISOTPWithoutPeer(t *testing.T) {
	sockettest.Shows(t, "ISO-TP", sockettest.BadInput)
	i := sockettest.Interface(t, bus).Index
	s, err := can.DialISOTP(can.ISOTPAddr{Interface: i, Rx: 0x111, Tx: 0x112}, nil)
	sockettest.Need(t, err)
	defer s.Close()
	if _, err := s.Send(sockettest.Context(t), make([]byte, 100), 0); !errors.Is(err, syscall.ECOMM) {
		t.Errorf("%v, want a communication error", err)
	}
	if _, err := can.DialISOTP(can.ISOTPAddr{Rx: 1, Tx: 2}, nil); err == nil {
		t.Error("connected on no interface")
	}
	if _, err := can.DialISOTP(can.ISOTPAddr{Interface: i, Rx: 0x800, Tx: 2}, nil); err == nil || !strings.Contains(err.Error(), "0x800") {
		t.Errorf("a wrong identifier: %v", err)
	}
}

func TestJ1939(t *testing.T) {
	sockettest.Shows(t, "J1939", sockettest.Trip, sockettest.Options, sockettest.Ancillary)
	i := sockettest.Interface(t, bus).Index
	node := func(addr uint8) *socket.PacketConn {
		c, err := can.OpenJ1939(can.J1939Addr{Interface: i, PGN: can.NoPGN, Address: addr})
		sockettest.Need(t, err)
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	a, b := node(0x20), node(0x30)
	if err := can.J1939Priority.Set(a.Socket, 3); err != nil {
		t.Fatal(err)
	}
	ctx := sockettest.Context(t)
	for _, size := range []int{8, 1000} { // one frame, and the transport protocol
		message := bytes.Repeat([]byte{7}, size)
		if _, err := a.SendTo(ctx, message, 0, can.J1939Addr{Interface: i, PGN: 0x12300, Address: 0x30}); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 2000)
		m := socket.Message{Buffers: [][]byte{buf}, Control: make([]byte, 200)}
		n, err := b.RecvMsg(ctx, &m, 0)
		if err != nil || !bytes.Equal(buf[:n], message) {
			t.Fatalf("%d bytes became %d, %v", size, n, err)
		}
		from := m.Addr.(can.J1939Addr)
		from.Interface = i // which the kernel sometimes omits
		if want := (can.J1939Addr{Interface: i, PGN: 0x12300, Address: 0x20}); from != want {
			t.Errorf("from %v, want %v", from, want)
		}
		items, err := socket.ParseAncillary(m.Control[:m.ControlN])
		if err != nil || len(items) < 2 {
			t.Fatalf("%v, %v", items, err)
		}
		if dest := items[0].(socket.RawAncillary); dest.Level != can.J1939Level || dest.Type != can.ControlDestAddress || dest.Data[0] != 0x30 {
			t.Errorf("sent to %+v", dest)
		}
	}
	// A filter on the parameter group.
	if err := can.SetJ1939Filters(b.Socket, can.J1939Filter{PGN: 0x12400, PGNMask: 0x3ff00}); err != nil {
		t.Fatal(err)
	}
	for _, pgn := range []uint32{0x12300, 0x12400} {
		if _, err := a.SendTo(ctx, []byte{1}, 0, can.J1939Addr{Interface: i, PGN: pgn, Address: 0x30}); err != nil {
			t.Fatal(err)
		}
	}
	if _, from, err := b.RecvFrom(ctx, make([]byte, 10), 0); err != nil || from.(can.J1939Addr).PGN != 0x12400 {
		t.Errorf("from %v, %v", from, err)
	}
	if err := can.SetJ1939Filters(b.Socket, make([]can.J1939Filter, 513)...); err == nil {
		t.Error("513 filters")
	}
	if err := can.J1939Promiscuous.Set(b.Socket, true); err != nil {
		t.Error(err)
	}
}

func TestAddresses(t *testing.T) {
	for _, row := range []string{"CAN raw", "ISO-TP", "J1939"} {
		sockettest.Shows(t, row, sockettest.Addresses)
	}
	for text, a := range map[string]socket.Addr{
		"any": can.Addr{}, "any/7e8:7e0": can.ISOTPAddr{Rx: 0x7e8, Tx: 0x7e0},
		"any/20,12300":                  can.J1939Addr{PGN: 0x12300, Address: 0x20},
		"any/fe,0ee00,0123456789abcdef": can.J1939Addr{PGN: can.PGNClaimed, Address: can.IdleAddress, Name: 0x0123456789abcdef},
		"99999":                         can.Addr{Interface: 99999},
	} {
		if a.String() != text || a.Network() != "can" {
			t.Errorf("%v, want %s", a, text)
		}
		raw, err := a.AppendSockaddr(nil)
		if err != nil || len(raw) != 24 {
			t.Fatalf("% x, %v", raw, err)
		}
		f := map[bool]socket.Family{true: can.FamilyISOTP, false: can.FamilyJ1939}[strings.Contains(text, ":")]
		if _, ok := a.(can.Addr); ok {
			f = can.Family
		}
		if b, err := f.Decode(raw); b != a || err != nil {
			t.Errorf("%v came back as %v, %v", a, b, err)
		}
		if b, err := f.Decode(raw[:7]); err == nil {
			t.Errorf("7 bytes are %v", b)
		}
	}
	if _, err := (can.J1939Addr{PGN: 0x50000}).AppendSockaddr(nil); err == nil {
		t.Error("a parameter group beyond all")
	}
	if _, err := can.On("no-such-bus"); err == nil {
		t.Error("a bus that is not there")
	}
	for name, dial := range map[string]func() error{
		"raw": func() error { _, err := can.Open("no-such-bus"); return err },
		"BCM": func() error { _, err := can.DialBCM(context.Background(), "no-such-bus"); return err },
	} {
		if dial() == nil {
			t.Errorf("%s: opened on a bus that is not there", name)
		}
	}
}

// TestTools talks to cansend, candump, isotpsend and isotprecv.
func TestTools(t *testing.T) {
	sockettest.Shows(t, "CAN raw", sockettest.Opinion)
	c := open(t)
	dump := sockettest.Start(t, "candump", "-L", "-n", "1", bus+",123:7FF")
	ctx := sockettest.Context(t)
	if line := dumped(t, c, dump); !strings.HasSuffix(line, bus+" 123#DEAD") {
		t.Errorf("candump printed %q", line)
	}
	dump.Wait()
	sockettest.Start(t, "cansend", bus, "124##1112233").Wait()
	if f, _, err := c.ReadFrame(ctx); err != nil || f.String() != "124##1112233" {
		t.Errorf("%v, %v", f, err)
	}
}

// TestBCMTools receives frames of the broadcast manager with candump.
func TestBCMTools(t *testing.T) {
	sockettest.Shows(t, "CAN broadcast manager", sockettest.Opinion)
	sockettest.Interface(t, bus)
	dump := sockettest.Start(t, "candump", "-L", "-n", "3", bus+",322:7FF")
	ctx := sockettest.Context(t)
	b, err := can.DialBCM(ctx, bus)
	sockettest.Need(t, err)
	defer b.Close()
	if err := b.Send(ctx, can.BCMMessage{
		Opcode: can.TxSetup, Flags: can.SetTimer | can.StartTimer, Interval2: 20 * time.Millisecond, ID: 0x322,
		Frames: []can.Frame{{ID: 0x322, Data: []byte{0xbc}}},
	}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if line := dump.Line(); !strings.HasSuffix(line, bus+" 322#BC") {
			t.Errorf("candump printed %q", line)
		}
	}
	dump.Wait()
}

// TestISOTPTools exchanges messages of many frames with isotpsend and isotprecv,
// which write bytes in hexadecimal.
func TestISOTPTools(t *testing.T) {
	sockettest.Shows(t, "ISO-TP", sockettest.Opinion)
	i := sockettest.Interface(t, bus).Index
	tp, err := can.DialISOTP(can.ISOTPAddr{Interface: i, Rx: 0x511, Tx: 0x512}, nil)
	sockettest.Need(t, err)
	defer tp.Close()
	ctx := sockettest.Context(t)
	send := sockettest.Start(t, "isotpsend", "-s", "511", "-d", "512", bus)
	send.Say("01 02 03 04 05 06 07 08 09 0A 0B 0C")
	send.Wait() // it sends when its input ends
	buf := make([]byte, 100)
	n, err := tp.Recv(ctx, buf, 0)
	if err != nil || !bytes.Equal(buf[:n], []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}) {
		t.Errorf("% x, %v", buf[:n], err)
	}
	receive := sockettest.Start(t, "isotprecv", "-s", "511", "-d", "512", bus)
	// It does not report that it is ready; earlier messages have no receiver.
	for {
		_, err := tp.Send(ctx, []byte("thirteen chars"), 0)
		if err == nil {
			break
		}
		if !errors.Is(err, syscall.ECOMM) {
			t.Fatal(err)
		}
	}
	if line := receive.Line(); strings.TrimSpace(line) != "74 68 69 72 74 65 65 6E 20 63 68 61 72 73" {
		t.Errorf("isotprecv printed %q", line)
	}
	receive.Wait()
}

func TestPython(t *testing.T) {
	for _, row := range []string{"CAN raw", "ISO-TP", "J1939"} {
		sockettest.Shows(t, row, sockettest.Opinion)
	}
	c := open(t)
	i := sockettest.Interface(t, bus).Index
	tp, err := can.DialISOTP(can.ISOTPAddr{Interface: i, Rx: 0x501, Tx: 0x502}, nil)
	sockettest.Need(t, err)
	defer tp.Close()
	j, err := can.OpenJ1939(can.J1939Addr{Interface: i, PGN: can.NoPGN, Address: 0x40})
	sockettest.Need(t, err)
	defer j.Close()
	p := sockettest.Python(t, `
r = socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW)
r.bind(('vcan0',))
r.send(struct.pack('=IB3x8s', 0x123, 5, b'hello'))
while True:
    id, n, data = struct.unpack('=IB3x8s', r.recv(16))
    if id == 0x124: break
say(data[:n].decode())
t = socket.socket(socket.AF_CAN, socket.SOCK_DGRAM, socket.CAN_ISOTP)
t.bind(('vcan0', 0x502, 0x501))
t.send(b'a message of more than one frame')
say(t.recv(5000).decode())
j = socket.socket(socket.AF_CAN, socket.SOCK_DGRAM, socket.CAN_J1939)
j.bind(('vcan0', socket.J1939_NO_NAME, socket.J1939_NO_PGN, 0x50))
j.sendto(b'J1939', ('vcan0', socket.J1939_NO_NAME, 0x12300, 0x40))
data, addr = j.recvfrom(100)
say(data.decode(), addr[2:])
`)
	ctx := sockettest.Context(t)
	if f, _, err := c.ReadFrame(ctx); err != nil || f.String() != "123#68656C6C6F" {
		t.Errorf("%v, %v", f, err)
	}
	if err := c.WriteFrame(ctx, can.Frame{ID: 0x124, Data: []byte("raw")}); err != nil {
		t.Fatal(err)
	}
	if line := p.Line(); line != "raw" {
		t.Errorf("Python received %q", line)
	}
	buf := make([]byte, 5000)
	if n, err := tp.Recv(ctx, buf, 0); err != nil || string(buf[:n]) != "a message of more than one frame" {
		t.Errorf("%q, %v", buf[:n], err)
	}
	if _, err := tp.Send(ctx, []byte("an answer that takes several frames"), 0); err != nil {
		t.Fatal(err)
	}
	if line := p.Line(); line != "an answer that takes several frames" {
		t.Errorf("Python received %q", line)
	}
	n, from, err := j.RecvFrom(ctx, buf, 0)
	if err != nil || string(buf[:n]) != "J1939" {
		t.Fatalf("%q, %v", buf[:n], err)
	}
	if _, err := j.WriteTo([]byte("from Go"), from); err != nil {
		t.Fatal(err)
	}
	if line, want := p.Line(), fmt.Sprintf("from Go (%d, %d)", 0x12300, 0x40); line != want {
		t.Errorf("Python received %q, want %q", line, want)
	}
	p.Wait()
}

func Example() {
	f := can.Frame{ID: 0x123, Data: []byte{0xde, 0xad, 0xbe, 0xef}}
	fmt.Println(f)
	// Output: 123#DEADBEEF
}
