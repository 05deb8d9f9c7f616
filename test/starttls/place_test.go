//go:build !windows

package starttls

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/authority"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/trust"
)

// patience bounds the start of a server, and each conversation. Only a failure
// takes that long.
const patience = time.Minute

// unprivileged is the user of servers that refuse to run as root.
const unprivileged = 65534

// host is the name in the certificate of each server.
const host = "localhost"

// A place is the folder of a test, with the files of an authority.
type place struct {
	dir      string
	identity *identity.Identity
	roots    *trust.Roots
}

// newPlace makes a folder that a server may read after it has changed its user.
func newPlace(t *testing.T) *place {
	t.Helper()
	dir, err := os.MkdirTemp("", "starttls")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	p := &place{dir: dir, roots: new(trust.Roots)}
	a, err := authority.Create(p.path("ca"), authority.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if p.identity, err = a.ForNames(host, "127.0.0.1"); err != nil {
		t.Fatal(err)
	}
	if err = authority.SaveFiles(p.identity, p.path("cert.pem"), p.path("key.pem")); err != nil {
		t.Fatal(err)
	}
	p.write("ca.pem", string(a.RootPEM()))
	if _, err = p.roots.AddPEM(a.RootPEM()); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *place) path(name string) string { return filepath.Join(p.dir, name) }

// write writes a file and returns its path.
func (p *place) write(name, text string) string {
	if err := os.WriteFile(p.path(name), []byte(text), 0o644); err != nil {
		panic(err)
	}
	return p.path(name)
}

// folder makes a folder and returns its path.
func (p *place) folder(name string) string {
	if err := os.MkdirAll(p.path(name), 0o755); err != nil {
		panic(err)
	}
	return p.path(name)
}

// fill replaces {dir} and {port} in a configuration.
func (p *place) fill(text string, port int) string {
	return strings.NewReplacer("{dir}", p.dir, "{port}", fmt.Sprint(port)).Replace(text)
}

// client is the configuration of a client that verifies the server.
func (p *place) client() *sealsock.Config {
	return &sealsock.Config{ServerName: host, Trust: &trust.Policy{Roots: p.roots}}
}

// server is the configuration of a server.
func (p *place) server() *sealsock.Config {
	return &sealsock.Config{Identities: []*identity.Identity{p.identity}}
}

// give gives the files of the place to the unprivileged user, if the test runs as
// root, and returns the attributes of a process of that user.
func (p *place) give(t *testing.T) *syscall.SysProcAttr {
	t.Helper()
	attributes := &syscall.SysProcAttr{Setpgid: true}
	if os.Getuid() != 0 {
		return attributes
	}
	attributes.Credential = &syscall.Credential{Uid: unprivileged, Gid: unprivileged}
	err := filepath.WalkDir(p.dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chown(path, unprivileged, unprivileged)
	})
	if err != nil {
		t.Fatal(err)
	}
	return attributes
}

// start starts a server. At the end of the test it receives SIGTERM, and what is
// left of its process group SIGKILL.
func start(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	var said lockedText
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.WaitDelay = time.Second
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		group := -cmd.Process.Pid
		cmd.Process.Signal(syscall.SIGTERM)
		var err error
		select {
		case err = <-ended:
			syscall.Kill(group, syscall.SIGKILL)
		case <-time.After(3 * time.Second):
			syscall.Kill(group, syscall.SIGKILL)
			err = <-ended
		}
		if t.Failed() {
			t.Logf("%s\nended with %v and printed:\n%s", strings.Join(cmd.Args, " "), err, said.String())
		}
	})
}

// run runs a program to its end.
func run(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", strings.Join(cmd.Args, " "), err, out)
	}
	return string(out)
}

// A lockedText may be read while a process writes to it.
type lockedText struct {
	sync.Mutex
	text strings.Builder
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.Lock()
	defer l.Unlock()
	return l.text.Write(p)
}

func (l *lockedText) String() string {
	l.Lock()
	defer l.Unlock()
	return l.text.String()
}

// freePort returns a port that nothing listens on.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// dial connects to a server as soon as it listens.
func dial(ctx context.Context, port int) (net.Conn, error) {
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			return conn, nil
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(20 * time.Millisecond):
		}
	}
}
