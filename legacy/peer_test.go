package legacy_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/fipstest"
	"github.com/sealsock/sealsock/internal/freeport"
	"github.com/sealsock/sealsock/internal/peers"
	"github.com/sealsock/sealsock/internal/testcert"
	"github.com/sealsock/sealsock/legacy"
)

// oldPeers are ways to run OpenSSL as an old peer. Security level 0 allows MD5
// and SHA-1.
var oldPeers = []struct {
	name   string
	flags  []string
	weak   string
	offers string     // what the error of the rest of the module names for such a client
	alert  iana.Alert // what a server of the kind, or the rest of the module, refuses with
}{
	{"TLS 1.0", []string{"-tls1", "-cipher", "ALL:@SECLEVEL=0"}, "TLS 1.0 was deprecated", "TLS 1.0", iana.AlertProtocolVersion},
	{"TLS 1.1", []string{"-tls1_1", "-cipher", "ALL:@SECLEVEL=0"}, "TLS 1.1 was deprecated", "TLS 1.1 or TLS 1.0", iana.AlertProtocolVersion},
	{"CBC alone", []string{"-tls1_2", "-cipher", "ECDHE-RSA-AES128-SHA:ECDHE-RSA-AES256-SHA:@SECLEVEL=0"}, "padding oracles",
		"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", iana.AlertHandshakeFailure},
	{"RSA key exchange alone", []string{"-tls1_2", "-cipher", "AES128-GCM-SHA256:@SECLEVEL=0"}, "no forward secrecy",
		"TLS_RSA_WITH_AES_128_GCM_SHA256", iana.AlertHandshakeFailure},
	{"both", []string{"-tls1_2", "-cipher", "AES256-SHA:@SECLEVEL=0"}, "no forward secrecy", "TLS_RSA_WITH_AES_256_CBC_SHA", iana.AlertHandshakeFailure},
}

func TestOpenSSLServer(t *testing.T) {
	fipstest.Skip(t, "crypto/tls leaves out all that this package is for")
	peers.Need(t, "openssl")
	client, server, _ := configs(t, bothUsages)
	certificate, key := files(t, server.Identities[0])
	for _, peer := range oldPeers {
		t.Run(peer.name, func(t *testing.T) {
			addr := fmt.Sprintf("127.0.0.1:%d", freeport.Pick(t))
			args := append([]string{"s_server", "-quiet", "-rev", "-accept", addr, "-cert", certificate, "-key", key}, peer.flags...)
			cmd := exec.Command("openssl", args...)
			var said bytes.Buffer
			cmd.Stderr = &said
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() {
				cmd.Process.Kill()
				cmd.Wait()
				if t.Failed() {
					t.Logf("openssl: %s", said.String())
				}
			}()
			c, err := legacy.Dial(t.Context(), addr, client)
			for end := time.Now().Add(time.Minute); errors.Is(err, syscall.ECONNREFUSED) &&
				time.Now().Before(end); time.Sleep(20 * time.Millisecond) { // until it listens
				c, err = legacy.Dial(t.Context(), addr, client)
			}
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := io.WriteString(c, "hello\n"); err != nil {
				t.Fatal(err)
			}
			if line, err := bufio.NewReader(c).ReadString('\n'); line != "olleh\n" {
				t.Errorf("%q, %v", line, err)
			}
			if !strings.Contains(c.Describe(), peer.weak) {
				t.Errorf("%q does not say %q", c.Describe(), peer.weak)
			}
			c.Close() // OpenSSL serves one at a time
			conn, err := sealsock.Dial(t.Context(), addr, client)
			if err == nil {
				conn.Close()
			}
			// Such a server finds nothing in common with the offer and sends only
			// an alert.
			if own := refusal(t, err); own != nil && (own.Fault != engine.FaultAlert || own.Alert != peer.alert) {
				t.Errorf("package sealsock: %v", err)
			}
		})
	}
}

// refusal checks that the rest of the module rejects the peer with an error
// that gives the reason and names this package.
func refusal(t *testing.T, err error) *engine.Error {
	t.Helper()
	var own *engine.Error
	if !errors.As(err, &own) || own.Reason == "" || !strings.Contains(own.Hint, "package legacy") {
		t.Errorf("package sealsock: %v", err)
	}
	return own
}

func TestOpenSSLClient(t *testing.T) {
	fipstest.Skip(t, "crypto/tls leaves out all that this package is for")
	peers.Need(t, "openssl")
	_, server, ca := configs(t, bothUsages)
	roots := filepath.Join(t.TempDir(), "root.pem")
	if err := os.WriteFile(roots, ca.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := legacy.Listen(t.Context(), "127.0.0.1:0", server)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	lines := make(chan string, 1)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				io.Copy(conn, conn)
				lines <- conn.(*legacy.Conn).Describe()
				conn.Close()
			}()
		}
	}()
	refused := make(chan error, 1)
	front := *server
	front.OnHandshakeError = func(_ net.Addr, err error) { refused <- err }
	strict, err := sealsock.Listen(t.Context(), "127.0.0.1:0", &front)
	if err != nil {
		t.Fatal(err)
	}
	defer strict.Close()
	go strict.Accept()

	for _, peer := range oldPeers {
		t.Run(peer.name, func(t *testing.T) {
			if out, err := openssl(t, l.Addr(), roots, peer.flags); err != nil || !strings.Contains(out, "hello") {
				t.Errorf("%v: %s", err, out)
			}
			if line := <-lines; !strings.Contains(line, peer.weak) {
				t.Errorf("%q does not say %q", line, peer.weak)
			}
			if out, err := openssl(t, strict.Addr(), roots, peer.flags); err == nil {
				t.Errorf("package sealsock accepts it: %s", out)
			}
			err := <-refused
			own := refusal(t, err)
			if own != nil && (own.Fault != engine.FaultIncompatible || own.Alert != peer.alert || !strings.Contains(own.Got, peer.offers)) {
				t.Errorf("the error of package sealsock does not say what the client offered: %v", err)
			}
		})
	}
}

// openssl runs a client that sends "hello" and waits for its echo, or its own end. It returns what
// the client has received and printed.
func openssl(t *testing.T, addr net.Addr, roots string, flags []string) (string, error) {
	t.Helper()
	args := append([]string{"s_client", "-quiet", "-no_ign_eof", "-connect", addr.String(), "-CAfile", roots,
		"-verify_return_error", "-servername", "localhost"}, flags...)
	cmd := exec.Command("openssl", args...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	said := new(bytes.Buffer)
	cmd.Stderr = said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
	defer stop.Stop()
	io.WriteString(in, "hello\n")
	echo, _ := bufio.NewReader(out).ReadString('\n')
	in.Close()
	err = cmd.Wait()
	return echo + said.String(), err
}

// files writes an identity to files for OpenSSL.
func files(t *testing.T, id *identity.Identity) (certificate, key string) {
	t.Helper()
	leaf := &testcert.Leaf{Chain: id.Chain, Key: id.Signer.Key()}
	dir := t.TempDir()
	certificate, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for name, data := range map[string][]byte{certificate: leaf.CertPEM(), key: leaf.KeyPEM()} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certificate, key
}

// TestNewPeerNeedsNoDoor checks that a connection with a modern peer has no
// weakness.
func TestNewPeerNeedsNoDoor(t *testing.T) {
	client, server, _ := configs(t, nil)
	c, _, err := pair(t, client, server)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.ConnectionState(); iana.Version(got.Version) != iana.TLS13 || len(c.Weaknesses()) > 0 {
		t.Errorf("%s", c.Describe())
	}
}
