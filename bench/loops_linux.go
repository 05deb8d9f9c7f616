package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/internal/freeport"
	"github.com/sealsock/sealsock/internal/measure"
)

// The libraries are the modules below contrib that have an event loop.
var libraries = []string{"gnet", "nbio", "netpoll"}

// The names of the two ports of a server.
const plainSide, sealedSide = "plain", "sealed"

// loopsMain implements "bench loops". It starts an echo server on the event loop of each library,
// which has a plain port and one that is encrypted with our module for it, and gives both turns.
func loopsMain(args []string) error {
	flags := flag.NewFlagSet("loops", flag.ExitOnError)
	rounds := flags.Int("rounds", 9, "number of turns of each side")
	length := flags.Duration("time", 500*time.Millisecond, "duration of a turn")
	out := flags.String("out", "docs/performance.md", "the file to write into; - for none")
	_ = flags.Parse(args)
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := writeMaterial(dir); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	r := &loopsRun{root: ".", dir: dir, rounds: *rounds, length: *length}
	var table strings.Builder
	for _, name := range libraries {
		rows, err := r.measure(ctx, name)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		for i := range rows {
			line := loopsLine(name, &rows[i])
			fmt.Print(line)
			table.WriteString(line)
		}
	}
	if *out == "-" {
		return nil
	}
	return writeBetween(*out, loopsBegin, loopsEnd, loopsText(*rounds, table.String()))
}

// A loopsRun is one comparison.
type loopsRun struct {
	root, dir string // of the repository and for files
	rounds    int
	length    time.Duration
}

// measure returns what was measured with one library.
func (r *loopsRun) measure(ctx context.Context, name string) ([]measure.Row, error) {
	s, err := r.start(ctx, name)
	if err != nil {
		return nil, err
	}
	defer s.stop()
	rows := []measure.Row{
		{Name: "round trips of 64 bytes, 16 connections", Unit: "a second", More: true},
		{Name: "processor time of the server for a trip", Unit: "µs"},
		{Name: "bytes each way, 4 connections", Unit: "MB/s", More: true},
		{Name: "processor time of the server for a GB", Unit: "s"},
	}
	for i := range rows {
		rows[i].Turns = map[string][]float64{}
	}
	order := []string{plainSide, sealedSide}
	for range r.rounds {
		for _, side := range order {
			figures, err := s.turn(ctx, side, r.length)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", side, err)
			}
			for i, f := range figures {
				rows[i].Turns[side] = append(rows[i].Turns[side], f)
			}
		}
		order[0], order[1] = order[1], order[0]
	}
	return rows, nil
}

// A loopServer is the echo server of a library, in another process.
type loopServer struct {
	cmd   *exec.Cmd
	addrs map[string]string // by side
}

// start builds and starts the server of a library, and waits until it accepts.
func (r *loopsRun) start(ctx context.Context, name string) (*loopServer, error) {
	program := filepath.Join(r.dir, name)
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", program, "./bench")
	build.Dir, build.Stderr = filepath.Join(r.root, "contrib", name), os.Stderr
	if err := build.Run(); err != nil {
		return nil, err
	}
	s := &loopServer{addrs: map[string]string{}}
	for _, side := range []string{plainSide, sealedSide} {
		port, err := freeport.Find()
		if err != nil {
			return nil, err
		}
		s.addrs[side] = fmt.Sprintf("127.0.0.1:%d", port)
	}
	s.cmd = exec.Command(program, s.addrs[plainSide], s.addrs[sealedSide],
		filepath.Join(r.dir, "cert.pem"), filepath.Join(r.dir, "key.pem"))
	s.cmd.Stderr = os.Stderr
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	for _, addr := range s.addrs {
		if err := awaitServer(ctx, addr); err != nil {
			s.stop()
			return nil, err
		}
	}
	return s, nil
}

// awaitServer waits until a server accepts at addr.
func awaitServer(ctx context.Context, addr string) error {
	for until := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			return c.Close()
		}
		if time.Now().After(until) || ctx.Err() != nil {
			return errors.Join(err, context.Cause(ctx))
		}
	}
}

func (s *loopServer) stop() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

// turn measures everything once at one port.
func (s *loopServer) turn(ctx context.Context, side string, d time.Duration) ([]float64, error) {
	var figures []float64
	for _, m := range []struct {
		connections int
		unit, per   float64 // of the rate and of the processor time
		do          func(c net.Conn, until time.Time, done *atomic.Int64) error
	}{
		{16, 1, 1e-6, trips},
		{4, 1e6, 1e-9, stream},
	} {
		conns, err := s.dial(ctx, side, m.connections)
		if err != nil {
			return nil, err
		}
		runtime.GC()
		before, start := processorTime(s.cmd.Process.Pid), time.Now()
		n, err := together(conns, start.Add(d), m.do)
		took := time.Since(start).Seconds()
		spent := (processorTime(s.cmd.Process.Pid) - before).Seconds()
		for _, c := range conns {
			c.Close()
		}
		if err != nil {
			return nil, err
		}
		figures = append(figures, n/m.unit/took, spent/n/m.per)
	}
	return figures, nil
}

// dial returns connections to one port that have made their handshakes.
func (s *loopServer) dial(ctx context.Context, side string, n int) ([]net.Conn, error) {
	var conns []net.Conn
	for range n {
		var c net.Conn
		c, err := net.Dial("tcp", s.addrs[side])
		if err == nil && side == sealedSide {
			var sealed *sealsock.Conn
			if sealed, err = sealsock.Client(c, clientConfig); err == nil {
				err = sealed.HandshakeContext(ctx)
			}
			c = sealed
		}
		if err != nil {
			return nil, err
		}
		if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
			return nil, err
		}
		conns = append(conns, c)
	}
	return conns, nil
}

// together calls do with each connection at the same time, and returns the sum of what is done.
func together(conns []net.Conn, until time.Time,
	do func(net.Conn, time.Time, *atomic.Int64) error) (float64, error) {
	var done atomic.Int64
	ended := make(chan error, len(conns))
	for _, c := range conns {
		go func() { ended <- do(c, until, &done) }()
	}
	var all error
	for range conns {
		all = errors.Join(all, <-ended)
	}
	return float64(done.Load()), all
}

// trips makes round trips.
func trips(c net.Conn, until time.Time, done *atomic.Int64) error {
	buf, n := make([]byte, tripSize), int64(0)
	for time.Now().Before(until) {
		if _, err := c.Write(buf); err != nil {
			return err
		}
		if _, err := io.ReadFull(c, buf); err != nil {
			return err
		}
		n++
	}
	done.Add(n)
	return nil
}

// ahead is how many blocks of a stream are under way. The servers bound what waits in them.
const ahead = 4

// stream sends blocks, and counts the bytes that are echoed.
func stream(c net.Conn, until time.Time, done *atomic.Int64) error {
	returned, sent := make(chan struct{}, ahead), make(chan error, 1)
	blocks := make(chan struct{}, ahead)
	go func() {
		defer close(blocks)
		data := make([]byte, block)
		for n := 0; time.Now().Before(until); n++ {
			if n >= ahead {
				<-returned
			}
			if _, err := c.Write(data); err != nil {
				sent <- err
				return
			}
			blocks <- struct{}{}
		}
		sent <- nil
	}()
	data := make([]byte, block)
	for range blocks {
		if _, err := io.ReadFull(c, data); err != nil {
			c.Close() // the other goroutine ends, too
			close(returned)
			for range blocks {
			}
			return errors.Join(err, <-sent)
		}
		done.Add(block)
		select {
		case returned <- struct{}{}:
		default: // the sender has ended
		}
	}
	return <-sent
}

// loopsLine is a line of the table.
func loopsLine(name string, row *measure.Row) string {
	plain, _ := row.Median(plainSide)
	sealed, _ := row.Median(sealedSide)
	ratio, _ := row.Ratio(sealedSide, plainSide)
	return fmt.Sprintf("| %s | %s | %s | %s | %s | **%.2f** |\n", name, row.Name, row.Unit,
		measure.Figure(plain), measure.Figure(sealed), ratio)
}

func loopsText(rounds int, table string) string {
	return fmt.Sprintf(`
An echo server on each library that a module below contrib is for, in a process of its own: one port
is plain TCP, the other is encrypted by the module, with TLS_AES_128_GCM_SHA256. The two take
alternating turns. A figure is the median of %d turns, and a ratio the median of the ratios of the
turns; 1 means that the encryption costs nothing. The clients run on the same processors, so that
their own encryption is in the figures but for the processor time of the server.

%s, %s/%s, %d processors, %s.

| library | what | unit | plain TCP | sealed | ratio |
|---|---|---|---|---|---|
%s
`+"`go run ./bench loops`"+` measures on your machine.

`, rounds, runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(),
		time.Now().Format("2006-01-02"), table)
}
