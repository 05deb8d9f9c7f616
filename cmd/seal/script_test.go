package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "write the texts that scripts compare with into the scripts")

// TestMain lets the programs that tests start have SIGHUP, also if the tests run under nohup.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) != "seal" && signal.Ignored(syscall.SIGHUP) {
		signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	}
	testscript.Main(m, map[string]func(){"seal": main})
}

// TestScripts runs testdata/*.txt. Beside testscript's own commands a script has
// those of scriptCommands; the folder certs holds what makeCertificates made.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		Cmds:                scriptCommands,
		RequireExplicitExec: true,
		Condition:           hasPeer,
		UpdateScripts:       *update,
		Setup: func(env *testscript.Env) error {
			env.Setenv("SEALSOCK_HOME", filepath.Join(env.WorkDir, "home"))
			env.Setenv("OPENSSL_CONF", "/dev/null")
			env.Setenv("PATH", env.Getenv("PATH")+string(filepath.ListSeparator)+systemPrograms)
			env.Setenv("GORACE", "atexit_sleep_ms=0") // each seal would wait a second
			env.Setenv(mutant, os.Getenv(mutant))
			b := &background{running: make(map[string]*program)}
			env.Values[backgroundKey{}] = b
			env.Defer(b.killAll)
			return makeCertificates(filepath.Join(env.WorkDir, "certs"))
		},
	})
}

// mutant is the variable with which test/mutants picks the mutant of the programs it runs.
const mutant = "SEALSOCK_MUTANT"

// systemPrograms is where Debian has servers. It is not in the PATH of an ordinary user.
const systemPrograms = "/usr/sbin"

// hasPeer is the condition [peer:openssl] and the like. If the variable
// SEALSOCK_PEERS is "require", a missing peer is a failure.
func hasPeer(cond string) (bool, error) {
	name, ok := strings.CutPrefix(cond, "peer:")
	if !ok {
		return false, fmt.Errorf("no condition %q", cond)
	}
	_, err := exec.LookPath(name)
	if err != nil {
		_, err = exec.LookPath(filepath.Join(systemPrograms, name))
	}
	if err != nil && os.Getenv("SEALSOCK_PEERS") == "require" {
		return false, fmt.Errorf("the peer %s is missing: make peers installs it", name)
	}
	return err == nil, nil
}

var scriptCommands = map[string]func(*testscript.TestScript, bool, []string){
	"start":    start,
	"await":    await,
	"finish":   finish,
	"exits":    exits,
	"send":     send,
	"fake":     fake,
	"conform":  conform,
	"captured": captured,
	"proxying": proxying,
	"dial":     dial,
	"unhex":    unhex,
	"freeport": setPort,
	"dialable": dialable,
	"waitsize": waitsize,
	"nudge":    nudge,
	"repeat":   repeat,
	"fill":     fill,

	"upgrading": upgrading,
}

// testTimeout bounds each wait of a script.
const testTimeout = 30 * time.Second

// A program runs beside the script.
type program struct {
	cmd   *exec.Cmd
	stdin interface{ Close() error }
	err   chan error
}

type background struct {
	sync.Mutex
	running map[string]*program
	closers []func()
}

type backgroundKey struct{}

func (b *background) killAll() {
	b.Lock()
	defer b.Unlock()
	for _, p := range b.running {
		p.cmd.Process.Kill()
		<-p.err
	}
	for _, c := range b.closers {
		c()
	}
}

func backgroundOf(ts *testscript.TestScript) *background {
	return ts.Value(backgroundKey{}).(*background)
}

// start NAME [<FILE] PROGRAM ARG... runs a program in the background. Its output
// goes to NAME.out and NAME.err. Without <FILE its input stays open until finish.
func start(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: start NAME [<FILE] PROGRAM ARG...")
	}
	name, args := args[0], args[1:]
	p := &program{err: make(chan error, 1)}
	var in *os.File
	if file, ok := strings.CutPrefix(args[0], "<"); ok {
		f, err := os.Open(ts.MkAbs(file))
		ts.Check(err)
		in, args = f, args[1:]
	}
	path, err := lookPath(args[0], ts.Getenv("PATH"))
	ts.Check(err)
	p.cmd = exec.Command(path, args[1:]...)
	p.cmd.Args[0] = args[0]
	p.cmd.Dir, p.cmd.Env = ts.MkAbs("."), environ(ts)
	withoutTerminal(p.cmd)
	out, err := os.Create(ts.MkAbs(name + ".out"))
	ts.Check(err)
	errs, err := os.Create(ts.MkAbs(name + ".err"))
	ts.Check(err)
	p.cmd.Stdout, p.cmd.Stderr = out, errs
	if in != nil {
		p.cmd.Stdin = in
	} else {
		p.stdin, err = p.cmd.StdinPipe()
		ts.Check(err)
	}
	ts.Check(p.cmd.Start())
	go func() {
		err := p.cmd.Wait()
		out.Close()
		errs.Close()
		p.err <- err
	}()
	b := backgroundOf(ts)
	b.Lock()
	defer b.Unlock()
	b.running[name] = p
}

// environ is the script's environment, as far as programs need it.
func environ(ts *testscript.TestScript) []string {
	var env []string
	for _, key := range []string{
		"PATH", "HOME", "WORK", "TMPDIR", "SEALSOCK_HOME", "SSLKEYLOGFILE", "OPENSSL_CONF", "GORACE", "SystemRoot",
		mutant,
		"SEAL_PEER_NAME", "SEAL_PEER_PIN", "SEAL_PEER_TRUSTED", "SEAL_OTHER",
		"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES",
		"HTTPS_PROXY", "https_proxy", "all_proxy", "NO_PROXY",
	} {
		if v := ts.Getenv(key); v != "" {
			env = append(env, key+"="+v)
		}
	}
	return env
}

func lookPath(name, path string) (string, error) {
	for _, dir := range filepath.SplitList(path) {
		full := filepath.Join(dir, name)
		if info, err := os.Stat(full); err == nil && !info.IsDir() {
			return full, nil
		}
	}
	return "", fmt.Errorf("%s: not found", name)
}

// await FILE PATTERN waits until a file matches, and sets $1, $2 and so on to what
// the pattern's groups matched. For "await NAME.err" of a listener, see start.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await FILE PATTERN")
	}
	pattern, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	var text []byte
	for end := time.Now().Add(testTimeout); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		text, _ = os.ReadFile(ts.MkAbs(args[0]))
		m := pattern.FindSubmatch(text)
		if m == nil {
			continue
		}
		for i := 1; i < len(m); i++ {
			ts.Setenv(strconv.Itoa(i), string(m[i]))
		}
		return
	}
	ts.Fatalf("%s did not come to match %q:\n%s", args[0], args[1], text)
}

// finish NAME CODE [SIGNAL] ends the input of a program, or sends it a signal, and
// waits for it to exit with the code.
func finish(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: finish NAME CODE [INT|TERM|KILL]")
	}
	b := backgroundOf(ts)
	b.Lock()
	p := b.running[args[0]]
	delete(b.running, args[0])
	b.Unlock()
	if p == nil {
		ts.Fatalf("%s is not running", args[0])
	}
	switch {
	case len(args) == 3 && args[2] == "INT":
		ts.Check(p.cmd.Process.Signal(os.Interrupt))
	case len(args) == 3 && args[2] == "KILL":
		ts.Check(p.cmd.Process.Kill())
	case len(args) == 3:
		ts.Check(p.cmd.Process.Signal(syscall.SIGTERM))
	case p.stdin != nil:
		p.stdin.Close()
	}
	select {
	case <-p.err:
	case <-time.After(testTimeout):
		p.cmd.Process.Kill()
		<-p.err
		ts.Fatalf("%s did not end", args[0])
	}
	for _, end := range []string{".out", ".err"} {
		text, _ := os.ReadFile(ts.MkAbs(args[0] + end))
		ts.Logf("[%s%s]\n%s", args[0], end, text)
	}
	if got := strconv.Itoa(p.cmd.ProcessState.ExitCode()); got != args[1] {
		ts.Fatalf("%s ended with exit code %s, want %s", args[0], got, args[1])
	}
}

// exits CODE [<FILE] PROGRAM ARG... runs a program to its end and checks its exit
// code. Its output is in the files out and err; in err what changes from run to run
// is written $WORK, 127.0.0.1:PORT, sha256/PIN and NOW.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE [<FILE] PROGRAM ARG...")
	}
	code, args := args[0], args[1:]
	var in *os.File
	if file, ok := strings.CutPrefix(args[0], "<"); ok {
		f, err := os.Open(ts.MkAbs(file))
		ts.Check(err)
		defer f.Close()
		in, args = f, args[1:]
	}
	path, err := lookPath(args[0], ts.Getenv("PATH"))
	ts.Check(err)
	cmd := exec.Command(path, args[1:]...)
	cmd.Dir, cmd.Env = ts.MkAbs("."), environ(ts)
	withoutTerminal(cmd)
	if in != nil {
		cmd.Stdin = in
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	ts.Check(cmd.Start())
	timer := time.AfterFunc(testTimeout, func() { cmd.Process.Kill() })
	cmd.Wait()
	timer.Stop()
	ts.Logf("[stdout]\n%s[stderr]\n%s", out.Bytes(), errs.Bytes())
	if got := strconv.Itoa(cmd.ProcessState.ExitCode()); got != code {
		ts.Fatalf("exit code %s, want %s", got, code)
	}
	ts.Check(os.WriteFile(ts.MkAbs("out"), out.Bytes(), 0o666))
	ts.Check(os.WriteFile(ts.MkAbs("err"), settled(errs.Bytes(), ts.MkAbs(".")), 0o666))
}

var (
	portText = regexp.MustCompile(`127\.0\.0\.1:\d+`)
	nowText  = regexp.MustCompile(`got \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC`)
	pinText  = regexp.MustCompile(`sha256/[A-Za-z0-9+/]{43}=`)
)

// settled replaces what changes from run to run.
func settled(text []byte, work string) []byte {
	text = bytes.ReplaceAll(text, []byte(work), []byte("$WORK"))
	text = portText.ReplaceAll(text, []byte("127.0.0.1:PORT"))
	text = nowText.ReplaceAll(text, []byte("got NOW"))
	return pinText.ReplaceAll(text, []byte("sha256/PIN"))
}

// send NAME TEXT writes a line to the input of a program of start.
func send(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: send NAME TEXT")
	}
	b := backgroundOf(ts)
	b.Lock()
	defer b.Unlock()
	_, err := fmt.Fprintln(b.running[args[0]].stdin.(interface{ Write([]byte) (int, error) }), args[1])
	ts.Check(err)
}
