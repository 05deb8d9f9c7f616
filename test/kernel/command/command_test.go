//go:build linux

package command

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock/address"
	_ "github.com/sealsock/sealsock/address/all"
	"github.com/sealsock/sealsock/internal/sockettest"
	"github.com/sealsock/sealsock/socket/bluetooth"
)

// program is the command's path: the machine has it in its PATH, and elsewhere it
// is built.
var program = "seal"

func TestMain(m *testing.M) {
	if sockettest.InVM() {
		os.Exit(m.Run())
	}
	dir, err := os.MkdirTemp("", "seal")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	program = filepath.Join(dir, "seal")
	code := 1
	if out, err := exec.Command("go", "build", "-o", program, "github.com/sealsock/sealsock/cmd/seal").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
	} else {
		code = m.Run()
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// A way is an address to listen on and one to connect to. If the second is
// empty, it is the one that the listener prints.
type way struct{ name, listen, connect string }

// ways lists one for every scheme that carries streams. Those with a descriptor
// are in TestInherited.
func ways(t *testing.T) []way {
	t.Helper()
	dir := t.TempDir()
	all := []way{
		{"tcp", "127.0.0.1:0", ""},
		{"tcp4", "tcp4://127.0.0.1:0", ""},
		{"tcp6", "tcp6://[::1]:0", ""},
		{"unix", "unix://" + filepath.Join(dir, "stream"), ""},
		{"unix-abstract", fmt.Sprintf("unix://@command-%d", os.Getpid()), ""},
		{"seqpacket", "seqpacket://" + filepath.Join(dir, "packets"), ""},
		{"seqpacket-abstract", fmt.Sprintf("seqpacket://@command-%d", os.Getpid()), ""},
		{"vsock", "vsock://any:4433", "vsock://local:4433"},
		{"tipc", "tipc://18901:0-9", "tipc://18901:7"},
		{"sctp", "sctp://127.0.0.1:4443", "sctp://127.0.0.1:4443"},
		{"mptcp", "mptcp://127.0.0.1:4444", "mptcp://127.0.0.1:4444"},
		{"smc", "smc://127.0.0.1:4445", "smc://127.0.0.1:4445"},
		{"isotp", "isotp://vcan0/5e0:5e8", "isotp://vcan0/5e8:5e0"},
	}
	device := "00:00:00:00:00:01"
	if devices, err := bluetooth.Controllers(); err == nil && len(devices) > 1 {
		for _, d := range devices[:2] {
			if err := errors.Join(d.Start(), d.SetVisible(true, true)); err != nil {
				t.Fatal(err)
			}
		}
		if devices, err = bluetooth.Controllers(); err != nil {
			t.Fatal(err)
		}
		device = devices[1].Device.String()
	} else if sockettest.InVM() {
		t.Errorf("no two Bluetooth controllers: %v", err)
	}
	return append(all, way{"rfcomm", "rfcomm://" + device + "/7", "rfcomm://" + device + "/7"},
		way{"l2cap", "l2cap://" + device + "/4105", "l2cap://" + device + "/4105"})
}

// TestEverySchemeIsTried keeps ways complete.
func TestEverySchemeIsTried(t *testing.T) {
	tried := map[string]bool{"fd": true, "stdio": true} // by TestInherited
	for _, w := range ways(t) {
		tried[address.MustParse(w.listen).Scheme()] = true
	}
	for _, s := range address.Schemes() {
		if a, err := address.Parse(s.Name + "://localhost"); err == nil && a.Network() == "tcp" {
			continue // a service over TCP, which is tried
		}
		if carriesStreams(s.Name) && !tried[s.Name] {
			t.Errorf("nothing tries %s://", s.Name)
		}
	}
}

// carriesStreams excludes schemes for datagrams, and those that an HTTP server
// opens.
func carriesStreams(scheme string) bool {
	return !strings.HasPrefix(scheme, "udp") && scheme != "unixgram" &&
		!strings.HasPrefix(scheme, "ws")
}

// rows are the families' in the table of docs/sockets.md.
var rows = map[string]string{
	"tcp": "TCP", "tcp4": "TCP", "tcp6": "TCP", "unix": "UNIX stream", "unix-abstract": "UNIX stream", "seqpacket": "UNIX seqpacket",
	"seqpacket-abstract": "UNIX seqpacket", "vsock": "vsock", "tipc": "TIPC", "sctp": "SCTP", "mptcp": "MPTCP", "smc": "SMC",
	"isotp": "ISO-TP", "rfcomm": "RFCOMM", "l2cap": "L2CAP",
}

func TestFamilies(t *testing.T) {
	home := t.TempDir()
	for _, w := range ways(t) {
		t.Run(w.name, func(t *testing.T) {
			sockettest.Shows(t, rows[w.name], sockettest.Command)
			if !sockettest.InVM() {
				needRoundTrip(t, w)
			}
			to := w.connect
			server := start(t, home, nil, "listen", "--echo", w.listen)
			if at := server.address(t); to == "" {
				to = at
			}
			talk(t, home, to)
			server.end(t)
		})
	}
}

const text = "one line\nand another\n"

// talk connects, sends two lines and reads them back.
func talk(t *testing.T, home, to string) {
	t.Helper()
	ctx := sockettest.Context(t)
	cmd := exec.CommandContext(ctx, program, "connect", to)
	cmd.Env = environment(home)
	cmd.Stdin = strings.NewReader(text)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil || string(out) != text {
		t.Errorf("connect %s printed %q, %v\n%s", to, out, err, said.Bytes())
	}
	if !strings.Contains(said.String(), "TLS 1.3") {
		t.Errorf("connect %s does not say what was agreed on:\n%s", to, said.Bytes())
	}
}

func environment(home string) []string {
	return append(os.Environ(), "HOME="+home, "SEALSOCK_HOME="+filepath.Join(home, "seal"))
}

// A process is a running command.
type process struct {
	cmd    *exec.Cmd
	stderr *bufio.Reader
	said   bytes.Buffer
}

func start(t *testing.T, home string, files []*os.File, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.CommandContext(sockettest.Context(t), program, args...)}
	p.cmd.Env = environment(home)
	p.cmd.ExtraFiles = files
	out, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.stderr = bufio.NewReader(io.TeeReader(out, &p.said))
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if p.cmd.ProcessState == nil {
			_ = p.cmd.Process.Kill()
			_ = p.cmd.Wait()
		}
	})
	return p
}

// address waits until the listener prints its address.
func (p *process) address(t *testing.T) string {
	t.Helper()
	for {
		line, err := p.stderr.ReadString('\n')
		if rest, ok := strings.CutPrefix(line, "seal: listening on "); ok {
			at, _, _ := strings.Cut(rest, " ")
			return at
		}
		if err != nil {
			t.Fatalf("the listener ended: %v\n%s", err, p.said.Bytes())
		}
	}
}

// end waits for a process to exit and checks that it succeeded.
func (p *process) end(t *testing.T) {
	t.Helper()
	_, _ = io.Copy(io.Discard, p.stderr)
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, p.said.Bytes())
	}
}

// TestInherited gives the listener its socket as a descriptor: the listening
// one, as systemd and inetd's "wait" do, and the connection itself as standard
// input and output, as inetd's "nowait" does.
func TestInherited(t *testing.T) {
	sockettest.Shows(t, "TCP", sockettest.Command)
	home := t.TempDir()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	t.Run("fd", func(t *testing.T) {
		server := start(t, home, []*os.File{f}, "listen", "--echo", "fd://3")
		server.address(t)
		talk(t, home, "tcp://"+l.Addr().String())
		server.end(t)
	})
	t.Run("stdio", func(t *testing.T) {
		server := exec.CommandContext(sockettest.Context(t), program, "listen", "--echo", "stdio:")
		server.Env = environment(home)
		var said bytes.Buffer
		server.Stderr = &said
		ended := make(chan error, 1)
		go func() { ended <- serveOne(l, server) }()
		talk(t, home, "tcp://"+l.Addr().String())
		if err := <-ended; err != nil {
			t.Errorf("%v\n%s", err, said.Bytes())
		}
	})
}

// serveOne runs a command with a connection as its standard input and output.
func serveOne(l net.Listener, cmd *exec.Cmd) error {
	c, err := l.Accept()
	if err != nil {
		return err
	}
	f, err := c.(*net.TCPConn).File()
	if err != nil {
		return err
	}
	_ = c.Close()
	cmd.Stdin, cmd.Stdout = f, f
	if err := cmd.Start(); err != nil {
		return err
	}
	_ = f.Close()
	return cmd.Wait()
}

// needRoundTrip skips if the kernel lacks the family, or offers no peer for it.
func needRoundTrip(t *testing.T, w way) {
	t.Helper()
	ctx, cancel := context.WithTimeout(sockettest.Context(t), 3*time.Second)
	defer cancel()
	l, err := address.MustParse(w.listen).Listen(ctx)
	if err == nil {
		defer l.Close()
		if w.connect == "" {
			return
		}
		go func() {
			if c, err := l.Accept(); err == nil {
				_ = c.Close()
			}
		}()
		var c net.Conn
		if c, err = address.MustParse(w.connect).Dial(ctx); err == nil {
			_ = c.Close()
			return
		}
	}
	t.Skipf("not on this kernel: %v", err)
}
