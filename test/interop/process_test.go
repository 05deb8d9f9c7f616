package interop

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
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience bounds each exchange, and the lifetime of each program. It is long
// because a loaded machine can start a program late; only a failure takes that
// long.
const patience = 2 * time.Minute

// A process is a running program. It is killed at the end of the test or after
// patience. Its output is logged if the test failed.
type process struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout *bufio.Reader
	said   lockedBuffer
	kill   context.CancelFunc
	facts  func(said string) error
	wait   func() error
}

func start(t testing.TB, c command) *process {
	t.Helper()
	return startFor(t, c, patience)
}

// startFor is start with the given bound.
func startFor(t testing.TB, c command, bound time.Duration) *process {
	t.Helper()
	ctx, kill := context.WithTimeout(context.Background(), bound)
	p := &process{cmd: exec.CommandContext(ctx, c.args[0], c.args[1:]...), kill: kill, facts: c.facts}
	p.cmd.Env = append(os.Environ(), c.env...)
	p.cmd.WaitDelay = 5 * time.Second
	var err error
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	// Not StdoutPipe: Wait closes it while it is still read.
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p.stdout, p.cmd.Stdout, p.cmd.Stderr = bufio.NewReaderSize(r, 1<<16), w, &p.said
	if c.chatty {
		p.stdout, p.cmd.Stderr = bufio.NewReader(io.TeeReader(r, &p.said)), w
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	p.wait = sync.OnceValue(p.cmd.Wait)
	t.Cleanup(func() {
		p.stdin.Close()
		p.kill()
		err := p.wait()
		r.Close()
		if t.Failed() {
			t.Logf("%s\nended with %v and said:\n%s", strings.Join(c.args, " "), err, p.said.String())
		}
	})
	return p
}

// announced reads the standard output up to the line with the port.
func (p *process) announced() (int, error) {
	for {
		line, err := p.stdout.ReadString('\n')
		if err != nil {
			return 0, fmt.Errorf("no port announced: %w", err)
		}
		if m := portPattern.FindStringSubmatch(line); m != nil {
			return strconv.Atoi(m[1])
		}
	}
}

// portPattern matches the port in the output of the scripts in testdata and of
// seal --json.
var portPattern = regexp.MustCompile(`^(?:port |.*"event":"listening","address":"127\.0\.0\.1:)(\d+)`)

// converse runs the program as a client that exchanges lines and ends. The
// other side echoes each line.
func (p *process) converse(c command) error {
	if c.whole {
		io.WriteString(p.stdin, strings.Repeat(hello, lines))
		p.stdin.Close()
	}
	for i := range lines {
		if i > 0 && c.update != "" {
			if err := p.say(c.update, c.updated, true); err != nil {
				return err
			}
		}
		say := hello
		if c.whole {
			say = ""
		}
		if err := p.say(say, strings.TrimSuffix(hello, "\n"), c.chatty); err != nil {
			return err
		}
	}
	p.stdin.Close()
	if rest, err := io.ReadAll(p.stdout); err != nil || len(rest) > 0 && !c.chatty {
		return fmt.Errorf("after the echo %q, %v", rest, err)
	}
	if err := p.wait(); err != nil {
		return fmt.Errorf("it ended with %w", err)
	}
	return nil
}

// say writes input to the program and waits for a line of output; a chatty
// program may print others before it. An empty want does not wait.
func (p *process) say(input, want string, chatty bool) error {
	if input != "" {
		if _, err := io.WriteString(p.stdin, input); err != nil {
			return fmt.Errorf("it does not take its input: %w", err)
		}
	}
	for want != "" {
		line, err := p.stdout.ReadString('\n')
		switch {
		case err != nil:
			return fmt.Errorf("no %q came: %q, %w", want, line, err)
		case strings.TrimSpace(line) == want:
			return nil
		case !chatty:
			return fmt.Errorf("%q came, want %q", line, want)
		}
	}
	return nil
}

// loop makes an echo of a server that prints received data and sends its input.
// With ends, it then ends the server's input.
func (p *process) loop(c command, ends bool) error {
	for i := range lines {
		if err := p.say("", strings.TrimSuffix(hello, "\n"), c.chatty); err != nil {
			return err
		}
		if i > 0 && c.update != "" {
			if err := p.say(c.update, c.updated, true); err != nil {
				return err
			}
		}
		if _, err := io.WriteString(p.stdin, hello); err != nil {
			return err
		}
	}
	if ends {
		p.stdin.Close()
	}
	_, err := io.Copy(io.Discard, p.stdout)
	return err
}

// heardAlert waits until the program reports an alert.
func (p *process) heardAlert() bool {
	for end := time.Now().Add(patience); time.Now().Before(end); {
		if alertPattern.MatchString(p.said.String()) {
			return true
		}
		time.Sleep(5 * time.Millisecond)
	}
	return false
}

// alertPattern matches the messages about a rejected certificate.
var alertPattern = regexp.MustCompile(`(?i)alert|does not recognize and trust the CA|cannot verify your certificate`)

// A lockedBuffer may be read while a process writes to it.
type lockedBuffer struct {
	sync.Mutex
	b bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.Lock()
	defer l.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.Lock()
	defer l.Unlock()
	return l.b.String()
}

// patient is a connection with longer deadlines. After a rejection the library
// waits briefly before it closes, so that a reset does not overtake the alert.
// A program on a loaded machine can need longer and would then receive only the
// reset.
type patient struct{ *net.TCPConn }

// SetDeadline extends a deadline in the future.
func (p patient) SetDeadline(t time.Time) error {
	if time.Until(t) > 0 {
		t = time.Now().Add(patience)
	}
	return p.TCPConn.SetDeadline(t)
}

// connect connects to a starting server as soon as it listens.
func connect(ctx context.Context, port int) (net.Conn, error) {
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if !errors.Is(err, syscall.ECONNREFUSED) {
			return conn, err
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return nil, fmt.Errorf("nobody listens: %w", err)
		}
	}
}
