//go:build !windows

package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock/internal/natstest"
	"github.com/sealsock/sealsock/internal/peers"
	"github.com/sealsock/sealsock/trust"
)

// A stage has the servers, proxies and files that the documents name, on this machine.
type stage struct {
	t         *testing.T
	dir, home string
	pin       string            // of the key of the servers
	servers   map[string]string // a scheme, or a protocol of STARTTLS, to a port
}

// documentedNames are the servers of the documents.
var documentedNames = []string{"example.com", "server.example", "public.example", "host"}

// newStage starts the servers and makes the files.
func newStage(t *testing.T) *stage {
	t.Helper()
	peers.Need(t, "openssl")
	s := &stage{t: t, dir: t.TempDir(), servers: map[string]string{}}
	s.home = filepath.Join(s.dir, "home")
	create := []string{"ca", "create"}
	for _, name := range documentedNames {
		create = append(create, "--allow", name)
	}
	s.must(create...)
	for _, file := range []string{"server", "one", "two"} {
		s.must("ca", "issue", "--cert", file+".pem", "--key", file+".key", "localhost",
			"example.com", "mail.example.com", "db.example.com", "server.example",
			"public.example", "backend.internal", "host")
	}
	s.write("config", s.must("ech", "public.example"))
	s.write("root.pem", s.must("ca", "export"))
	s.write("list.crl", s.must("ca", "crl"))
	s.write("user", "alice:secret\n")
	s.write("report", "text\n")
	s.write("photos.tar", "photos\n")
	s.write("nats.auth", "seal:secret\n")
	secret, other := strings.Repeat("a5", 32)+"\n", strings.Repeat("5a", 32)+"\n"
	s.write("fleet.secret", secret)
	s.write("ticket.keys", secret+other)
	if err := os.Mkdir(filepath.Join(s.dir, "received"), 0o700); err != nil {
		t.Fatal(err)
	}
	bundle := exec.Command("openssl", "crl2pkcs7", "-nocrl", "-certfile", "server.pem", "-out",
		"chain.p7b")
	if bundle.Dir = s.dir; bundle.Run() != nil {
		t.Error("openssl made no PKCS#7 file")
	}
	for from, to := range map[string]string{
		"../../internal/capture/testdata/openssl.pcap": "capture.pcapng",
		"../../internal/capture/testdata/openssl.keys": "keys.log",
	} {
		data, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		s.write(to, string(data))
	}
	return s
}

func (s *stage) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// seal is the command in the folder of the stage.
func (s *stage) seal(args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	s.t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, "seal", args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "SEALSOCK_HOME="+s.home)
	withoutTerminal(cmd)
	return cmd
}

// must runs a command that succeeds, and returns its output.
func (s *stage) must(args ...string) string {
	s.t.Helper()
	cmd := s.seal(args...)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("seal %s: %v: %s", strings.Join(args, " "), err, errs.String())
	}
	return string(out)
}

// listening starts a command that listens, and returns the port.
func (s *stage) listening(args ...string) (port string) {
	s.t.Helper()
	cmd := s.seal(args...)
	errs := new(words)
	cmd.Stderr = errs
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	re := regexp.MustCompile(`(?:listening|serving) on \S*:(\d+)`)
	for end := time.Now().Add(testTimeout); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if m := re.FindStringSubmatch(errs.text()); m != nil {
			return m[1]
		}
	}
	s.t.Fatalf("seal %s does not listen: %s", strings.Join(args, " "), errs.text())
	return ""
}

// server returns the port of the echo server of a kind, which it starts.
func (s *stage) server(kind string) string {
	if s.servers[kind] == "" {
		args := []string{"listen", "--keep", "--cert", "server.pem", "--key", "server.key",
			"--ech-keys", "public.example.ech.pem"}
		switch kind {
		case "into":
			args = append(args, "--into", "received", "localhost:0")
		case "ws", "wss":
			args = append(args, "--echo", kind+"://localhost:0/room")
		case "tls":
			args = append(args, "--echo", "localhost:0")
		case "udp":
			args = append(args[:6:6], "--echo", "udp://localhost:0")
		case "header":
			args = append(args, "--accept-proxy-header", "any", "--echo", "localhost:0")
		default:
			args = append(args, "--echo", "--starttls", kind, "localhost:0")
		}
		s.servers[kind] = s.listening(args...)
	}
	return s.servers[kind]
}

// proxy starts a proxy and returns its URL.
func (s *stage) proxy(scheme, user string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { l.Close() })
	accept := map[string]func(net.Conn, *bufio.Reader, string) (string, error){
		"http": acceptConnect, "socks5": acceptSOCKS,
	}[scheme]
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				r := bufio.NewReader(c)
				addr, err := accept(c, r, user)
				if err != nil {
					return
				}
				to, err := net.Dial("tcp", addr)
				if err != nil {
					return
				}
				defer to.Close()
				go func() { io.Copy(to, r); to.(*net.TCPConn).CloseWrite() }()
				io.Copy(c, to)
			}()
		}
	}()
	return scheme + "://" + l.Addr().String()
}

// splitAddress splits SCHEME://HOST:PORT/PATH.
var splitAddress = regexp.MustCompile(`^([a-z]+://)?([^:/]*)(:\d+)?(/.*)?$`)

// here returns an address of a document with the host and port of this machine, and the host
// that it had.
func here(addr, port string) (local, host string) {
	m := splitAddress.FindStringSubmatch(addr)
	return m[1] + "127.0.0.1:" + port + m[4], m[2]
}

// connect runs a command line of connect with the servers of the stage.
func (s *stage) connect(args []string) error {
	kind, in, want := "tls", "hello\n", "hello\n"
	addr := args[len(args)-1]
	scheme, _, ok := strings.Cut(addr, "://")
	if ok && (strings.HasPrefix(scheme, "ws") || scheme == "udp") {
		kind = scheme
	}
	var own []string
	listens, user := false, ""
	for i, arg := range args {
		switch {
		case arg == "--starttls":
			kind = args[i+1]
		case arg == "--framed":
			kind, in, want = "into", "", ""
		case arg == "--send-proxy-header":
			kind = "header"
		case arg == "--listen":
			listens, args[i+1] = true, "127.0.0.1:0"
		case arg == "--proxy-user-file":
			user = "alice:secret"
		case strings.HasPrefix(arg, "sha256/"):
			args[i] = s.pin
		}
	}
	for i, arg := range args {
		if arg == "--proxy" {
			scheme, _, _ := strings.Cut(args[i+1], "://")
			args[i+1] = s.proxy(scheme, user)
		}
	}
	local, host := here(addr, s.server(kind))
	if kind == "wss" || kind == "ws" {
		local = strings.Replace(local, "127.0.0.1", "localhost", 1)
	}
	own = append(args[:len(args)-1:len(args)-1], "--name", host, local)
	if listens {
		return s.through(s.listening(own...))
	}
	cmd := s.seal(own...)
	cmd.Stdin = strings.NewReader(in)
	if in == "" {
		file, err := os.Open(filepath.Join(s.dir, "photos.tar"))
		if err != nil {
			return err
		}
		defer file.Close()
		cmd.Stdin = file
	}
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil || string(out) != want {
		return fmt.Errorf("%q, %v: %s", out, err, errs.String())
	}
	return nil
}

// through sends a line through a forwarder.
func (s *stage) through(port string) error {
	c, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(testTimeout))
	io.WriteString(c, "hello\n")
	if line, err := bufio.NewReader(c).ReadString('\n'); line != "hello\n" {
		return fmt.Errorf("%q, %v", line, err)
	}
	return nil
}

// listen starts a command line of listen, or of ca serve, on a free port.
func (s *stage) listen(args []string) {
	last := len(args) - 1
	m := splitAddress.FindStringSubmatch(args[last])
	args[last] = m[1] + "localhost:0" + m[4]
	s.listening(s.withNATS(args)...)
}

// withNATS puts a NATS server of this machine in the place of that of --nats.
func (s *stage) withNATS(args []string) []string {
	i := slices.Index(args, "--nats")
	if i < 0 {
		return args
	}
	server := natstest.Start(s.t, "--user", "seal", "--pass", "secret", "--tls",
		"--tlscert", filepath.Join(s.dir, "server.pem"), "--tlskey", filepath.Join(s.dir, "server.key"))
	args[i+1] = strings.Replace(server.URL, "nats://127.0.0.1", "tls://localhost", 1)
	return append([]string{args[0], "--nats-ca", "root.pem"}, args[1:]...)
}

// inspect runs a command line of inspect.
func (s *stage) inspect(args []string) error {
	own := []string{"inspect", "--dns", "off"}
	kind := "tls"
	for i, arg := range args[1:] {
		switch {
		case args[i] == "--starttls":
			kind = arg
		case arg == "--fail-under" || args[i] == "--fail-under":
			continue // the grade depends on the age of OpenSSL's flaws, and not on the line
		}
		if m := splitAddress.FindStringSubmatch(arg); m != nil && m[2] != "" &&
			strings.HasSuffix(m[2], "example.com") {
			local, host := here(arg, s.server(kind))
			own = append(own, "--name", host)
			arg = local
		}
		own = append(own, arg)
	}
	if strings.Contains(strings.Join(own, " "), "hosts.txt") {
		s.write("hosts.txt", "# servers\n127.0.0.1:"+s.server("tls")+"\n")
		own = append(own, "--name", "example.com")
	}
	cmd := s.seal(own...)
	capture, err := os.Open(filepath.Join(s.dir, "capture.pcapng"))
	if err != nil {
		return err
	}
	defer capture.Close()
	var errs strings.Builder
	cmd.Stdin, cmd.Stderr = capture, &errs
	out, err := cmd.Output()
	if err != nil || len(out) == 0 {
		return fmt.Errorf("seal %s: %q, %v: %s", strings.Join(own, " "), out, err, errs.String())
	}
	return nil
}

// TestDocumentedCommandsWork runs each command line of seal in the shell blocks of the
// documents that TestDocumentedCommandsRun does not run, with servers, proxies and free ports
// of this machine in the place of those of the documents. Left out are blocks that are marked
// with <!-- test: no, REASON -->.
func TestDocumentedCommandsWork(t *testing.T) {
	s := newStage(t)
	leaf := s.must("cert", "--json", "server.pem")
	pin := regexp.MustCompile(`sha256/[A-Za-z0-9+/]{43}=`).FindString(leaf)
	if _, err := trust.ParsePin(pin); err != nil {
		t.Fatalf("no pin in %s: %v", leaf, err)
	}
	s.pin = pin
	ran := 0
	for _, block := range shellBlocks(t) {
		if block.runs || block.leftOut != "" {
			continue
		}
		for _, args := range callsOf(t, block) {
			ran++
			line := strings.Join(args, " ")
			var err error
			switch args[0] {
			case "listen", "relay":
				s.listen(args)
			case "chat":
				err = s.chat(args)
			case "send", "receive":
				err = s.transfer(args)
			case "connect":
				err = s.connect(args)
			case "inspect":
				err = s.inspect(args)
			case "bench":
				args[len(args)-1] = "localhost:" + s.server("tls")
				s.must(append(args, "--time", "100ms", "--parallel", "2")...)
			case "ca":
				switch own := *s; args[1] {
				case "serve":
					s.listen(args)
				case "create": // another authority
					own.home = t.TempDir()
					own.must(args...)
				default:
					s.must(args...)
				}
			default:
				err = fmt.Errorf("no test runs it")
			}
			if err != nil {
				t.Errorf("%s: seal %s: %v", block.doc, line, err)
			}
		}
	}
	if ran < 30 {
		t.Errorf("only %d commands were run", ran)
	}
}
