package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/address"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/measure"
	"github.com/sealsock/sealsock/loop"
	"github.com/sealsock/sealsock/trust"
)

func sharePort(fd int) error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) }

func splitLines(text []byte) iter.Seq[string] { return strings.SplitSeq(string(text), "\n") }

// millionServer serves in one process of many: millionServer FOLDER ADDRESS.
func millionServer(args []string) error {
	if len(args) != 2 {
		return errors.New("a server needs a folder and an address")
	}
	id, err := identity.Load(filepath.Join(args[0], "cert.pem"), filepath.Join(args[0], "key.pem"))
	if err != nil {
		return err
	}
	cfg := &sealsock.Config{Identities: []*identity.Identity{id}, MaxHandshakesPerAddress: -1}
	cfg.NumTickets = -1
	inner, err := listenShared(args[1])
	if err != nil {
		return err
	}
	l, err := sealsock.NewListener(inner, cfg)
	if err != nil {
		return err
	}
	g, err := loop.New(loop.Options{Loops: 1})
	if err != nil {
		return err
	}
	go g.Serve(context.Background(), l, echoHandler{})
	fmt.Println(inner.Addr())
	return obey(g, nil)
}

type echoHandler struct{}

func (echoHandler) OnOpen(*loop.Conn)                {}
func (echoHandler) OnData(c *loop.Conn, data []byte) { _, _ = c.Write(data) }
func (echoHandler) OnClose(_ *loop.Conn, err error)  { complain(err) }

// complaints counts the errors; a few are enough.
var complaints atomic.Int64

func complain(err error) {
	if err != nil && complaints.Add(1) <= 3 {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
}

// obey answers the parent's commands until it ends.
func obey(g *loop.Group, speak func(seconds int) any) error {
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		var answer any
		var seconds int
		switch _, err := fmt.Sscanf(in.Text(), "speak %d", &seconds); {
		case err == nil && speak != nil:
			answer = speak(seconds)
		case in.Text() == "report":
			debug.FreeOSMemory()
			answer = map[string]int{"connections": g.Len(), "resident": resident()}
		default:
			return fmt.Errorf("an unknown command %q", in.Text())
		}
		if err := json.NewEncoder(os.Stdout).Encode(answer); err != nil {
			return err
		}
	}
	return in.Err()
}

// resident returns the memory of this process, in bytes.
func resident() int {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range splitLines(text) {
		var kib int
		if _, err := fmt.Sscanf(line, "VmRSS: %d kB", &kib); err == nil {
			return kib << 10
		}
	}
	return 0
}

// A millionClient holds one process's part of the connections.
type millionClient struct {
	group  *loop.Group
	dialer *sealsock.Dialer
	addr   string

	mu    sync.Mutex
	conns []*loop.Conn

	answered atomic.Int64
	slowest  atomic.Int64 // ns
	base     time.Time
}

// millionClientMain connects: FOLDER ADDRESS NUMBER CONNECTIONS.
func millionClientMain(args []string) error {
	if len(args) != 4 {
		return errors.New("a client needs a folder, an address, its number and connections")
	}
	number, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	total, err := strconv.Atoi(args[3])
	if err != nil {
		return err
	}
	roots := new(trust.Roots)
	if _, err := roots.AddFile(filepath.Join(args[0], "root.pem")); err != nil {
		return err
	}
	c := &millionClient{addr: args[1], base: time.Now()}
	if c.group, err = loop.New(loop.Options{Loops: 1}); err != nil {
		return err
	}
	c.dialer, err = sealsock.NewDialer(&sealsock.Config{
		Trust: &trust.Policy{Roots: roots}, ServerName: measure.Host, HandshakeTimeout: time.Minute,
	})
	if err != nil {
		return err
	}
	var dialed atomic.Int64
	c.dialer.Connect = func(ctx context.Context, a address.Address) (net.Conn, error) {
		own := net.Dialer{
			LocalAddr: millionAddress(number, int(dialed.Add(1))), KeepAlive: noKeepAlive,
		}
		return own.DialContext(ctx, "tcp4", c.addr)
	}
	if err := c.connect(total); err != nil {
		return err
	}
	return obey(c.group, c.speak)
}

// noKeepAlive turns off the probes of TCP. With a probe of each end every 15 seconds a million
// connections are 133,000 packets a second, and lost answers end connections.
const noKeepAlive = -1

// perAddress is how many connections share a client's address. The kernel binds odd ports first,
// and there are about 14,000 of them: once they are taken, it searches all for each connection.
const perAddress = 8_000

// millionAddress returns the local address of the n-th connection of a client.
func millionAddress(client, n int) *net.TCPAddr {
	return &net.TCPAddr{IP: net.IPv4(127, byte(1+n/perAddress), byte(client>>8), byte(client))}
}

// step is how many connections are reported at once.
const step = 100

// connect opens the connections, a few at a time.
func (c *millionClient) connect(total int) error {
	const workers = 4
	var next atomic.Int64
	errs := make(chan error, workers)
	for range workers {
		go func() {
			for {
				n := int(next.Add(1))
				if n > total {
					errs <- nil
					return
				}
				if err := c.open(); err != nil {
					errs <- err
					return
				}
				if n%step == 0 {
					fmt.Printf("{\"more\":%d}\n", step)
				}
			}
		}()
	}
	for range workers {
		if err := <-errs; err != nil {
			return err
		}
	}
	if rest := total % step; rest > 0 {
		fmt.Printf("{\"more\":%d}\n", rest)
	}
	fmt.Println(`{"more":0}`)
	return nil
}

func (c *millionClient) open() error {
	sealed, err := c.dialer.Dial(context.Background(), c.addr)
	if err != nil {
		return err
	}
	own, err := c.group.Add(sealed, c)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conns = append(c.conns, own)
	return nil
}

// OnOpen implements loop.Handler.
func (*millionClient) OnOpen(*loop.Conn) {}

// OnData takes an answer: the time of the question, in nanoseconds since c.base.
func (c *millionClient) OnData(_ *loop.Conn, data []byte) {
	asked, err := strconv.ParseInt(string(data), 10, 64)
	if err != nil {
		complain(fmt.Errorf("an answer is %q", data))
		return
	}
	took := int64(time.Since(c.base)) - asked
	if took > c.slowest.Load() {
		c.slowest.Store(took)
	}
	c.answered.Add(1)
}

// OnClose implements loop.Handler.
func (*millionClient) OnClose(_ *loop.Conn, err error) { complain(err) }

// speak asks 1 % of the connections each second, and waits for the last answers.
func (c *millionClient) speak(seconds int) any {
	asked := 0
	for range seconds {
		start := time.Now()
		for range max(len(c.conns)/100, 1) {
			asked++
			c.conns[rand.IntN(len(c.conns))].Do(func(own *loop.Conn) {
				_, err := own.Write(fmt.Appendf(nil, "%d", time.Since(c.base)))
				complain(err)
			})
		}
		time.Sleep(time.Second - time.Since(start))
	}
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); {
		if int(c.answered.Load()) == asked {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	return map[string]any{
		"asked": asked, "answered": c.answered.Load(), "slowest": float64(c.slowest.Load()) / 1e6,
	}
}
