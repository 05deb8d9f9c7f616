package main

import (
	"bytes"
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

	"golang.org/x/sys/unix"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/freeport"
	"github.com/sealsock/sealsock/internal/peers"
	"github.com/sealsock/sealsock/internal/testcert"
)

// A screen is a terminal with a program on it.
type screen struct {
	t      *testing.T
	master *os.File
	tty    *os.File
	cmd    *exec.Cmd
	before unix.Termios // the modes of the terminal at the start
	mu     sync.Mutex
	shown  bytes.Buffer
}

func newScreen(t *testing.T, args ...string) *screen {
	t.Helper()
	return newScreenWith(t, nil, args...)
}

// newScreenAfter is newScreen after another command with the same home.
func newScreenAfter(t *testing.T, first []string, args ...string) *screen {
	t.Helper()
	home := t.TempDir()
	cmd := exec.Command("seal", first...)
	cmd.Env = append(os.Environ(), "SEALSOCK_HOME="+home)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return newScreenIn(t, home, nil, args...)
}

// newScreenWith is newScreen with another standard input, if it is not nil.
func newScreenWith(t *testing.T, stdin *os.File, args ...string) *screen {
	t.Helper()
	return newScreenIn(t, t.TempDir(), stdin, args...)
}

func newScreenIn(t *testing.T, home string, stdin *os.File, args ...string) *screen {
	t.Helper()
	return newScreenOf(t, home, stdin, "seal", args...)
}

func newScreenOf(t *testing.T, home string, stdin *os.File, name string, args ...string) *screen {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	tty, err := os.OpenFile(fmt.Sprint("/dev/pts/", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	s := &screen{t: t, master: master, tty: tty, cmd: exec.Command(name, args...)}
	s.cmd.Stdin, s.cmd.Stdout, s.cmd.Stderr = tty, tty, tty
	if stdin != nil {
		s.cmd.Stdin = stdin
	}
	s.cmd.Env = append(os.Environ(), "SEALSOCK_HOME="+home, "TERM=xterm", "NO_COLOR=1", "COLUMNS=80", "LINES=24",
		"GORACE=atexit_sleep_ms=0")
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 1}
	s.before = s.modes()
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.cmd.Process.Kill()
		master.Close()
		tty.Close()
	})
	go s.watch()
	return s
}

func (s *screen) watch() {
	buf := make([]byte, 4096)
	for {
		n, err := s.master.Read(buf)
		s.mu.Lock()
		s.shown.Write(buf[:n])
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (s *screen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shown.String()
}

// await waits until the terminal was sent a text.
func (s *screen) await(want string) {
	s.t.Helper()
	s.awaitTimes(want, 1)
}

// awaitTimes waits until the terminal was sent a text n times.
func (s *screen) awaitTimes(want string, n int) {
	s.t.Helper()
	for end := time.Now().Add(testTimeout); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if strings.Count(s.text(), want) >= n {
			return
		}
	}
	s.t.Fatalf("the terminal does not show %q %d times: %q", want, n, s.text())
}

func (s *screen) keys(text string) {
	s.t.Helper()
	if _, err := io.WriteString(s.master, text); err != nil {
		s.t.Fatal(err)
	}
}

// exit waits for the program to end and checks its exit code.
func (s *screen) exit(code int) {
	s.t.Helper()
	timer := time.AfterFunc(testTimeout, func() { s.cmd.Process.Kill() })
	defer timer.Stop()
	s.cmd.Wait()
	if got := s.cmd.ProcessState.ExitCode(); got != code {
		s.t.Errorf("exit code %d, want %d; the terminal shows %q", got, code, s.text())
	}
}

func (s *screen) modes() unix.Termios {
	s.t.Helper()
	m, err := unix.IoctlGetTermios(int(s.tty.Fd()), unix.TCGETS)
	if err != nil {
		s.t.Fatal(err)
	}
	return *m
}

// serveOne accepts one connection for a test to use, and returns the address and the
// root's file.
func serveOne(t *testing.T, change ...func(*sealsock.Config)) (addr, root string, conn func() net.Conn) {
	t.Helper()
	ca := testcert.New()
	leaf := ca.Issue(testcert.NewKey("p256"), nil, "localhost")
	id, err := identity.New(leaf.Chain, leaf.Key)
	if err != nil {
		t.Fatal(err)
	}
	root = filepath.Join(t.TempDir(), "root.pem")
	if err := os.WriteFile(root, ca.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := &sealsock.Config{Identities: []*identity.Identity{id}}
	for _, c := range change {
		c(cfg)
	}
	l, err := sealsock.Listen(t.Context(), "localhost:0", cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	port := l.Addr().(*net.TCPAddr).Port
	return fmt.Sprint("localhost:", port), root, func() net.Conn {
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
}

func TestConsole(t *testing.T) {
	addr, root, accept := serveOne(t)
	s := newScreen(t, "connect", "--ca", root, addr)
	conn := accept()
	s.await("seal: connected to ")
	say := func(text string) {
		t.Helper()
		if _, err := io.WriteString(conn, text); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(want string) {
		t.Helper()
		got := make([]byte, len(want))
		if _, err := io.ReadFull(conn, got); err != nil || string(got) != want {
			t.Fatalf("%q arrived, %v, want %q", got, err, want)
		}
	}

	// What arrives while a line is typed does not break it: it comes first, and
	// the line again.
	s.keys("hel")
	s.await("hel")
	say("alice: hi\n")
	s.await("alice: hi\r\n")
	s.await("alice: hi\r\nhel")
	s.keys("lox\x7f there\r") // with a correction
	expect("hello there\n")

	// Control characters that arrive are replaced, even in pieces.
	say("a\x1b[2Jb\x9b31mc\u202ed\r")
	say("\ntwo \xe4\xb8")
	say("\x96 end\n")
	s.await("a�[2Jb�31mc�d\r\n")
	s.await("two 世 end\r\n")
	if strings.Contains(s.text(), "\x1b[2J") {
		t.Error("an escape sequence of the peer got through")
	}

	// Ctrl-C is not an orderly end, and restores the terminal.
	s.keys("half\x03")
	if n, err := conn.Read(make([]byte, 16)); n != 0 || err == nil || err == io.EOF {
		t.Errorf("after Ctrl-C %d bytes came, %v, want a cut", n, err)
	}
	s.exit(130)
	if s.modes() != s.before {
		t.Error("the terminal's modes were not put back")
	}
}

// Ctrl-D is the end of the input, and the peer may still answer. A peer that ends
// its half ends the connection.
func TestConsoleEnds(t *testing.T) {
	addr, root, accept := serveOne(t)
	s := newScreen(t, "connect", "--ca", root, addr)
	conn := accept()
	s.await("seal: connected to ")
	s.keys("x\r\x04")
	if got, err := io.ReadAll(conn); err != nil || string(got) != "x\n" {
		t.Fatalf("%q arrived, %v", got, err)
	}
	io.WriteString(conn, "goodbye")
	conn.Close()
	s.await("goodbye")
	s.exit(0)

	s = newScreen(t, "connect", "--ca", root, addr)
	conn = accept()
	s.await("seal: connected to ")
	conn.Close()
	s.exit(0)
}

// Lines that begin with ~ may be for the connection: ~k changes this side's key, ~K the
// other side's too. Others are sent.
func TestConsoleEscapes(t *testing.T) {
	updates := make(chan bool, 8) // whether the peer requests an update too
	addr, root, accept := serveOne(t, func(cfg *sealsock.Config) {
		cfg.Trace = func(tr engine.Trace) {
			if !tr.Sent && tr.Type == iana.ContentHandshake && tr.Data[0] == byte(iana.HandshakeKeyUpdate) {
				updates <- tr.Data[4] == 1
			}
		}
	})
	s := newScreen(t, "connect", "--ca", root, addr)
	conn := accept()
	s.await("seal: connected to ")
	expect := func(want string) {
		t.Helper()
		got := make([]byte, len(want))
		if _, err := io.ReadFull(conn, got); err != nil || string(got) != want {
			t.Fatalf("%q arrived, %v, want %q", got, err, want)
		}
	}
	s.keys("~?\r")
	s.await("~K  update the sending key, and request a key update from the peer")
	s.keys("~k\r")
	s.await("seal: updated the sending key\r\n")
	s.keys("~~k\r~/file\r")
	expect("~k\n~/file\n")
	if both := <-updates; both {
		t.Error("~k asked for the other side's key")
	}
	s.keys("~K\r")
	s.await("and requested a key update from the peer")
	s.keys("more\r")
	expect("more\n")
	if both := <-updates; !both {
		t.Error("~K did not ask for the other side's key")
	}
	io.WriteString(conn, "under the new key\n")
	s.await("under the new key")
	s.keys("\x04")
	if n, err := conn.Read(make([]byte, 16)); err != io.EOF {
		t.Errorf("after the end %d bytes came, %v", n, err)
	}
	conn.Close()
	s.exit(0)

	// TLS 1.2 has no key update: a warning reports it.
	s = newScreen(t, "connect", "--max", "1.2", "--ca", root, addr)
	conn = accept()
	s.await("seal: connected to ")
	s.keys("~k\r")
	s.await("seal: warning: the keys cannot be updated: ")
	s.keys("line\r")
	expect("line\n")
	s.keys("\x03")
	s.exit(130)
}

// OpenSSL takes the new keys, and changes its own when it is asked to.
func TestConsoleRekeyWithOpenSSL(t *testing.T) {
	peers.Need(t, "openssl")
	dir := t.TempDir()
	ca := testcert.New()
	leaf := ca.Issue(testcert.NewKey("p256"), nil, "localhost")
	for name, data := range map[string][]byte{"root.pem": ca.PEM(), "both.pem": append(leaf.CertPEM(), leaf.KeyPEM()...)} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	addr := fmt.Sprintf("127.0.0.1:%d", freeport.Pick(t))
	server := exec.Command("openssl", "s_server", "-rev", "-msg", "-accept", addr, "-cert", filepath.Join(dir, "both.pem"))
	server.Env = append(os.Environ(), "OPENSSL_CONF=/dev/null")
	out, err := os.Create(filepath.Join(dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	server.Stdout, server.Stderr = out, out
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer server.Wait()
	defer server.Process.Kill()
	for end := time.Now().Add(testTimeout); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			break
		}
	}
	s := newScreen(t, "connect", "--trace", "--name", "localhost", "--ca", filepath.Join(dir, "root.pem"), addr)
	s.await("seal: connected to ")
	s.keys("~k\r")
	s.await("seal: updated the sending key\r\n")
	s.keys("one\r")
	s.await("eno\r\n")
	s.keys("~K\r")
	s.await("and requested a key update from the peer")
	s.keys("two\r")
	s.await("< key_update, 1 bytes")
	s.await("owt\r\n")
	s.keys("\x03")
	s.exit(130)
	said, err := os.ReadFile(out.Name())
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(said, []byte("<<< TLS 1.3, Handshake [length 0005], KeyUpdate")); n != 2 {
		t.Errorf("openssl heard %d key updates, want 2:\n%s", n, said)
	}
}

// Ctrl-C interrupts a listener on a terminal before the first connection.
func TestConsoleListen(t *testing.T) {
	s := newScreen(t, "listen", "localhost:0")
	s.await("openssl s_client")
	before := time.Now()
	s.keys("\x03")
	s.exit(130)
	if took := time.Since(before); took > 10*time.Second {
		t.Errorf("Ctrl-C took %v", took)
	}
}

// The password of a key is asked for on the terminal, and not shown.
func TestPasswordPrompt(t *testing.T) {
	file := writePKCS12(t)
	s := newScreen(t, "listen", "--p12", file, "localhost:0")
	s.await("password of " + file + ": ")
	s.silent()
	s.keys("open sesame\r")
	s.await("seal: listening on ")
	if strings.Contains(s.text(), "open sesame") {
		t.Error("the password was shown")
	}
	s.await("connect with:")
	s.keys("\x03")
	s.exit(130)
}

// TestStatusOnTerminal shows the state of the connection with ~s, and that the other side
// has ended it in order.
func TestStatusOnTerminal(t *testing.T) {
	addr, root, accept := serveOne(t)
	s := newScreen(t, "connect", "--ca", root, addr)
	conn := accept()
	s.await("connected to")
	s.keys("hello\r")
	if _, err := io.ReadFull(conn, make([]byte, 6)); err != nil {
		t.Fatal(err)
	}
	// The bytes are counted after they were sent.
	for end := time.Now().Add(testTimeout); !strings.Contains(s.text(), "received, 6 sent, in "); {
		if time.Now().After(end) {
			t.Fatalf("the bytes are not shown: %q", s.text())
		}
		s.keys("~s\r")
		time.Sleep(20 * time.Millisecond)
	}
	conn.Close()
	s.await("the other side has ended the connection")
	s.exit(exitOK)
}
