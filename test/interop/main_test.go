package interop

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sealsock/sealsock/internal/peers"
)

var update = flag.Bool("update", false, "write docs/interop.md")

// work is a folder for keys, certificates and compiled programs.
var work string

func TestMain(m *testing.M) {
	if role := os.Getenv(standardRole); role != "" {
		if err := standardPeer(role); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if os.Getenv(replayKey) != "" {
		fmt.Fprintln(os.Stderr, replayServer())
		os.Exit(1)
	}
	flag.Parse()
	var err error
	if work, err = os.MkdirTemp("", "interop"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	makeCertificates()
	code := m.Run()
	os.RemoveAll(work)
	leftOut.report()
	if code == 0 && *update {
		if err := results.write("../../docs/interop.md"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// A program is a foreign TLS implementation.
type program struct {
	name string
	// prefix comes before the name of each of its tools.
	prefix []string
	// find looks for the program and returns its version. It runs once.
	find func() (version string, err error)
	// client and server return the command for a role; nil if the program lacks
	// the role.
	client, server func(s *scenario, port int) command
	// without lists the scenarios that it does not support, with the reasons.
	// Keys are a scenario's name, or a role before it: "client alpn".
	without map[string]string
	// without12 is the same for the scenarios of TLS 1.2.
	without12 map[string]string
	// mute is set if, as a client, it rejects a certificate without an alert,
	// because it verifies it only after the handshake.
	mute bool

	once    sync.Once
	version string
	missing error
}

// A command describes how to start a program and how to communicate with it.
type command struct {
	args []string
	env  []string
	// loop makes an echo of a server that prints received data and sends its
	// input, by connecting the two.
	loop bool
	// ends: with loop, the test ends the server's input, because otherwise the
	// server does not end the connection.
	ends bool
	// announces is set for a server that chooses its port and prints it.
	announces bool
	// whole is set for a client that reads its input to the end before it sends.
	whole bool
	// waits is set for a client that continues until the server ends too.
	waits bool
	// http is set if the exchange is a request and a response.
	http bool
	// chatty is set if it prints more than the received data. Its two outputs
	// are merged.
	chatty bool
	// update is the input that makes it change its keys and request an update of
	// the other side; updated is the line that it then prints, if any.
	update, updated string
	// stapled is its message about a stapled OCSP response.
	stapled string
	// authority is set for a server that sends a certificate only if the client
	// also accepts the signature algorithm of its authority.
	authority bool
	// ownStaple is set for a server that makes the OCSP response itself.
	ownStaple bool
	// asks is the input, in place of a line, that makes a server request
	// renegotiation.
	asks string
	// next returns the command for the second connection of a client that does
	// not reconnect by itself.
	next *command
	// facts, if not nil, checks its description of the connection.
	facts func(said string) error
}

// tool is how to start one of the program's tools.
func (p *program) tool(name string, args ...string) []string {
	return append(append(slices.Clone(p.prefix), name), args...)
}

// look finds the program, once.
func (p *program) look() (version string, err error) {
	p.once.Do(func() { p.version, p.missing = p.find() })
	return p.version, p.missing
}

// need skips the test if the program is missing, or fails it if peers are
// required.
func need(t testing.TB, p *program) {
	t.Helper()
	if _, err := p.look(); err != nil {
		if os.Getenv("SEALSOCK_PEERS") == "require" {
			t.Fatalf("%s is missing: %v", p.name, err)
		}
		leftOut.add(p.name, err)
		t.Skipf("left out: %s: %v", p.name, err)
	}
}

const noRole = "it has no such role"

// cannot returns why the program does not support a role in a scenario, or "".
func (p *program) cannot(role string, s *scenario) string {
	if role == "client" && (p.client == nil || s.old().late) || role == "server" && p.server == nil {
		return noRole
	}
	without := p.without
	if s.v12 != nil {
		without = p.without12
	}
	if why := without[role+" "+s.name]; why != "" {
		return why
	}
	return without[s.name]
}

// leftOut records the missing programs.
var leftOut absences

type absences struct {
	sync.Mutex
	lines []string
}

func (a *absences) add(name string, err error) {
	a.Lock()
	defer a.Unlock()
	line := fmt.Sprintf("left out: %s: %v", name, err)
	if !slices.Contains(a.lines, line) {
		a.lines = append(a.lines, line)
	}
}

func (a *absences) report() {
	for _, line := range a.lines {
		fmt.Println(line)
	}
}

// output runs a program for its version: the first line that it prints.
func output(name string, args ...string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("no %s here", filepath.Base(name))
	}
	out, err := exec.Command(path, args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimSpace(line), nil
}

// newer is the starter of the programs that scripts/peers.sh unpacked.
func newer() string { return peers.Newer() }

// today is the date that the table of results bears.
func today() string { return time.Now().UTC().Format(time.DateOnly) }
