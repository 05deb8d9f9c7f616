package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/pflag"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/address"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/starttls"
)

// registerClient registers the flags of connect that a measurement can use.
func (flags *connectFlags) registerClient(f *pflag.FlagSet) {
	flags.trustFlags.register(f, "the server")
	flags.registerKnown(f, "the server")
	f.StringVar(&flags.name, "name", "",
		"the `name` that the server must prove, instead of the host in ADDRESS")
	f.BoolVar(&flags.insecure, "insecure", false, "accept any server")
	flags.identityFlags.register(f)
	flags.negotiationFlags.register(f)
	f.StringVar(&flags.starttls, "starttls", "",
		"begin in plaintext and upgrade to TLS with this `protocol`: "+
			strings.Join(starttls.Protocols(), ", "))
	flags.proxyFlags.register(f)
	f.DurationVar(&flags.timeout, "timeout", 10*time.Second,
		"`time` for connecting and the handshake")
}

// A serverResult is what seal bench ADDRESS prints with --json. Latencies are in
// milliseconds, throughput in MB/s.
type serverResult struct {
	Address    string      `json:"address"`
	Version    string      `json:"version"`
	Suite      string      `json:"suite"`
	Group      string      `json:"group,omitempty"`
	Parallel   int         `json:"parallel"`
	Full       *rateResult `json:"full_handshakes"`
	Resumed    *rateResult `json:"resumptions"` // null if the server offers no session
	Trips      *rateResult `json:"round_trips,omitempty"`
	Throughput float64     `json:"throughput,omitempty"`
}

func (serverResult) event() string { return "bench" }

// A rateResult is a number of operations and their latencies.
type rateResult struct {
	Count     int     `json:"count"`
	Failed    int     `json:"failed"`
	PerSecond float64 `json:"per_second"`
	P50       float64 `json:"p50"`
	P90       float64 `json:"p90"`
	P99       float64 `json:"p99"`
	Max       float64 `json:"max"`
}

func (r serverResult) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s, %s, %s\n", r.Address, r.Version, r.Suite, r.Group)
	fmt.Fprintf(&b, "%-18s %9s %9s %9s %9s %9s %7s\n", "", "a second", "p50 ms", "p90 ms", "p99 ms",
		"max ms", "failed")
	line := func(name string, v *rateResult) {
		if v == nil {
			return
		}
		fmt.Fprintf(&b, "%-18s %9.1f %9.3f %9.3f %9.3f %9.3f %7d\n", name, v.PerSecond, v.P50, v.P90,
			v.P99, v.Max, v.Failed)
	}
	line("full handshakes", r.Full)
	line("resumptions", r.Resumed)
	if r.Resumed == nil {
		b.WriteString("resumptions: the server offers no session, or does not resume it\n")
	}
	line("64-byte round trip", r.Trips)
	if r.Throughput > 0 {
		fmt.Fprintf(&b, "throughput: %.1f MB/s\n", r.Throughput)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// benchServer measures a server.
func (flags *benchFlags) benchServer(
	ctx context.Context, w io.Writer, out *output, addr string,
) error {
	if err := flags.check(); err != nil {
		return err
	}
	a, err := address.Parse(withPort(addr, flags.starttls))
	if err != nil {
		return err
	}
	if err := flags.checkAddress(a); err != nil {
		return err
	}
	d, err := interruptibly(ctx, func() (*dialer, error) { return flags.prepare(out, a) })
	if err != nil {
		return err
	}
	defer d.done()
	_, f, err := flags.first(ctx, d)
	if err != nil {
		return err
	}
	r := serverResult{
		Address: a.String(), Version: f.Version, Suite: f.Suite, Group: f.Group,
		Parallel: flags.parallel,
	}
	defer out.erase()
	if r.Full, err = flags.handshakes(ctx, out, d, false); err != nil {
		return err
	}
	if r.Resumed, err = flags.handshakes(ctx, out, d, true); err != nil {
		return err
	}
	switch {
	case flags.echo:
		r.Trips, r.Throughput, err = flags.measureEcho(ctx, out, d)
	case flags.get != "":
		r.Throughput, err = flags.measureGet(ctx, out, d)
	}
	if err != nil {
		return err
	}
	out.erase()
	return show(w, out, r)
}

// first makes one connection, so that an error is explained as connect explains it.
func (flags *benchFlags) first(ctx context.Context, d *dialer) (tlsConn, *facts, error) {
	c, f, err := flags.dial(ctx, d)
	if err == nil {
		c.Close()
	}
	return c, f, err
}

// sessionWait is how long a connection waits for the server's session.
const sessionWait = time.Second

// A worker makes connections one after another.
type worker struct {
	dial    func(context.Context) (*sealsock.Conn, error)
	session chan struct{} // has a value after the server has offered a session
	took    []float64     // ms
	failed  int
	err     error // of the last that has failed
}

// worker prepares a worker, with sessions of its own if resume is set.
func (flags *benchFlags) worker(d *dialer, resume bool) (*worker, error) {
	cfg, w := *d.cfg, &worker{session: make(chan struct{}, 1)}
	if resume {
		cfg.Sessions = sealsock.NewMemoryCache(1)
		cfg.OnSession = func(*engine.Session) {
			select {
			case w.session <- struct{}{}:
			default:
			}
		}
	}
	own, err := sealsock.NewDialer(&cfg)
	if err != nil {
		return nil, err
	}
	own.Connect = d.route.connect
	w.dial = func(ctx context.Context) (*sealsock.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, flags.timeout)
		defer cancel()
		return own.DialAddress(ctx, d.addr)
	}
	return w, nil
}

// handshakes makes connections for flags.length. With resume it counts those that resume a
// session, and returns nil if there is none.
func (flags *benchFlags) handshakes(
	ctx context.Context, out *output, d *dialer, resume bool,
) (*rateResult, error) {
	what, workers := "full handshakes", make([]*worker, flags.parallel)
	if resume {
		what = "resumptions"
	}
	for i := range workers {
		w, err := flags.worker(d, resume)
		if err != nil {
			return nil, err
		}
		workers[i] = w
	}
	var count atomic.Int64
	var all sync.WaitGroup
	start := time.Now()
	for _, w := range workers {
		all.Go(func() {
			for time.Since(start) < flags.length && ctx.Err() == nil {
				w.connect(ctx, resume, &count)
				if w.failed > 0 && len(w.took) == 0 {
					return // the server is gone, or refuses
				}
			}
		})
	}
	stop := out.counting(what, &count, flags.length)
	all.Wait()
	elapsed := time.Since(start)
	stop()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return sum(workers, elapsed)
}

// sum returns the result of all workers, or nil if nothing has failed and nothing counts.
func sum(workers []*worker, elapsed time.Duration) (*rateResult, error) {
	var took []float64
	failed, last := 0, error(nil)
	for _, w := range workers {
		took = append(took, w.took...)
		failed += w.failed
		if w.err != nil {
			last = w.err
		}
	}
	switch {
	case len(took) > 0:
		return rateOf(took, failed, elapsed), nil
	case last != nil:
		return nil, explainHandshake(last)
	}
	return nil, nil
}

// connect makes one connection. The first ones with resume leave a session and do not count.
func (w *worker) connect(ctx context.Context, resume bool, count *atomic.Int64) {
	start := time.Now()
	c, err := w.dial(ctx)
	took := time.Since(start)
	if err != nil {
		w.failed, w.err = w.failed+1, err
		return
	}
	defer c.Close()
	if !resume || c.State().Resumed {
		w.took = append(w.took, float64(took)/1e6)
		count.Add(1)
	}
	if resume {
		w.awaitSession(c)
	}
}

// awaitSession reads until the server has offered a session. Application data is dropped.
func (w *worker) awaitSession(c *sealsock.Conn) {
	_ = c.SetReadDeadline(time.Now().Add(sessionWait))
	over, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-w.session:
			_ = c.SetReadDeadline(time.Unix(1, 0))
		case <-over:
		}
	}()
	defer func() {
		close(over)
		<-ended
	}()
	_, _ = io.Copy(io.Discard, io.LimitReader(c, 1<<20))
}

// counting shows a number while it grows, until stop is called.
func (t *output) counting(what string, count *atomic.Int64, length time.Duration) (stop func()) {
	start, done := time.Now(), make(chan struct{})
	var finished sync.WaitGroup
	finished.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(progressEvery):
				t.progress("%s: %d, %.1fs of %v", what, count.Load(), time.Since(start).Seconds(), length)
			}
		}
	})
	return func() {
		close(done)
		finished.Wait()
		t.erase()
	}
}

func rateOf(took []float64, failed int, elapsed time.Duration) *rateResult {
	slices.Sort(took)
	at := func(share float64) float64 { return took[int(share*float64(len(took)-1))] }
	return &rateResult{
		Count: len(took), Failed: failed, PerSecond: float64(len(took)) / elapsed.Seconds(),
		P50: at(0.5), P90: at(0.9), P99: at(0.99), Max: took[len(took)-1],
	}
}

// connected calls do with one connection, which ends at the latest with ctx.
func (flags *benchFlags) connected(
	ctx context.Context, d *dialer, do func(c *sealsock.Conn) error,
) error {
	w, err := flags.worker(d, false)
	if err != nil {
		return err
	}
	c, err := w.dial(ctx)
	if err != nil {
		return explainHandshake(err)
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.NetConn().Close() })()
	_ = c.SetDeadline(time.Now().Add(2*flags.length + flags.timeout))
	err = do(c)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return (&problem{text: "the server did not answer in time", exit: exitFailure}).
			hinted("--echo is for servers that send back what they receive")
	}
	return err
}

// measureEcho makes round trips, and then sends and receives at once.
func (flags *benchFlags) measureEcho(
	ctx context.Context, out *output, d *dialer,
) (trips *rateResult, throughput float64, err error) {
	err = flags.connected(ctx, d, func(c *sealsock.Conn) error {
		var count atomic.Int64
		defer out.counting("round trips", &count, flags.length)()
		var took []float64
		sent, got := bytes.Repeat([]byte("seal"), 16), make([]byte, 64)
		start := time.Now()
		for time.Since(start) < flags.length {
			t := time.Now()
			if _, err := c.Write(sent); err != nil {
				return err
			}
			if _, err := io.ReadFull(c, got); err != nil {
				return err
			}
			if !bytes.Equal(got, sent) {
				return (&problem{text: "the server does not send back what it receives", exit: exitFailure}).
					hinted("--echo is for servers such as seal listen --echo")
			}
			took = append(took, float64(time.Since(t))/1e6)
			count.Add(1)
		}
		trips = rateOf(took, 0, time.Since(start))
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	err = flags.connected(ctx, d, func(c *sealsock.Conn) (err error) {
		defer out.counting("throughput", new(atomic.Int64), flags.length)()
		throughput, err = flags.stream(c)
		return err
	})
	return trips, throughput, err
}

// stream sends for flags.length and receives everything, in MB/s.
func (flags *benchFlags) stream(c *sealsock.Conn) (float64, error) {
	start, sent := time.Now(), make(chan error, 1)
	go func() {
		data := make([]byte, 64<<10)
		for time.Since(start) < flags.length {
			if _, err := c.Write(data); err != nil {
				sent <- err
				return
			}
		}
		sent <- c.CloseWrite()
	}()
	n, err := io.Copy(io.Discard, c)
	rate := float64(n) / 1e6 / time.Since(start).Seconds()
	return rate, errors.Join(<-sent, err)
}

// maxAnswerHead bounds the head of a response, in bytes.
const maxAnswerHead = 1 << 20

// readResponse reads the head of a response. Package http would keep one without an end.
func readResponse(r io.Reader) (*http.Response, error) {
	bounded := &io.LimitedReader{R: r, N: maxAnswerHead}
	answer, err := http.ReadResponse(bufio.NewReaderSize(bounded, 64<<10), nil)
	if err != nil && bounded.N == 0 {
		text := fmt.Sprintf("the server's response has a head of more than %d bytes", maxAnswerHead)
		return nil, (&problem{text: text, exit: exitFailure}).
			hinted("--get is for servers that speak HTTP/1.1")
	}
	bounded.N = math.MaxInt64 // the body
	return answer, err
}

// measureGet repeats an HTTP request for flags.length and returns the throughput of the
// bodies of the responses, in MB/s.
func (flags *benchFlags) measureGet(
	ctx context.Context, out *output, d *dialer,
) (float64, error) {
	request := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: seal\r\n"+
		"Connection: close\r\n\r\n", flags.get, d.cfg.ServerName)
	var count atomic.Int64
	defer out.counting("bytes", &count, flags.length)()
	start := time.Now()
	for time.Since(start) < flags.length {
		err := flags.connected(ctx, d, func(c *sealsock.Conn) error {
			if _, err := io.WriteString(c, request); err != nil {
				return err
			}
			answer, err := readResponse(c)
			if err != nil {
				return err
			}
			defer answer.Body.Close()
			if answer.StatusCode != http.StatusOK {
				return (&problem{text: "the server answers " + answer.Status, exit: exitFailure}).
					hinted("--get is the path of something that the server has")
			}
			n, err := io.Copy(io.Discard, io.LimitReader(answer.Body, 1<<40))
			count.Add(n)
			return err
		})
		if err != nil {
			return 0, err
		}
	}
	return float64(count.Load()) / 1e6 / time.Since(start).Seconds(), nil
}
