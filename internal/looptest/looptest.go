// Package looptest tries a server of package adapt, on the event loop of another library,
// with foreign clients. The modules below contrib share it.
package looptest

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/freeport"
	"github.com/sealsock/sealsock/internal/peers"
	"github.com/sealsock/sealsock/internal/testcert"
	"github.com/sealsock/sealsock/loop/adapt"
	"github.com/sealsock/sealsock/trust"
)

// patience bounds each exchange.
const patience = 50 * time.Second

// A Server is what a module's test starts.
type Server struct {
	Endpoint *adapt.Endpoint

	ca     string // a file
	client *sealsock.Config
	closed chan error
}

// New makes the Endpoint of a server that echoes, and that answers HTTP requests.
func New(t testing.TB) *Server {
	t.Helper()
	ca := testcert.New()
	leaf := ca.Issue(testcert.NewKey("p256"), nil, "localhost")
	id, err := identity.New(leaf.Chain, leaf.Key)
	if err != nil {
		t.Fatal(err)
	}
	roots := new(trust.Roots)
	if err := roots.AddDER(ca.Cert.Raw); err != nil {
		t.Fatal(err)
	}
	s := &Server{
		ca:     filepath.Join(t.TempDir(), "ca.pem"),
		client: &sealsock.Config{Trust: &trust.Policy{Roots: roots}, ServerName: "localhost"},
		closed: make(chan error, 100),
	}
	if err := os.WriteFile(s.ca, ca.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := &sealsock.Config{Identities: []*identity.Identity{id}}
	if s.Endpoint, err = adapt.NewServer(cfg, handler{s}); err != nil {
		t.Fatal(err)
	}
	return s
}

type handler struct{ server *Server }

func (handler) OnOpen(*adapt.Conn) {}

func (handler) OnData(c *adapt.Conn, data []byte) {
	if !bytes.HasPrefix(data, []byte("GET ")) {
		if _, err := c.Write(data); err != nil {
			c.Close()
		}
		return
	}
	_, _ = c.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
}

func (h handler) OnClose(_ *adapt.Conn, err error) {
	select {
	case h.server.closed <- err:
	default:
	}
}

// FreeAddress returns an address that nothing listens on.
func FreeAddress(t testing.TB) string {
	t.Helper()
	return fmt.Sprintf("127.0.0.1:%d", freeport.Pick(t))
}

// Try tries the server at addr, once it listens.
func (s *Server) Try(t *testing.T, addr string) {
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			c.Close()
			break
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
	if err := s.wait(t); err == nil {
		t.Error("a connection that was closed before its handshake ended without an error")
	}
	t.Run("echo", func(t *testing.T) { s.echo(t, addr) })
	t.Run("openssl", func(t *testing.T) { s.openssl(t, addr) })
	t.Run("wrk", func(t *testing.T) { wrk(t, addr) })
	t.Run("cut", func(t *testing.T) { s.cut(t, addr) })
}

// wait returns what OnClose of the next connection received.
func (s *Server) wait(t *testing.T) error {
	t.Helper()
	select {
	case err := <-s.closed:
		return err
	case <-time.After(patience):
		t.Fatal("OnClose was not called")
		return nil
	}
}

// dial connects to the server.
func (s *Server) dial(t *testing.T, addr string) *sealsock.Conn {
	t.Helper()
	raw, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { raw.Close() })
	c, err := sealsock.Client(raw, s.client)
	if err != nil {
		t.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(patience))
	return c
}

// echo sends more than the buffers of the system hold, in both directions at once, and ends
// the connection in order. Less than Endpoint.WriteLimit is under way at any time.
func (s *Server) echo(t *testing.T, addr string) {
	const chunk, chunks, ahead = 100_000, 160, 5
	c := s.dial(t, addr)
	sent := make([]byte, chunk*chunks)
	rand.Read(sent)
	returned := make(chan bool, chunks)
	go func() {
		for i := range chunks {
			if i >= ahead && !<-returned {
				return
			}
			c.Write(sent[i*chunk:][:chunk])
		}
		c.CloseWrite()
	}()
	got := make([]byte, chunk)
	for i := range chunks {
		if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, sent[i*chunk:][:chunk]) {
			returned <- false
			t.Fatalf("part %d was not echoed: %v", i, err)
		}
		returned <- true
	}
	if n, err := c.Read(got); err != io.EOF {
		t.Errorf("%d bytes and %v after the end", n, err)
	}
	if err := s.wait(t); err != nil {
		t.Errorf("OnClose received %v", err)
	}
}

// cut breaks a connection.
func (s *Server) cut(t *testing.T, addr string) {
	for len(s.closed) > 0 {
		<-s.closed
	}
	c := s.dial(t, addr)
	c.Write([]byte("x"))
	if _, err := c.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	c.NetConn().Close()
	if err := s.wait(t); err == nil {
		t.Error("OnClose received no error for a connection that was cut")
	}
}

// openssl has openssl s_client verify the server and exchange a line in each version.
func (s *Server) openssl(t *testing.T, addr string) {
	peers.Need(t, "openssl")
	for _, version := range []string{"-tls1_2", "-tls1_3"} {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		cmd := exec.CommandContext(ctx, "openssl", "s_client", "-quiet", version, "-connect", addr,
			"-CAfile", s.ca, "-verify_return_error", "-verify_hostname", "localhost")
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		var said bytes.Buffer
		cmd.Stderr = &said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(in, "a line over %s\n", version)
		line, err := bufio.NewReader(out).ReadString('\n')
		in.Close()
		cancel()
		_ = cmd.Wait()
		if line != fmt.Sprintf("a line over %s\n", version) {
			t.Errorf("%s: the echo is %q, %v; the server: %v\n%s",
				version, line, err, s.wait(t), &said)
			continue
		}
		if err := s.wait(t); err == nil {
			t.Errorf("%s: OnClose received no error, and openssl was killed", version)
		}
	}
}

var wrkRequests = regexp.MustCompile(`(\d+) requests in`)

// wrk has wrk load the server with many connections for a second.
func wrk(t *testing.T, addr string) {
	peers.Need(t, "wrk")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, "wrk", "-t2", "-c50", "-d1s", "--timeout", "30s",
		"https://"+addr+"/").CombinedOutput()
	if err != nil {
		t.Fatalf("wrk: %v\n%s", err, out)
	}
	m := wrkRequests.FindSubmatch(out)
	if m == nil || string(m[1]) == "0" || bytes.Contains(out, []byte("Non-2xx")) ||
		bytes.Contains(out, []byte("Socket errors")) {
		t.Errorf("wrk:\n%s", out)
	}
}
