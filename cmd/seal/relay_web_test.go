//go:build !windows

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/sealsock/sealsock/internal/chatpage"
	rooms "github.com/sealsock/sealsock/relay"
)

// A webStage is a relay and a client of HTTP that trusts it.
type webStage struct {
	t      *testing.T
	home   string
	port   string
	client *http.Client
}

func newWebStage(t *testing.T) *webStage {
	t.Helper()
	s := &webStage{t: t, home: t.TempDir()}
	relay := runSeal(t, s.home, nil, "relay", "localhost:0")
	s.port = relay.await(t, &relay.errors, `listening on 127\.0\.0\.1:(\d+) `)
	root, err := os.ReadFile(filepath.Join(s.home, "ca", "root.pem"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(root)
	s.client = &http.Client{
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}},
		Timeout:   testTimeout,
	}
	t.Cleanup(s.client.CloseIdleConnections)
	return s
}

// get requests a path and returns the answer and its body.
func (s *webStage) get(method, path string) (*http.Response, string) {
	s.t.Helper()
	r, err := http.NewRequest(method, "https://localhost:"+s.port+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	answer, err := s.client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer, string(body)
}

// websocket connects to the relay as a page of an origin, or as no page.
func (s *webStage) websocket(path, origin string) (*websocket.Conn, *http.Response, error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), testTimeout)
	defer cancel()
	opts := &websocket.DialOptions{HTTPClient: s.client, HTTPHeader: http.Header{}}
	if origin != "" {
		opts.HTTPHeader.Set("Origin", origin)
	}
	return websocket.Dial(ctx, "wss://localhost:"+s.port+path, opts)
}

// TestRelayPage: a relay serves its page with a strict policy, and nothing else.
func TestRelayPage(t *testing.T) {
	s := newWebStage(t)
	answer, body := s.get("GET", "/")
	if chatpage.Built() {
		if answer.StatusCode != 200 || !strings.Contains(body, `<script src="page.js" defer>`) {
			t.Errorf("%s: %s", answer.Status, body)
		}
	} else if answer.StatusCode != 501 || !strings.Contains(body, "make build") {
		t.Errorf("%s: %s", answer.Status, body)
	}
	policy := answer.Header.Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "script-src 'self' 'wasm-unsafe-eval'",
		"connect-src 'self'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"} {
		if !strings.Contains(policy, part) {
			t.Errorf("the policy %q lacks %s", policy, part)
		}
	}
	if strings.Contains(policy, "unsafe-inline") || strings.Contains(policy, "'unsafe-eval'") ||
		answer.Header.Get("Referrer-Policy") != "no-referrer" ||
		answer.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%v", answer.Header)
	}
	for _, path := range []string{"/built/README.md", "/../etc/passwd", "/wasm/main.go", "/x"} {
		if answer, _ := s.get("GET", path); answer.StatusCode != 404 {
			t.Errorf("%s: %s", path, answer.Status)
		}
	}
	if answer, _ := s.get("POST", "/"); answer.StatusCode != 405 {
		t.Errorf("POST: %s", answer.Status)
	}
	if answer, _ := s.get("GET", "/relay"); answer.StatusCode != http.StatusUpgradeRequired {
		t.Errorf("/relay without an upgrade: %s", answer.Status)
	}
}

// TestRelayWebSocket: a foreign WebSocket client is a member, and a page of another site is
// refused.
func TestRelayWebSocket(t *testing.T) {
	s := newWebStage(t)
	ws, _, err := s.websocket("/relay", "https://localhost:"+s.port)
	if err != nil {
		t.Fatal(err)
	}
	conn := websocket.NetConn(t.Context(), ws, websocket.MessageBinary)
	conn.SetDeadline(time.Now().Add(testTimeout))
	m, err := rooms.Join(t.Context(), conn, rooms.RoomID{1}, rooms.NewToken())
	if err != nil {
		t.Fatal(err)
	}
	other, _, err := s.websocket("/relay", "")
	if err != nil {
		t.Fatal(err)
	}
	second, err := rooms.Join(t.Context(), websocket.NetConn(t.Context(), other,
		websocket.MessageBinary), rooms.RoomID{1}, rooms.NewToken())
	if err != nil {
		t.Fatal(err)
	}
	payload := strings.Repeat("x", rooms.MaxPayload)
	if err := second.Send(m.ID(), []byte(payload)); err != nil {
		t.Fatal(err)
	}
	for {
		got, err := m.Receive()
		if err != nil {
			t.Fatal(err)
		}
		if got.Kind == rooms.KindDeliver {
			if string(got.Payload) != payload || got.Member != second.ID() {
				t.Error("the payload was changed")
			}
			break
		}
	}
	m.Close()
	second.Close()
	for path, origin := range map[string]string{
		"/relay": "https://evil.example", "/": "https://localhost:" + s.port,
	} {
		if _, answer, err := s.websocket(path, origin); err == nil || answer == nil ||
			answer.StatusCode == http.StatusSwitchingProtocols {
			t.Errorf("%s from %s: %v", path, origin, err)
		}
	}
}

// TestRoomOverWebSocket: a member with a link, over a WebSocket, and one with the line of the
// same invitation talk.
func TestRoomOverWebSocket(t *testing.T) {
	s := newWebStage(t)
	cmd := exec.Command("seal", "chat", "new", "--link", "localhost:"+s.port)
	cmd.Env = append(os.Environ(), "SEALSOCK_HOME="+s.home)
	link, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	_, secret, _ := strings.Cut(string(link), "#")
	line := "sealtalk:localhost:" + s.port + "#" + secret
	files := []string{filepath.Join(s.home, "link"), filepath.Join(s.home, "line")}
	for i, text := range []string{string(link), line} {
		if err := os.WriteFile(files[i], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	join := func(i int, name string, in io.Reader, more ...string) *sealProcess {
		args := []string{"chat", "join", "--as", name, "--identity",
			filepath.Join(s.home, name+".key"), "--known-peers", filepath.Join(s.home, name+".known")}
		return runSeal(t, s.home, in, append(append(args, more...), files[i])...)
	}
	bob := join(1, "bob", strings.NewReader(""), "--stay")
	alice := join(0, "alice", strings.NewReader("over a WebSocket\n"))
	bob.await(t, &bob.output, `alice: (over a WebSocket)\n`)
	if code := alice.exit(t); code != exitOK {
		t.Errorf("exit code %d: %s", code, alice.errors.text())
	}
	bob.await(t, &bob.errors, `alice has (left)`)
}

// An addressed is a connection from an IP address.
type addressed struct{ net.Conn }

// RemoteAddr implements net.Conn.
func (addressed) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)} }

// TestPageIsBounded: an address has a bounded number of connections for the page, whose places
// are given back.
func TestPageIsBounded(t *testing.T) {
	web := newRelayWeb(rooms.NewServer(rooms.NewMemory(0, 0), rooms.Limits{}), 2)
	serve := func() (client net.Conn, result chan error) {
		client, conn := net.Pipe()
		result = make(chan error, 1)
		go func() { result <- web.serve(t.Context(), addressed{conn}) }()
		t.Cleanup(func() { client.Close() })
		return client, result
	}
	ask := func(c net.Conn) error {
		c.SetDeadline(time.Now().Add(testTimeout))
		if _, err := io.WriteString(c, "GET /x HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			return err
		}
		_, err := c.Read(make([]byte, 1))
		return err
	}
	first, ended := serve()
	second, _ := serve()
	for _, c := range []net.Conn{first, second} {
		if err := ask(c); err != nil {
			t.Fatal(err)
		}
	}
	third, refused := serve()
	if err := ask(third); err == nil {
		t.Error("a third connection is served")
	}
	select {
	case err := <-refused:
		if err == nil {
			t.Error("the refusal is no error")
		}
	case <-time.After(testTimeout):
		t.Fatal("the third connection was not refused")
	}
	first.Close()
	<-ended
	fourth, _ := serve()
	if err := ask(fourth); err != nil {
		t.Errorf("a place was not given back: %v", err)
	}
}
