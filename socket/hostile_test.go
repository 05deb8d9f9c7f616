//go:build linux || darwin || freebsd

package socket_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sealsock/sealsock/internal/sockettest"
	"github.com/sealsock/sealsock/socket"
	"github.com/sealsock/sealsock/socket/inet"
	"github.com/sealsock/sealsock/socket/unix"
)

// TestEndComesWithCredentials closes a stream whose messages come with
// credentials: the kernel sends some with the end too.
func TestEndComesWithCredentials(t *testing.T) {
	if runtime.GOOS != "linux" {
		return // SO_PASSCRED is Linux's
	}
	a, b := pair(t, socket.Stream)
	if err := socket.PassCredentials.Set(b, true); err != nil {
		t.Fatal(err)
	}
	if _, err := a.SendFDs(background, []byte("x"), os.Stdin); err != nil {
		t.Fatal(err)
	}
	n, files, err := b.RecvFDs(background, make([]byte, 10), 1)
	if n != 1 || len(files) != 1 || err != nil {
		t.Fatalf("%d bytes, %d files, %v: the credentials took the file's place", n, len(files), err)
	}
	_ = files[0].Close()
	_ = a.Close()
	m := socket.Message{Buffers: [][]byte{make([]byte, 10)}, Control: make([]byte, 200)}
	if n, err := b.RecvMsg(background, &m, 0); n != 0 || err != io.EOF {
		t.Errorf("RecvMsg at the end: %d, %v", n, err)
	}
	if n, _, err := b.RecvFDs(background, make([]byte, 10), 3); n != 0 || err != io.EOF {
		t.Errorf("RecvFDs at the end: %d, %v", n, err)
	}
}

// TestErrorQueueIsNoEnd receives from the error queue of a stream a message
// that has no bytes: the kernel's report that it is done with a buffer.
func TestErrorQueueIsNoEnd(t *testing.T) {
	sockettest.Shows(t, "TCP", sockettest.Ancillary, sockettest.Options)
	if runtime.GOOS != "linux" {
		return // the queue is Linux's
	}
	a, b := tcpPair(t)
	if err := socket.ZeroCopySends.Set(a, true); err != nil {
		t.Fatal(err)
	}
	data := make([]byte, 20_000)
	if _, err := a.Send(background, data, socket.ZeroCopy); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Recv(background, data, socket.WaitAll); err != nil {
		t.Fatal(err)
	}
	m := socket.Message{Control: make([]byte, 200), Buffers: [][]byte{make([]byte, 10)}}
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
	if err != nil || len(items) == 0 {
		t.Fatalf("%v, %v", items, err)
	}
	if e, ok := items[0].(socket.ExtendedError); !ok || e.Origin != 5 {
		t.Errorf("%+v, want the end of a send without a copy", items[0])
	}
}

func TestWaitAll(t *testing.T) {
	a, b := tcpPair(t)
	go func() {
		for range 5 {
			_, _ = a.Write([]byte("ab"))
			time.Sleep(2 * time.Millisecond)
		}
		_ = a.CloseWrite()
	}()
	buf := make([]byte, 7)
	if n, err := b.Recv(background, buf, socket.WaitAll); n != 7 || err != nil {
		t.Errorf("%d bytes, %v, want 7", n, err)
	}
	if n, err := b.Recv(background, buf, socket.WaitAll); n != 3 || err != nil {
		t.Errorf("%d bytes, %v, want the last 3", n, err)
	}
	if n, err := b.Recv(background, buf, socket.WaitAll); n != 0 || err != io.EOF {
		t.Errorf("%d bytes, %v, want the end", n, err)
	}
}

// inside waits until a goroutine is inside of a function of package socket.
func inside(t *testing.T, name string) {
	t.Helper()
	stacks := make([]byte, 1<<20)
	for range 60_000 {
		if n := runtime.Stack(stacks, true); strings.Contains(string(stacks[:n]), "socket."+name+"(") {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("no goroutine has come to %s", name)
}

// TestSendFDsAndClose closes a file while it waits to be sent, and opens
// another one, which gets its number: the first one must arrive.
func TestSendFDsAndClose(t *testing.T) {
	a, b := pair(t, socket.Stream)
	full := 0
	for {
		n, err := a.NonBlocking().Send(make([]byte, 1<<16), 0)
		if err != nil {
			break
		}
		full += n
	}
	dir := t.TempDir()
	write := func(name string) *os.File {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	right := write("right")
	sent := make(chan error, 1)
	go func() {
		_, err := a.SendFDs(background, []byte("x"), right)
		sent <- err
	}()
	inside(t, "(*Socket).SendMsg") // where it waits, with a copy of the file
	number := right.Fd()
	_ = right.Close()
	for given := uintptr(0); given != number; { // the lowest free number comes first
		wrong := write("wrong")
		defer wrong.Close()
		if given = wrong.Fd(); given > number {
			t.Fatalf("the number %d was not given out again", number)
		}
	}
	if _, err := b.RecvInto(background, make([]byte, full), 0); err != nil {
		t.Fatal(err)
	}
	_, files, err := b.RecvFDs(background, make([]byte, 1), 1)
	if err != nil || len(files) != 1 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	defer files[0].Close()
	if got, err := io.ReadAll(files[0]); err != nil || !strings.HasSuffix(string(got), "right") {
		t.Errorf("received the file %q, %v", got, err)
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
}

// TestNoPlaceForFiles asks for fewer files than none.
func TestNoPlaceForFiles(t *testing.T) {
	a, b := pair(t, socket.Stream)
	before := openFDs(t)
	if _, err := a.SendFDs(background, []byte("x"), os.Stdin); err != nil {
		t.Fatal(err)
	}
	if _, files, err := b.RecvFDs(background, make([]byte, 1), -1000); len(files) != 0 || !errors.Is(err, socket.ErrControlTruncated) {
		t.Errorf("%d files, %v", len(files), err)
	}
	if after := openFDs(t); after > before {
		t.Errorf("%d descriptors are open, %d were before", after, before)
	}
	many := make([]*os.File, 300)
	for i := range many {
		many[i] = os.Stdin
	}
	if _, err := a.SendFDs(background, []byte("x"), many...); err == nil || !strings.Contains(err.Error(), "300") {
		t.Errorf("300 files: %v", err)
	}
}

// TestSenderDescriptor receives a descriptor of the sending process, and checks
// that RecvFDs closes one that its caller does not receive.
func TestSenderDescriptor(t *testing.T) {
	a, b := pair(t, socket.Stream)
	if err := socket.PassProcessFD.Set(b, true); err != nil {
		if errors.Is(err, syscall.ENOPROTOOPT) || errors.Is(err, errors.ErrUnsupported) {
			return // since Linux 6.5
		}
		t.Fatal(err)
	}
	before := openFDs(t)
	if _, err := a.SendFDs(background, []byte("x"), os.Stdin); err != nil {
		t.Fatal(err)
	}
	_, files, err := b.RecvFDs(background, make([]byte, 1), 1)
	if err != nil || len(files) != 1 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	_ = files[0].Close()
	if after := openFDs(t); after > before {
		t.Errorf("%d descriptors are open, %d were before", after, before)
	}
	if _, err := a.Write([]byte("y")); err != nil {
		t.Fatal(err)
	}
	m := socket.Message{Buffers: [][]byte{make([]byte, 1)}, Control: make([]byte, 100)}
	if _, err := b.RecvMsg(background, &m, 0); err != nil {
		t.Fatal(err)
	}
	items, err := socket.ParseAncillary(m.Control[:m.ControlN])
	if err != nil || len(items) != 1 {
		t.Fatalf("%v, %v", items, err)
	}
	p, ok := items[0].(socket.ProcessFD)
	if !ok {
		t.Fatalf("%v, want a descriptor of the sender", items[0])
	}
	if err := syscall.Close(p.FD); err != nil {
		t.Error(err)
	}
	_ = a.Close()
	if n, err := b.RecvMsg(background, &m, 0); n != 0 || err != io.EOF {
		t.Errorf("at the end: %d, %v", n, err)
	}
}

// TestReadDropsFiles reads without a place for ancillary data.
func TestReadDropsFiles(t *testing.T) {
	a, b := pair(t, socket.SeqPacket)
	before := openFDs(t)
	for range 3 {
		if _, err := a.SendFDs(background, []byte("x"), os.Stdin, os.Stdin); err != nil {
			t.Fatal(err)
		}
	}
	buf := make([]byte, 1)
	if _, err := b.Read(buf); err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.RecvFrom(background, buf, 0); err != nil {
		t.Fatal(err)
	}
	m := socket.Message{Buffers: [][]byte{buf}, Control: make([]byte, socket.ControlSpace(0))}
	if _, err := b.RecvMsg(background, &m, 0); err != nil || m.Flags&socket.ControlTruncated == 0 {
		t.Errorf("flags %v, %v", m.Flags, err)
	}
	if after := openFDs(t); after > before {
		t.Errorf("%d descriptors are open, %d were before", after, before)
	}
}

// TestDetachKeepsTheConnection detaches from a family whose Close ends the
// connection for copies too.
func TestDetachKeepsTheConnection(t *testing.T) {
	f := unix.Family
	f.EndByShutdown = true
	a, b, err := socket.SocketPair(f, socket.Stream, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	fd, err := a.Detach()
	if err != nil {
		t.Fatal(err)
	}
	again, err := socket.FromFD(fd, f)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := again.Write([]byte("x")); err != nil {
		t.Errorf("Detach ended the connection: %v", err)
	}
	copied, err := again.Dup()
	if err != nil {
		t.Fatal(err)
	}
	defer copied.Close()
	_ = again.Close()
	if _, err := copied.Write([]byte("x")); err == nil {
		t.Error("Close did not end the connection")
	}
}

// TestMalformedItemLosesNothing puts a malformed item in front of descriptors.
func TestMalformedItemLosesNothing(t *testing.T) {
	tooShort, ok := socket.Timestamps.Number()
	if !ok {
		t.Fatal("no SO_TIMESTAMP")
	}
	typ := tooShort.Name
	if runtime.GOOS != "linux" {
		typ = 2 // SCM_TIMESTAMP has a number of its own
	}
	b, err := socket.AppendAncillary(nil, socket.RawAncillary{Level: tooShort.Level, Type: typ, Data: []byte{1}}, socket.Rights{FDs: []int{70}})
	if err != nil {
		t.Fatal(err)
	}
	items, err := socket.ParseAncillary(b)
	if len(items) != 2 || err == nil {
		t.Fatalf("%v, %v, want two items and an error", items, err)
	}
	if r, ok := items[1].(socket.Rights); !ok || len(r.FDs) != 1 || r.FDs[0] != 70 {
		t.Errorf("%v, want the descriptor", items[1])
	}
	items, err = socket.ParseAncillary(b[:len(b)-8])
	if len(items) != 1 || err == nil {
		t.Errorf("cut off: %v, %v", items, err)
	}
}

func TestNilAddresses(t *testing.T) {
	for _, c := range []struct {
		f socket.Family
		a net.Addr
	}{
		{unix.Family, (*net.UnixAddr)(nil)}, {inet.Family4, (*net.TCPAddr)(nil)}, {inet.Family4, (*net.UDPAddr)(nil)}, {inet.Family6, (*net.IPAddr)(nil)},
	} {
		s, err := socket.New(c.f, socket.Datagram, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Connect(background, c.a); err == nil {
			t.Errorf("connected to a nil %T", c.a)
		}
		_ = s.Close()
	}
}

// TestClosed calls everything on a closed socket.
func TestClosed(t *testing.T) {
	s, _ := pair(t, socket.Stream)
	// That the socket is closed comes before a deadline that has passed.
	if err := s.SetDeadline(time.Now().Add(-time.Second)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	a, buf := unix.Path("/nobody"), make([]byte, 1)
	m := &socket.Message{Buffers: [][]byte{buf}}
	many := []socket.Message{*m}
	two := func(_ any, err error) error { return err }
	three := func(_, _ any, err error) error { return err }
	n := s.NonBlocking()
	for name, err := range map[string]error{
		"Send": two(s.Send(background, buf, 0)), "SendAll": two(s.SendAll(background, buf, 0)), "Recv": two(s.Recv(background, buf, 0)),
		"Recv with a context": two(s.Recv(cancellable(t), buf, 0)), "RecvInto": two(s.RecvInto(background, buf, 0)),
		"SendTo": two(s.SendTo(background, buf, 0, a)), "RecvFrom": three(recvFrom(s, buf)), "Read": two(s.Read(buf)), "Write": two(s.Write(buf)),
		"SendMsg": two(s.SendMsg(background, m, 0)), "RecvMsg": two(s.RecvMsg(background, m, 0)),
		"SendMMsg": two(s.SendMMsg(background, many, 0)), "RecvMMsg": two(s.RecvMMsg(background, many, 0)),
		"SendFDs": two(s.SendFDs(background, buf, f)), "RecvFDs": three(recvFDs(s, buf)), "SendFile": two(s.SendFile(background, f, 0, 1)),
		"Bind": s.Bind(a), "Connect": s.Connect(background, a), "Listen": s.Listen(1), "Accept": two(s.Accept(background)),
		"Shutdown": s.Shutdown(socket.ShutdownBoth), "CloseRead": s.CloseRead(), "CloseWrite": s.CloseWrite(),
		"Dup": two(s.Dup()), "File": two(s.File()), "Detach": two(s.Detach()), "FD": two(s.FD()), "SyscallConn": two(s.SyscallConn()),
		"SetInheritable": s.SetInheritable(true), "Inheritable": two(s.Inheritable()), "SetDeadline": s.SetDeadline(time.Now()),
		"SetOptionInt": s.SetOptionInt(socket.OptionNumber{Level: 1, Name: 1}, 1), "Get": two(socket.SendBuffer.Get(s)), "Close": s.Close(),
		"NonBlocking.Send": two(n.Send(buf, 0)), "NonBlocking.Recv": two(n.Recv(buf, 0)), "NonBlocking.Accept": two(n.Accept()), "NonBlocking.Connect": n.Connect(a),
	} {
		var op *net.OpError
		if !errors.Is(err, net.ErrClosed) || !errors.As(err, &op) {
			t.Errorf("%s: %v, want net.ErrClosed in a *net.OpError", name, err)
		}
	}
	if s.LocalAddr() == nil || s.RemoteAddr() == nil {
		t.Error("a closed socket has a nil address")
	}
}

func recvFrom(s *socket.Socket, p []byte) (any, any, error) { return s.RecvFrom(background, p, 0) }
func recvFDs(s *socket.Socket, p []byte) (any, any, error)  { return s.RecvFDs(background, p, 1) }

// TestFailuresLeakNothing fails in each way that opens a descriptor first.
func TestFailuresLeakNothing(t *testing.T) {
	l, err := unix.Listen(socket.Stream, unix.Path(filepath.Join(t.TempDir(), "s")))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	no := errors.New("no")
	fail := func(*socket.Socket) error { return no }
	before := openFDs(t)
	for range 10 {
		_, e1 := unix.Dial(background, socket.Stream, unix.Path("/no/such/file"))
		_, e2 := unix.Listen(socket.Stream, l.Addr().(unix.Addr))
		_, e3 := inet.CreateConnection(background, "127.0.0.1:1", nil)
		_, e4 := inet.CreateConnection(background, "127.0.0.1:1", &inet.ConnectOptions{Prepare: fail})
		_, e5 := inet.CreateServer(background, "127.0.0.1:0", &inet.ServerOptions{Prepare: fail})
		_, e6 := l.Socket().NonBlocking().Accept()
		for i, err := range []error{e1, e2, e3, e4, e5, e6} {
			if err == nil {
				t.Errorf("%d did not fail", i+1)
			}
		}
		a, b, err := unix.Pair(socket.Stream)
		if err != nil {
			t.Fatal(err)
		}
		fd, err := a.Detach()
		if err != nil {
			t.Fatal(err)
		}
		c, err := socket.FromFD(fd)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = b.Close(), c.Close()
	}
	if after := openFDs(t); after > before {
		t.Errorf("%d descriptors are open, %d were before", after, before)
	}
}

// TestUnsupportedSaysWhatToDo names the family, the module and the system.
func TestUnsupportedSaysWhatToDo(t *testing.T) {
	_, err := socket.New(socket.Family{Name: "nothing", Number: 93, Module: "nothing_mod"}, socket.Stream, 7)
	text := fmt.Sprint(err)
	for _, want := range []string{"nothing sockets", "type stream", "protocol 7", runtime.GOOS} {
		if !strings.Contains(text, want) {
			t.Errorf("%q does not say %q", text, want)
		}
	}
	if runtime.GOOS == "linux" && !strings.Contains(text, "modprobe -a nothing_mod") {
		t.Errorf("%q does not name the module", text)
	}
	if _, err = socket.New(socket.Family{Name: "elsewhere", Number: -1}, socket.Stream, 0); !strings.Contains(fmt.Sprint(err), "elsewhere sockets are not implemented on "+runtime.GOOS) {
		t.Errorf("%v", err)
	}
}
