package datagram

import (
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealsock/sealsock/engine"
)

// socketError is an error as package net returns it.
func socketError(call string, errno syscall.Errno) error {
	return &net.OpError{Op: "write", Net: "udp", Err: os.NewSyscallError(call, errno)}
}

// A refusingPath refuses what is sent.
type refusingPath struct {
	fakePath
	err error
}

func (p *refusingPath) send([]byte) error { return p.err }

// TestPassingErrors: a handshake ends if its datagrams cannot be sent or the peer is not there, and
// not if the system has no room or asks for smaller datagrams.
func TestPassingErrors(t *testing.T) {
	for errno, ends := range map[syscall.Errno]bool{
		syscall.ENOBUFS: false, syscall.ENOMEM: false, syscall.EMSGSIZE: false,
		syscall.ECONNREFUSED: true, syscall.EHOSTUNREACH: true, syscall.EPERM: true,
	} {
		path := &refusingPath{err: socketError("sendto", errno)}
		client, err := engine.DatagramClient(earlyConfig(), engine.Target{}, engine.DatagramOptions{})
		if err != nil {
			t.Fatal(err)
		}
		c := newConn(path, new(atomic.Int64))
		c.engine = client
		if err := c.step(t.Context(), c.begun); (err != nil) != ends {
			t.Errorf("%v of a datagram: %v", errno, err)
		}
		c = newConn(path, new(atomic.Int64))
		c.refuse(socketError("recvmmsg", errno))
		if err := c.in.ended(); (err != nil) != ends {
			t.Errorf("%v reported: %v", errno, err)
		}
	}
}

// TestRefusedSizeLowersMTU: a handshake whose datagrams are too large for the system continues with
// smaller ones at once, and not after several that are lost.
func TestRefusedSizeLowersMTU(t *testing.T) {
	for errno, want := range map[syscall.Errno]int{
		syscall.EMSGSIZE: engine.LowMTU, syscall.ENOBUFS: 1300,
	} {
		client, err := engine.DatagramClient(earlyConfig(), engine.Target{},
			engine.DatagramOptions{MTU: 1300})
		if err != nil {
			t.Fatal(err)
		}
		c := newConn(&refusingPath{err: socketError("sendto", errno)}, new(atomic.Int64))
		c.engine = client
		if err := c.step(t.Context(), c.begun); err != nil {
			t.Fatal(err)
		}
		if got := client.MTU(); got != want {
			t.Errorf("after %v the MTU is %d, want %d", errno, got, want)
		}
	}
}

// A narrowConn refuses the size of some datagrams.
type narrowConn struct {
	net.Conn
	refuses, tries int
}

func (c *narrowConn) Write(p []byte) (int, error) {
	if c.tries++; c.tries <= c.refuses {
		return 0, socketError("write", syscall.EMSGSIZE)
	}
	return len(p), nil
}

// TestSizeIsTriedAgain: a datagram is sent once more if its size is refused, and the second error
// is its own.
func TestSizeIsTriedAgain(t *testing.T) {
	for refuses, fails := range []bool{false, false, true} {
		raw := &narrowConn{refuses: refuses}
		err := (&socketPath{Conn: raw}).send([]byte("datagram"))
		if (err != nil) != fails || raw.tries > 2 {
			t.Errorf("refused %d times: %v after %d tries", refuses, err, raw.tries)
		}
	}
}

// A reportingSocket has reports on peers before each datagram.
type reportingSocket struct {
	sink
	reports int
	read    chan struct{} // closed when a datagram would be read
}

func (s *reportingSocket) ReadFrom([]byte) (int, net.Addr, error) {
	if s.reports--; s.reports >= 0 {
		return 0, nil, socketError("recvmsg", syscall.ECONNREFUSED)
	}
	if s.reports == -1 {
		close(s.read)
	}
	return 0, nil, net.ErrClosed
}

// TestReportsOnPeers: reports on single peers do not keep a Mux from the datagrams of others.
func TestReportsOnPeers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const reports = 50
		s := &reportingSocket{reports: reports, read: make(chan struct{})}
		m := NewMux(s, nil, 0)
		start := time.Now()
		go m.receive()
		<-s.read
		if d := time.Since(start); d > reports*shortestPause {
			t.Errorf("after %d reports it has paused for %v", reports, d)
		}
	})
}
