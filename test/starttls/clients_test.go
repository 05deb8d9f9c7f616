//go:build !windows

package starttls

import (
	"bufio"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/internal/servertest"
	"github.com/sealsock/sealsock/starttls"
)

// A client is a program that upgrades a connection and verifies the server.
type client struct {
	name      string
	protocols []string
	// command returns how to start it for one of the protocols.
	command func(p *servertest.Place, protocol string, port int) *exec.Cmd
	// answer plays the server over TLS. It returns once the client has sent what
	// shows that it uses the connection.
	answer func(c *talk, protocol string) error
	needs  string // the program or file, if not the name
	// prints is in its output. exits is its exit status.
	prints string
	exits  map[string]int
}

// reached is the text that servers send and clients print.
const reached = "sealsock over TLS"

var clients = []client{
	{name: "openssl", command: opensslClient, answer: answerLine, prints: reached,
		protocols: []string{"ftp", "imap", "irc", "ldap", "lmtp", "mysql", "nntp", "pop3", "postgres",
			"sieve", "smtp", "xmpp", "xmpp-server"}},
	{name: "gnutls-cli", command: gnutlsClient, answer: answerLine, prints: reached,
		protocols: []string{"ftp", "imap", "ldap", "lmtp", "nntp", "pop3", "postgres", "sieve",
			"smtp", "xmpp"}},
	{name: "curl", command: curlClient, answer: answerCurl,
		protocols: []string{"ftp", "imap", "pop3", "smtp"},
		exits:     map[string]int{"ftp": 67}}, // refused, over TLS
	{name: "swaks", command: swaksClient, answer: answerCurl, protocols: []string{"lmtp", "smtp"}},
	{name: "ldapsearch", command: ldapsearchClient, answer: answerCurl, prints: reached,
		protocols: []string{"ldap"}, exits: map[string]int{"ldap": 53}},
	{name: "psql", command: psqlClient, answer: answerPostgres, prints: reached,
		protocols: []string{"postgres"}, exits: map[string]int{"postgres": 2}},
	{name: "mariadb", command: mariadbClient, answer: answerMySQL, prints: reached,
		protocols: []string{"mysql"}, exits: map[string]int{"mysql": 1}},
	{name: "libnats", needs: "/usr/include/nats/nats.h", command: natsClient, answer: answerNATS,
		prints: "connected", protocols: []string{"nats"}},
}

// TestClients upgrades a connection of each client.
func TestClients(t *testing.T) {
	p := servertest.New(t)
	for i := range clients {
		c := &clients[i]
		for _, protocol := range c.protocols {
			t.Run(c.name+"/"+protocol, func(t *testing.T) {
				need(t, cmp.Or(c.needs, c.name))
				t.Parallel()
				c.run(t, p, protocol)
			})
		}
	}
}

func (c *client) run(t *testing.T, p *servertest.Place, protocol string) {
	ctx, cancel := context.WithTimeout(t.Context(), servertest.Patience)
	defer cancel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	served := make(chan error, 1)
	go func() { served <- c.serve(ctx, l, p, protocol) }()
	cmd := c.command(p, protocol, l.Addr().(*net.TCPAddr).Port)
	cmd.WaitDelay = 10 * time.Second
	stop := context.AfterFunc(ctx, func() { cmd.Process.Kill() })
	defer stop()
	out, err := cmd.CombinedOutput()
	cancelled := time.AfterFunc(20*time.Second, cancel) // if it has not connected
	defer cancelled.Stop()
	if err := <-served; err != nil {
		t.Errorf("the server: %v", err)
	}
	if status := cmd.ProcessState.ExitCode(); status != c.exits[protocol] {
		t.Errorf("it ended with %v, want status %d", err, c.exits[protocol])
	}
	if !strings.Contains(string(out), c.prints) {
		t.Errorf("%q is not in its output", c.prints)
	}
	if t.Failed() {
		t.Logf("%s\nprinted\n%s", strings.Join(cmd.Args, " "), out)
	}
}

// serve upgrades the first connection of l and plays the server.
func (c *client) serve(
	ctx context.Context, l net.Listener, p *servertest.Place, protocol string,
) error {
	defer context.AfterFunc(ctx, func() { l.Close() })()
	raw, err := l.Accept()
	if err != nil {
		return err
	}
	defer raw.Close()
	if err := starttls.Server(ctx, raw, protocol, host); err != nil {
		return err
	}
	conn, err := sealsock.Server(raw, p.Server())
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.HandshakeContext(ctx); err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()
	return c.answer(&talk{conn, bufio.NewReader(conn)}, protocol)
}

// answerLine reads a line and answers it.
func answerLine(c *talk, _ string) error {
	if l, err := c.in.ReadString('\n'); err != nil || strings.TrimSpace(l) != "hello" {
		return fmt.Errorf("received %q, %w", l, err)
	}
	_, err := io.WriteString(c, reached+"\r\n")
	return err
}

// answerCurl refuses what a client of LDAP sends, and answers lines by their first word.
func answerCurl(c *talk, protocol string) error {
	if protocol == "ldap" {
		return answerLDAP(c)
	}
	answers := map[string]string{
		"EHLO": "250 mail", "LHLO": "250 mail", "NOOP": "250 " + reached, "QUIT": "221 bye",
		"USER": "530 " + reached,
	}
	switch protocol {
	case "imap":
		answers = map[string]string{"CAPABILITY": "* CAPABILITY IMAP4rev1\r\n{tag} OK done",
			"NOOP": "{tag} OK " + reached, "LOGOUT": "* BYE\r\n{tag} OK done"}
	case "pop3":
		answers = map[string]string{"CAPA": "+OK\r\nUSER\r\n.", "NOOP": "+OK " + reached,
			"QUIT": "+OK bye"}
	}
	ends := []string{"QUIT", "LOGOUT", "USER"}
	for {
		l, err := c.in.ReadString('\n')
		if err != nil {
			return err
		}
		words := strings.Fields(l)
		tag := ""
		if protocol == "imap" && len(words) > 1 {
			tag, words = words[0], words[1:]
		}
		if len(words) == 0 || answers[words[0]] == "" {
			return fmt.Errorf("an unexpected command: %q", l)
		}
		io.WriteString(c, strings.ReplaceAll(answers[words[0]], "{tag}", tag)+"\r\n")
		if slices.Contains(ends, words[0]) {
			return nil
		}
	}
}

// answerLDAP refuses a bind with a text.
func answerLDAP(c *talk) error {
	head := make([]byte, 2)
	if _, err := io.ReadFull(c.in, head); err != nil {
		return err
	}
	body := make([]byte, head[1])
	if _, err := io.ReadFull(c.in, body); err != nil {
		return err
	}
	if len(body) < 4 || body[3] != 0x60 {
		return fmt.Errorf("no BindRequest: %x", body)
	}
	n := byte(len(reached))
	answer := []byte{0x30, 12 + n, 2, 1, body[2], 0x61, 7 + n, 10, 1, 53, 4, 0, 4, n}
	if _, err := c.Write(append(answer, reached...)); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, c.in)
	return err
}

// answerPostgres refuses a StartupMessage with a text.
func answerPostgres(c *talk, _ string) error {
	var head [8]byte
	if _, err := io.ReadFull(c.in, head[:]); err != nil {
		return err
	}
	if version := binary.BigEndian.Uint32(head[4:]); version != 3<<16 {
		return fmt.Errorf("no StartupMessage: %x", head)
	}
	b := []byte("SFATAL\x00C28000\x00M" + reached + "\x00\x00")
	_, err := c.Write(append(binary.BigEndian.AppendUint32([]byte("E"), uint32(len(b)+4)), b...))
	return err
}

// answerMySQL refuses a HandshakeResponse with a text.
func answerMySQL(c *talk, _ string) error {
	var head [4]byte
	if _, err := io.ReadFull(c.in, head[:]); err != nil {
		return err
	}
	if head[3] != 2 {
		return errors.New("the first packet over TLS has not the sequence number 2")
	}
	b := "\xff\x15\x04#28000" + reached
	_, err := c.Write(append([]byte{byte(len(b)), 0, 0, 3}, b...))
	return err
}

// answerNATS answers CONNECT and PING.
func answerNATS(c *talk, _ string) error {
	for {
		l, err := c.in.ReadString('\n')
		switch {
		case err != nil:
			return err
		case strings.HasPrefix(l, "PING"):
			if _, err = io.WriteString(c, "PONG\r\n"); err != nil {
				return err
			}
			io.Copy(io.Discard, c.in)
			return nil
		case !strings.HasPrefix(l, "CONNECT "):
			return fmt.Errorf("received %q", l)
		}
	}
}

func opensslClient(p *servertest.Place, protocol string, port int) *exec.Cmd {
	cmd := exec.Command("openssl", "s_client", "-starttls", protocol, "-connect",
		fmt.Sprintf("127.0.0.1:%d", port), "-xmpphost", host, "-CAfile", p.Path("ca.pem"),
		"-verify_hostname", host, "-servername", host, "-verify_return_error", "-quiet")
	cmd.Stdin = strings.NewReader("hello\n")
	return cmd
}

func gnutlsClient(p *servertest.Place, protocol string, port int) *exec.Cmd {
	cmd := exec.Command("gnutls-cli", "--starttls-proto", protocol, "--port", fmt.Sprint(port),
		"--x509cafile", p.Path("ca.pem"), "--verify-hostname", host, "--sni-hostname", host, "127.0.0.1")
	// It ends with its input, and would not wait for the answer. Wait closes the input.
	if in, err := cmd.StdinPipe(); err == nil {
		io.WriteString(in, "hello\n")
	}
	return cmd
}

func curlClient(p *servertest.Place, protocol string, port int) *exec.Cmd {
	args := []string{"-sS", "--ssl-reqd", "--cacert", p.Path("ca.pem"),
		fmt.Sprintf("%s://%s:%d/", protocol, host, port)}
	if protocol != "ftp" {
		args = append(args, "-I", "-X", "NOOP") // -I awaits one line
	}
	return exec.Command("curl", args...)
}

func swaksClient(p *servertest.Place, protocol string, port int) *exec.Cmd {
	// Its SMTP begins with HELO.
	kind := map[string]string{"smtp": "ESMTP", "lmtp": "LMTP"}[protocol]
	return exec.Command("swaks", "--protocol", kind, "--server", "127.0.0.1",
		"--port", fmt.Sprint(port), "-tls", "--tls-verify", "--tls-ca-path", p.Path("ca.pem"),
		"--tls-sni", host, "--helo", host, "--quit-after", "EHLO", "--to", "a@localhost")
}

func ldapsearchClient(p *servertest.Place, _ string, port int) *exec.Cmd {
	// For the name localhost it demands a certificate with the name of the machine.
	cmd := exec.Command("ldapsearch", "-x", "-ZZ", "-H", fmt.Sprintf("ldap://127.0.0.1:%d", port),
		"-s", "base", "-b", "")
	cmd.Env = append(cmd.Environ(), "LDAPTLS_CACERT="+p.Path("ca.pem"), "LDAPTLS_REQCERT=demand")
	return cmd
}

func psqlClient(p *servertest.Place, _ string, port int) *exec.Cmd {
	return exec.Command("psql", "-c", "SELECT 1", fmt.Sprintf(
		"host=%s hostaddr=127.0.0.1 port=%d user=seal dbname=seal sslmode=verify-full sslrootcert=%s",
		host, port, p.Path("ca.pem")))
}

func mariadbClient(p *servertest.Place, _ string, port int) *exec.Cmd {
	return exec.Command("mariadb", "--no-defaults", "--protocol=tcp", "--host="+host,
		fmt.Sprintf("--port=%d", port), "--ssl", "--ssl-ca="+p.Path("ca.pem"),
		"--ssl-verify-server-cert", "--user=seal", "-e", "SELECT 1")
}

// natsClient compiles a program with the NATS client for C.
func natsClient(p *servertest.Place, _ string, port int) *exec.Cmd {
	return exec.Command("sh", "-c", `gcc -o "$1" testdata/client.c -lnats && exec "$1" "$2" "$3" "$4"`,
		"sh", p.Path("client"), fmt.Sprintf("nats://127.0.0.1:%d", port), p.Path("ca.pem"), host)
}
