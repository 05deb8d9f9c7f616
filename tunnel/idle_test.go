//go:build unix && !race

package tunnel_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/sealsock/sealsock/internal/stream"
)

const (
	// idleConnections is how many the test below holds.
	idleConnections = 1000
	// mostIdle bounds the heap and the stacks of a connection that is idle, in bytes. Two
	// stacks of 4 KiB are two thirds of it.
	mostIdle = 15 << 10
)

// TestIdleMemory bounds what a tunnel has for each connection that has carried data and waits:
// the heap and the stacks of both directions. The clients and the backend are another process.
func TestIdleMemory(t *testing.T) {
	b := newBench(t)
	peers := exec.Command(os.Args[0])
	peers.Env = append(os.Environ(), role+"=peers")
	peers.Stderr = os.Stderr
	in, err := peers.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := peers.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := peers.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		in.Close()
		peers.Wait()
	}()
	lines := bufio.NewScanner(out)
	next := func() string {
		if !lines.Scan() {
			t.Fatalf("the peers have ended; log:\n%s", b.log)
		}
		return lines.Text()
	}
	s := b.start(serverTunnel(next(), ""))
	open := func(n int) uint64 {
		fmt.Fprintln(in, s.Addrs("t")[0], n)
		next()
		return idleMemory()
	}
	before := open(50) // pools and tables have grown
	b.log.discard()
	each := int(open(idleConnections)-before) / idleConnections
	t.Logf("%d bytes for each connection", each)
	if each > mostIdle {
		t.Errorf("an idle connection has %d bytes, more than %d", each, mostIdle)
	}
}

// idleMemory returns the bytes of heap and stacks once connections that wait rest.
func idleMemory() (n uint64) {
	for range 20 { // until each goroutine waits in the poller, and stacks have shrunk
		stream.SweepAll()
		debug.FreeOSMemory()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		if last := n; m.HeapAlloc+m.StackInuse == last {
			break
		}
		n = m.HeapAlloc + m.StackInuse
	}
	return n
}
