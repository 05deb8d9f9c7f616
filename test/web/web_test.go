package web

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/charmbracelet/x/vt"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/creack/pty"

	"github.com/sealsock/sealsock/internal/peers"
)

var update = flag.Bool("update", false, "write the pictures in docs")

// patience is how long a test waits for anything.
const patience = 90 * time.Second

// The size of the terminals.
const columns, lines = 80, 24

// A stage is a relay with an invitation.
type stage struct {
	t     *testing.T
	seal  string
	home  string
	port  string
	link  string // of the invitation
	file  string // with the link
	trust string // the hash of the relay's key, for Chromium
}

// folder is for what all tests share.
var folder string

func TestMain(m *testing.M) {
	var err error
	if folder, err = os.MkdirTemp("", "seal-web-"); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(folder)
	os.Exit(code)
}

// built builds seal with its page.
var built = sync.OnceValues(func() (string, error) {
	seal := filepath.Join(folder, "seal")
	for _, args := range [][]string{
		{"sh", "scripts/page.sh"}, {"go", "build", "-o", seal, "./cmd/seal"},
	} {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Dir = "../.."
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("%v: %w: %s", args, err, out)
		}
	}
	return seal, nil
})

// newStage starts a relay that has its page, with more arguments.
func newStage(t *testing.T, more ...string) *stage {
	t.Helper()
	peers.Need(t, "chromium")
	seal, err := built()
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{t: t, home: t.TempDir(), seal: seal}
	relay := s.command(append(append([]string{"relay"}, more...), "localhost:0")...)
	said := new(record)
	relay.Stderr = said
	if err := relay.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		relay.Process.Kill()
		relay.Wait()
	})
	s.port = said.await(t, `listening on 127\.0\.0\.1:(\d+) `)
	link, err := s.command("chat", "new", "--link", "localhost:"+s.port).Output()
	if err != nil {
		t.Fatal(err)
	}
	_, secret, _ := strings.Cut(strings.TrimSpace(string(link)), "#")
	s.invite(secret)
	conn, err := tls.Dial("tcp", "localhost:"+s.port, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	sum := sha256.Sum256(conn.ConnectionState().PeerCertificates[0].RawSubjectPublicKeyInfo)
	s.trust = base64.StdEncoding.EncodeToString(sum[:])
	return s
}

// invite makes the link with a secret the invitation.
func (s *stage) invite(secret string) {
	s.t.Helper()
	s.link = "https://localhost:" + s.port + "/#" + secret
	s.file = filepath.Join(s.home, "invitation")
	if err := os.WriteFile(s.file, []byte(s.link), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// secret returns the secret of the invitation.
func (s *stage) secret() string { return s.link[strings.Index(s.link, "#")+1:] }

func (s *stage) command(args ...string) *exec.Cmd {
	cmd := exec.Command(s.seal, args...)
	cmd.Env = append(os.Environ(), "SEALSOCK_HOME="+s.home, "TERM=xterm-256color",
		"COLORTERM=", "NO_COLOR=")
	return cmd
}

// A record is what was written.
type record struct {
	mu   sync.Mutex
	text strings.Builder
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

func (r *record) all() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

func (r *record) await(t *testing.T, pattern string) string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if m := re.FindStringSubmatch(r.all()); m != nil {
			return m[len(m)-1]
		}
	}
	t.Fatalf("no match of %q in %q", pattern, r.all())
	return ""
}

// A terminal has a member of the room.
type terminal struct {
	t      *testing.T
	master *os.File
	cmd    *exec.Cmd
	shown  record
}

// join joins the room on a terminal.
func (s *stage) join(name string) *terminal {
	s.t.Helper()
	m := &terminal{t: s.t, cmd: s.command("chat", "join", "--as", name,
		"--identity", filepath.Join(s.home, name+".key"),
		"--known-peers", filepath.Join(s.home, name+".known"), s.file)}
	master, err := pty.StartWithSize(m.cmd, &pty.Winsize{Cols: columns, Rows: lines})
	if err != nil {
		s.t.Fatal(err)
	}
	m.master = master
	s.t.Cleanup(func() {
		m.cmd.Process.Kill()
		m.master.Close()
		m.cmd.Wait()
	})
	go io.Copy(&m.shown, master)
	return m
}

func (m *terminal) keys(text string) {
	m.t.Helper()
	if _, err := io.WriteString(m.master, text); err != nil {
		m.t.Fatal(err)
	}
}

// emulate calls use with what the terminal shows.
func (m *terminal) emulate(use func(*vt.Emulator)) {
	e := vt.NewEmulator(columns, lines)
	drained := make(chan struct{})
	go func() { // the answers of the terminal to queries
		defer close(drained)
		io.Copy(io.Discard, e)
	}()
	io.WriteString(e, m.shown.all())
	use(e)
	e.InputPipe().(io.Closer).Close() // Close would race with the goroutine
	<-drained
}

func (m *terminal) display() (text string) {
	m.emulate(func(e *vt.Emulator) { text = e.String() })
	return text
}

func (m *terminal) await(want string) {
	m.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if strings.Contains(m.display(), want) {
			return
		}
	}
	m.t.Fatalf("the terminal does not show %q:\n%s", want, m.display())
}

// A page is a tab of a new browser.
type page struct {
	t        *testing.T
	ctx      context.Context
	requests record // of the browser, one a line
	problems record // errors and violations of the policy
}

// open opens a page in a browser of its own.
func (s *stage) open(url string, width, height int64) *page {
	s.t.Helper()
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath("chromium"), chromedp.UserDataDir(s.t.TempDir()), chromedp.NoSandbox,
		chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("ignore-certificate-errors-spki-list", s.trust),
		chromedp.WSURLReadTimeout(patience))
	allocated, cancel := chromedp.NewExecAllocator(context.Background(), opts...)
	s.t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(allocated)
	s.t.Cleanup(cancel)
	p := &page{t: s.t, ctx: ctx}
	// The browser ends with the context of the first action.
	if err := chromedp.Do(ctx, call(network.Enable, network.EnableParams{})); err != nil {
		s.t.Fatal(err)
	}
	watch(ctx, network.RequestWillBeSent, func(e network.EventRequestWillBeSent) {
		io.WriteString(&p.requests, e.Request.URL+"\n")
	})
	watch(ctx, network.WebSocketCreated, func(e network.EventWebSocketCreated) {
		io.WriteString(&p.requests, e.URL+"\n")
	})
	watch(ctx, runtime.ExceptionThrown, func(e runtime.EventExceptionThrown) {
		fmt.Fprintln(&p.problems, e.ExceptionDetails.Text)
	})
	p.run(chromedp.EmulateViewport(width, height), chromedp.Navigate(url))
	return p
}

// An action does something in a page.
type action = chromedp.Action[chromedp.Void]

// call returns the action of a command of the DevTools protocol.
func call[P, R any](c cdp.Command[P, R], params P) action {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, c, params)
		return err
	})
}

// watch calls do with each event until ctx ends.
func watch[E any](ctx context.Context, event cdp.Event[E], do func(E)) {
	events := chromedp.Events(ctx, event)
	go func() {
		for e, err := range events {
			if err != nil {
				return
			}
			do(e)
		}
	}()
}

func (p *page) run(actions ...action) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		p.t.Fatalf("%v; the page shows: %s; %s", err, p.text(), p.problems.all())
	}
}

// text returns what the page shows.
func (p *page) text() string {
	ctx, cancel := context.WithTimeout(p.ctx, 10*time.Second)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string]("document.body.innerText"))
	if err != nil {
		return err.Error()
	}
	return text
}

func (p *page) await(want string) {
	p.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if strings.Contains(p.text(), want) {
			return
		}
	}
	p.t.Fatalf("the page does not show %q: %s; %s", want, p.text(), p.problems.all())
}

func (p *page) evaluate(code string) any {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[any](code))
	if err != nil {
		p.t.Fatal(err)
	}
	return value
}

// enter joins the room of the page's address, with the keyboard alone.
func (p *page) enter(name string) {
	p.t.Helper()
	p.run(chromedp.WaitVisible("#name"), chromedp.KeyEvent(name),
		chromedp.KeyEvent("\r"))
	p.await(name + " (you)")
}
