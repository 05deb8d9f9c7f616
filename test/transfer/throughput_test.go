//go:build !windows

package transfer

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
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
	// serve starts the relay on free ports. It fails if another process has taken one of
	// them before the relay listens.
	serve func(*stage) error
	// send starts the sender of ../big and returns the code.
	send func(*stage) string
	// receive is the command that receives into the working directory.
	receive func(s *stage, code string) []string
}

var programs = []program{
	{
		name: "seal send", needs: nil,
		serve: func(s *stage) error {
			s.port = freePorts(s.t, 1, anyPort)[0]
			return s.await(s.start("", s.seal, "relay", "localhost:"+s.port), "listening on")
		},
		send: func(s *stage) string {
			out := s.start("", s.seal, "send", "--quiet", "--no-direct", "--relay",
				"localhost:"+s.port, "big")
			if err := s.await(out, "\n"); err != nil {
				s.t.Fatal(err)
			}
			return strings.TrimSpace(out.text())
		},
		receive: func(s *stage, code string) []string {
			return []string{s.seal, "receive", "--quiet", "--yes", "--relay", "localhost:" + s.port,
				"--code", code}
		},
	},
	{
		name: "croc", needs: []string{"croc"},
		serve: func(s *stage) error {
			ports := freePorts(s.t, 5, anyPort)
			s.port = ports[0]
			return s.listens(s.start("", "croc", "relay", "--host", "127.0.0.1", "--ports",
				strings.Join(ports, ",")), ports...)
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
		serve: func(s *stage) error {
			ports := freePorts(s.t, 2, anyPort)
			s.port, s.transit = ports[0], ports[1]
			for i, name := range []string{"wormhole-mailbox", "transitrelay"} {
				twistd := s.start("", "twistd3", "--pidfile", ports[i]+".pid", "-n", name, "--port",
					"tcp:"+ports[i]+":interface=127.0.0.1")
				if err := s.listens(twistd, ports[i]); err != nil {
					return err
				}
			}
			return nil
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
	processes     []*process
}

// meeting has the flags of wormhole for the servers of this machine.
func (s *stage) meeting() []string {
	return []string{"--relay-url", "ws://127.0.0.1:" + s.port + "/v1", "--transit-helper",
		"tcp:127.0.0.1:" + s.transit}
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
		s.serve(p)
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
