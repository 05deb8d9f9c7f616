//go:build linux

package kerneltls

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/freeport"
	"github.com/sealsock/sealsock/internal/peers"
	"github.com/sealsock/sealsock/internal/sockettest"
)

// openSSL runs OpenSSL's command. Its standard input is open until the test ends.
func openSSL(t *testing.T, args ...string) (stdout io.Reader, wait func() error) {
	t.Helper()
	peers.Need(t, "openssl")
	cmd := exec.CommandContext(sockettest.Context(t), "openssl", args...)
	cmd.Env = append(os.Environ(), "OPENSSL_CONF=/dev/null")
	in, out := io.Pipe()
	cmd.Stdin = in
	t.Cleanup(func() { _ = out.Close() })
	var said bytes.Buffer
	cmd.Stderr = &said
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return stdout, func() error {
		_ = out.Close()
		if err := cmd.Wait(); err != nil {
			return fmt.Errorf("openssl: %w\n%s", err, said.Bytes())
		}
		return nil
	}
}

// pem writes the files that OpenSSL reads.
func (c *credentials) pem(t *testing.T) (ca, cert, key string) {
	t.Helper()
	dir := t.TempDir()
	ca, cert, key = filepath.Join(dir, "ca"), filepath.Join(dir, "cert"), filepath.Join(dir, "key")
	err := errors.Join(os.WriteFile(ca, c.ca.PEM(), 0o600),
		os.WriteFile(cert, c.leaf.CertPEM(), 0o600), os.WriteFile(key, c.leaf.KeyPEM(), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	return ca, cert, key
}

// TestOpenSSL sends a file, other data, and with TLS 1.3 a key update to OpenSSL, as its server
// and as its client.
func TestOpenSSL(t *testing.T) {
	content := random(200_000 + 4321)
	f := fileOf(t, content)
	for _, v := range transports {
		name := fmt.Sprintf("%v %v", v.version, v.suite)
		t.Run("its server "+name, func(t *testing.T) { openSSLServer(t, v, f, content) })
		t.Run("its client "+name, func(t *testing.T) { openSSLClient(t, v, f, content) })
	}
}

// suiteFlags makes OpenSSL use the suite of v, which need not be one of its defaults.
func (v transport) suiteFlags() []string {
	if v.version == iana.TLS12 {
		return []string{"-tls1_2", "-cipher", map[iana.CipherSuite]string{
			iana.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256:       "ECDHE-ECDSA-AES128-GCM-SHA256",
			iana.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384:       "ECDHE-ECDSA-AES256-GCM-SHA384",
			iana.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: "ECDHE-ECDSA-CHACHA20-POLY1305",
			iana.TLS_ECDHE_ECDSA_WITH_AES_128_CCM:              "ECDHE-ECDSA-AES128-CCM",
		}[v.suite]}
	}
	return []string{"-tls1_3", "-ciphersuites", v.suite.String()}
}

// sendTo sends content three times and ends.
func sendTo(c *sealsock.Conn, f *os.File, content []byte) error {
	if _, err := c.SendFile(f, 0, -1); err != nil {
		return err
	}
	if c.State().Version == iana.TLS13 {
		if err := c.Rekey(context.Background(), true); err != nil {
			return err
		}
	}
	if _, err := c.Write(content); err != nil {
		return err
	}
	if _, err := c.SendFile(f, 0, int64(len(content))); err != nil {
		return err
	}
	if err := c.CloseWrite(); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, c) // what is left unread would reset the connection
	return err
}

func openSSLServer(t *testing.T, v transport, f *os.File, content []byte) {
	creds := newCredentials(t)
	client, _ := configs(t)
	client.Trust = creds.policy
	v.set(client)
	client.KernelTLS = true
	_, cert, key := creds.pem(t)
	at := net.JoinHostPort("127.0.0.1", strconv.Itoa(freeport.Pick(t)))
	out, wait := openSSL(t, append([]string{"s_server", "-accept", at, "-cert", cert, "-key", key,
		"-naccept", "1", "-quiet"}, v.suiteFlags()...)...)
	c := connect(t, at, client)
	done := make(chan error, 1)
	go func() {
		err := sendTo(c, f, content)
		checkKernel(t, c)
		done <- errors.Join(err, c.Close())
	}()
	received(t, out, content)
	if err := errors.Join(<-done, wait()); err != nil {
		t.Error(err)
	}
}

// connect connects to a server that may not listen yet.
func connect(t *testing.T, at string, cfg *sealsock.Config) *sealsock.Conn {
	t.Helper()
	ctx := sockettest.Context(t)
	for {
		c, err := sealsock.Dial(ctx, at, cfg)
		if err == nil {
			t.Cleanup(func() { _ = c.Close() })
			_ = c.SetDeadline(soon())
			return c
		}
		if !errors.Is(err, syscall.ECONNREFUSED) {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func openSSLClient(t *testing.T, v transport, f *os.File, content []byte) {
	creds := newCredentials(t)
	server := &sealsock.Config{Identities: []*identity.Identity{creds.id}, KernelTLS: true}
	v.set(server)
	ca, _, _ := creds.pem(t)
	l, err := sealsock.Listen(sockettest.Context(t), "127.0.0.1:0", server)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	done := make(chan error, 1)
	go func() {
		c, err := l.AcceptConn(sockettest.Context(t))
		if err != nil {
			done <- err
			return
		}
		err = sendTo(c, f, content)
		checkKernel(t, c)
		done <- errors.Join(err, c.Close())
	}()
	out, wait := openSSL(t, append([]string{"s_client", "-connect", l.Addr().String(),
		"-CAfile", ca, "-verify_return_error", "-verify_hostname", "localhost", "-quiet"},
		v.suiteFlags()...)...)
	received(t, out, content)
	if err := errors.Join(<-done, wait()); err != nil {
		t.Error(err)
	}
}

// received checks what OpenSSL prints.
func received(t *testing.T, out io.Reader, content []byte) {
	t.Helper()
	got, err := io.ReadAll(out)
	if err != nil || !bytes.Equal(got, bytes.Repeat(content, 3)) {
		t.Errorf("OpenSSL received %d other bytes than %d: %v", len(got), 3*len(content), err)
	}
}
