//go:build unix

package sockio

import (
	"bytes"
	"os"
	"os/signal"
	"syscall"
	"testing"
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
