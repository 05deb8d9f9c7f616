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
	"github.com/sealsock/sealsock/trust"
)

// datagramPrograms have tools that speak DTLS 1.2.
var datagramPrograms = []*program{openssl30, openssl35, gnutls37, gnutls38}

// datagramClient is a program's command that connects to a server of DTLS.
func datagramClient(p *program, port int) command {
	to := strconv.Itoa(port)
	if strings.HasPrefix(p.name, "OpenSSL") {
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
	if strings.HasPrefix(p.name, "OpenSSL") {
		return command{args: p.tool("s_server", "-dtls1_2", "-quiet", "-listen", "-naccept", "1",
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
	go func() {
		c, err := l.AcceptConn(t.Context())
		if err == nil {
			_, err = io.Copy(c, c)
			if v := c.State().Version; v != iana.TLS12 {
				err = fmt.Errorf("the version is %v", v)
			}
			c.Close()
		}
		refused <- err
	}()
	_, port, _ := strings.Cut(l.Addr().String(), ":")
	number, _ := strconv.Atoi(port)
	c := datagramClient(p, number)
	peer := start(t, c)
	for range lines {
		if err := peer.say(hello, strings.TrimSuffix(hello, "\n"), c.chatty); err != nil {
			t.Fatal(err)
		}
	}
	peer.stdin.Close()
	if err := <-refused; err != nil { // io.EOF, that is close_notify, is no error of Copy
		t.Error(err)
	}
}

func datagramsTo(t *testing.T, p *program) {
	port := freePort(t)
	c := datagramServer(p, port)
	peer := start(t, c)
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
		if !c.chatty { // it prints what it receives, and sends what it reads
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
}
