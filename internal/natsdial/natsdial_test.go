package natsdial_test

import (
	"bufio"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/internal/natsdial"
	"github.com/sealsock/sealsock/internal/natstest"
	"github.com/sealsock/sealsock/internal/testcert"
	"github.com/sealsock/sealsock/trust"
)

// pki is an authority, and the arguments of a NATS server with its certificate.
func pki(t *testing.T, name string) (*sealsock.Config, []string) {
	t.Helper()
	ca := testcert.New()
	leaf := ca.Issue(testcert.NewKey("p256"), nil, name)
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, text := range map[string][]byte{cert: leaf.CertPEM(), key: leaf.KeyPEM()} {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	roots := new(trust.Roots)
	if err := roots.AddDER(ca.Cert.Raw); err != nil {
		t.Fatal(err)
	}
	return &sealsock.Config{Trust: &trust.Policy{Roots: roots}},
		[]string{"--tls", "--tlscert", cert, "--tlskey", key}
}

func connect(t *testing.T, cfg *sealsock.Config, url string) (*nats.Conn, error) {
	t.Helper()
	d, err := natsdial.New(cfg, false, []string{url})
	if err != nil {
		t.Fatal(err)
	}
	nc, err := nats.Connect(url, nats.SetCustomDialer(d), nats.SkipHostLookup(),
		nats.ReconnectWait(1))
	if err == nil {
		t.Cleanup(nc.Close)
	}
	return nc, err
}

// TestServer connects to a NATS server that begins in plaintext, and refuses one of another
// authority, of another name, and one without TLS.
func TestServer(t *testing.T) {
	cfg, args := pki(t, "localhost")
	s := natstest.Start(t, args...)
	url := strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
	nc, err := connect(t, cfg, url)
	if err != nil {
		t.Fatal(err)
	}
	sub, err := nc.SubscribeSync("x")
	if err != nil {
		t.Fatal(err)
	}
	nc.Publish("x", []byte("over TLS"))
	if m, err := sub.NextMsgWithContext(t.Context()); err != nil || string(m.Data) != "over TLS" {
		t.Errorf("%v, %v", m, err)
	}
	var refused *trust.Error
	if _, err := connect(t, &sealsock.Config{}, url); !errors.As(err, &refused) {
		t.Errorf("a server of an unknown authority: %v", err)
	}
	if _, err := connect(t, cfg, s.URL); !errors.As(err, &refused) {
		t.Errorf("a server of another name: %v", err)
	}
	plain := natstest.Start(t)
	if _, err := connect(t, cfg, plain.URL); err == nil || !strings.Contains(err.Error(), "no TLS") {
		t.Errorf("a server without TLS: %v", err)
	}
}

// TestDiscovered: a server that is known from what another one sent before TLS proves the name
// of one that was configured.
func TestDiscovered(t *testing.T) {
	cfg, args := pki(t, "nats.example")
	s := natstest.Start(t, args...)
	d, err := natsdial.New(cfg, false, []string{"tls://nats.example:4222"})
	if err != nil {
		t.Fatal(err)
	}
	c, err := d.Dial("tcp", strings.TrimPrefix(s.URL, "nats://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if line, err := bufio.NewReader(c).ReadString('\n'); !strings.HasPrefix(line, "INFO {") {
		t.Errorf("%q, %v", line, err)
	}
	other, args := pki(t, "127.0.0.1")
	s = natstest.Start(t, args...)
	d, err = natsdial.New(other, false, []string{"tls://nats.example:4222"})
	if err != nil {
		t.Fatal(err)
	}
	var refused *trust.Error
	if _, err := d.Dial("tcp", strings.TrimPrefix(s.URL, "nats://")); !errors.As(err, &refused) {
		t.Errorf("a server that proves its own name only: %v", err)
	}
}

// TestLongInfo: what a server sends before TLS is bounded.
func TestLongInfo(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err == nil {
			c.Write([]byte("INFO " + strings.Repeat("x", 1<<20)))
		}
	}()
	d, err := natsdial.New(nil, false, []string{l.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Dial("tcp", l.Addr().String()); err == nil {
		t.Error("it was taken")
	}
}

func TestMisuse(t *testing.T) {
	for _, servers := range [][]string{nil, {""}, {"nats://"}, {"ws://host"}, {"nats://u:secret@%"}} {
		_, err := natsdial.New(nil, false, servers)
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", servers, err)
		}
	}
}
