package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/address"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/trust"
)

// A tunnelBackend is the plaintext service. The first byte of a connection selects what it does:
// 'd' sends data without end, 'u' counts what arrives, and any other is sent back.
type tunnelBackend struct {
	addr     string
	received atomic.Int64 // by 'u'
}

func startBackend() (*tunnelBackend, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b := &tunnelBackend{addr: l.Addr().String()}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go b.serve(c)
		}
	}()
	return b, nil
}

// block is how much is sent at once.
const block = 64 << 10

func (b *tunnelBackend) serve(c net.Conn) {
	defer c.Close()
	first := make([]byte, 1)
	if _, err := io.ReadFull(c, first); err != nil {
		return
	}
	switch first[0] {
	case 'd':
		for data := make([]byte, block); ; {
			if _, err := c.Write(data); err != nil {
				return
			}
		}
	case 'u':
		for data := make([]byte, block); ; {
			n, err := c.Read(data)
			b.received.Add(int64(n))
			if err != nil {
				return
			}
		}
	default:
		_, _ = c.Write(first)
		_, _ = io.Copy(c, c)
	}
}

// clientConfig is that of the clients, which make full handshakes. It has what all programs
// have, and leaves out the client's own work of verifying, which is the same for all.
var clientConfig = func() *sealsock.Config {
	cfg := &sealsock.Config{ServerName: "localhost", Trust: &trust.Policy{Insecure: true}}
	cfg.Groups = []iana.NamedGroup{iana.X25519}
	cfg.CipherSuites = []iana.CipherSuite{iana.TLS_AES_128_GCM_SHA256}
	cfg.MinVersion = iana.TLS13
	return cfg
}()

// dial connects and sends a first byte.
func (p *tunnelProgram) dial(ctx context.Context, first byte) (*sealsock.Conn, error) {
	a, err := address.Parse(p.addr)
	if err != nil {
		return nil, err
	}
	d, err := sealsock.NewDialer(clientConfig)
	if err != nil {
		return nil, err
	}
	c, err := d.DialAddress(ctx, a)
	if err != nil {
		return nil, err
	}
	if _, err := c.Write([]byte{first}); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// beside runs do several times at once, and returns the sum of the results.
func beside(n int, do func() (float64, error)) (float64, error) {
	var all sync.WaitGroup
	var mu sync.Mutex
	var sum float64
	var failed error
	for range n {
		all.Go(func() {
			v, err := do()
			mu.Lock()
			defer mu.Unlock()
			if sum += v; err != nil {
				failed = err
			}
		})
	}
	all.Wait()
	return sum, failed
}

const transfers = 4 // at once

// download returns the bytes that arrive within a time.
func (p *tunnelProgram) download(ctx context.Context, length time.Duration) (float64, error) {
	return beside(transfers, func() (float64, error) {
		c, err := p.dial(ctx, 'd')
		if err != nil {
			return 0, err
		}
		defer c.Abort(iana.AlertUserCanceled)
		sum := 0
		for buf, end := make([]byte, block), time.Now().Add(length); time.Now().Before(end); {
			n, err := c.Read(buf)
			if sum += n; err != nil {
				return 0, err
			}
		}
		return float64(sum), nil
	})
}

// upload returns the bytes that the backend received within a time.
func (p *tunnelProgram) upload(ctx context.Context, length time.Duration) (float64, error) {
	before := p.backend.received.Load()
	_, err := beside(transfers, func() (float64, error) {
		c, err := p.dial(ctx, 'u')
		if err != nil {
			return 0, err
		}
		defer c.Abort(iana.AlertUserCanceled)
		for buf, end := make([]byte, block), time.Now().Add(length); time.Now().Before(end); {
			if _, err := c.Write(buf); err != nil {
				return 0, err
			}
		}
		return 0, nil
	})
	return float64(p.backend.received.Load() - before), err
}

const connecting = 16 // at once

// connect returns the connections that were made, used and closed within a time.
func (p *tunnelProgram) connect(ctx context.Context, length time.Duration) (float64, error) {
	end := time.Now().Add(length)
	return beside(connecting, func() (n float64, err error) {
		for ; time.Now().Before(end); n++ {
			c, err := p.dial(ctx, 'e')
			if err != nil {
				return 0, err
			}
			_, err = io.ReadFull(c, make([]byte, 1))
			c.Close()
			if err != nil {
				return 0, err
			}
		}
		return n, nil
	})
}

// hold opens connections, each of which exchanges a message, and returns the bytes that each
// costs the program.
func (p *tunnelProgram) hold(ctx context.Context, n int) (float64, error) {
	var held []*sealsock.Conn
	defer func() {
		for _, c := range held {
			c.NetConn().Close()
		}
	}()
	open := func(n int) error {
		for range n {
			c, err := p.dial(ctx, 'e')
			if err != nil {
				return err
			}
			held = append(held, c)
			if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
				return err
			}
			message := make([]byte, 1024)
			if _, err := c.Write(message); err != nil {
				return err
			}
			if _, err := io.ReadFull(c, message); err != nil {
				return err
			}
		}
		return nil
	}
	const warm = 20
	if err := open(warm); err != nil {
		return 0, err
	}
	before := memoryOf(p.cmd.Process.Pid)
	if err := open(n); err != nil {
		return 0, err
	}
	time.Sleep(quietTime)
	return float64(memoryOf(p.cmd.Process.Pid)-before) / float64(n), nil
}

// quietTime is how long connections are idle before the memory is read.
const quietTime = 20 * time.Second

// group returns the processes of a group.
func group(pgid int) (all []string) {
	names, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range names {
		f := statFields(name)
		if len(f) > 2 && f[2] == strconv.Itoa(pgid) {
			all = append(all, filepath.Dir(name))
		}
	}
	return all
}

// statFields returns the fields of a stat file behind the name of the program: proc(5).
func statFields(name string) []string {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil
	}
	return strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
}

// processorTime is what the processes of a group have used.
func processorTime(pgid int) (sum time.Duration) {
	for _, dir := range group(pgid) {
		f := statFields(dir + "/stat")
		for _, i := range []int{11, 12} { // utime and stime, in ticks of a hundredth of a second
			if i < len(f) {
				n, _ := strconv.Atoi(f[i])
				sum += time.Duration(n) * 10 * time.Millisecond
			}
		}
	}
	return sum
}

// memoryOf is the memory of the processes of a group, in bytes. What they share counts once.
func memoryOf(pgid int) (sum int) {
	for _, dir := range group(pgid) {
		text, err := os.ReadFile(dir + "/smaps_rollup")
		if err != nil {
			continue
		}
		for line := range splitLines(text) {
			var kib int
			if _, err := fmt.Sscanf(line, "Pss: %d kB", &kib); err == nil {
				sum += kib << 10
			}
		}
	}
	return sum
}
