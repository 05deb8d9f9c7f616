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

// A program is a TLS implementation that others made.
type program struct {
	name string
	// prefix comes before the name of each of its tools.
	prefix []string
	// find looks for the program and returns its version. It runs once.
	find func() (version string, err error)
	// client and server say how to start it; nil if it has no such role.
	client, server func(s *scenario, port int) command
	// without tells which scenarios it cannot take part in, and why. Keys
	// are a scenario's name, or a role before it: "client alpn".
	without map[string]string
	// without12 is the same for the scenarios of TLS 1.2.
	without12 map[string]string
	// mute: as a client it refuses a certificate without a word, because it
	// looks at it only after the handshake.
	mute bool

	once    sync.Once
	version string
	missing error
}

// A command is how to start a program and how to talk with it then.
type command struct {
	args []string
	env  []string
	// loop: a server that prints what arrives and sends what it reads
	// becomes an echo by joining the two.
	loop bool
	// ends: with loop, the server ends the conversation, because by itself
	// it goes on until its input ends.
	ends bool
	// announces: a server that chooses its port and prints it.
	announces bool
	// whole: a client that reads its input to the end before it sends.
	whole bool
	// waits: a client that goes on until the server ends too.
	waits bool
	// http: the conversation is a request and a response.
	http bool
	// chatty: it prints more than what arrives. Its two outputs are one.
	chatty bool
	// update is what it reads to change its keys, and ask for the other
	// side's; updated is the line it prints then, if any.
	update, updated string
	// stapled is what it says when an OCSP response came with the certificate.
	stapled string
	// authority: a server that shows no certificate unless the client takes what
	// its authority signs with, too.
	authority bool
	// ownStaple: a server that makes the OCSP response itself.
	ownStaple bool
	// asks is what a server is told in place of a line so that it asks for
	// another handshake.
	asks string
	// next is how to start a client that comes back for its second connection,
	// if it does not do so by itself.
	next *command
	// facts, if set, compares what it said of its connection.
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

// need leaves the test out if the program is not there, or fails it where
// that is not accepted.
func need(t *testing.T, p *program) {
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

// cannot returns why the program cannot play a role in a scenario, or "".
func (p *program) cannot(role string, s *scenario) string {
	if role == "client" && (p.client == nil || s.v12 != nil && s.v12.late) || role == "server" && p.server == nil {
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

// leftOut remembers the programs that were not there.
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
func newer() string {
	if dir := os.Getenv("SEALSOCK_PEERS_DIR"); dir != "" {
		return filepath.Join(dir, "trixie", "run")
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = filepath.Join(os.TempDir(), ".cache")
	}
	return filepath.Join(dir, "sealsock", "peers", "trixie", "run")
}

// today is the date that the table of results bears.
func today() string { return time.Now().UTC().Format(time.DateOnly) }
