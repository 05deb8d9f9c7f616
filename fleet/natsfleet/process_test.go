package natsfleet

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/natstest"
	"github.com/sealsock/sealsock/internal/testcert"
	"github.com/sealsock/sealsock/trust"
)

// serverOf is the variable that makes this program a server of a fleet.
const serverOf = "SEALSOCK_TEST_FLEET_SERVER_OF"

func TestMain(m *testing.M) {
	if url := os.Getenv(serverOf); url != "" {
		if err := serve(url); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// reporting prints what a member decides about attempts.
type reporting struct{ *Member }

func (r reporting) Fresh(id []byte, until time.Time) bool {
	fresh := r.Member.Fresh(id, until)
	fmt.Println("attempt", fresh)
	return fresh
}

// serve prints its address and its states, and answers each connection, until its input ends.
func serve(url string) error {
	nc, err := nats.Connect(url, nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond))
	if err != nil {
		return err
	}
	member, err := Join(nc, secretOf(7), Options{
		Interval: 50 * time.Millisecond,
		OnState:  func(s State) { fmt.Println("shared", s.Shared) },
	})
	if err != nil {
		return err
	}
	member.mu.Lock()
	member.window = 0                // the pause is not what is tested here
	member.answer = 20 * time.Second // also a busy NATS answers
	member.mu.Unlock()
	leaf := testcert.New().Issue(testcert.NewKey("p256"), nil, "localhost")
	id := &identity.Identity{Chain: leaf.Chain, Signer: identity.NewSigner(leaf.Key)}
	cfg := &sealsock.Config{Identities: []*identity.Identity{id}}
	cfg.Tickets, cfg.AntiReplay = sealsock.SealTickets(member, nil), reporting{member}
	cfg.MaxEarlyData = 1000
	l, err := sealsock.Listen(context.Background(), "127.0.0.1:0", cfg)
	if err != nil {
		return err
	}
	go func() {
		for {
			c, err := l.AcceptConn(context.Background())
			if err != nil {
				return
			}
			go answer(c)
		}
	}()
	fmt.Println("address", l.Addr())
	bufio.NewReader(os.Stdin).ReadString('\n')
	return nil
}

// answer tells a client what the server has received early.
func answer(c *sealsock.Conn) {
	defer c.Close()
	early := make([]byte, 100)
	n, _ := c.ReadEarly(early)
	fmt.Fprintf(c, "resumed %v, early %q\n", c.State().Resumed, early[:n])
}

// A server is a server of a fleet in a process of its own.
type server struct {
	t     *testing.T
	addr  string
	lines chan string
}

func startServer(t *testing.T, url string) *server {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serverOf+"="+url)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, lines: make(chan string, 1000)}
	t.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	go func() {
		for r := bufio.NewScanner(out); r.Scan(); {
			s.lines <- r.Text()
		}
		close(s.lines)
	}()
	s.addr = s.await("address ")
	s.await("shared true")
	return s
}

// await returns what follows a text at the beginning of a line.
func (s *server) await(begin string) string {
	s.t.Helper()
	var others []string
	for {
		select {
		case line, ok := <-s.lines:
			if rest, found := strings.CutPrefix(line, begin); found {
				for _, o := range others {
					s.lines <- o
				}
				return rest
			}
			if !ok {
				s.t.Fatalf("the server ended: %q", others)
			}
			others = append(others, line)
		case <-time.After(time.Minute):
			s.t.Fatalf("there is no line %q in %q", begin, others)
		}
	}
}

// A flight records what a client sends until the server has answered.
type flight struct {
	net.Conn
	mu   sync.Mutex
	sent []byte
	done bool
}

func (f *flight) Write(b []byte) (int, error) {
	f.mu.Lock()
	if !f.done {
		f.sent = append(f.sent, b...)
	}
	f.mu.Unlock()
	return f.Conn.Write(b)
}

func (f *flight) Read(b []byte) (int, error) {
	n, err := f.Conn.Read(b)
	f.mu.Lock()
	f.done = f.done || n > 0
	f.mu.Unlock()
	return n, err
}

// visit connects with a session, if there is one, sends 0-RTT data, and returns the answer, a new
// session, and the first flight.
func (s *server) visit(session *engine.Session) (answer string, next *engine.Session, sent []byte) {
	s.t.Helper()
	raw, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	raw.SetDeadline(time.Now().Add(time.Minute))
	recorded := &flight{Conn: raw}
	cfg := &sealsock.Config{
		ServerName: "localhost", Trust: &trust.Policy{Insecure: true}, Session: session,
		OnSession:    func(s *engine.Session) { next = s },
		EarlyRefused: func([]byte, string) []byte { return nil },
	}
	cfg.EarlyData = true
	c, err := sealsock.Client(recorded, cfg)
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	if session != nil {
		if _, err := c.WriteEarly([]byte("early")); err != nil {
			s.t.Fatal(err)
		}
	}
	text, err := io.ReadAll(c)
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.TrimSpace(string(text)), next, recorded.sent
}

// replay sends a flight again, and waits for what the server sends or for its end.
func (s *server) replay(sent []byte) {
	s.t.Helper()
	raw, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	defer raw.Close()
	raw.SetDeadline(time.Now().Add(time.Minute))
	if _, err := raw.Write(sent); err != nil {
		s.t.Fatal(err)
	}
	if _, err := raw.Read(make([]byte, 1)); err != nil && !errors.Is(err, io.EOF) {
		s.t.Fatal(err)
	}
}

// TestTwoProcesses: a session of one server resumes at another, with 0-RTT data, which is accepted
// once in the fleet. Without NATS there are handshakes and no 0-RTT data.
func TestTwoProcesses(t *testing.T) {
	nats := natstest.Start(t)
	one, two := startServer(t, nats.URL), startServer(t, nats.URL)
	expect := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("the answer is %q, want %q", got, want)
		}
	}
	answer, session, _ := one.visit(nil)
	expect(answer, `resumed false, early ""`)
	answer, session, sent := two.visit(session)
	expect(answer, `resumed true, early "early"`)
	expect(two.await("attempt "), "true")
	for _, s := range []*server{one, two} {
		s.replay(sent)
		expect(s.await("attempt "), "false")
	}
	nats.Kill()
	one.await("shared false")
	two.await("shared false")
	answer, own, _ := one.visit(session)
	expect(answer, `resumed true, early ""`) // it knows the keys of the fleet
	expect(one.await("attempt "), "false")
	answer, _, _ = two.visit(own)
	expect(answer, `resumed false, early ""`) // one has sealed with a key of its own
	answer, own, _ = one.visit(own)
	expect(answer, `resumed true, early ""`)
	expect(one.await("attempt "), "false")
	nats.Restart()
	one.await("shared true")
	two.await("shared true")
	answer, session, _ = one.visit(own)
	expect(answer, `resumed true, early "early"`)
	expect(one.await("attempt "), "true")
	answer, _, _ = two.visit(session)
	expect(answer, `resumed true, early "early"`)
	expect(two.await("attempt "), "true")
}
