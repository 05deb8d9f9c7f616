package sealnats_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/sealsock/sealsock"
	sealnats "github.com/sealsock/sealsock/contrib/nats"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/freeport"
	"github.com/sealsock/sealsock/internal/testcert"
	"github.com/sealsock/sealsock/trust"
)

// buildServer builds the nats-server that go.mod names.
func buildServer(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "nats-server")
	cmd := exec.Command("go", "build", "-o", program, "github.com/nats-io/nats-server/v2")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("nats-server cannot be built: %v: %s", err, out)
	}
	return program
}

// A natsServer is a NATS server with TLS that asks for certificates of clients.
type natsServer struct {
	t       *testing.T
	program string
	dir     string
	ca      *testcert.CA
	port    int
	cmd     *exec.Cmd
}

func newServer(t *testing.T, program string, first bool) *natsServer {
	t.Helper()
	s := &natsServer{t: t, program: program, dir: t.TempDir(), ca: testcert.New(),
		port: freeport.Pick(t)}
	leaf := s.ca.Issue(testcert.NewKey("p256"), nil, "localhost")
	s.write("cert.pem", leaf.CertPEM())
	s.write("key.pem", leaf.KeyPEM())
	s.write("ca.pem", s.ca.PEM())
	s.write("nats.conf", fmt.Appendf(nil, `
listen: "127.0.0.1:%d"
tls {
  cert_file: %q
  key_file: %q
  ca_file: %q
  verify: true
  handshake_first: %v
}
`, s.port, s.path("cert.pem"), s.path("key.pem"), s.path("ca.pem"), first))
	t.Cleanup(s.kill)
	s.start()
	return s
}

func (s *natsServer) path(name string) string { return filepath.Join(s.dir, name) }

func (s *natsServer) write(name string, text []byte) {
	if err := os.WriteFile(s.path(name), text, 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *natsServer) start() {
	s.t.Helper()
	s.cmd = exec.Command(s.program, "-c", s.path("nats.conf"))
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		c, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", s.port))
		if err == nil {
			c.Close()
			return
		}
		if time.Now().After(end) {
			s.t.Fatal(err)
		}
	}
}

func (s *natsServer) kill() {
	if s.cmd != nil {
		s.cmd.Process.Kill()
		s.cmd.Wait()
		s.cmd = nil
	}
}

// config trusts the authority of the server, and has a certificate of it.
func (s *natsServer) config() *sealsock.Config {
	roots := new(trust.Roots)
	if err := roots.AddDER(s.ca.Cert.Raw); err != nil {
		s.t.Fatal(err)
	}
	leaf := s.ca.Issue(testcert.NewKey("p256"), nil, "client")
	id := &identity.Identity{Chain: leaf.Chain, Signer: identity.NewSigner(leaf.Key)}
	return &sealsock.Config{
		Trust: &trust.Policy{Roots: roots}, Identities: []*identity.Identity{id},
	}
}

func (s *natsServer) connect(cfg *sealsock.Config, host string, first bool, more ...nats.Option) (
	*nats.Conn, error) {
	s.t.Helper()
	url := fmt.Sprintf("tls://%s:%d", host, s.port)
	option, err := sealnats.Client(cfg, url, sealnats.Options{TLSFirst: first})
	if err != nil {
		s.t.Fatal(err)
	}
	nc, err := nats.Connect(url, append(more, option, nats.MaxReconnects(-1),
		nats.ReconnectWait(20*time.Millisecond), nats.Timeout(time.Minute))...)
	if err == nil {
		s.t.Cleanup(nc.Close)
	}
	return nc, err
}

// TestServer connects to a NATS server with either order of INFO and TLS, by a certificate of the
// client, publishes and requests, and connects again when the server was killed. It refuses a
// server of an unknown authority and one of another name.
func TestServer(t *testing.T) {
	program := buildServer(t)
	for _, first := range []bool{false, true} {
		t.Run(fmt.Sprint("first=", first), func(t *testing.T) {
			s := newServer(t, program, first)
			again := make(chan struct{}, 1)
			nc, err := s.connect(s.config(), "localhost", first,
				nats.ReconnectHandler(func(*nats.Conn) { again <- struct{}{} }))
			if err != nil {
				t.Fatal(err)
			}
			echo := func(m *nats.Msg) { m.Respond(m.Data) }
			if _, err := nc.Subscribe("echo", echo); err != nil {
				t.Fatal(err)
			}
			request := func() {
				t.Helper()
				long := strings.Repeat("a long message ", 10_000)
				m, err := nc.RequestWithContext(t.Context(), "echo", []byte(long))
				if err != nil || string(m.Data) != long {
					t.Errorf("%v", err)
				}
			}
			request()
			s.kill()
			s.start()
			<-again
			request()

			var refused *trust.Error
			own := s.config()
			own.Trust = nil
			if _, err := s.connect(own, "localhost", first); !errors.As(err, &refused) {
				t.Errorf("a server of an unknown authority: %v", err)
			}
			if _, err := s.connect(s.config(), "127.0.0.1", first); !errors.As(err, &refused) {
				t.Errorf("a server of another name: %v", err)
			}
			nobody := s.config()
			nobody.Identities = nil
			if _, err := s.connect(nobody, "localhost", first); err == nil {
				t.Error("a client without a certificate is accepted")
			}
		})
	}
}

func TestMisuse(t *testing.T) {
	if _, err := sealnats.Client(nil, "", sealnats.Options{}); err == nil {
		t.Error("no server is accepted")
	}
	option, err := sealnats.Client(nil, "tls://localhost:1", sealnats.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for name, other := range map[string]nats.Option{
		"Secure": nats.Secure(), "RootCAs": nats.RootCAs(), "first": nats.TLSHandshakeFirst(),
	} {
		if _, err := nats.Connect("tls://localhost:1", other, option); !errors.Is(err, os.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
