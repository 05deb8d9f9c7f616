package natsbus_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/natstest"
	"github.com/sealsock/sealsock/internal/testcert"
	"github.com/sealsock/sealsock/relay"
	"github.com/sealsock/sealsock/relay/natsbus"
	"github.com/sealsock/sealsock/talk"
	"github.com/sealsock/sealsock/trust"
)

// relayOf is the variable that makes this program a relay on a NATS server.
const relayOf = "SEALSOCK_TEST_RELAY_OF"

func TestMain(m *testing.M) {
	if url := os.Getenv(relayOf); url != "" {
		if err := serveRelay(url); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// serveRelay prints its address, and serves until its input ends.
func serveRelay(url string) error {
	nc, err := nats.Connect(url, nats.MaxReconnects(-1), nats.ReconnectBufSize(-1),
		nats.ReconnectWait(50*time.Millisecond))
	if err != nil {
		return err
	}
	bus, err := natsbus.New(nc, natsbus.Options{Interval: time.Second})
	if err != nil {
		return err
	}
	leaf := testcert.New().Issue(testcert.NewKey("p256"), nil, "localhost")
	id := &identity.Identity{Chain: leaf.Chain, Signer: identity.NewSigner(leaf.Key)}
	l, err := sealsock.Listen(context.Background(), "127.0.0.1:0",
		&sealsock.Config{Identities: []*identity.Identity{id}})
	if err != nil {
		return err
	}
	server := relay.NewServer(bus, relay.Limits{PerAddress: 1000})
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go server.Serve(context.Background(), c)
		}
	}()
	fmt.Println(l.Addr())
	bufio.NewReader(os.Stdin).ReadString('\n')
	return nil
}

// A relayProcess is a relay in a process of its own.
type relayProcess struct {
	addr string
	pid  int
}

func startProcess(t *testing.T, url string) *relayProcess {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), relayOf+"="+url)
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
	t.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return &relayProcess{strings.TrimSpace(line), cmd.Process.Pid}
}

func (p *relayProcess) dial(ctx context.Context) (net.Conn, error) {
	return sealsock.Dial(ctx, p.addr, &sealsock.Config{
		ServerName: "localhost", Trust: &trust.Policy{Insecure: true},
	})
}

// memory returns the most memory that the process had, where the system tells.
func (p *relayProcess) memory() string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.pid))
	for line := range strings.Lines(string(text)) {
		if v, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			return strings.TrimSpace(v)
		}
	}
	return "unknown"
}

// TestLoad has rooms of four members, two at each of two relays, in which each member sends
// texts to the others, while the NATS server is killed and started again. Each text arrives
// at each other member once and in order, and Close reports none that did not.
// SEALSOCK_ROOMS=50 SEALSOCK_TEXTS=100000 is the whole load: 200 members.
func TestLoad(t *testing.T) {
	rooms, texts := number(t, "SEALSOCK_ROOMS", 3), number(t, "SEALSOCK_TEXTS", 600)
	s := natstest.Start(t)
	relays := []*relayProcess{startProcess(t, s.URL), startProcess(t, s.URL)}
	load := &load{each: texts / (rooms * 4), total: rooms * 4 * (texts / (rooms * 4))}
	load.half = make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	load.stop = cancel // after a failure the others have nothing to wait for
	began := time.Now()
	var members, joined sync.WaitGroup
	joined.Add(rooms * 4)
	for range rooms {
		invitation, err := talk.NewInvitation("relay.example:443", "")
		if err != nil {
			t.Fatal(err)
		}
		for i := range 4 {
			members.Go(func() {
				load.member(ctx, t, &joined, talk.Options{
					Invitation: invitation, Dial: relays[i%2].dial, Name: fmt.Sprint("m", i),
				})
			})
		}
	}
	select {
	case <-load.half:
		s.Kill()
		s.Restart()
	case <-ctx.Done():
		t.Error("half of the texts were not sent")
	}
	members.Wait()
	if got := load.arrived.Load(); got != int64(3*load.total) {
		t.Errorf("%d texts arrived, want %d", got, 3*load.total)
	}
	t.Logf("%d members in %d rooms sent %d texts, %d arrived, in %v; most memory of a relay: %s, %s",
		rooms*4, rooms, load.total, load.arrived.Load(), time.Since(began).Round(time.Second),
		relays[0].memory(), relays[1].memory())
}

func number(t *testing.T, variable string, otherwise int) int {
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n <= 0 {
		t.Fatalf("%s=%q is no number", variable, text)
	}
	return n
}

type load struct {
	each, total   int
	sent, arrived atomic.Int64
	half          chan struct{} // closed when half of the texts were sent
	stop          func()
}

func (l *load) fail(t *testing.T, format string, args ...any) {
	t.Errorf(format, args...)
	l.stop()
}

// member sends its texts when all members of all rooms have met, and receives those of the
// others.
func (l *load) member(
	ctx context.Context, t *testing.T, joined *sync.WaitGroup, opts talk.Options,
) {
	r, err := talk.Join(ctx, opts)
	if err != nil {
		l.fail(t, "no member: %v", err)
		joined.Done()
		return
	}
	met := make(chan struct{})
	all := make(chan error, 1)
	go func() { all <- l.receive(ctx, r, met) }()
	select {
	case <-met:
	case <-ctx.Done():
	}
	joined.Done()
	joined.Wait()
	for i := range l.each {
		if n, err := r.Send(ctx, fmt.Sprint(i)); n != 3 || err != nil {
			l.fail(t, "a text went to %d members: %v", n, err)
			break
		}
		if l.sent.Add(1) == int64(l.total/2) {
			close(l.half)
		}
	}
	if err := <-all; err != nil {
		l.fail(t, "%v", err)
	}
	if err := r.Close(ctx); err != nil {
		t.Errorf("not all texts were acknowledged: %v", err)
	}
}

// receive receives the texts of three other members, each in order.
func (l *load) receive(ctx context.Context, r *talk.Room, met chan<- struct{}) error {
	next := map[relay.MemberID]int{}
	for n, done := 0, 0; done < 3; {
		e, err := r.Receive(ctx)
		if err != nil {
			return err
		}
		switch e.Kind {
		case talk.Joined:
			if n++; n == 3 {
				close(met)
			}
		case talk.Text:
			if e.Text != fmt.Sprint(next[e.Member.ID]) {
				return fmt.Errorf("the text %q arrived in place of %d", e.Text, next[e.Member.ID])
			}
			l.arrived.Add(1)
			if next[e.Member.ID]++; next[e.Member.ID] == l.each {
				done++
			}
		case talk.Left:
			if next[e.Member.ID] == l.each {
				continue
			}
			return fmt.Errorf("a member left after %d texts: %v", next[e.Member.ID], e.Err)
		}
	}
	return nil
}
