//go:build unix

package main

import (
	"io"
	"net"
	"runtime"
	"syscall"
	"testing"
)

// A cutEnd is a plainEnd whose close_notify comes once the peer's reset has arrived.
type cutEnd struct{ *plainEnd }

func (c cutEnd) Read([]byte) (int, error) {
	<-c.sent
	raw, err := c.SyscallConn()
	for ended := false; err == nil && !ended; runtime.Gosched() {
		err = raw.Control(func(fd uintptr) {
			_, failed := syscall.Getpeername(int(fd))
			ended = failed != nil
		})
	}
	if err != nil {
		return 0, err
	}
	return 0, io.EOF
}

func (c cutEnd) NetConn() net.Conn { return c.TCPConn }

// TestConfirmAfterReset: it makes no difference whether the reset of a peer that could not keep the
// data arrives before this side has ended, so that this side cannot end its half any more.
func TestConfirmAfterReset(t *testing.T) {
	near, far := tcpPair(t)
	go func() {
		io.ReadFull(far, make([]byte, 4))
		far.SetLinger(0)
		far.Close()
	}()
	conn := cutEnd{&plainEnd{TCPConn: near, sent: make(chan struct{})}}
	err := exchangeOf(conn, io.Discard, "data").run(t.Context())
	if err == nil || explain(err).exit != exitCut || explain(err).code != "reset" {
		t.Errorf("the exchange ended with %v", err)
	}
}
