package socket

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"golang.org/x/sys/windows"
)

// sysSocketPair connects two TCP sockets over the loopback interface, because
// Windows has no such call. Another process could connect first; the pair is
// used only if each end names the other.
func sysSocketPair(domain, typ, proto int) (pair [2]uintptr, err error) {
	if domain != syscall.AF_INET || Type(typ) != Stream {
		return pair, windows.WSAEPROTONOSUPPORT
	}
	f := Family{Name: "inet", Number: domain}
	l, err := New(f, Stream, proto)
	if err != nil {
		return pair, err
	}
	defer l.Close()
	loopback := RawAddr{"inet", string(append(AppendHeader(nil, domain, 16), 0, 0, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0))}
	if err := l.Bind(loopback); err != nil {
		return pair, err
	}
	if err := l.Listen(1); err != nil {
		return pair, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	a, err := New(f, Stream, proto)
	if err != nil {
		return pair, err
	}
	defer a.Close()
	if err := a.Connect(ctx, l.LocalAddr()); err != nil {
		return pair, err
	}
	b, err := l.Accept(ctx)
	if err != nil {
		return pair, err
	}
	defer b.Close()
	if a.LocalAddr() != b.RemoteAddr() || a.RemoteAddr() != b.LocalAddr() {
		return pair, fmt.Errorf("socket pair: another process connected from %v", b.RemoteAddr())
	}
	if pair[0], err = a.Detach(); err != nil {
		return pair, err
	}
	if pair[1], err = b.Detach(); err != nil {
		_ = sysClose(pair[0])
	}
	return pair, err
}
