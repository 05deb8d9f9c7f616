package interop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/trust"
)

// config is the library's side of a scenario.
func (s *scenario) config(server bool) *sealsock.Config {
	c := &sealsock.Config{
		Trust: &trust.Policy{Roots: roots}, ServerName: serverName, NoCompatibilityMode: s.plain,
		HandshakeTimeout: patience,
	}
	if s.suite != 0 {
		c.CipherSuites = []iana.CipherSuite{s.suite}
	}
	// A client that is to be asked for another share offers all its groups.
	if s.group != 0 && (server || !s.retry) {
		c.Groups = []iana.NamedGroup{s.group}
	}
	if s.alpn != "" {
		c.ALPN = []string{"other", s.alpn}
	}
	switch {
	case server:
		c.Identities = []*identity.Identity{identities[s.serverKey()]}
		if s.clientKey != "" {
			c.ClientAuth = sealsock.RequireClientCert
		}
	case s.clientKey != "":
		c.Identities = []*identity.Identity{identities[s.clientKey]}
	}
	return c
}

// check compares what the library says of a connection with the scenario.
func (s *scenario) check(st engine.State, server bool) error {
	signer, peerKey := s.serverKey(), s.clientKey
	if !server {
		signer, peerKey = s.clientKey, s.serverKey()
	}
	var wrong []string
	for _, c := range []struct {
		what      string
		relevant  bool
		got, want any
	}{
		{"version", true, st.Version, iana.TLS13},
		{"suite", s.suite != 0, st.CipherSuite, s.suite},
		{"group", s.group != 0, st.Group, s.group},
		{"ALPN", true, st.ALPN, s.alpn},
		{"HelloRetryRequest", s.retry || s.group != 0, st.Retried, s.retry},
		{"own signature", signer != "", st.OwnScheme, schemes[signer]},
		{"peer's signature", peerKey != "", st.PeerScheme, schemes[peerKey]},
		{"server name", server && s.alpn == "", st.ServerName, serverName},
	} {
		if c.relevant && c.got != c.want {
			wrong = append(wrong, fmt.Sprintf("%s: %v, want %v", c.what, c.got, c.want))
		}
	}
	if wrong != nil {
		return errors.New(strings.Join(wrong, "; "))
	}
	return nil
}

// talk is the library as a client: a line there and back, and both ends said.
func (s *scenario) talk(ctx context.Context, port int, http bool) error {
	raw, err := connect(ctx, port)
	if err != nil {
		return err
	}
	defer raw.Close()
	conn, err := sealsock.Client(raw, s.config(false))
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.Handshake(ctx); err != nil {
		return err
	}
	if deadline, ok := ctx.Deadline(); ok {
		conn.SetDeadline(deadline)
	}
	if err := s.check(conn.State(), false); err != nil {
		return err
	}
	if http {
		return request(conn)
	}
	for range 3 {
		if err := echoed(conn); err != nil {
			return err
		}
	}
	if err := conn.CloseWrite(); err != nil {
		return err
	}
	if rest, err := io.ReadAll(conn); err != nil || len(rest) > 0 {
		return fmt.Errorf("at the end %q, %w", rest, err)
	}
	return nil
}

func echoed(conn net.Conn) error {
	if _, err := io.WriteString(conn, hello); err != nil {
		return err
	}
	got := make([]byte, len(hello))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != hello {
		return fmt.Errorf("echoed %q, %w", got, err)
	}
	return nil
}

func request(conn net.Conn) error {
	if _, err := io.WriteString(conn, "GET / HTTP/1.0\r\n\r\n"); err != nil {
		return err
	}
	got, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(got), "HTTP/1.0 200 ") {
		return fmt.Errorf("answered %q, %w", got, err)
	}
	return nil
}

// serve starts the library as a server for one connection, and tells its port
// and, at the end, how it went.
func (s *scenario) serve(t *testing.T, web bool) (port int, done <-chan error) {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { inner.Close() })
	end := make(chan error, 1)
	cfg := s.config(true)
	cfg.OnHandshakeError = func(_ net.Addr, err error) { end <- err }
	l, err := sealsock.NewListener(inner, cfg)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		conn, err := l.AcceptConn(context.Background())
		if err != nil {
			return // refused, which is told above, or the test is over
		}
		defer conn.Close()
		if err := s.check(conn.State(), true); err != nil {
			end <- err
			return
		}
		if web {
			end <- serveWeb(conn)
			return
		}
		_, err = io.Copy(conn, conn)
		end <- errors.Join(err, conn.CloseWrite())
	}()
	return inner.Addr().(*net.TCPAddr).Port, end
}

// serveWeb answers one HTTP connection with what it is sent.
func serveWeb(conn net.Conn) error {
	over := make(chan error, 1)
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.TLS == nil || !r.TLS.HandshakeComplete {
				http.Error(w, "the server does not know that this is TLS", http.StatusInternalServerError)
				return
			}
			io.Copy(w, r.Body)
		}),
		ConnState: func(_ net.Conn, state http.ConnState) {
			if state == http.StateClosed {
				over <- nil
			}
		},
	}
	go server.Serve(&single{conn: conn})
	return <-over
}

// single is a listener of one connection.
type single struct {
	conn net.Conn
	net.Listener
}

func (l *single) Accept() (net.Conn, error) {
	if l.conn == nil {
		return nil, io.EOF
	}
	conn := l.conn
	l.conn = nil
	return conn, nil
}

func (l *single) Close() error { return nil }
