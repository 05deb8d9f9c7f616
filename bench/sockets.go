package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sealsock/sealsock/internal/measure"
	"github.com/sealsock/sealsock/socket"
	"github.com/sealsock/sealsock/socket/inet"
	"github.com/sealsock/sealsock/socket/unix"
)

// socketsMain implements "bench sockets". It compares package socket with
// package net and Python's socket and writes the figures to docs/sockets.md.
// The three take turns as clients of one echo server, which runs in a separate
// process.
func socketsMain(args []string) error {
	flags := flag.NewFlagSet("sockets", flag.ExitOnError)
	rounds := flags.Int("rounds", 9, "number of turns of each side")
	length := flags.Duration("time", 400*time.Millisecond, "duration of a turn")
	out := flags.String("out", "docs/sockets.md", "the file to write into; - for none")
	_ = flags.Parse(args)
	var rows []tripRow
	for _, network := range []string{"tcp", "unix", "udp"} {
		r, err := measureTrips(network, *rounds, *length)
		if err != nil {
			return fmt.Errorf("%s: %w", network, err)
		}
		fmt.Println(r.line())
		rows = append(rows, r)
	}
	if *out == "-" {
		return nil
	}
	return writeFigures(*out, rows, *rounds)
}

// A tripRow is what was measured over one network: round trips a second, by
// turns, and the objects that package socket allocated for each.
type tripRow struct {
	network string
	trips   [sideCount][]float64
	objects float64
}

// The sides, in the order of the columns.
const (
	sideSocket = iota
	sideNet
	sidePython
	sideCount
)

func measureTrips(network string, rounds int, length time.Duration) (tripRow, error) {
	r := tripRow{network: network}
	server, err := startEcho(network)
	if err != nil {
		return r, err
	}
	defer server.stop()
	order := []int{sideSocket, sideNet, sidePython}
	for range rounds {
		for _, side := range order {
			runtime.GC()
			var n float64
			switch side {
			case sideSocket:
				var objects float64
				n, objects, err = socketTrips(network, server.addr, length)
				r.objects = max(r.objects, objects)
			case sideNet:
				n, err = netTrips(network, server.addr, length)
			case sidePython:
				n, err = pythonTrips(network, server.addr, length)
			}
			if err != nil {
				return r, err
			}
			r.trips[side] = append(r.trips[side], n)
		}
		order = append(order[1:], order[0])
	}
	return r, nil
}

func (r *tripRow) line() string {
	names := map[string]string{"tcp": "TCP", "unix": "UNIX stream", "udp": "UDP"}
	s := fmt.Sprintf("| %s | %s |", names[r.network], measure.Figure(measure.MedianOf(r.trips[sideSocket])))
	for _, side := range []int{sideNet, sidePython} {
		ratios := make([]float64, len(r.trips[side]))
		for i, theirs := range r.trips[side] {
			ratios[i] = r.trips[sideSocket][i] / theirs
		}
		s += fmt.Sprintf(" %s | **%.2f** |", measure.Figure(measure.MedianOf(r.trips[side])), measure.MedianOf(ratios))
	}
	return s + fmt.Sprintf(" %.2f |", r.objects)
}

// tripSize is how many bytes go there and back.
const tripSize = 64

// socketTrips makes round trips with a connected Socket, and counts the objects
// that it allocates for each.
func socketTrips(network, addr string, length time.Duration) (perSecond, objects float64, err error) {
	ctx := context.Background()
	s, err := dialSocket(ctx, network, addr)
	if err != nil {
		return 0, 0, err
	}
	defer s.Close()
	buf, n := make([]byte, tripSize), 0
	before, start := objectCount(), time.Now()
	for time.Since(start) < length {
		if _, err := s.SendAll(ctx, buf, 0); err != nil {
			return 0, 0, err
		}
		if _, err := s.RecvInto(ctx, buf, 0); err != nil {
			return 0, 0, err
		}
		n++
	}
	took := time.Since(start)
	return float64(n) / took.Seconds(), (objectCount() - before) / float64(n), nil
}

func objectCount() float64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.Mallocs)
}

func dialSocket(ctx context.Context, network, addr string) (*socket.Socket, error) {
	switch network {
	case "tcp":
		s, err := inet.CreateConnection(ctx, addr, nil)
		if err == nil {
			err = inet.NoDelay.Set(s, true) // as package net sets it
		}
		return s, err
	case "unix":
		return unix.Dial(ctx, socket.Stream, unix.Path(addr))
	}
	s, err := socket.New(inet.Family4, socket.Datagram, 0)
	if err == nil {
		err = s.Connect(ctx, inet.MustParse(addr))
	}
	return s, err
}

func netTrips(network, addr string, length time.Duration) (float64, error) {
	c, err := net.Dial(network, addr)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	buf, n := make([]byte, tripSize), 0
	start := time.Now()
	for time.Since(start) < length {
		if _, err := c.Write(buf); err != nil {
			return 0, err
		}
		if _, err := io.ReadFull(c, buf); err != nil {
			return 0, err
		}
		n++
	}
	return float64(n) / time.Since(start).Seconds(), nil
}

// pythonClient does the same in Python, optimized: without an allocation or a
// clock reading per round trip.
const pythonClient = `
import socket, sys, time
network, addr, length, size = sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4])
if network == 'unix':
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.connect(addr)
else:
    host, port = addr.rsplit(':', 1)
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if network == 'udp' else socket.SOCK_STREAM)
    s.connect((host, int(port)))
    if network == 'tcp':
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
buf, n = bytearray(size), 0
send, recv, clock = s.sendall, s.recv_into, time.perf_counter
start = clock()
while clock() - start < length:
    for _ in range(50):
        send(buf)
        recv(buf)
    n += 50
print(n / (clock() - start))
`

func pythonTrips(network, addr string, length time.Duration) (float64, error) {
	cmd := exec.Command("python3", "-S", "-c", pythonClient, network, addr, fmt.Sprint(length.Seconds()), strconv.Itoa(tripSize))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("python3: %w", err)
	}
	return strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
}

// An echoServer is this program in another process, echoing.
type echoServer struct {
	cmd  *exec.Cmd
	dir  string // of the UNIX-domain socket
	addr string
}

func startEcho(network string) (*echoServer, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, err
	}
	s := &echoServer{cmd: exec.Command(exe, "echo", network, filepath.Join(dir, "s")), dir: dir}
	s.cmd.Stderr = os.Stderr
	out, err := s.cmd.StdoutPipe()
	if err == nil {
		err = s.cmd.Start()
	}
	if err == nil {
		s.addr, err = bufio.NewReader(out).ReadString('\n')
	}
	if err != nil {
		s.stop()
		return nil, fmt.Errorf("the echo server: %w", err)
	}
	s.addr = strings.TrimSpace(s.addr)
	return s, nil
}

func (s *echoServer) stop() {
	if s.cmd.Process != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
	}
	_ = os.RemoveAll(s.dir)
}

// echoMain is the server: it prints its address and echoes until it is killed.
func echoMain(args []string) error {
	if len(args) != 2 {
		return errors.New("echo needs a network and a path")
	}
	if args[0] == "udp" {
		return echoDatagrams()
	}
	addr := map[string]string{"tcp": "127.0.0.1:0", "unix": args[1]}[args[0]]
	l, err := net.Listen(args[0], addr)
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer c.Close()
			_, _ = io.Copy(struct{ io.Writer }{c}, struct{ io.Reader }{c})
		}()
	}
}

func echoDatagrams() error {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return err
	}
	fmt.Println(c.LocalAddr())
	buf := make([]byte, 1<<16)
	for {
		n, from, err := c.ReadFromUDPAddrPort(buf)
		if err != nil {
			return err
		}
		if _, err := c.WriteToUDPAddrPort(buf[:n], from); err != nil {
			return err
		}
	}
}

// The lines around the figures in the document.
const (
	figuresBegin = "<!-- The figures: go run ./bench sockets writes them. -->\n"
	figuresEnd   = "<!-- End of the figures. -->\n"
)

func writeFigures(file string, rows []tripRow, rounds int) error {
	var b strings.Builder
	fmt.Fprintf(&b, `
Sequential round trips per second of %d bytes over loopback. Package socket, package net and Python's socket
are clients of one echo server in a separate process and take alternating turns in one run. A figure is the
median of %d turns, a ratio the median of the ratios of the turns; more than 1 means that package socket is
faster. The last column is the largest number of allocations per round trip in any turn; a test verifies that
Send and Recv do not allocate. Figures vary on a machine with other load. Package net and this package use the
runtime poller; Python blocks in the kernel.

%s, %s/%s, %d processors, %s.

| over | socket, trips a second | net | ratio | Python | ratio | objects a trip |
|---|---|---|---|---|---|---|
`, tripSize, rounds, runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), time.Now().Format("2006-01-02"))
	for i := range rows {
		b.WriteString(rows[i].line() + "\n")
	}
	b.WriteString("\n`make bench` measures on your machine.\n\n")
	return writeBetween(file, figuresBegin, figuresEnd, b.String())
}

// writeBetween replaces what stands between two marks of a file.
func writeBetween(file, begin, end, with string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, ok := bytes.Cut(text, []byte(begin))
	_, after, both := bytes.Cut(rest, []byte(end))
	if !ok || !both {
		return fmt.Errorf("%s has no place for the figures", file)
	}
	all := slices.Concat(before, []byte(begin+with+end), after)
	return os.WriteFile(file, all, 0o644)
}
