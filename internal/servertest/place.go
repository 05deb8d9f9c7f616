//go:build !windows

// Package servertest starts servers of other projects for tests, with certificates of an
// authority that it makes, on free ports of loopback and in a temporary folder.
// scripts/peers.sh installs the programs.
package servertest

import (
	"context"
	"fmt"
	"io"
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
	"github.com/sealsock/sealsock/internal/peers"
	"github.com/sealsock/sealsock/trust"
)

// Patience bounds the start of a server, and each conversation. Only a failure
// takes that long.
const Patience = time.Minute

// Unprivileged is the user of servers that refuse to run as root.
const Unprivileged = 65534

// Host is the name in the certificate of each server.
const Host = "localhost"

// A Place is the folder of a test, with the files of an authority.
type Place struct {
	Dir      string
	Identity *identity.Identity // of Host and 127.0.0.1, in cert.pem and key.pem
	Roots    *trust.Roots       // the authority, in ca.pem

	authority *authority.Authority
}

// New makes a folder that a server may read after it has changed its user.
func New(t *testing.T) *Place {
	t.Helper()
	dir, err := os.MkdirTemp("", "servertest")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	p := &Place{Dir: dir, Roots: new(trust.Roots)}
	a, err := authority.Create(p.Path("ca"), authority.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p.authority = a
	if p.Identity, err = a.ForNames(Host, "127.0.0.1"); err != nil {
		t.Fatal(err)
	}
	if err = authority.SaveFiles(p.Identity, p.Path("cert.pem"), p.Path("key.pem")); err != nil {
		t.Fatal(err)
	}
	p.Write("ca.pem", string(a.RootPEM()))
	if _, err = p.Roots.AddPEM(a.RootPEM()); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return p
}

// Path returns the path of a file in the folder.
func (p *Place) Path(name string) string { return filepath.Join(p.Dir, name) }

// Write writes a file and returns its path.
func (p *Place) Write(name, text string) string {
	if err := os.WriteFile(p.Path(name), []byte(text), 0o644); err != nil {
		panic(err)
	}
	return p.Path(name)
}

// Folder makes a folder and returns its path.
func (p *Place) Folder(name string) string {
	if err := os.MkdirAll(p.Path(name), 0o755); err != nil {
		panic(err)
	}
	return p.Path(name)
}

// Fill replaces {dir} and {port} in a configuration.
func (p *Place) Fill(text string, port int) string {
	return strings.NewReplacer("{dir}", p.Dir, "{port}", fmt.Sprint(port)).Replace(text)
}

// Client is the configuration of a client that verifies the server.
func (p *Place) Client() *sealsock.Config {
	return &sealsock.Config{ServerName: Host, Trust: &trust.Policy{Roots: p.Roots}}
}

// ClientIdentity makes an identity of a client with the name.
func (p *Place) ClientIdentity(t *testing.T, name string) *identity.Identity {
	t.Helper()
	id, _, err := p.authority.Issue(authority.Request{Names: []string{name}, Client: true})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// Server is the configuration of a server.
func (p *Place) Server() *sealsock.Config {
	return &sealsock.Config{Identities: []*identity.Identity{p.Identity}}
}

// Give gives the files of the Place to the Unprivileged user, if the test runs as
// root, and returns the attributes of a process of that user.
func (p *Place) Give(t *testing.T) *syscall.SysProcAttr {
	t.Helper()
	attributes := &syscall.SysProcAttr{Setpgid: true}
	if os.Getuid() != 0 {
		return attributes
	}
	attributes.Credential = &syscall.Credential{Uid: Unprivileged, Gid: Unprivileged}
	err := filepath.WalkDir(p.Dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chown(path, Unprivileged, Unprivileged)
	})
	if err != nil {
		t.Fatal(err)
	}
	return attributes
}

// Start starts a server. At the end of the test it receives SIGTERM, and what is
// left of its process group SIGKILL.
func Start(t *testing.T, cmd *exec.Cmd) {
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

// Run runs a program to its end.
func Run(t *testing.T, cmd *exec.Cmd) string {
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

// Need skips the test if a program is missing, or fails it if SEALSOCK_PEERS is "require".
func Need(t *testing.T, programs ...string) {
	t.Helper()
	for _, program := range programs {
		peers.Need(t, program)
	}
}

// NeedRoot skips a test of servers that run only as root for another user, or fails it if
// SEALSOCK_PEERS is "require".
func NeedRoot(t *testing.T, why string) {
	t.Helper()
	if os.Getuid() == 0 {
		return
	}
	if why = "needs root: " + why; os.Getenv("SEALSOCK_PEERS") == "require" {
		t.Fatal(why + ", and SEALSOCK_PEERS=require")
	}
	t.Skip("left out: " + why)
}

// Answer starts a server that sends text to each client after its first message, and ends
// the connection. It returns its port.
func Answer(t *testing.T, text string) int {
	t.Helper()
	return serve(t, func(c net.Conn) {
		c.Read(make([]byte, 1024))
		c.Write([]byte(text))
	})
}

// Greet starts a server that sends text to each client and waits for its end. It returns
// its port.
func Greet(t *testing.T, text string) int {
	t.Helper()
	return serve(t, func(c net.Conn) {
		c.Write([]byte(text))
		io.Copy(io.Discard, c)
	})
}

func serve(t *testing.T, handle func(net.Conn)) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				handle(c)
			}()
		}
	}()
	return l.Addr().(*net.TCPAddr).Port
}

// Dial connects to a server as soon as it listens.
func Dial(ctx context.Context, port int) (net.Conn, error) {
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
