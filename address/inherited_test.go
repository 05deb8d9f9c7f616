//go:build linux || darwin || freebsd

package address_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/sealsock/sealsock/address"
)

// TestOwnDescriptors names descriptors that this process opened itself, as
// happens when a number is used twice. They must stay usable for the code that
// opened them.
func TestOwnDescriptors(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	raw, err := l.(*net.TCPListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var number uintptr
	if err := raw.Control(func(fd uintptr) { number = fd }); err != nil {
		t.Fatal(err)
	}
	a := address.MustParse(fmt.Sprintf("fd://%d", number))
	if _, err := a.Listen(context.Background()); err == nil || !strings.Contains(err.Error(), "not inherited") {
		t.Errorf("listen: %v", err)
	}
	if _, err := a.Dial(context.Background()); err == nil || !strings.Contains(err.Error(), "not inherited") {
		t.Errorf("dial: %v", err)
	}
	if c, err := net.Dial("tcp", l.Addr().String()); err != nil {
		t.Errorf("the listener is gone: %v", err)
	} else {
		_ = c.Close()
	}
}

// TestInheritedFile names a descriptor that is no socket.
func TestInheritedFile(t *testing.T) {
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	number, err := syscall.Dup(int(f.Fd())) // not close-on-exec, as after an exec
	if err != nil {
		t.Fatal(err)
	}
	a := address.MustParse(fmt.Sprintf("fd://%d", number))
	if _, err := a.Listen(context.Background()); !errors.Is(err, syscall.ENOTSOCK) {
		t.Errorf("listen: %v", err)
	}
	if err := syscall.Close(number); err != nil {
		t.Errorf("the file was closed: %v", err)
	}
}

// TestInheritedOnce adopts a connection, and then asks for it again: the number
// may have been reused by then.
func TestInheritedOnce(t *testing.T) {
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	far := os.NewFile(uintptr(pair[1]), "far")
	defer far.Close()
	a := address.MustParse(fmt.Sprintf("fd://%d", pair[0]))
	c, err := a.Dial(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	other, err := os.Open(os.DevNull) // which may get the number
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := a.Dial(context.Background()); err == nil {
		t.Error("one descriptor was taken over twice")
	}
	if _, err := other.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the file that came afterwards: %v", err)
	}
	if _, err := c.Write([]byte("x")); err != nil {
		t.Errorf("the connection: %v", err)
	}
}
