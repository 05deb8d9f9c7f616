package tunnel_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// faultRounds is how often TestFaults breaks and changes everything; SEALSOCK_TUNNEL_LOAD has
// 100.
func faultRounds() int {
	if os.Getenv("SEALSOCK_TUNNEL_LOAD") != "" {
		return 100
	}
	return 6
}

// A backendSwitch is a server that can be stopped and started on one port.
type backendSwitch struct {
	t    *testing.T
	addr string
	mu   sync.Mutex
	l    net.Listener
	open map[net.Conn]bool
}

// start listens and echoes, with a line in front. It reports whether the port was free.
func (b *backendSwitch) start() bool {
	l, err := net.Listen("tcp", b.addr)
	if err != nil {
		return false
	}
	b.mu.Lock()
	b.l, b.addr, b.open = l, l.Addr().String(), map[net.Conn]bool{}
	b.mu.Unlock()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			b.mu.Lock()
			b.open[c] = true
			b.mu.Unlock()
			go func() {
				io.Copy(c, c)
				c.Close()
			}()
		}
	}()
	return true
}

// kill ends the server as the end of its process would: each connection is reset.
func (b *backendSwitch) kill() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.l.Close()
	for c := range b.open {
		c.(*net.TCPConn).SetLinger(0)
		c.Close()
	}
}

// TestFaults lets clients connect all the time while the backend is killed and started, the
// certificate changes, and the configuration is read again. A client that was told of an orderly
// end has all of its bytes, and nothing is left behind.
func TestFaults(t *testing.T) {
	b := newBench(t)
	back := &backendSwitch{t: t, addr: "127.0.0.1:0"}
	back.start()
	text := serverTunnel(back.addr, "health = { retry = \"1ms\" }\nlimits = { handshake = \"30s\" }")
	before := runtime.NumGoroutine()
	s, stop := b.run(text)
	var served, failed atomic.Int64
	end := make(chan struct{})
	var clients sync.WaitGroup
	at, cfg := s.Addrs("t")[0], b.tls()
	for i := range 8 {
		clients.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-end:
					return
				default:
				}
				want := strings.Repeat(fmt.Sprintf("%d-%d ", i, n), 1+n%4000)
				got, err := b.ask(at, cfg, want)
				switch {
				case err != nil:
					failed.Add(1)
				case got != want:
					t.Errorf("an orderly end after %d of %d bytes", len(got), len(want))
				default:
					served.Add(1)
				}
			}
		})
	}
	var silent []net.Conn // half-open peers: silent, or stopped in the middle
	for round := range faultRounds() {
		for _, words := range []string{"", "\x16\x03\x01"} {
			c, err := net.Dial("tcp", at.String())
			if err != nil {
				t.Fatal(err)
			}
			io.WriteString(c, words)
			silent = append(silent, c)
		}
		switch round % 3 {
		case 0:
			back.kill()
			for end := time.Now().Add(20 * time.Second); !back.start(); time.Sleep(time.Millisecond) {
				if time.Now().After(end) {
					t.Fatal("the port of the backend stays taken")
				}
			}
		case 1:
			b.issue("server", nil, "localhost", fmt.Sprintf("round-%d.example", round))
			fallthrough
		case 2:
			if err := s.Reload(t.Context(), b.parse(text)); err != nil {
				t.Fatal(err)
			}
		}
		for now := served.Load(); served.Load() < now+8; time.Sleep(time.Millisecond) {
			if t.Failed() {
				break
			}
		}
	}
	close(end)
	clients.Wait()
	for _, c := range silent {
		c.Close()
	}
	t.Logf("%d served, %d cut", served.Load(), failed.Load())
	stop()
	back.kill()
	for end := time.Now().Add(20 * time.Second); runtime.NumGoroutine() > before+2; {
		if time.Now().After(end) {
			buf := make([]byte, 1<<16)
			t.Fatalf("%d goroutines are left of %d:\n%s", runtime.NumGoroutine(), before,
				buf[:runtime.Stack(buf, true)])
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// TestSlowReader: a client that does not read for a while loses nothing, and does not delay
// another one.
func TestSlowReader(t *testing.T) {
	b := newBench(t)
	s := b.start(serverTunnel(b.echo("", nil), ""))
	at := s.Addrs("t")[0]
	slow, err := tls.Dial("tcp", at.String(), b.tls())
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	sent := int64(0)
	slow.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
	for block := make([]byte, 64<<10); ; {
		n, err := slow.Write(block)
		sent += int64(n)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if sent > 64<<20 {
			break // enough for every buffer
		}
	}
	b.answers(at, b.tls(), "hello")
	got := int64(0)
	slow.SetReadDeadline(time.Now().Add(20 * time.Second))
	for buf := make([]byte, 64<<10); got < sent-(64<<10); {
		n, err := slow.Read(buf)
		if got += int64(n); err != nil {
			t.Fatalf("after %d of %d bytes: %v", got, sent, err)
		}
	}
}
