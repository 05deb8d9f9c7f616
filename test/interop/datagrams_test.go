package interop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/freeport"
	"github.com/sealsock/sealsock/trust"
)

// datagramPrograms have tools that speak DTLS 1.2.
var datagramPrograms = []*program{
	openssl30, openssl35, gnutls37, gnutls38, mbedtls, nss, botan, wolfssl,
}

// datagramLibraries are those of them that programs of our own drive, by their files.
var datagramLibraries = map[*program]string{mbedtls: "mbedtls", botan: "botan", wolfssl: "wolfssl"}

// datagramClient is a program's command that connects to a server of DTLS.
func datagramClient(p *program, port int) command {
	to := strconv.Itoa(port)
	switch {
	case datagramLibraries[p] != "":
		return command{
			args: []string{file(datagramLibraries[p]), "client"}, env: scriptEnv(port, "", "DATAGRAM=yes"),
		}
	case p == nss: // it sends no close_notify at the end of its input
		return command{whole: true, waits: true, args: []string{"tstclnt", "-P", "client", "-p", to,
			"-d", "sql:" + file("nss"), "-V", "tls1.2:tls1.2", "-h", "127.0.0.1", "-a", serverName,
			"-A", file("hello")}}
	case strings.HasPrefix(p.name, "OpenSSL"):
		return command{args: p.tool("s_client", "-dtls1_2", "-quiet", "-no_ign_eof", "-CAfile", file("ca.pem"),
			"-verify_return_error", "-verify_hostname", serverName, "-servername", serverName,
			"-connect", "127.0.0.1:"+to)}
	}
	return command{chatty: true, args: p.tool("gnutls-cli", "--udp", "--port", to,
		"--priority", "NORMAL:-VERS-ALL:+VERS-DTLS1.2", "--x509cafile", file("ca.pem"),
		"--sni-hostname", serverName, "--verify-hostname", serverName, "127.0.0.1")}
}

// datagramServer is a program's command that serves DTLS.
func datagramServer(p *program, port int) command {
	to, cert, key := strconv.Itoa(port), file("p256.pem"), file("p256.key")
	switch {
	case datagramLibraries[p] != "":
		return command{announces: true, args: []string{file(datagramLibraries[p]), "server"},
			env: scriptEnv(port, "p256", "DATAGRAM=yes")}
	case strings.HasPrefix(p.name, "OpenSSL"):
		return command{loop: true, args: p.tool("s_server", "-dtls1_2", "-quiet", "-listen", "-naccept", "1",
			"-accept", "127.0.0.1:"+to, "-cert", cert, "-key", key)}
	}
	return command{chatty: true, args: p.tool("gnutls-serv", "--udp", "--echo", "--port", to,
		"--priority", "NORMAL:-VERS-ALL:+VERS-DTLS1.2", "--x509certfile", cert, "--x509keyfile", key)}
}

// TestDatagrams has each program as the client of a Listener, and as the server of a Conn.
func TestDatagrams(t *testing.T) {
	for _, p := range datagramPrograms {
		t.Run(p.name+" as client", func(t *testing.T) {
			need(t, p)
			datagramsFrom(t, p)
		})
		if p == nss {
			continue // selfserv has no DTLS
		}
		t.Run(p.name+" as server", func(t *testing.T) {
			need(t, p)
			datagramsTo(t, p)
		})
	}
}

func datagramsFrom(t *testing.T, p *program) {
	id, err := identity.Load(file("p256.pem"), file("p256.key"))
	if err != nil {
		t.Fatal(err)
	}
	refused := make(chan error, 10)
	cfg := &sealsock.Config{Identities: []*identity.Identity{id}}
	l, err := sealsock.Listen(t.Context(), "udp://127.0.0.1:0", cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := strings.Cut(l.Addr().String(), ":")
	number, _ := strconv.Atoi(port)
	c := datagramClient(p, number)
	go func() {
		conn, err := l.AcceptConn(t.Context())
		if err == nil {
			err = echoDatagrams(conn, c.waits)
			if v := conn.State().Version; v != iana.TLS12 {
				err = fmt.Errorf("the version is %v", v)
			}
			conn.Close()
		}
		refused <- err
	}()
	peer := start(t, c)
	said := hello
	if c.whole {
		said = ""
	}
	for range lines {
		if err := peer.say(said, strings.TrimSuffix(hello, "\n"), c.chatty); err != nil {
			t.Fatal(err)
		}
	}
	peer.stdin.Close()
	if err := peer.wait(); err != nil {
		t.Error(err)
	}
	if err := <-refused; err != nil { // io.EOF, that is close_notify, is no error of Copy
		t.Error(err)
	}
}

// echoDatagrams returns what comes until close_notify, or, with once, one message.
func echoDatagrams(conn *sealsock.Conn, once bool) error {
	if !once {
		_, err := io.Copy(conn, conn)
		return err
	}
	buf := make([]byte, 2000)
	conn.SetDeadline(time.Now().Add(patience))
	n, err := conn.Read(buf)
	if err == nil {
		_, err = conn.Write(buf[:n])
	}
	return err
}

func datagramsTo(t *testing.T, p *program) {
	port := freeport.Pick(t)
	c := datagramServer(p, port)
	peer := start(t, c)
	if c.announces {
		var err error
		if port, err = peer.announced(); err != nil {
			t.Fatal(err)
		}
	}
	roots := new(trust.Roots)
	if _, err := roots.AddFile(file("ca.pem")); err != nil {
		t.Fatal(err)
	}
	var err error
	cfg := &sealsock.Config{ServerName: serverName, Trust: &trust.Policy{Roots: roots}}
	ctx, cancel := context.WithTimeout(t.Context(), patience/4)
	defer cancel()
	var conn *sealsock.Conn
	for conn == nil { // until it listens, the system reports that nothing does
		if conn, err = sealsock.Dial(ctx, "udp://127.0.0.1:"+strconv.Itoa(port), cfg); err != nil {
			if ctx.Err() != nil {
				t.Fatal(err)
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	defer conn.Close()
	if s := conn.State(); s.Version != iana.TLS12 || conn.Peer() == nil {
		t.Errorf("the state is %+v", s)
	}
	buf := make([]byte, 2000)
	for range lines {
		if _, err := conn.Write([]byte(hello)); err != nil {
			t.Fatal(err)
		}
		if c.loop { // it prints what it receives, and sends what it reads
			if err := peer.say("", strings.TrimSuffix(hello, "\n"), false); err != nil {
				t.Fatal(err)
			}
			io.WriteString(peer.stdin, hello)
		}
		conn.SetReadDeadline(time.Now().Add(patience))
		n, err := conn.Read(buf)
		if string(buf[:n]) != hello || err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("the echo is %q, %v", buf[:n], err)
		}
	}
	if !c.announces {
		return // a tool, which serves on
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	if err := peer.wait(); err != nil { // it waits for close_notify
		t.Error(err)
	}
}

// textDatagrams is the part of docs/interop.md about DTLS.
const textDatagrams = `
## DTLS 1.2

Each entry stands for a connection over UDP in which the other program was the client, the
server, or each in turn (both). The client verified the certificate and its name, and messages
were sent and echoed. sealsock, mbedTLS, Botan and wolfSSL as servers had the client return a
cookie (HelloVerifyRequest). The tests are ` + "`" + `TestDatagrams` + "`" + ` of test/interop, and ` + "`" + `TestPion` + "`" + ` of test/pion, which also has cipher
suites, pre-shared keys, client certificates, ALPN and exporters.

| | DTLS 1.2 |
|---|---|
| OpenSSL 3.0 | both |
| OpenSSL 3.5 | both |
| GnuTLS 3.7 | both |
| GnuTLS 3.8 | both |
| mbedTLS | both |
| NSS | client |
| Botan | both |
| wolfSSL 5.5.4 | both |
| pion/dtls 3.1.15 | both |

Connection IDs (RFC 9146) were exchanged with pion/dtls 3.1.15 and wolfSSL 5.9.2 in both roles, and
the server of pion/dtls found a connection whose client had moved (TestMoveToPion). Debian's mbedTLS
2.28 and wolfSSL 5.5.4 are built without them. No program in the list has return routability checks
(RFC 9853), so that none of them as a client is followed to a new
address. use_srtp (RFC 5764) gave the same keys as pion/dtls and OpenSSL 3.0 and 3.5, in both roles (TestSRTP).

The client of pion/dtls 3.1.15 cannot read the empty server_name by which a server reports that
it used the client's (RFC 6066, Section 3). A server of DTLS 1.2 with one certificate uses no name
and leaves the answer out; to a server that chooses by the name this client must send none.

Clients of DTLS 1.0 alone, such as ` + "`" + `openssl s_client -dtls1` + "`" + `, receive the alert protocol_version.

selfserv of NSS has no DTLS.
`

// TestDatagramsOld: a client that has DTLS 1.0 alone is refused with an alert, at once.
func TestDatagramsOld(t *testing.T) {
	need(t, openssl30)
	id, err := identity.Load(file("p256.pem"), file("p256.key"))
	if err != nil {
		t.Fatal(err)
	}
	cfg := &sealsock.Config{Identities: []*identity.Identity{id}}
	l, err := sealsock.Listen(t.Context(), "udp://127.0.0.1:0", cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go l.AcceptConn(t.Context()) // there will be none
	args := openssl30.tool("s_client", "-dtls1", "-cipher", "DEFAULT@SECLEVEL=0", "-connect",
		l.Addr().String())
	_, err = output(args[0], args[1:]...)
	if err == nil || !strings.Contains(err.Error(), "protocol version") {
		t.Errorf("the client ends with %v", err)
	}
}
