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
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/trust"
)

// lines is the number of times that hello is sent and echoed.
const lines = 3

// talk runs the library as a client: it exchanges lines and both close_notify
// alerts.
func (s *scenario) talk(ctx context.Context, port int, web bool) error {
	raw, err := connect(ctx, port)
	if err != nil {
		return err
	}
	conn, tapped, err := s.seal(ctx, raw, false)
	if err != nil {
		raw.Close()
		return err
	}
	defer conn.Close()
	if err := s.check(conn.State(), false); err != nil {
		return err
	}
	if s.askUpdate {
		if err := conn.Rekey(ctx, true); err != nil {
			return err
		}
	}
	if web {
		return errors.Join(request(conn), s.checkUpdates(tapped, conn.State(), false))
	}
	for range lines {
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
	return s.checkUpdates(tapped, conn.State(), false)
}

// serve starts the library as a server for one connection and returns its port
// and, at the end, the result. stop ends the wait for a client.
func (s *scenario) serve(t *testing.T, c command) (port int, done <-chan error, stop func() error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	end := make(chan error, 1)
	go func() {
		raw, err := l.Accept()
		if err != nil {
			end <- err
			return
		}
		defer raw.Close()
		end <- s.answer(raw, c)
	}()
	return l.Addr().(*net.TCPAddr).Port, end, l.Close
}

// answer is the library's side of one connection as a server.
func (s *scenario) answer(raw net.Conn, c command) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, tapped, err := s.seal(ctx, raw, true)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := s.check(conn.State(), true); err != nil {
		return err
	}
	if s.askUpdate {
		if err := conn.Rekey(ctx, true); err != nil {
			return err
		}
	}
	if c.http {
		return errors.Join(serveWeb(conn), s.checkUpdates(tapped, conn.State(), true))
	}
	var from io.Reader = conn
	if c.waits {
		from = io.LimitReader(conn, int64(lines*len(hello)))
	}
	if _, err := io.Copy(conn, from); err != nil {
		return err
	}
	if err := conn.CloseWrite(); err != nil {
		return err
	}
	if rest, err := io.ReadAll(conn); err != nil || len(rest) > 0 {
		return fmt.Errorf("at the end %q, %w", rest, err)
	}
	return s.checkUpdates(tapped, conn.State(), true)
}

// seal runs the handshake on a connection. For a scenario with key updates it
// attaches a tap.
func (s *scenario) seal(ctx context.Context, raw net.Conn, server bool) (*sealsock.Conn, *tap, error) {
	cfg := s.config(server)
	var tapped *tap
	if s.keyUpdate || s.ownUpdate || s.askUpdate {
		tapped = &tap{Conn: raw}
		cfg.KeyLog = &tapped.keyLogged
		raw = tapped
	}
	if s.bad {
		raw = patient{raw.(*net.TCPConn)}
	}
	start := sealsock.Client
	if server {
		start = sealsock.Server
	}
	conn, err := start(raw, cfg)
	if err != nil {
		return nil, nil, err
	}
	if err := conn.Handshake(ctx); err != nil {
		conn.Close()
		return nil, nil, err
	}
	conn.SetDeadline(time.Now().Add(patience))
	return conn, tapped, nil
}

// config is the library's side of a scenario.
func (s *scenario) config(server bool) *sealsock.Config {
	c := &sealsock.Config{
		Trust: &trust.Policy{Roots: roots}, ServerName: serverName, NoCompatibilityMode: s.plain,
	}
	if s.ownUpdate {
		c.MaxRecordsPerKey = 1
	}
	if s.suite != 0 {
		c.CipherSuites = []iana.CipherSuite{s.suite}
	}
	// A client that is to receive a HelloRetryRequest offers all its groups.
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

// check compares the state of a connection with the scenario.
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
		{"group", s.wantGroup() != 0, st.Group, s.wantGroup()},
		{"ALPN", true, st.ALPN, s.alpn},
		{"HelloRetryRequest", s.retry || s.wantGroup() != 0, st.Retried, s.retry},
		{"own signature", signer != "", st.OwnScheme, schemes[signer]},
		{"peer's signature", peerKey != "", st.PeerScheme, schemes[peerKey]},
		{"server name", server, st.ServerName, serverName},
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

// checkUpdates checks in the tap who changed keys: the peer and, on its
// request, the library; or the reverse; or only the library.
func (s *scenario) checkUpdates(tapped *tap, st engine.State, server bool) error {
	if tapped == nil {
		return nil
	}
	ours, theirs, err := tapped.updates(server, uint16(st.CipherSuite))
	if err != nil {
		return fmt.Errorf("the tap: %w", err)
	}
	if s.keyUpdate && theirs < 2 || s.askUpdate && theirs < 1 || ours < 1 {
		return fmt.Errorf("%d key updates from the peer and %d from the library", theirs, ours)
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

// serveWeb answers the requests of one HTTP connection with their bodies.
func serveWeb(conn *sealsock.Conn) error {
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

// isAlert reports whether err is an alert of the peer.
func isAlert(err error) bool {
	var e *engine.Error
	return errors.As(err, &e) && e.Fault == engine.FaultAlert
}

// refusal reports whether err is an alert by which a client rejects a
// certificate.
func (s *scenario) refusal(err error) error {
	var why *trust.Error
	want := map[string]trust.Code{"stranger": trust.CodeUnknownAuthority, "othername": trust.CodeNameMismatch}[s.key]
	if !errors.As(err, &why) || why.Code != want {
		return fmt.Errorf("the client got %v, want %v", err, want)
	}
	return nil
}
