package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/internal/natstest"
	"github.com/sealsock/sealsock/internal/testcert"
	"github.com/sealsock/sealsock/trust"
)

// A loadSize is how much TestTunnelLoad does.
type loadSize struct {
	steady int // connections that talk all the time
	churn  int // clients that connect again and again
	slow   int // connections that read and write slowly
	rounds int // each reads the file again; others faults are in some rounds
}

// loadOf is small, or large with the environment variable SEALSOCK_TUNNEL_LOAD: 2,000 connections,
// 100 reloads and 20 upgrades.
func loadOf() loadSize {
	if os.Getenv("SEALSOCK_TUNNEL_LOAD") != "" {
		return loadSize{steady: 2000, churn: 32, slow: 16, rounds: 100}
	}
	return loadSize{steady: 40, churn: 4, slow: 2, rounds: 6}
}

// A loadRun is a tunnel under load.
type loadRun struct {
	t      *testing.T
	p      *tunnelProcess
	addr   string
	ca     *testcert.CA
	back   *loadBackend
	nats   *natstest.Server
	tls    *tls.Config
	dialer *sealsock.Dialer
	size   loadSize
	end    chan struct{}
	all    sync.WaitGroup // clients
	// places bound the handshakes at once: a tunnel bounds those of an address.
	places chan struct{}
	half   []net.Conn // peers that stop in the middle of a handshake

	disturbed atomic.Int64 // changes when a fault that may end connections begins or ends
	faulty    atomic.Int64 // of these, how many are under way

	exchanged, churned, slowed atomic.Int64
	cut, refused               atomic.Int64 // by faults
	refusal                    atomic.Value // the text of the last error of a refused connection
	upgrades, at               int          // at is the number of the round
}

// TestTunnelLoad talks through seal tunnel while its backend is killed, its certificate changes,
// its file is read again, its program is upgraded, its descriptors run out, and NATS is killed.
// Peers are slow, or stop in the middle of a handshake. No connection ends, but those that a
// fault ends; none that ends in order lacks a byte; and nothing is left behind.
func TestTunnelLoad(t *testing.T) {
	r := &loadRun{t: t, size: loadOf(), ca: testcert.New(), end: make(chan struct{}),
		places: make(chan struct{}, 64)}
	r.nats, r.back = natstest.Start(t), startLoadBackend(t)
	dir := t.TempDir()
	r.p = &tunnelProcess{t: t, dir: dir}
	r.certificate()
	if err := os.WriteFile(filepath.Join(dir, "secret"), fmt.Appendf(nil, "%064x\n", 0xfeed),
		0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "t.toml"), fmt.Appendf(nil, `pid = "pid"
drain = "20s"
admin = "unix://%s/admin"
fleet = { nats = %q, secret = "secret" }
[[tunnel]]
name = "echo"
listen = ["127.0.0.1:0"]
backend = [{ address = %q }]
server = { cert = "cert.pem", key = "key.pem" }
health = { retry = "1ms" }
limits = { connect = "1m", handshake = "30s" }
`, dir, r.nats.URL, r.back.l.Addr()), 0o600); err != nil {
		t.Fatal(err)
	}
	r.p = startTunnel(t, dir, "t.toml")
	r.addr = r.p.address("echo")
	roots := x509.NewCertPool()
	roots.AddCert(r.ca.Cert)
	r.tls = &tls.Config{RootCAs: roots, ServerName: "localhost"}
	trusted := new(trust.Roots)
	if err := trusted.AddDER(r.ca.Cert.Raw); err != nil {
		t.Fatal(err)
	}
	var err error
	if r.dialer, err = sealsock.NewDialer(&sealsock.Config{ServerName: "localhost",
		Trust: &trust.Policy{Roots: trusted}}); err != nil {
		t.Fatal(err)
	}
	before := r.holds()
	r.clients()
	for n := range r.size.rounds {
		r.at = n
		if r.round(n); t.Failed() {
			break
		}
	}
	r.finish(before)
}

// certificate writes a new certificate of the tunnel.
func (r *loadRun) certificate() {
	leaf := r.ca.Issue(testcert.NewKey("p256"), nil, "localhost")
	for _, f := range []struct {
		name string
		text []byte
	}{{"key.pem", leaf.KeyPEM()}, {"cert.pem", leaf.CertPEM()}} {
		next := filepath.Join(r.p.dir, "next")
		if err := os.WriteFile(next, f.text, 0o600); err != nil {
			r.t.Fatal(err)
		}
		if err := os.Rename(next, filepath.Join(r.p.dir, f.name)); err != nil {
			r.t.Fatal(err)
		}
	}
}

// clients starts them, and waits until each connection has talked.
func (r *loadRun) clients() {
	var talking sync.WaitGroup
	for i := range r.size.steady {
		talking.Add(1)
		r.all.Go(func() {
			r.steady(uint64(i), sync.OnceFunc(talking.Done))
		})
	}
	talking.Wait()
	for range r.size.churn {
		r.all.Go(r.churn)
	}
	for range r.size.slow {
		r.all.Go(r.slow)
	}
}

// round does the faults of a round, and waits until connections have talked after each.
func (r *loadRun) round(n int) {
	for _, words := range []string{"", "\x16\x03\x01"} {
		if c, err := net.Dial("tcp", r.addr); err == nil {
			io.WriteString(c, words)
			r.half = append(r.half, c)
		}
	}
	if n%2 == 0 {
		r.certificate()
	}
	r.command("reload")
	switch {
	case n%5 == 4:
		r.upgrade()
	case n%4 == 1:
		r.fault(func() {
			r.back.kill(true)
			r.progress(&r.refused, &r.cut)
			r.back.kill(false)
			r.progress(&r.exchanged)
		})
	case n%8 == 3:
		r.fault(r.exhaust)
	}
	if n%10 == 5 {
		r.nats.Restart()
	}
	r.progress(&r.exchanged)
	r.progress(&r.churned)
}

// progress waits until one of some counters has risen.
func (r *loadRun) progress(counters ...*atomic.Int64) {
	sum := func() (n int64) {
		for _, c := range counters {
			n += c.Load()
		}
		return n
	}
	const enough = 3
	for before, end := sum(), time.Now().Add(4*testTimeout); sum() < before+enough; {
		if r.t.Failed() {
			return
		}
		if time.Now().After(end) {
			r.t.Errorf("round %d: nothing happens: %d blocks, %d short and %d slow connections, "+
				"%d cut and %d refused; the last refusal: %v", r.at, r.exchanged.Load(),
				r.churned.Load(), r.slowed.Load(), r.cut.Load(), r.refused.Load(), r.refusal.Load())
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// command runs seal tunnel reload or upgrade.
func (r *loadRun) command(verb string) {
	cmd := exec.Command("seal", "tunnel", verb, "t.toml")
	cmd.Dir = r.p.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		r.t.Errorf("%s: %v: %s", verb, err, out)
	}
}

// upgrade upgrades, and waits for the end of the old process: it has handed over all connections.
func (r *loadRun) upgrade() {
	old, err := readPID(filepath.Join(r.p.dir, "pid"))
	if err != nil {
		r.t.Error(err)
		return
	}
	r.command("upgrade")
	for end := time.Now().Add(4 * testTimeout); syscall.Kill(old, 0) == nil; {
		if time.Now().After(end) {
			r.t.Errorf("the process %d stays after an upgrade", old)
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	r.upgrades++
}

// exhaust lets the tunnel have no more descriptors while the others talk. Then it must accept
// again.
func (r *loadRun) exhaust() {
	n, err := readPID(filepath.Join(r.p.dir, "pid"))
	if err != nil {
		r.t.Error(err)
		return
	}
	var old unix.Rlimit
	if err := unix.Prlimit(n, unix.RLIMIT_NOFILE, nil, &old); err != nil {
		r.t.Error(err)
		return
	}
	low := old
	const few = 8 // all of these are in use
	low.Cur = few
	if err := unix.Prlimit(n, unix.RLIMIT_NOFILE, &low, nil); err != nil {
		r.t.Error(err)
		return
	}
	for range 20 {
		r.progress(&r.exchanged)
	}
	if err := unix.Prlimit(n, unix.RLIMIT_NOFILE, &old, nil); err != nil {
		r.t.Error(err)
	}
	r.progress(&r.churned)
}

// A holding is what the tunnel's process holds.
type holding struct {
	connections, goroutines, descriptors int
	memory                               int // KiB
}

func (r *loadRun) holds() (u holding) {
	n, err := readPID(filepath.Join(r.p.dir, "pid"))
	if err != nil {
		r.t.Fatal(err)
	}
	proc := fmt.Sprintf("/proc/%d/", n)
	names, err := os.ReadDir(proc + "fd")
	if err != nil {
		r.t.Fatal(err)
	}
	u.descriptors = len(names)
	text, err := os.ReadFile(proc + "status")
	if err != nil {
		r.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	fmt.Sscan(rest, &u.memory)
	metrics := r.p.metrics()
	for name, to := range map[string]*int{
		`sealsock_tunnel_connections{tunnel="echo"} `: &u.connections,
		"\nsealsock_tunnel_goroutines ":               &u.goroutines,
	} {
		_, rest, _ := strings.Cut(metrics, name)
		if _, err := fmt.Sscan(rest, to); err != nil {
			r.t.Fatalf("%v in\n%s", err, metrics)
		}
	}
	return u
}

// memoryKept is what the collector may keep for later, in KiB.
var memoryKept = 48 << 10

// finish ends all clients, and waits until the tunnel holds what it held before them.
func (r *loadRun) finish(before holding) {
	close(r.end)
	r.all.Wait()
	for _, c := range r.half {
		c.Close()
	}
	r.t.Logf("%d blocks, %d short and %d slow connections; %d cut and %d refused by faults; "+
		"%d rounds, %d upgrades", r.exchanged.Load(), r.churned.Load(), r.slowed.Load(), r.cut.Load(),
		r.refused.Load(), r.size.rounds, r.upgrades)
	const few = 10 // goroutines and descriptors of NATS and of timers
	var now holding
	for end := time.Now().Add(4 * testTimeout); ; time.Sleep(100 * time.Millisecond) {
		now = r.holds()
		if now.connections == 0 && now.goroutines <= before.goroutines+few &&
			now.descriptors <= before.descriptors+few && now.memory <= before.memory+memoryKept {
			break
		}
		if time.Now().After(end) {
			r.t.Errorf("the tunnel holds %+v, and held %+v", now, before)
			break
		}
	}
	r.t.Logf("before %+v, after %+v", before, now)
	if log := r.p.log(); r.t.Failed() {
		r.t.Logf("the end of the log:\n%s", log[max(0, len(log)-4000):])
	}
}
