package interop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/freeport"
	"github.com/sealsock/sealsock/trust"
)

// serverConfig and clientConfig return configurations of the library for a
// trial to modify. Programs that start slowly, such as those in Java, have their time.
func serverConfig() *sealsock.Config {
	return &sealsock.Config{Trust: &trust.Policy{Roots: roots}, HandshakeTimeout: patience,
		Identities: []*identity.Identity{identities["p256"]}}
}

func clientConfig() *sealsock.Config {
	return &sealsock.Config{Trust: &trust.Policy{Roots: roots}, ServerName: serverName,
		HandshakeTimeout: patience}
}

// serveEach serves n connections with the library, one after another, and calls
// do with each before its handshake. Call wait after the client has finished.
func serveEach(t *testing.T, cfg *sealsock.Config, n int, do func(i int, c *sealsock.Conn) error) (port int, wait func()) {
	t.Helper()
	return serveRaw(t, n, func(i int, raw net.Conn) error {
		conn, err := sealsock.Server(raw, cfg)
		if err != nil {
			return err
		}
		conn.SetDeadline(time.Now().Add(patience))
		defer conn.Close()
		return do(i, conn)
	})
}

// serveRaw is like serveEach, without TLS.
func serveRaw(t *testing.T, n int, do func(i int, raw net.Conn) error) (port int, wait func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	done := make(chan error, n)
	go func() {
		defer close(done)
		for i := range n {
			raw, err := l.Accept()
			if err != nil {
				done <- fmt.Errorf("the client did not come: %w", err)
				return
			}
			err = do(i, raw)
			raw.Close()
			if err != nil {
				done <- fmt.Errorf("connection %d: %w", i, err)
				return
			}
		}
	}()
	return l.Addr().(*net.TCPAddr).Port, func() {
		t.Helper()
		l.(*net.TCPListener).SetDeadline(time.Now().Add(patience / 4))
		for err := range done {
			t.Errorf("sealsock: %v", err)
		}
	}
}

// call connects the library to a starting server.
func call(t *testing.T, port int, cfg *sealsock.Config, do func(c *sealsock.Conn) error) {
	t.Helper()
	if err := callRaw(t, port, func(raw net.Conn) error {
		conn, err := sealsock.Client(raw, cfg)
		if err != nil {
			return err
		}
		conn.SetDeadline(time.Now().Add(patience))
		defer conn.Close()
		return do(conn)
	}); err != nil {
		t.Errorf("sealsock: %v", err)
	}
}

// callRaw is like call, without TLS.
func callRaw(t *testing.T, port int, do func(raw net.Conn) error) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	raw, err := connect(ctx, port)
	if err != nil {
		return err
	}
	defer raw.Close()
	return do(raw)
}

// answerLine echoes a line of a client and ends the connection.
func answerLine(p *program, c halfConn) error {
	if err := echoLine(c); err != nil {
		return err
	}
	return leave(p, c)
}

// leave ends a connection with a client. It sends close_notify first, because
// most clients wait for it; GnuTLS does not send its own then.
func leave(p *program, c halfConn) error {
	if p == gnutls37 || p == gnutls38 {
		if _, err := io.Copy(io.Discard, c); err != nil {
			return err
		}
	}
	return goodbye(c)
}

// answerFirst is answerLine for the first of two connections, on which GnuTLS
// and NSS may send nothing, because they only fetch a ticket.
func answerFirst(p *program, c halfConn) error {
	line, err := readLine(c)
	if err != nil && !(line == "" && errors.Is(err, io.EOF)) {
		return err
	}
	if _, err := io.WriteString(c, line); err != nil {
		return err
	}
	return leave(p, c)
}

// echoLine reads a line and writes it back.
func echoLine(c net.Conn) error {
	line, err := readLine(c)
	if err != nil {
		return fmt.Errorf("no line came: %q, %w", line, err)
	}
	_, err = io.WriteString(c, line)
	return err
}

// readLine reads up to the end of a line, and not one byte more.
func readLine(c io.Reader) (string, error) {
	var line []byte
	for b := make([]byte, 1); len(line) == 0 || b[0] != '\n'; {
		if _, err := io.ReadFull(c, b); err != nil {
			return string(line), err
		}
		line = append(line, b[0])
	}
	return string(line), nil
}

// A halfConn is a connection that can end the sending direction alone.
type halfConn interface {
	net.Conn
	CloseWrite() error
}

// goodbye sends close_notify and waits for that of the other side.
func goodbye(c halfConn) error {
	if err := c.CloseWrite(); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, c)
	return err
}

// An asker is a function by which the library, as a client, communicates with a
// program.
type asker func(c *sealsock.Conn) error

// askEcho, askReversed and askWeb are for servers that echo, that echo
// backwards, and that answer a request.
func askEcho(c *sealsock.Conn) error { return ask(c, hello) }

func askReversed(c *sealsock.Conn) error {
	back := []byte(strings.TrimSuffix(hello, "\n"))
	slices.Reverse(back)
	return ask(c, string(back)+"\n")
}

func askWeb(c *sealsock.Conn) error { return request(c) }

func ask(c *sealsock.Conn, want string) error {
	if _, err := io.WriteString(c, hello); err != nil {
		return err
	}
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != want {
		return fmt.Errorf("%q came back, want %q: %w", got, want, err)
	}
	return nil
}

// asks returns the asker for a program that serve starts.
func asks(p *program) asker {
	switch p {
	case openssl30, openssl35:
		return askReversed
	case nss:
		return askWeb
	}
	return askEcho
}

// A heard program is one whose output is recorded.
type heard struct {
	*process
	drained chan struct{}
}

func hear(t *testing.T, args []string, env ...string) *heard {
	t.Helper()
	h := &heard{process: start(t, command{args: args, env: env, chatty: true}), drained: make(chan struct{})}
	go func() {
		io.Copy(io.Discard, h.stdout)
		close(h.drained)
	}()
	return h
}

// hears waits for a text in the program's output.
func (h *heard) hears(t *testing.T, want string) {
	t.Helper()
	if err := h.waitFor(want); err != nil {
		t.Error(err)
	}
}

func (h *heard) waitFor(want string) error {
	for limit := time.Now().Add(patience); time.Now().Before(limit); {
		if strings.Contains(h.said.String(), want) {
			return nil
		}
		select {
		case <-h.drained:
			if !strings.Contains(h.said.String(), want) {
				return fmt.Errorf("it ended without saying %q", want)
			}
		case <-time.After(5 * time.Millisecond):
		}
	}
	return fmt.Errorf("it never said %q", want)
}

// converse runs a client to its end and returns its output.
func converse(t *testing.T, args []string, env ...string) string {
	t.Helper()
	h := hear(t, args, env...)
	io.WriteString(h.stdin, hello)
	h.waitFor(hello) // some exit at the end of their input
	h.stdin.Close()
	<-h.drained
	if err := h.wait(); err != nil {
		t.Errorf("the client ended with %v", err)
	}
	return h.said.String()
}

// clientArgs returns the command for a client that sends hello and continues
// until the server ends; extra are additional options.
func clientArgs(p *program, port int, extra ...string) []string {
	at := strconv.Itoa(port)
	switch p {
	case openssl30, openssl35:
		return p.tool("s_client", append([]string{
			"-tls1_3", "-connect", "127.0.0.1:" + at, "-CAfile", file("ca.pem"), "-verify_return_error",
			"-servername", serverName, "-verify_hostname", serverName, "-ign_eof",
		}, extra...)...)
	case gnutls37, gnutls38:
		args := []string{"--port", at, "--x509cafile", file("ca.pem"), "--sni-hostname", serverName, "--verify-hostname", serverName}
		return p.tool("gnutls-cli", append(withPriority(append(args, extra...)), "127.0.0.1")...)
	case nss:
		return p.tool("tstclnt", append([]string{
			"-p", at, "-d", "sql:" + file("nss"), "-V", "tls1.3:tls1.3", "-h", "127.0.0.1", "-a", serverName, "-A", file("hello1"),
		}, extra...)...)
	}
	panic("no client " + p.name)
}

// serverArgs is the same for a server.
func serverArgs(p *program, port int, extra ...string) []string {
	at := strconv.Itoa(port)
	cert, key := file("p256.pem"), file("p256.key")
	switch p {
	case openssl30, openssl35:
		return p.tool("s_server", append([]string{"-tls1_3", "-accept", "127.0.0.1:" + at, "-CAfile", file("ca.pem"), "-cert", cert, "-key", key}, extra...)...)
	case gnutls37, gnutls38:
		args := []string{"--port", at, "--echo", "--x509cafile", file("ca.pem")}
		if !slices.ContainsFunc(extra, func(s string) bool { return strings.HasPrefix(s, "--rawpk") }) {
			args = append(args, "--x509certfile", cert, "--x509keyfile", key)
		}
		return p.tool("gnutls-serv", withPriority(append(args, extra...))...)
	case nss:
		return p.tool("selfserv", append([]string{"-p", at, "-d", "sql:" + file("nss"), "-V", "tls1.3:tls1.3", "-w", "", "-n", "p256"}, extra...)...)
	}
	panic("no server " + p.name)
}

// withKey gives a server another certificate and its key.
func withKey(args []string, kind string) []string {
	for i, a := range args {
		switch a {
		case file("p256.pem"):
			args[i] = file(kind + ".pem")
		case file("p256.key"):
			args[i] = file(kind + ".key")
		}
	}
	return args
}

// gnutlsPriority is the base priority of GnuTLS, to which a trial may add.
const gnutlsPriority = "NORMAL:-VERS-ALL:+VERS-TLS1.3"

// withPriority adds the priority unless there is one.
func withPriority(args []string) []string {
	if slices.Contains(args, "--priority") {
		return args
	}
	return append(args, "--priority", gnutlsPriority)
}

// serve starts a program as a server that answers lines; see asks.
func serve(t *testing.T, p *program, extra ...string) (h *heard, port int) {
	t.Helper()
	if p == openssl30 || p == openssl35 {
		extra = append(extra, "-rev")
	}
	return serveOwn(t, p, extra...)
}

// serveOwn starts it with exactly the options in extra.
func serveOwn(t *testing.T, p *program, extra ...string) (h *heard, port int) {
	t.Helper()
	port = freeport.Pick(t)
	return hear(t, serverArgs(p, port, extra...)), port
}

// scriptEnv is the environment of the programs trial.py, trial.js and Trial.
func scriptEnv(port int, key string, more ...string) []string {
	env := []string{"CA=" + file("ca.pem"), "NAME=" + serverName, "PORT=" + strconv.Itoa(port)}
	if key != "" {
		env = append(env, "CERT="+file(key+".pem"), "KEY="+file(key+".key"), "KEY_ALGORITHM=EC")
	}
	return append(env, more...)
}

// scriptArgs returns the command for the program of a trial in a language.
func scriptArgs(p *program, what, role string) []string {
	switch p {
	case python:
		return []string{pythonPath, "testdata/trial.py", what, role}
	case node:
		return []string{"node", "testdata/trial.js", what, role}
	case java:
		return []string{"java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", work, "Trial", what, role}
	}
	panic("no script for " + p.name)
}

// runScript runs it as a client, to its end.
func runScript(t *testing.T, p *program, what string, port int, key string, more ...string) string {
	t.Helper()
	return converse(t, scriptArgs(p, what, "client"), scriptEnv(port, key, more...)...)
}

// serveScript starts it as a server.
func serveScript(t *testing.T, p *program, what string, more ...string) (h *heard, port int) {
	t.Helper()
	h = hear(t, scriptArgs(p, what, "server"), scriptEnv(0, "p256", more...)...)
	return h, h.port(t)
}

// port waits for the whole line in which a program announces its port.
func (h *heard) port(t *testing.T) int {
	t.Helper()
	for limit := time.Now().Add(patience); time.Now().Before(limit); time.Sleep(5 * time.Millisecond) {
		for line := range strings.Lines(h.said.String()) {
			if m := portPattern.FindStringSubmatch(line); m != nil && strings.HasSuffix(line, "\n") {
				port, err := strconv.Atoi(m[1])
				if err != nil {
					t.Fatal(err)
				}
				return port
			}
		}
	}
	t.Fatal("no port announced")
	return 0
}

// serveAny starts a program of either kind.
func serveAny(t *testing.T, p *program, what string, extra ...string) (h *heard, port int) {
	t.Helper()
	switch p {
	case python, node, java:
		return serveScript(t, p, what)
	}
	return serve(t, p, extra...)
}
