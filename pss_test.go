package sealsock_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/freeport"
	"github.com/sealsock/sealsock/internal/peers"
	"github.com/sealsock/sealsock/trust"
)

// TestKeysBoundToPSS talks to OpenSSL in both roles with RSA keys whose
// certificates have id-RSASSA-PSS, which the standard library does not read.
func TestKeysBoundToPSS(t *testing.T) {
	peers.Need(t, "openssl")
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	run := func(line string) {
		t.Helper()
		cmd := exec.Command("openssl", strings.Fields(line)...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("openssl %s: %v\n%s", line, err, out)
		}
	}
	run("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout root.key -out root.pem -subj /CN=Root -days 3")
	run("genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -out leaf.key")
	run("req -new -key leaf.key -subj /CN=localhost -out leaf.csr")
	if err := os.WriteFile(in("ext"), []byte("subjectAltName=DNS:localhost\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	run("x509 -req -in leaf.csr -CA root.pem -CAkey root.key -CAcreateserial -days 2 -extfile ext -out leaf.pem")
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()

	t.Run("server", func(t *testing.T) {
		id, err := identity.Load(in("leaf.pem"), in("leaf.key"))
		if err != nil {
			t.Fatal(err)
		}
		l, err := sealsock.Listen(ctx, "127.0.0.1:0", &sealsock.Config{Identities: []*identity.Identity{id}})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				fmt.Fprintln(c, "sealed")
				c.Close()
			}
		}()
		for _, version := range []string{"-tls1_3", "-tls1_2"} {
			out, err := exec.Command("openssl", "s_client", version, "-connect", l.Addr().String(), "-CAfile", in("root.pem"),
				"-verify_return_error", "-verify_hostname", "localhost", "-servername", "localhost", "-ign_eof").CombinedOutput()
			if !strings.Contains(string(out), "sealed") || !strings.Contains(string(out), "Peer signature type: RSA-PSS") {
				t.Errorf("%s: %v\n%s", version, err, out)
			}
		}
	})
	t.Run("client", func(t *testing.T) {
		address := serveOpenSSL(t, in("leaf.pem"), in("leaf.key"))
		roots := new(trust.Roots)
		if _, err := roots.AddFile(in("root.pem")); err != nil {
			t.Fatal(err)
		}
		c, err := sealsock.Dial(ctx, address, &sealsock.Config{ServerName: "localhost", Trust: &trust.Policy{Roots: roots}})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.HandshakeContext(ctx); err != nil {
			t.Fatal(err)
		}
	})
}

// serveOpenSSL starts a server and returns its address once it listens.
func serveOpenSSL(t *testing.T, cert, key string) string {
	t.Helper()
	address := fmt.Sprintf("127.0.0.1:%d", freeport.Pick(t))
	cmd := exec.Command("openssl", "s_server", "-accept", address, "-cert", cert, "-key", key)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	typed, err := cmd.StdinPipe() // at its end the server would close what it has
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		typed.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "ACCEPT") {
			return address
		}
	}
	t.Fatal("OpenSSL's server did not start")
	return ""
}
