//go:build !windows

package transfer

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// size is the size of the file in bytes, if SEALSOCK_TRANSFER does not have another. Each program
// sends it rounds times.
const (
	size   = 64 << 20
	rounds = 3
	limit  = 3 * time.Minute // for each step
)

// A program sends a file through a relay of its own.
type program struct {
	name string
	// needs are the executables.
	needs []string
	// serve starts the relay.
	serve func(*stage)
	// send starts the sender of ../big and returns the code.
	send func(*stage) string
	// receive is the command that receives into the working directory.
	receive func(s *stage, code string) []string
}

var programs = []program{
	{
		name: "seal send", needs: nil,
		serve: func(s *stage) {
			s.port = port(s.t)
			s.await(s.start("", s.seal, "relay", "localhost:"+s.port), "listening on")
		},
		send: func(s *stage) string {
			out := s.start("", s.seal, "send", "--quiet", "--no-direct", "--relay",
				"localhost:"+s.port, "big")
			s.await(out, "\n")
			return strings.TrimSpace(out.text())
		},
		receive: func(s *stage, code string) []string {
			return []string{s.seal, "receive", "--quiet", "--yes", "--relay", "localhost:" + s.port,
				"--code", code}
		},
	},
	{
		name: "croc", needs: []string{"croc"},
		serve: func(s *stage) {
			s.port = port(s.t)
			first, _ := strconv.Atoi(s.port)
			var ports []string
			for i := range 5 {
				ports = append(ports, strconv.Itoa(first+i))
			}
			s.start("", "croc", "relay", "--host", "127.0.0.1", "--ports", strings.Join(ports, ","))
			s.listens(ports[4])
		},
		send: func(s *stage) string {
			code := fmt.Sprintf("%d-alpha-beta-gamma", 1000+rand.N(9000))
			s.start("CROC_SECRET="+code, "croc", "--yes", "--no-compress", "--relay",
				"127.0.0.1:"+s.port, "send", "--no-local", "big")
			time.Sleep(2 * time.Second) // it tells nothing about when it can be reached
			return code
		},
		receive: func(s *stage, code string) []string {
			return []string{"env", "CROC_SECRET=" + code, "croc", "--yes", "--no-compress", "--relay",
				"127.0.0.1:" + s.port}
		},
	},
	{
		name: "magic-wormhole", needs: []string{"wormhole", "twistd3"},
		serve: func(s *stage) {
			s.port, s.transit = port(s.t), port(s.t)
			s.start("", "twistd3", "--pidfile", "mailbox.pid", "-n", "wormhole-mailbox", "--port",
				"tcp:"+s.port+":interface=127.0.0.1")
			s.start("", "twistd3", "--pidfile", "transit.pid", "-n", "transitrelay", "--port",
				"tcp:"+s.transit+":interface=127.0.0.1")
			s.listens(s.port)
			s.listens(s.transit)
		},
		send: func(s *stage) string {
			code := fmt.Sprintf("%d-acid-acorn", 1+rand.N(900))
			s.start("", "wormhole", append(s.meeting(), "send", "--no-listen", "--hide-progress",
				"--code", code, "big")...)
			time.Sleep(2 * time.Second)
			return code
		},
		receive: func(s *stage, code string) []string {
			return append(append([]string{"wormhole"}, s.meeting()...), "receive", "--no-listen",
				"--hide-progress", "--accept-file", code)
		},
	},
}

// A stage has the processes of one program.
type stage struct {
	t             testing.TB
	dir           string
	seal          string
	port, transit string
	n             int
}

// meeting has the flags of wormhole for the servers of this machine.
func (s *stage) meeting() []string {
	return []string{"--relay-url", "ws://127.0.0.1:" + s.port + "/v1", "--transit-helper",
		"tcp:127.0.0.1:" + s.transit}
}

// output collects what a process prints.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) text() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

func (s *stage) command(env string, name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "SEALSOCK_HOME="+filepath.Join(s.dir, "home"), "HOME="+s.dir)
	if env != "" {
		cmd.Env = append(cmd.Env, env)
	}
	return cmd
}

// start starts a process that ends with the test.
func (s *stage) start(env string, name string, args ...string) *output {
	s.t.Helper()
	cmd, out := s.command(env, name, args...), new(output)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return out
}

// await waits until a process has printed a text.
func (s *stage) await(out *output, text string) {
	s.t.Helper()
	for end := time.Now().Add(limit); !strings.Contains(out.text(), text); {
		if time.Now().After(end) {
			s.t.Fatalf("no %q in %q", text, out.text())
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// listens waits until a process accepts connections.
func (s *stage) listens(port string) {
	s.t.Helper()
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if c, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
			c.Close()
			return
		}
	}
	s.t.Fatalf("port %s does not listen", port)
}

// port returns a port that is free now.
func port(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// transfer sends the file once and returns how long the receiver took.
func (s *stage) transfer(p program, want [32]byte) time.Duration {
	code := p.send(s)
	s.n++
	at := filepath.Join(s.dir, fmt.Sprintf("in%d", s.n))
	if err := os.Mkdir(at, 0o700); err != nil {
		s.t.Fatal(err)
	}
	args := p.receive(s, code)
	cmd := s.command("", args[0], args[1:]...)
	cmd.Dir = at
	began := time.Now()
	out, err := cmd.CombinedOutput()
	took := time.Since(began)
	if err != nil {
		s.t.Fatalf("%s: %v: %s", p.name, err, out)
	}
	b, err := os.ReadFile(filepath.Join(at, "big"))
	if err != nil || sha256.Sum256(b) != want {
		s.t.Fatalf("%s: another file arrived: %v: %s", p.name, err, out)
	}
	if err := os.RemoveAll(at); err != nil {
		s.t.Fatal(err)
	}
	return took
}

// BenchmarkThroughput sends a file with each program in turn and reports the rates. A program
// that is missing is named and left out.
func BenchmarkThroughput(t *testing.B) {
	seal := filepath.Join(t.TempDir(), "seal")
	build := exec.Command("go", "build", "-o", seal, "../../cmd/seal")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	length := size
	if text := os.Getenv("SEALSOCK_TRANSFER"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			t.Fatalf("SEALSOCK_TRANSFER=%s is no size", text)
		}
		length = n
	}
	content := make([]byte, length)
	rand.NewChaCha8([32]byte{2}).Read(content)
	want := sha256.Sum256(content)
	var stages []*stage
	for _, p := range programs {
		missing := slices.ContainsFunc(p.needs, func(name string) bool {
			_, err := exec.LookPath(name)
			return err != nil
		})
		if missing {
			t.Logf("%s is left out: %v are needed", p.name, p.needs)
			stages = append(stages, nil)
			continue
		}
		s := &stage{t: t, dir: t.TempDir(), seal: seal}
		if err := os.WriteFile(filepath.Join(s.dir, "big"), content, 0o600); err != nil {
			t.Fatal(err)
		}
		p.serve(s)
		stages = append(stages, s)
	}
	rates := make([][]float64, len(programs))
	for range rounds {
		for i, p := range programs {
			if s := stages[i]; s != nil {
				took := s.transfer(p, want)
				rates[i] = append(rates[i], float64(length)/(1<<20)/took.Seconds())
			}
		}
	}
	for i, p := range programs {
		if len(rates[i]) > 0 {
			slices.Sort(rates[i])
			t.Logf("%-15s %7.1f MiB/s, the median of %.1f", p.name, rates[i][rounds/2], rates[i])
			t.ReportMetric(rates[i][rounds/2], strings.ReplaceAll(p.name, " ", "-")+"-MiB/s")
		}
	}
}
