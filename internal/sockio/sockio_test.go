//go:build unix

package sockio

import (
	"bytes"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// pair returns two connected sockets that do not block.
func pair(t *testing.T) [2]int {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		t.Cleanup(func() { syscall.Close(fd) })
		if err := syscall.SetNonblock(fd, true); err != nil {
			t.Fatal(err)
		}
	}
	return fds
}

// TestCalls: a socket that is empty, full, half closed, and closed.
func TestCalls(t *testing.T) {
	fds := pair(t)
	buf := make([]byte, 1<<20)
	if n, err := Recv(fds[1], buf); n != 0 || err != syscall.EAGAIN {
		t.Errorf("nothing was sent: %d, %v", n, err)
	}
	data := bytes.Repeat([]byte("0123456789"), 100_000)
	sent, err := Send(fds[0], data)
	if err != 0 || sent <= 0 {
		t.Fatalf("sent %d, %v", sent, err)
	}
	for {
		n, err := Send(fds[0], data[sent:])
		if err == syscall.EAGAIN && n == 0 {
			break
		}
		if err != 0 || n <= 0 {
			t.Fatalf("sent %d, %v", n, err)
		}
		sent += n
	}
	var got []byte
	for len(got) < sent {
		n, err := Recv(fds[1], buf)
		if n <= 0 || err != 0 {
			t.Fatalf("after %d bytes of %d: %d, %v", len(got), sent, n, err)
		}
		got = append(got, buf[:n]...)
	}
	if !bytes.Equal(got, data[:sent]) {
		t.Error("other bytes arrived")
	}
	if err := syscall.Shutdown(fds[0], syscall.SHUT_WR); err != nil {
		t.Fatal(err)
	}
	if n, err := Recv(fds[1], buf); n != 0 || err != 0 {
		t.Errorf("at the end: %d, %v", n, err)
	}
	if n, err := Recv(-1, buf); n != 0 || err != syscall.EBADF {
		t.Errorf("no socket: %d, %v", n, err)
	}
}

// TestTaken: a system that takes no byte, without an error, has failed.
func TestTaken(t *testing.T) {
	for _, test := range []struct {
		n       int
		err     syscall.Errno
		want    int
		wantErr syscall.Errno
	}{
		{5, 0, 5, 0}, {0, 0, 0, syscall.EIO}, {-1, syscall.EAGAIN, 0, syscall.EAGAIN},
		{-1, syscall.EPIPE, 0, syscall.EPIPE},
	} {
		if n, err := taken(test.n, test.err); n != test.want || err != test.wantErr {
			t.Errorf("%+v: %d, %v", test, n, err)
		}
	}
}

// TestBrokenPipe: a write to a socket whose peer is gone is an error, and on Linux no signal.
func TestBrokenPipe(t *testing.T) {
	fds := pair(t)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGPIPE)
	defer signal.Stop(signals)
	if err := syscall.Shutdown(fds[1], syscall.SHUT_RD); err != nil {
		t.Fatal(err)
	}
	if n, err := Send(fds[0], []byte{1}); n != 0 || err != syscall.EPIPE {
		t.Errorf("%d, %v, want EPIPE", n, err)
	}
	select {
	case s := <-signals:
		if noSignal {
			t.Error(s)
		}
	default:
	}
}

// TestBlocking: on Linux a call does not wait where the socket would, as after a File of the
// connection was made one that blocks.
func TestBlocking(t *testing.T) {
	if !atOnce {
		t.Skip("calls of this build wait on a socket that blocks")
	}
	fds := pair(t)
	for _, fd := range fds {
		if err := syscall.SetNonblock(fd, false); err != nil {
			t.Fatal(err)
		}
	}
	// A call that waits has a processor for itself, and ends in another way.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(max(2, runtime.NumCPU())))
	stop := time.AfterFunc(10*time.Second, func() { syscall.Shutdown(fds[1], syscall.SHUT_RDWR) })
	defer stop.Stop()
	for _, size := range []int{1, 1 << 20} {
		if n, err := Recv(fds[1], make([]byte, size)); n != 0 || err != syscall.EAGAIN {
			t.Errorf("nothing was sent: %d, %v", n, err)
		}
	}
	for _, size := range []int{1 << 20, 1} {
		data, err := make([]byte, size), syscall.Errno(0)
		for err == 0 {
			_, err = Send(fds[0], data)
		}
		if err != syscall.EAGAIN {
			t.Errorf("the socket is full: %v", err)
		}
	}
}
