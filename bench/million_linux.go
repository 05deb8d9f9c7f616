package main

import (
	"bufio"
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"crypto/x509"

	"github.com/sealsock/sealsock/internal/measure"
)

// millionMain holds many idle connections, both ends on this machine, and speaks to some
// of them. A process may have a bounded number of descriptors, so the servers are several
// processes that share a port (SO_REUSEPORT), each with one event loop; the clients
// likewise, each with an address of its own in 127.0.0.0/8.
func millionMain(args []string) error {
	flags := flag.NewFlagSet("million", flag.ContinueOnError)
	total := flags.Int("connections", 1_000_000, "number of connections")
	limit := flags.Duration("timeout", 40*time.Minute, "bound on the whole run")
	seconds := flags.Int("seconds", 60, "how long 1 % of the connections are spoken to each second")
	out := flags.String("out", "", "a JSON file for the results")
	if err := flags.Parse(args); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeoutCause(ctx, *limit,
		fmt.Errorf("it was not done within %v", *limit))
	defer cancel()
	r := &millionRun{millionResult{Connections: *total, Seconds: *seconds}}
	err := r.run(ctx)
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(r.millionResult, "", "  ")
	if err != nil {
		return err
	}
	fmt.Println(string(text))
	if *out != "" {
		return os.WriteFile(*out, append(text, '\n'), 0o644)
	}
	return nil
}

// A millionRun is a run and its results.
type millionRun struct{ millionResult }

// perProcess leaves some of a process's descriptors, and the servers, over which the
// kernel spreads the connections by a hash, do not have the same number each.
func perProcess() (int, error) {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return 0, err
	}
	return int(min(l.Max, 1<<20)) * 9 / 10, nil
}

func (r *millionRun) run(ctx context.Context) error {
	most, err := perProcess()
	if err != nil {
		return err
	}
	// A port has about 28,000 others to connect from, for one address.
	r.Servers = (r.Connections + most - 1) / most
	r.Clients = (r.Connections + min(most, 20_000) - 1) / min(most, 20_000)
	dir, err := os.MkdirTemp("", "million")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := writeMaterial(dir); err != nil {
		return err
	}
	var servers, clients nodes
	defer func() { append(clients, servers...).stop() }()
	before := kernelMemory()
	addr := "127.0.0.1:0"
	for range r.Servers {
		n, err := startNode("million-server", dir, addr)
		if err != nil {
			return err
		}
		servers = append(servers, n)
		if addr, err = n.line(); err != nil { // the first one chooses the port
			return err
		}
	}
	context.AfterFunc(ctx, func() { servers.kill(); clients.kill() })
	if err := r.connect(dir, addr, &clients); err != nil {
		return err
	}
	if err := r.speak(clients); err != nil {
		return err
	}
	return r.count(servers, clients, before)
}

// connect starts the clients and waits until all connections are there.
func (r *millionRun) connect(dir, addr string, clients *nodes) error {
	start := time.Now()
	var connected atomic.Int64
	for i := range r.Clients {
		share := r.Connections / r.Clients
		if i < r.Connections%r.Clients {
			share++
		}
		n, err := startNode("million-client", dir, addr, fmt.Sprint(i), fmt.Sprint(share))
		if err != nil {
			return err
		}
		*clients = append(*clients, n)
	}
	done := make(chan struct{})
	defer close(done)
	go func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(5 * time.Second):
				fmt.Fprintf(os.Stderr, "%d connections after %.0fs\n", connected.Load(),
					time.Since(start).Seconds())
			}
		}
	}()
	err := clients.each(func(n *node) error {
		for {
			var step struct{ More, Total int }
			if err := n.read(&step); err != nil {
				return err
			}
			connected.Add(int64(step.More))
			if step.More == 0 {
				return nil
			}
		}
	})
	r.Connections = int(connected.Load())
	r.ConnectTime = time.Since(start).Seconds()
	return err
}

// speak has each client speak to 1 % of its connections each second.
func (r *millionRun) speak(clients nodes) error {
	fmt.Fprintf(os.Stderr, "%d connections are open; speaking to 1 %% of them each second\n",
		r.Connections)
	var mu sync.Mutex
	return clients.each(func(n *node) error {
		var heard struct {
			Asked, Answered int
			Slowest         float64
		}
		if err := n.ask(&heard, "speak %d", r.Seconds); err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		r.Asked += heard.Asked
		r.Answered += heard.Answered
		r.SlowestMillis = max(r.SlowestMillis, heard.Slowest)
		return nil
	})
}

// count adds up what the processes and the kernel hold.
func (r *millionRun) count(servers, clients nodes, before int) error {
	var held, server, client atomic.Int64
	report := func(held, memory *atomic.Int64) func(n *node) error {
		return func(n *node) error {
			var own struct{ Connections, Resident int64 }
			if err := n.ask(&own, "report"); err != nil {
				return err
			}
			held.Add(own.Connections)
			memory.Add(own.Resident)
			return nil
		}
	}
	if err := servers.each(report(&held, &server)); err != nil {
		return err
	}
	if err := clients.each(report(new(atomic.Int64), &client)); err != nil {
		return err
	}
	r.Held, r.ServerMemory, r.ClientMemory = int(held.Load()), int(server.Load()), int(client.Load())
	r.Kernel = kernelMemory() - before
	r.ServerEach = r.ServerMemory / max(r.Held, 1)
	r.KernelEach = r.Kernel / max(r.Held, 1)
	switch {
	case r.Held < r.Connections:
		return fmt.Errorf("%d of %d connections are left", r.Held, r.Connections)
	case r.Answered < r.Asked:
		return fmt.Errorf("%d of %d connections answered", r.Answered, r.Asked)
	}
	return nil
}

// kernelMemory returns the bytes that the kernel has for itself.
func kernelMemory() int {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	sum := 0
	for line := range splitLines(text) {
		var kib int
		for _, name := range []string{"Slab", "PageTables", "KernelStack", "Percpu"} {
			if _, err := fmt.Sscanf(line, name+": %d kB", &kib); err == nil {
				sum += kib << 10
			}
		}
	}
	return sum
}

// A node is a process with one loop.
type node struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

type nodes []*node

func startNode(args ...string) (*node, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	n := &node{cmd: exec.Command(exe, args...)}
	n.cmd.Stderr = os.Stderr
	// Little garbage is left between collections, and one processor is enough for a loop.
	n.cmd.Env = append(os.Environ(), "GOGC=25", "GOMAXPROCS=1")
	if n.in, err = n.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := n.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	n.out = bufio.NewReader(out)
	return n, n.cmd.Start()
}

// line reads a line of the node.
func (n *node) line() (string, error) {
	s, err := n.out.ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("%s ended: %w", n.cmd.Args[1], err)
	}
	return s[:len(s)-1], nil
}

func (n *node) read(v any) error {
	s, err := n.line()
	if err != nil {
		return err
	}
	return json.Unmarshal([]byte(s), v)
}

func (n *node) ask(v any, format string, args ...any) error {
	if _, err := fmt.Fprintf(n.in, format+"\n", args...); err != nil {
		return err
	}
	return n.read(v)
}

// each calls do for all nodes at once.
func (l nodes) each(do func(n *node) error) error {
	errs := make([]error, len(l))
	var all sync.WaitGroup
	for i, n := range l {
		all.Go(func() { errs[i] = do(n) })
	}
	all.Wait()
	return errors.Join(errs...)
}

func (l nodes) kill() {
	for _, n := range l {
		_ = n.cmd.Process.Kill()
	}
}

// stop ends the nodes.
func (l nodes) stop() {
	l.kill()
	for _, n := range l {
		_ = n.cmd.Wait()
	}
}

// writeMaterial writes the certificate, the key and the root.
func writeMaterial(dir string) error {
	m, err := measure.MaterialFor("p256", 1)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(m.Key)
	if err != nil {
		return err
	}
	write := func(name, kind string, der []byte) error {
		return os.WriteFile(filepath.Join(dir, name),
			pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
	}
	return errors.Join(write("cert.pem", "CERTIFICATE", m.Chain[0]),
		write("key.pem", "PRIVATE KEY", private), write("root.pem", "CERTIFICATE", m.Root))
}

// listenShared listens on an address that other processes listen on too.
func listenShared(addr string) (net.Listener, error) {
	c := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var err error
		if outer := raw.Control(func(fd uintptr) { err = sharePort(int(fd)) }); outer != nil {
			return outer
		}
		return err
	}, KeepAlive: noKeepAlive}
	return c.Listen(context.Background(), "tcp4", addr)
}
