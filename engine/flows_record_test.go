package engine

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/testcert"
)

// patience bounds how long a live peer may take for one action.
const patience = 10 * time.Second

// A recorder starts live peers, which get their keys from dir.
type recorder struct {
	dir      string
	programs map[string][]string // the start of a command line, by flow.peer
	versions map[string]string
}

// newRecorder finds the programs. All must be there.
func newRecorder(t *testing.T) *recorder {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	peers := filepath.Join(cache, "sealsock", "peers")
	if dir := os.Getenv("SEALSOCK_PEERS_DIR"); dir != "" {
		peers = dir
	}
	newer := filepath.Join(peers, "trixie", "run") // scripts/peers.sh put it there
	rec := &recorder{
		dir:      t.TempDir(),
		programs: map[string][]string{"openssl": {"openssl"}, "openssl+": {newer, "openssl"}, "gnutls": {}},
		versions: map[string]string{},
	}
	for name, argv := range rec.programs {
		argv = append(slices.Clone(argv), "version")
		if name == "gnutls" {
			argv = []string{"gnutls-cli", "--version"}
		}
		out, err := exec.Command(argv[0], argv[1:]...).Output()
		if err != nil {
			t.Fatalf("%s is missing: %v; run scripts/peers.sh", name, err)
		}
		version, _, _ := strings.Cut(string(out), "\n")
		version, _, _ = strings.Cut(version, " (")
		rec.versions[name] = strings.Replace(version, "gnutls-cli", "GnuTLS", 1)
	}
	for _, kind := range []string{"p256", "rsa"} {
		leaf := testcert.New().Issue(testcert.NewKey(kind), nil, "example.com")
		rec.write(t, kind+".pem", leaf.CertPEM())
		rec.write(t, kind+".key", leaf.KeyPEM())
	}
	rec.write(t, "early", []byte("early bird\n"))
	return rec
}

func (rec *recorder) write(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(rec.dir, name), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (rec *recorder) start(t *testing.T, f *flow) *live {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if f.client { // the peer listens there
		l.Close()
	}
	t.Cleanup(func() { l.Close() })
	return &live{t: t, rec: rec, flow: f, listener: l}
}

// live is a peer that is a running program.
type live struct {
	t          *testing.T
	rec        *recorder
	flow       *flow
	listener   net.Listener
	conn       net.Conn
	stdin      io.WriteCloser
	connection int
}

func (l *live) peer() string { return l.rec.versions[l.flow.peer] }

func (l *live) connect() error {
	var err error
	if l.flow.client {
		if l.connection == 0 {
			l.stdin, err = l.run(l.serverArgs())
		}
		for end := time.Now().Add(patience); err == nil && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
			if l.conn, err = net.Dial("tcp", l.listener.Addr().String()); err == nil {
				break
			}
			err = nil
		}
	} else {
		if l.stdin, err = l.run(l.clientArgs()); err == nil {
			l.conn, err = l.listener.Accept()
		}
	}
	if err != nil {
		return err
	}
	if l.conn == nil {
		return errors.New("nobody listens")
	}
	l.connection++
	l.t.Cleanup(func() { l.conn.Close() })
	return l.conn.SetDeadline(time.Now().Add(patience))
}

// run starts a program, which ends with the test.
func (l *live) run(argv []string) (io.WriteCloser, error) {
	cmd := exec.Command(argv[0], argv[1:]...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &said, &said, time.Second
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	l.t.Cleanup(func() {
		stdin.Close()
		cmd.Process.Kill()
		cmd.Wait()
		if l.t.Failed() {
			l.t.Logf("%s\nsaid:\n%s", strings.Join(argv, " "), said.String())
		}
	})
	return stdin, cmd.Start()
}

// own returns the flow's options for a connection.
func (l *live) own() []string {
	args := l.flow.args[min(l.connection, len(l.flow.args)-1)]
	if strings.Contains(args, " NORMAL") {
		args = strings.ReplaceAll(args, "--priority ", "--priority=")
	}
	return strings.Fields(strings.ReplaceAll(args, "{dir}", l.rec.dir))
}

// quiet is OpenSSL's option to print data alone, and then it takes no commands.
func (l *live) quiet() []string {
	if slices.ContainsFunc(l.flow.acts, func(act string) bool { return strings.HasPrefix(act, "tell ") }) {
		return nil
	}
	return []string{"-quiet"}
}

func (l *live) serverArgs() []string {
	_, port, _ := net.SplitHostPort(l.listener.Addr().String())
	own := l.own()
	if l.flow.peer == "gnutls" {
		argv := []string{"gnutls-serv", "--port", port, "--echo", "--x509cafile", l.rec.dir + "/p256.pem"}
		if !slices.Contains(own, "--x509certfile") {
			argv = append(argv, "--x509certfile", l.rec.dir+"/p256.pem", "--x509keyfile", l.rec.dir+"/p256.key")
		}
		if !slices.Contains(own, "--require-client-cert") {
			argv = append(argv, "--disable-client-cert")
		}
		return append(argv, own...)
	}
	argv := append(slices.Clone(l.rec.programs[l.flow.peer]), "s_server", "-accept", "127.0.0.1:"+port)
	if !slices.Contains(own, "-nocert") {
		argv = append(argv, "-cert", l.rec.dir+"/p256.pem", "-key", l.rec.dir+"/p256.key")
	}
	return slices.Concat(argv, l.quiet(), own)
}

func (l *live) clientArgs() []string {
	_, port, _ := net.SplitHostPort(l.listener.Addr().String())
	if l.flow.peer == "gnutls" {
		argv := []string{"gnutls-cli", "--port", port, "--sni-hostname", "example.com", "--insecure"}
		return append(append(argv, l.own()...), "127.0.0.1")
	}
	argv := append(slices.Clone(l.rec.programs[l.flow.peer]), "s_client", "-connect", "127.0.0.1:"+port, "-servername", "example.com", "-no_ign_eof")
	if q := l.quiet(); q != nil {
		argv = append(argv[:len(argv)-1], "-quiet", "-no_ign_eof")
	}
	return append(argv, l.own()...)
}

func (l *live) read() ([]byte, error) {
	b := make([]byte, 1<<16)
	n, err := l.conn.Read(b)
	if n > 0 {
		return b[:n], nil
	}
	return nil, err
}

func (l *live) write(b []byte) error {
	_, err := l.conn.Write(b)
	return err
}

// tell writes a line to the program's input. gnutls-serv has none: it echoes.
func (l *live) tell(s string) error {
	if l.flow.peer == "gnutls" && l.flow.client {
		return nil
	}
	_, err := io.WriteString(l.stdin, s+"\n")
	time.Sleep(200 * time.Millisecond) // so that it comes by itself
	return err
}

func (l *live) finish() error {
	if l.flow.client {
		return nil
	}
	time.Sleep(200 * time.Millisecond)
	return l.stdin.Close()
}

// programArgs are the options that leave one suite and group.
func programArgs(peer string, suite iana.CipherSuite, group iana.NamedGroup) []string {
	if peer == "gnutls" {
		cipher := map[iana.CipherSuite]string{
			iana.TLS_AES_128_GCM_SHA256: "AES-128-GCM", iana.TLS_AES_256_GCM_SHA384: "AES-256-GCM",
		}[suite]
		curve := map[iana.NamedGroup]string{iana.SecP384r1: "SECP384R1", iana.SecP521r1: "SECP521R1"}[group]
		return []string{fmt.Sprintf("--priority NORMAL:-VERS-ALL:+VERS-TLS1.3:-GROUP-ALL:+GROUP-%s:-CIPHER-ALL:+%s", curve, cipher)}
	}
	name := map[iana.NamedGroup]string{
		iana.X25519: "X25519", iana.SecP256r1: "P-256", iana.X25519MLKEM768: "X25519MLKEM768",
		iana.SecP256r1MLKEM768: "SecP256r1MLKEM768", iana.SecP384r1MLKEM1024: "SecP384r1MLKEM1024",
	}[group]
	return []string{fmt.Sprintf("-ciphersuites %v -groups %s", suite, name)}
}
