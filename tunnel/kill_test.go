//go:build unix

package tunnel_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/testcert"
	"github.com/sealsock/sealsock/trust"
	"github.com/sealsock/sealsock/tunnel"
)

// role is the environment variable that makes this test a process of a service, "old" or
// "new", or the "peers" of a tunnel. folder has the certificate and the UNIX socket of a service.
const (
	role   = "TUNNEL_TEST_ROLE"
	folder = "TUNNEL_TEST_FOLDER"
)

func TestMain(m *testing.M) {
	var err error
	switch os.Getenv(role) {
	case "":
		os.Exit(m.Run())
	case "old":
		err = oldProcess(os.Getenv(folder))
	case "new":
		err = newProcess(os.Getenv(folder))
	case "peers":
		err = idlePeers(os.Stdin, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// service returns the configuration of both processes.
func service(dir string) (*sealsock.Config, error) {
	id, err := identity.Load(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	return &sealsock.Config{Identities: []*identity.Identity{id}}, err
}

// oldProcess accepts one connection and echoes, until a new process connects to its UNIX
// socket, to which it hands the connection over.
func oldProcess(dir string) error {
	cfg, err := service(dir)
	if err != nil {
		return err
	}
	upgrade, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, "s"), Net: "unix"})
	if err != nil {
		return err
	}
	l, err := sealsock.Listen(context.Background(), "127.0.0.1:0", cfg)
	if err != nil {
		return err
	}
	fmt.Println(l.Addr().(*net.TCPAddr).Port)
	conn, err := l.AcceptConn(context.Background())
	if err != nil {
		return err
	}
	left := make(chan []byte, 1)
	go func() {
		rest, err := echo(conn, nil)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			os.Exit(0) // the peer has ended it
		}
		left <- rest
	}()
	u, err := upgrade.AcceptUnix()
	if err != nil {
		return err
	}
	conn.SetDeadline(time.Unix(1, 0))
	return tunnel.Send(context.Background(), u, conn, <-left)
}

// newProcess takes the connection over and continues.
func newProcess(dir string) error {
	cfg, err := service(dir)
	if err != nil {
		return err
	}
	u, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: filepath.Join(dir, "s"), Net: "unix"})
	if err != nil {
		return err
	}
	o, err := tunnel.Receive(context.Background(), u)
	if err != nil {
		return err
	}
	conn, err := o.Conn(context.Background(), cfg)
	if err != nil {
		return err
	}
	fmt.Println("taken over")
	_, err = echo(conn, o.Extra)
	return errors.Join(err, conn.Close())
}

// echo sends back what it receives. left is what was received and not sent.
func echo(conn *sealsock.Conn, left []byte) ([]byte, error) {
	buf := make([]byte, 20_000)
	for {
		for len(left) > 0 {
			n, err := conn.Write(left)
			if left = left[n:]; err != nil {
				return left, err
			}
		}
		n, err := conn.Read(buf)
		left = append(left[:0:0], buf[:n]...)
		if errors.Is(err, io.EOF) {
			return nil, nil
		} else if err != nil {
			return left, err
		}
	}
}

// kills is how many processes TestKill kills: SEALSOCK_KILLS, or 200, or in short tests 20.
func kills() int {
	if n, err := strconv.Atoi(os.Getenv("SEALSOCK_KILLS")); err == nil {
		return n
	}
	if testing.Short() {
		return 20
	}
	return 200
}

// TestKill kills the old or the new process at a random time around a hand-over, while the
// client sends and receives. Each connection continues in one process, or is cut. It is never
// in both: their records would not fit together. The client is not crypto/tls, which does not
// change its receiving key when it cannot send its own key update, and then takes the
// records before a cut for forged ones.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	ca := testcert.New()
	leaf := ca.Issue(testcert.NewKey("p256"), nil, "localhost")
	for name, data := range map[string][]byte{"cert.pem": leaf.CertPEM(), "key.pem": leaf.KeyPEM()} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	roots := new(trust.Roots)
	if err := roots.AddDER(ca.Cert.Raw); err != nil {
		t.Fatal(err)
	}
	var lived, cut, next atomic.Int32
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			for i := int(next.Add(1)); i <= kills() && !t.Failed(); i = int(next.Add(1)) {
				cfg := &sealsock.Config{Trust: &trust.Policy{Roots: roots}, ServerName: "localhost"}
				if i%4 == 0 {
					cfg.Options = engine.Options{MinVersion: iana.TLS12, MaxVersion: iana.TLS12}
				}
				k := &killing{dir: t.TempDir(), certs: dir, cfg: cfg, old: i%2 == 0, number: i}
				if k.run(t) {
					lived.Add(1)
				} else {
					cut.Add(1)
				}
			}
		})
	}
	all.Wait()
	t.Logf("%d connections lived on, %d were cut", lived.Load(), cut.Load())
	if lived.Load() == 0 || cut.Load() == 0 {
		t.Error("the moments of the kills do not cover both results")
	}
}

// A killing is one connection.
type killing struct {
	dir, certs string
	cfg        *sealsock.Config
	old        bool // kill the old process
	number     int
}

// process starts a process of the service.
func (k *killing) process(t *testing.T, as string) (*exec.Cmd, *bufio.Reader) {
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), role+"="+as, folder+"="+k.dir)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Error(err)
		return nil, nil
	}
	return cmd, bufio.NewReader(out)
}

// run reports whether the connection lived on.
func (k *killing) run(t *testing.T) (lived bool) {
	for _, name := range []string{"cert.pem", "key.pem"} {
		if err := os.Link(filepath.Join(k.certs, name), filepath.Join(k.dir, name)); err != nil {
			t.Error(err)
			return false
		}
	}
	old, out := k.process(t, "old")
	line, err := out.ReadString('\n')
	if err != nil {
		t.Errorf("no port: %v", err)
		return false
	}
	conn, err := sealsock.Dial(t.Context(), "127.0.0.1:"+strings.TrimSpace(line), k.cfg)
	if err != nil {
		t.Error(err)
		return false
	}
	defer conn.Close()
	sent := make(chan error, 1)
	stop := make(chan struct{})
	go func() { sent <- sendNumbers(conn, stop) }()
	young, told := k.process(t, "new")
	victim := young
	if k.old {
		victim = old
	}
	go k.kill(t, victim, told, stop)
	err = receiveNumbers(conn)
	conn.Close()
	<-sent
	for _, cmd := range []*exec.Cmd{old, young} {
		cmd.Process.Kill()
		cmd.Wait()
	}
	if err != nil && !isCut(err) {
		t.Errorf("connection %d ended in %v", k.number, err)
	}
	return err == nil
}

// kill kills a process at a random time: while the new one starts, or around the hand-over.
func (k *killing) kill(t *testing.T, victim *exec.Cmd, told *bufio.Reader, stop chan struct{}) {
	defer close(stop)
	if k.number%3 == 0 {
		told.ReadString('\n') // at the end of the hand-over
	}
	time.Sleep(time.Duration(rand.IntN(60_000_000)))
	err := victim.Process.Signal(syscall.SIGKILL)
	if err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Error(err)
	}
}

// isCut reports whether err is that of a connection that was cut, and no other: a record
// that does not fit is an alert.
func isCut(err error) bool {
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// sendNumbers sends lines with numbers until stop, and then "end".
func sendNumbers(conn net.Conn, stop chan struct{}) error {
	var b bytes.Buffer
	for i := 0; ; i++ {
		select {
		case <-stop:
			_, err := conn.Write([]byte("end\n"))
			return err
		default:
		}
		b.Reset()
		for range 1 + rand.IntN(50) {
			fmt.Fprintln(&b, i)
			i++
		}
		i--
		if _, err := conn.Write(b.Bytes()); err != nil {
			return err
		}
	}
}

// receiveNumbers reads the lines of sendNumbers. Its error is nil at "end".
func receiveNumbers(conn net.Conn) error {
	lines := bufio.NewReader(conn)
	for i := 0; ; i++ {
		line, err := lines.ReadString('\n')
		switch {
		case err != nil:
			return err
		case line == "end\n":
			return nil
		case line != strconv.Itoa(i)+"\n":
			return fmt.Errorf("the line %q came, not %d", line, i)
		}
	}
}
