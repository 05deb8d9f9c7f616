//go:build linux || darwin || freebsd

package socket_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"testing"
	"time"

	"github.com/sealsock/sealsock/internal/sockettest"
	"github.com/sealsock/sealsock/socket"
	"github.com/sealsock/sealsock/socket/inet"
	"github.com/sealsock/sealsock/socket/unix"
)

func TestScatterGather(t *testing.T) {
	a, b := pair(t, socket.SeqPacket)
	var parts [][]byte
	for i := range 20 { // more than an op holds by itself
		parts = append(parts, bytes.Repeat([]byte{byte('a' + i)}, i))
	}
	if n, err := a.SendMsg(background, &socket.Message{Buffers: parts}, 0); n != 190 || err != nil {
		t.Fatalf("sent %d, %v", n, err)
	}
	one, two, rest := make([]byte, 1), make([]byte, 2), make([]byte, 200)
	m := socket.Message{Buffers: [][]byte{one, nil, two, rest}}
	if n, err := b.RecvMsg(background, &m, 0); n != 190 || err != nil {
		t.Fatalf("received %d, %v", n, err)
	}
	if string(one)+string(two) != "bcc" || rest[186] != 't' {
		t.Errorf("received %q %q %q", one, two, rest)
	}
}

func TestTruncation(t *testing.T) {
	sockettest.Shows(t, "UNIX seqpacket", sockettest.BadInput)
	a, b := pair(t, socket.SeqPacket)
	if _, err := a.Send(background, []byte("twelve bytes"), 0); err != nil {
		t.Fatal(err)
	}
	m := socket.Message{Buffers: [][]byte{make([]byte, 4)}}
	if n, err := b.RecvMsg(background, &m, socket.Peek); n != 4 || err != nil || m.Flags&socket.Truncated == 0 {
		t.Errorf("peek: %d, %v, flags %v", n, err, m.Flags)
	}
	if n, err := b.RecvMsg(background, &m, 0); n != 4 || err != nil || m.Flags&socket.Truncated == 0 {
		t.Errorf("%d, %v, flags %v", n, err, m.Flags)
	}
}

// TestPassFiles sends open files to another process, which writes to one of
// them: the child half is in TestMain.
func TestPassFiles(t *testing.T) {
	sockettest.Shows(t, "UNIX stream", sockettest.Ancillary)
	l, err := unix.Listen(socket.Stream, unix.Path(filepath.Join(t.TempDir(), "s")))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), "SOCKET_TEST_CHILD="+l.Addr().String())
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s, err := l.AcceptContext(background)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := s.SendFDs(background, []byte("two files"), w, r); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	got, err := io.ReadAll(r)
	if want := "two files, 2"; err != nil || string(got) != want {
		t.Errorf("the other process wrote %q, %v, want %q", got, err, want)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

func TestMain(m *testing.M) {
	if path := os.Getenv("SOCKET_TEST_CHILD"); path != "" {
		if err := passedFiles(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func passedFiles(path string) error {
	s, err := unix.Dial(background, socket.Stream, unix.Path(path))
	if err != nil {
		return err
	}
	buf := make([]byte, 100)
	n, files, err := s.RecvFDs(background, buf, 5)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(files[0], "%s, %d", buf[:n], len(files))
	return err
}

func openFDs(t *testing.T) int {
	t.Helper()
	names, err := os.ReadDir("/dev/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

// TestTooManyFiles shows that a peer cannot make this process keep descriptors.
func TestTooManyFiles(t *testing.T) {
	a, b := pair(t, socket.Stream)
	before := openFDs(t)
	if _, err := a.SendFDs(background, []byte("x"), os.Stdin, os.Stdin, os.Stdin, os.Stdin); err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.RecvFDs(background, make([]byte, 1), 1); !errors.Is(err, socket.ErrControlTruncated) {
		t.Errorf("four files for one place: %v", err)
	}
	if _, err := a.SendFDs(background, []byte("x"), os.Stdin); err != nil {
		t.Fatal(err)
	}
	if n, files, err := b.RecvFDs(background, make([]byte, 1), 0); n != 1 || len(files) != 0 || !errors.Is(err, socket.ErrControlTruncated) {
		t.Errorf("one file for no place: %d, %v, %v", n, files, err)
	}
	if after := openFDs(t); after != before {
		t.Errorf("%d descriptors are open, %d were before", after, before)
	}
	if _, err := a.SendFDs(background, nil, os.Stdin); err == nil {
		t.Error("descriptors went without a byte")
	}
	closed, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	if _, err := a.SendFDs(background, []byte("x"), closed); err == nil {
		t.Error("a closed file was sent")
	}
}

func TestBatches(t *testing.T) {
	a, b := udpSocket(t, "127.0.0.1:0"), udpSocket(t, "127.0.0.1:0")
	const count = 50
	out := make([]socket.Message, count)
	for i := range out {
		out[i] = socket.Message{Buffers: [][]byte{[]byte("message "), {byte(i)}}, Addr: b.LocalAddr()}
	}
	if n, err := a.SendMMsg(background, out, 0); n != count || err != nil {
		t.Fatalf("sent %d, %v", n, err)
	}
	in := make([]socket.Message, count+10)
	for i := range in {
		in[i] = socket.Message{Buffers: [][]byte{make([]byte, 20)}}
	}
	ctx, cancel := context.WithTimeout(background, 10*time.Second)
	defer cancel()
	for got := 0; got < count; {
		n, err := b.RecvMMsg(ctx, in[got:], 0)
		if err != nil {
			t.Fatal(err)
		}
		for i, m := range in[got : got+n] {
			if m.N != 9 || m.Buffers[0][8] != byte(got+i) || m.Addr != a.LocalAddr() {
				t.Errorf("message %d: %d bytes %q from %v", got+i, m.N, m.Buffers[0][:m.N], m.Addr)
			}
		}
		got += n
	}
	if _, err := b.RecvMMsg(background, in, socket.DontWait); !errors.Is(err, socket.ErrWouldBlock) {
		t.Errorf("an empty queue: %v", err)
	}
	if n, err := a.SendMMsg(background, nil, 0); n != 0 || err != nil {
		t.Errorf("no messages: %d, %v", n, err)
	}
	out[0].Addr = unix.Path("/x")
	if n, err := a.SendMMsg(background, out, 0); n != 0 || err == nil {
		t.Errorf("a wrong address: %d, %v", n, err)
	}
}

// TestBatchesEnd receives all that there is, and then the end.
func TestBatchesEnd(t *testing.T) {
	a, b := pair(t, socket.SeqPacket)
	for _, text := range []string{"one", "two"} {
		if _, err := a.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	_ = a.Close()
	in := make([]socket.Message, 5)
	for i := range in {
		in[i] = socket.Message{Buffers: [][]byte{make([]byte, 20)}}
	}
	got := 0
	for {
		n, err := b.RecvMMsg(background, in, 0)
		got += n
		if err == io.EOF {
			break
		}
		if err != nil || n == 0 || got > 2 {
			t.Fatalf("%d messages, %v", got, err)
		}
	}
	if got != 2 {
		t.Errorf("%d messages, want 2", got)
	}
}

func TestAncillaryRoundTrip(t *testing.T) {
	sockettest.Shows(t, "UDP", sockettest.Ancillary)
	if runtime.GOOS != "linux" {
		return // what arrives differs from system to system; TestPassFiles covers the common part
	}
	b := udpSocket(t, "127.0.0.1:0")
	b6 := udpSocket(t, "[::1]:0")
	for _, set := range []error{
		inet.ReceivePacketInfo.Set(b.Socket, true), inet.ReceiveTTL.Set(b.Socket, true), inet.ReceiveTOS.Set(b.Socket, true),
		socket.TimestampsNano.Set(b.Socket, true), inet.ReceiveOriginal.Set(b.Socket, true), socket.ReportDrops.Set(b.Socket, true),
		inet.ReceivePacketInfo6.Set(b6.Socket, true), inet.ReceiveHopLimit6.Set(b6.Socket, true), inet.ReceiveTrafficClass6.Set(b6.Socket, true),
		socket.Timestamps.Set(b6.Socket, true), inet.ReceiveOriginal6.Set(b6.Socket, true),
	} {
		if set != nil {
			t.Fatal(set)
		}
	}
	four, six := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::1")
	for _, c := range []struct {
		to   *socket.PacketConn
		from string
		send []socket.Ancillary
		want []socket.Ancillary
	}{
		{b, "127.0.0.1:0", []socket.Ancillary{socket.TOS{Value: 0x0b}, socket.HopLimit{Value: 33}, socket.PacketInfo{Addr: four}},
			[]socket.Ancillary{socket.TOS{Value: 0x0b}, socket.HopLimit{Value: 33}, socket.PacketInfo{Addr: four, Local: four, Interface: 1},
				socket.OriginalDestination{Addr: b.LocalAddr().(inet.Addr).AddrPort}}},
		{b6, "[::1]:0", []socket.Ancillary{socket.TOS{Value: 0x0b, IPv6: true}, socket.HopLimit{Value: 33, IPv6: true}, socket.PacketInfo{Addr: six, Interface: 1}},
			[]socket.Ancillary{socket.TOS{Value: 0x0b, IPv6: true}, socket.HopLimit{Value: 33, IPv6: true}, socket.PacketInfo{Addr: six, Interface: 1},
				socket.OriginalDestination{Addr: b6.LocalAddr().(inet.Addr).AddrPort}}},
	} {
		a := udpSocket(t, c.from)
		control, err := socket.AppendAncillary(nil, c.send...)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.SendMsg(background, &socket.Message{Buffers: [][]byte{[]byte("x")}, Control: control, Addr: c.to.LocalAddr()}, 0); err != nil {
			t.Fatal(err)
		}
		m := socket.Message{Buffers: [][]byte{make([]byte, 10)}, Control: make([]byte, 1000)}
		if _, err := c.to.RecvMsg(background, &m, 0); err != nil {
			t.Fatal(err)
		}
		items, err := socket.ParseAncillary(m.Control[:m.ControlN])
		if err != nil {
			t.Fatal(err)
		}
		stamped := false
		for _, item := range items {
			if stamp, ok := item.(socket.Timestamp); ok {
				stamped = time.Since(stamp.Time).Abs() < time.Minute
			}
		}
		if !stamped {
			t.Errorf("no time stamp of today in %v", items)
		}
		for _, want := range c.want {
			if !contains(items, want) {
				t.Errorf("no %#v in %#v", want, items)
			}
		}
	}
}

func contains(items []socket.Ancillary, want socket.Ancillary) bool {
	for _, item := range items {
		if reflect.DeepEqual(item, want) {
			return true
		}
	}
	return false
}

func TestCredentials(t *testing.T) {
	sockettest.Shows(t, "UNIX stream", sockettest.Ancillary, sockettest.Options)
	a, b := pair(t, socket.Stream)
	peer, err := unix.PeerCredentials(a)
	if err != nil || peer.UID != os.Getuid() {
		t.Errorf("peer %+v, %v", peer, err)
	}
	if runtime.GOOS != "linux" {
		return
	}
	me := socket.Credentials{PID: os.Getpid(), UID: os.Getuid(), GID: os.Getgid()}
	if err := socket.PassCredentials.Set(b, true); err != nil {
		t.Fatal(err)
	}
	control, err := socket.AppendAncillary(nil, me)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.SendMsg(background, &socket.Message{Buffers: [][]byte{[]byte("x")}, Control: control}, 0); err != nil {
		t.Fatal(err)
	}
	m := socket.Message{Buffers: [][]byte{make([]byte, 1)}, Control: make([]byte, 100)}
	if _, err := b.RecvMsg(background, &m, 0); err != nil {
		t.Fatal(err)
	}
	items, err := socket.ParseAncillary(m.Control[:m.ControlN])
	if err != nil || !contains(items, me) {
		t.Errorf("received %v, %v, want %v", items, err, me)
	}
}

func TestErrorQueue(t *testing.T) {
	sockettest.Shows(t, "UDP", sockettest.Ancillary)
	if runtime.GOOS != "linux" {
		return // the queue is Linux's
	}
	a := udpSocket(t, "127.0.0.1:0")
	if err := inet.ReceiveErrors.Set(a.Socket, true); err != nil {
		t.Fatal(err)
	}
	free := udpSocket(t, "127.0.0.1:0")
	nobody := free.LocalAddr()
	_ = free.Close()
	if _, err := a.WriteTo([]byte("lost"), nobody); err != nil {
		t.Fatal(err)
	}
	m := socket.Message{Buffers: [][]byte{make([]byte, 10)}, Control: make([]byte, 500)}
	for start := time.Now(); ; time.Sleep(time.Millisecond) {
		_, err := a.RecvMsg(background, &m, socket.ErrQueue|socket.DontWait)
		if err == nil {
			break
		}
		if !errors.Is(err, socket.ErrWouldBlock) || time.Since(start) > 10*time.Second {
			t.Fatal(err)
		}
	}
	items, err := socket.ParseAncillary(m.Control[:m.ControlN])
	if err != nil || len(items) == 0 || m.Addr != nobody {
		t.Fatalf("%v, %v, for %v", items, err, m.Addr)
	}
	e, ok := items[0].(socket.ExtendedError)
	if !ok || e.Origin != 2 || e.Type != 3 || e.Offender != netip.MustParseAddr("127.0.0.1") {
		t.Errorf("%+v, want ICMP's destination unreachable from this host", items[0])
	}
}

func TestSegmentSize(t *testing.T) {
	sockettest.Shows(t, "UDP", sockettest.Ancillary)
	if runtime.GOOS != "linux" {
		return // UDP segmentation is Linux's
	}
	a, b := udpSocket(t, "127.0.0.1:0"), udpSocket(t, "127.0.0.1:0")
	control, err := socket.AppendAncillary(nil, socket.SegmentSize{Bytes: 100})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.SendMsg(background, &socket.Message{Buffers: [][]byte{make([]byte, 250)}, Control: control, Addr: b.LocalAddr()}, 0); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{100, 100, 50} {
		if n, err := b.Recv(background, make([]byte, 1000), 0); n != want || err != nil {
			t.Errorf("datagram of %d bytes, %v, want %d", n, err, want)
		}
	}
	if _, err := socket.AppendAncillary(nil, socket.SegmentSize{Bytes: 1 << 20}); err == nil {
		t.Error("a segment of a megabyte")
	}
}

func TestOnlyArriving(t *testing.T) {
	for _, item := range []socket.Ancillary{socket.Timestamp{}, socket.OriginalDestination{}, socket.ExtendedError{}, socket.Dropped{}, socket.SecurityLabel{}, socket.ProcessFD{}} {
		if _, err := socket.AppendAncillary(nil, item); err == nil {
			t.Errorf("%T can be sent", item)
		}
	}
}

func FuzzParseAncillary(f *testing.F) {
	for _, items := range [][]socket.Ancillary{
		{socket.Rights{FDs: []int{0, 1}}},
		{socket.TOS{Value: 1}, socket.HopLimit{Value: 2, IPv6: true}, socket.PacketInfo{Addr: netip.IPv6Loopback()}},
		{socket.RawAncillary{Level: 1, Type: 29, Data: make([]byte, 16)}, socket.RawAncillary{Level: 0, Type: 11, Data: make([]byte, 32)}},
		{socket.RawAncillary{Level: 0, Type: 20, Data: make([]byte, 16)}, socket.RawAncillary{Level: 17, Type: 104, Data: make([]byte, 2)}},
	} {
		b, err := socket.AppendAncillary(nil, items...)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		items, err := socket.ParseAncillary(b)
		if err == nil && len(items) == 0 && len(b) > 0 {
			t.Error("bytes without an item and without an error")
		}
		if len(items) > len(b)/socket.ControlLen(0) {
			t.Errorf("%d items in %d bytes", len(items), len(b))
		}
	})
}
