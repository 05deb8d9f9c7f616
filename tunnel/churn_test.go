//go:build linux

package tunnel_test

import (
	"crypto/tls"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// churnTunnels have a limit of each kind that ends or delays a connection.
const churnTunnels = `
drain = "20s"
[[tunnel]]
name = "t"
listen = ["unix://DIR/t"]
backend = [{ address = "PLAIN" }]
limits = { bandwidth = "64KiB", lifetime = "300ms", bytes = "256KiB" }
server = { cert = "DIR/server.pem", key = "DIR/server.key", max_early_data = "1KiB" }
[[tunnel]]
name = "both"
listen = ["unix://DIR/both"]
backend = [{ address = "SEALED" }]
limits = { idle = "50ms", bandwidth_per_peer = "1MiB" }
server = { cert = "DIR/server.pem", key = "DIR/server.key" }
client = { ca = ["DIR/ca.pem"], server_name = "localhost" }
[[tunnel]]
name = "p"
listen = ["unix://DIR/p"]
limits = { lifetime = "500ms" }
route = [{ pass = true, backend = [{ address = "SEALED" }] }]
`

// TestChurn: clients that come and go in every way, while everything moves to another Server and
// is read again, leave no goroutine and no descriptor.
func TestChurn(t *testing.T) {
	b := newBench(t)
	text := strings.NewReplacer("PLAIN", b.echo("", nil), "SEALED", b.echo("", b.serverTLS())).
		Replace(churnTunnels)
	goroutines, files := runtime.NumGoroutine(), descriptors(t)
	s, end := b.run(text)
	cfg, stop := b.tls(), make(chan struct{})
	var clients sync.WaitGroup
	for n := range 16 {
		clients.Go(func() {
			r := rand.New(rand.NewPCG(uint64(n), 2))
			for {
				select {
				case <-stop:
					return
				default:
					b.visit(r, cfg)
				}
			}
		})
	}
	for range churnRounds() {
		time.Sleep(100 * time.Millisecond)
		if err := s.Reload(t.Context(), b.parse(text)); err != nil {
			t.Fatal(err)
		}
		s, end = b.upgrade(s, end, text)
	}
	close(stop)
	clients.Wait()
	end()
	t.Logf("%d forwarded, %d moved", strings.Count(b.log.String(), "forwarding"),
		strings.Count(b.log.String(), "reason=moved"))
	for limit := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		runtime.GC() // descriptors without an owner are closed
		if runtime.NumGoroutine() <= goroutines && descriptors(t) <= files {
			return
		}
		if time.Now().After(limit) {
			buf := make([]byte, 1<<16)
			t.Fatalf("%d goroutines of %d and %d descriptors of %d are left:\n%s", runtime.NumGoroutine(),
				goroutines, descriptors(t), files, buf[:runtime.Stack(buf, true)])
		}
	}
}

func churnRounds() int {
	if os.Getenv("SEALSOCK_TUNNEL_LOAD") != "" {
		return 100
	}
	return 10
}

// visit connects to a tunnel and leaves in one of many ways.
func (b *bench) visit(r *rand.Rand, cfg *tls.Config) {
	c, err := net.Dial("unix", b.dir+"/"+[]string{"t", "both", "p"}[r.IntN(3)])
	if err != nil {
		return
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Duration(1+r.IntN(600)) * time.Millisecond))
	switch r.IntN(8) {
	case 0:
		return
	case 1:
		c.Write([]byte("\x16\x03\x01\x02\x00"))
		time.Sleep(time.Duration(r.IntN(20)) * time.Millisecond)
		return
	}
	sealed := tls.Client(c, cfg)
	sent := make([]byte, r.IntN(300<<10))
	switch r.IntN(5) {
	case 0: // the answer is not read
		sealed.Write(sent)
	case 1: // nothing is sent
		sealed.Read(make([]byte, 1))
	case 2: // the end comes before the answer
		sealed.Write(sent[:min(len(sent), 1<<10)])
		sealed.Close()
	default:
		sealed.Write(sent[:min(len(sent), 16<<10)])
		sealed.CloseWrite()
		io.Copy(io.Discard, sealed)
	}
}

// descriptors is how many this process has.
func descriptors(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}
