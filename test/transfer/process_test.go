//go:build !windows

package transfer

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// tries is how often a relay is started, and how often ports are chosen for it.
const tries = 10

// serve starts the relay of a program, and starts it again on other ports if it fails.
func (s *stage) serve(p program) {
	s.t.Helper()
	var err error
	for range tries {
		if err = p.serve(s); err == nil {
			return
		}
		s.stop()
	}
	s.t.Fatalf("%s: %v", p.name, err)
}

// A process ends with the test.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed when the process has ended

	mu  sync.Mutex
	buf bytes.Buffer
}

// Write collects what the process prints.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.buf.Write(b)
}

func (p *process) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.buf.String()
}

func (p *process) stop() {
	p.cmd.Process.Kill()
	<-p.ended
}

// start starts a process.
func (s *stage) start(env string, name string, args ...string) *process {
	s.t.Helper()
	p := &process{cmd: s.command(env, name, args...), ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = p, p
	if err := p.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() {
		p.cmd.Wait()
		close(p.ended)
	}()
	s.t.Cleanup(p.stop)
	s.processes = append(s.processes, p)
	return p
}

// stop ends the processes that were started.
func (s *stage) stop() {
	for _, p := range s.processes {
		p.stop()
	}
	s.processes = nil
}

// until waits until ready reports true. It fails if the process ends before.
func (s *stage) until(p *process, what string, ready func() bool) error {
	s.t.Helper()
	for end := time.Now().Add(limit); !ready(); {
		select {
		case <-p.ended:
			return fmt.Errorf("%s has ended before it %s: %q", p.cmd.Path, what, p.text())
		case <-time.After(2 * time.Millisecond):
		}
		if time.Now().After(end) {
			s.t.Fatalf("%s never %s: %q", p.cmd.Path, what, p.text())
		}
	}
	return nil
}

// await waits until a process has printed a text.
func (s *stage) await(p *process, text string) error {
	s.t.Helper()
	return s.until(p, fmt.Sprintf("printed %q", text), func() bool {
		return strings.Contains(p.text(), text)
	})
}

// listens waits until a process accepts connections on all ports.
func (s *stage) listens(p *process, ports ...string) error {
	s.t.Helper()
	return s.until(p, fmt.Sprintf("listened on %q", ports), func() bool {
		return !slices.ContainsFunc(ports, func(port string) bool {
			c, err := net.Dial("tcp", "127.0.0.1:"+port)
			if err == nil {
				c.Close()
			}
			return err != nil
		})
	})
}

// anyPort returns a random port that no system gives to a socket that asks for any port.
func anyPort() int { return 10_000 + rand.N(20_000) }

// freePorts returns n successive ports that are free now, of which pick chooses the first.
func freePorts(t testing.TB, n int, pick func() int) []string {
	t.Helper()
	var err error
	for range tries {
		var ports []string
		if ports, err = free(pick(), n); err == nil {
			return ports
		}
	}
	t.Fatalf("no %d successive ports are free: %v", n, err)
	return nil
}

// free returns n successive ports, or an error if one of them is taken on any address.
func free(first, n int) (ports []string, err error) {
	for i := range n {
		port := strconv.Itoa(first + i)
		l, err := net.Listen("tcp", ":"+port)
		if err != nil {
			return nil, err
		}
		defer l.Close()
		ports = append(ports, port)
	}
	return ports, nil
}

// TestFreePorts: ports of which one is taken are not chosen, whichever it is.
func TestFreePorts(t *testing.T) {
	for taken := range 5 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		first, picks := l.Addr().(*net.TCPAddr).Port-taken, 0
		ports := freePorts(t, 5, func() int {
			if picks++; picks == 1 {
				return first
			}
			return anyPort()
		})
		if picks < 2 || len(ports) != 5 || ports[0] == strconv.Itoa(first) {
			t.Errorf("port %d of 5 is taken: %q after %d picks", taken, ports, picks)
		}
		l.Close()
	}
}

// TestServeAgain: a relay that ends before it is ready is started again, and what it had
// started is stopped.
func TestServeAgain(t *testing.T) {
	s := &stage{t: t, dir: t.TempDir()}
	var first *process
	served := 0
	s.serve(program{serve: func(s *stage) error {
		if served++; served > 1 {
			return s.await(s.start("", "sh", "-c", "echo ready; exec sleep 600"), "ready")
		}
		first = s.start("", "sleep", "600")
		taken := s.start("", "sh", "-c", "echo address already in use; exit 1")
		return errors.Join(s.await(taken, "ready"), s.listens(taken, freePorts(t, 1, anyPort)...))
	}})
	if served != 2 || len(s.processes) != 1 {
		t.Errorf("served %d times, %d processes", served, len(s.processes))
	}
	select {
	case <-first.ended:
	default:
		t.Error("a process of the first try was not stopped")
	}
}
