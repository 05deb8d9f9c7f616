package sealsock_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
)

// A flood is a socket on which datagrams of forged addresses arrive between the others.
type flood struct {
	net.PacketConn
	datagram func(i int) []byte
	most     int
	i        int
	received atomic.Int64 // bytes of forged datagrams
	sent     atomic.Int64 // bytes to their addresses
	over     chan struct{}
}

// forged is the address of one of them, in the networks for documentation and tests.
func forged(i int) *net.UDPAddr {
	ip := netip.AddrFrom4([4]byte{198, 18 + byte(i>>23&1), byte(i >> 15), byte(i >> 7)})
	return net.UDPAddrFromAddrPort(netip.AddrPortFrom(ip, uint16(i&127)+1))
}

// ReadFrom implements net.PacketConn.
func (f *flood) ReadFrom(p []byte) (int, net.Addr, error) {
	for f.i < f.most {
		if f.i++; f.i%64 == 0 {
			f.SetReadDeadline(time.Now().Add(time.Millisecond))
			n, from, err := f.PacketConn.ReadFrom(p)
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				return n, from, err
			}
			continue
		}
		n := copy(p, f.datagram(f.i))
		f.received.Add(int64(n))
		return n, forged(f.i), nil
	}
	if f.i == f.most {
		f.i++
		f.SetReadDeadline(time.Time{})
		close(f.over)
	}
	return f.PacketConn.ReadFrom(p)
}

// WriteTo implements net.PacketConn. What is for a forged address gets lost.
func (f *flood) WriteTo(p []byte, to net.Addr) (int, error) {
	if at, ok := to.(*net.UDPAddr); ok && at.IP.To4() != nil && at.IP.To4()[0] == 198 {
		f.sent.Add(int64(len(p)))
		return len(p), nil
	}
	return f.PacketConn.WriteTo(p, to)
}

// firstHello returns the first datagram of a client.
func firstHello(t *testing.T, cfg *sealsock.Config) []byte {
	t.Helper()
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	raw, err := net.Dial("udp", silent.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	c, err := sealsock.ClientPacket(raw, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	go c.Handshake()
	buf := make([]byte, 2000)
	n, _, err := silent.ReadFrom(buf)
	if err != nil {
		t.Fatal(err)
	}
	return buf[:n]
}

// heap returns the bytes of the heap in use.
func heap() int64 {
	runtime.GC()
	runtime.GC() // what pools keep is given up by the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// number returns an environment variable's number.
func number(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

// TestPacketFlood: of first ClientHellos from forged addresses, and of garbage, nothing is kept and
// no more than three times their bytes is sent, while clients connect in between.
// SEALSOCK_FLOOD=1000000 sends that many.
func TestPacketFlood(t *testing.T) {
	client, server := newConfigs(t)
	server.ServerName, client.ServerName = "", "localhost"
	hello := firstHello(t, client)
	inner, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &flood{PacketConn: inner, most: number("SEALSOCK_FLOOD", 20000), over: make(chan struct{})}
	f.datagram = func(i int) []byte {
		d := bytes.Clone(hello)
		switch i % 4 {
		case 0: // garbage
			return bytes.Repeat([]byte{byte(i)}, 100)
		case 1: // a hello of TLS in a datagram
			return append([]byte{22, 3, 1}, d[11:]...)
		}
		d[30], d[31], d[32] = byte(i), byte(i>>8), byte(i>>16) // of the random
		return d
	}
	refused := make(chan error, 100)
	server.OnHandshakeError = func(_ net.Addr, err error) { refused <- err }
	l, err := sealsock.NewPacketListener(f, server)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	before := heap()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				io.Copy(c, c)
			}()
		}
	}()
	raw, err := net.Dial("udp", inner.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	c, err := sealsock.ClientPacket(raw, client)
	if err != nil {
		t.Fatal(err)
	}
	ask(t, c, "during the flood")
	c.Close()
	<-f.over
	kept, received, sent := heap()-before, f.received.Load(), f.sent.Load()
	t.Logf("%d datagrams, %d bytes received, %d sent, %d bytes of heap kept",
		f.most, received, sent, kept)
	// What the listener itself needs after its first connection is less than this.
	if kept > 1<<20 {
		t.Errorf("%d bytes of heap are kept", kept)
	}
	if sent > 3*received || sent == 0 {
		t.Errorf("%d bytes were sent for %d", sent, received)
	}
	if len(refused) > 0 {
		t.Errorf("a handshake was begun: %v", <-refused)
	}
}
