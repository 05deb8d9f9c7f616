package interop

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/trust"
)

// programs12 are the peers of TLS 1.2.
var programs12 = []*program{
	openssl30,
	openssl35,
	gnutls37,
	gnutls38,
	nss,
	java,
	node,
	python,
	mbedtls,
	standard,
	botan,
}

func TestMatrix12(t *testing.T) {
	for _, p := range programs12 {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			need(t, p)
			for _, s := range scenarios12 {
				t.Run(s.name, func(t *testing.T) {
					for role, run := range map[string]func(*testing.T, *program, *scenario){"client": peerIsClient12, "server": peerIsServer12} {
						why := p.cannot(role, s)
						results.set(p, role, s, why)
						if why == "" {
							t.Run(role, func(t *testing.T) { run(t, p, s) })
						}
					}
				})
			}
		})
	}
}

// A meeting is the library's side of one scenario of TLS 1.2, of one connection
// or two.
type meeting struct {
	*scenario
	server bool
	cfg    *sealsock.Config
	last   engine.State // of the latest connection
}

// peerIsClient12 runs the program as a client of the library.
func peerIsClient12(t *testing.T, p *program, s *scenario) {
	m := newMeeting(s, true)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c := p.client(s, l.Addr().(*net.TCPAddr).Port)
	done := make(chan error, 1)
	go func() { done <- m.serve(l, c) }()
	var said strings.Builder
	for run := &c; run != nil; run = run.next {
		proc := start(t, *run)
		if err := proc.converse(*run); (err == nil) != (!s.bad && !s.v12.renegotiate) {
			t.Errorf("%s ended with %v", p.name, err)
		}
		proc.stdin.Close()
		io.Copy(io.Discard, proc.stdout)
		// It exits by itself, with either result.
		if proc.wait(); proc.cmd.ProcessState.ExitCode() < 0 {
			t.Errorf("%s had to be stopped, or crashed: %v", p.name, proc.cmd.ProcessState)
		}
		said.WriteString(proc.said.String())
	}
	l.Close()
	if err := m.judge(<-done, p.mute); err != nil {
		t.Errorf("sealsock: %v", err)
	} else if why := m.missing(c, said.String()); why != "" {
		t.Errorf("%s does not say %s", p.name, why)
	}
}

// peerIsServer12 runs the library as a client of the program.
func peerIsServer12(t *testing.T, p *program, s *scenario) {
	m := newMeeting(s, false)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	proc, port := startServer(t, p, s, false)
	c := p.server(s, port)
	if c.authority && s.v12.scheme != 0 {
		m.cfg.SignatureSchemes = append(m.cfg.SignatureSchemes, iana.ECDSAWithP256AndSHA256)
	}
	if c.chatty && !c.loop {
		go io.Copy(io.Discard, proc.stdout) // which records its output
	}
	var err error
	for i := range s.connections() {
		if err = m.visit(ctx, port, c, i); err != nil {
			break
		}
	}
	if err := m.judge(err, false); err != nil {
		t.Errorf("sealsock: %v", err)
		return
	}
	if s.bad && !proc.heardAlert() {
		t.Error("the program did not hear why")
	}
	for m.missing(c, proc.said.String()) != "" {
		if ctx.Err() != nil {
			t.Errorf("%s does not say %s", p.name, m.missing(c, proc.said.String()))
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func newMeeting(s *scenario, server bool) *meeting {
	m := &meeting{scenario: s, server: server}
	c := &sealsock.Config{Trust: &trust.Policy{Roots: roots}, ServerName: serverName}
	m.cfg = c
	if s.v12.ranged {
		c.MinVersion, c.MaxVersion = iana.TLS12, iana.TLS12
	}
	if s.suite != 0 {
		c.CipherSuites = []iana.CipherSuite{s.suite}
	}
	if s.group != 0 {
		c.Groups = []iana.NamedGroup{s.group}
	}
	if s.v12.scheme != 0 {
		c.SignatureSchemes = []iana.SignatureScheme{s.v12.scheme}
	}
	if s.alpn != "" {
		c.ALPN = []string{"other", s.alpn}
	}
	if server {
		m.serverConfig()
	} else {
		m.clientConfig()
	}
	return m
}

func (m *meeting) serverConfig() {
	c := m.cfg
	if m.clientKey != "" {
		c.ClientAuth = sealsock.RequireClientCert
	}
	switch m.v12.resume {
	case "ticket":
		c.Tickets = sealsock.SealTickets(new(sealsock.RotatingKeys), nil)
	case "ID":
		c.SessionIDs = sealsock.KeepSessionIDs(10)
	}
	if m.withPSK() {
		c.PSKHint = []byte(m.v12.hint)
		c.FindPSK = func(_ context.Context, identity []byte) (*engine.PSK, error) {
			if string(identity) == pskIdentity {
				return preshared(), nil
			}
			return nil, nil
		}
		return
	}
	id := *identities[m.serverKey()]
	if m.v12.staple {
		id.OCSPStaple = staple
	}
	c.Identities = []*identity.Identity{&id}
}

func (m *meeting) clientConfig() {
	c := m.cfg
	if m.clientKey != "" {
		c.Identities = []*identity.Identity{identities[m.clientKey]}
	}
	if m.v12.resume != "" {
		c.Sessions, c.NoTickets = sealsock.NewMemoryCache(1), m.v12.resume == "ID"
	}
	switch {
	case m.v12.hint != "":
		c.SelectPSK = func(_ context.Context, hint []byte) (*engine.PSK, error) {
			if string(hint) != m.v12.hint {
				return nil, fmt.Errorf("the server's hint is %q", hint)
			}
			return preshared(), nil
		}
	case m.withPSK():
		c.PSKs = []*engine.PSK{preshared()}
	}
}

func preshared() *engine.PSK {
	key, err := hex.DecodeString(pskKey)
	must(err)
	return engine.NewPSK([]byte(pskIdentity), key)
}

// serve runs the library as a server until the exchange ends.
func (m *meeting) serve(l net.Listener, c command) error {
	for i := range m.connections() {
		raw, err := l.Accept()
		if err != nil {
			return fmt.Errorf("connection %d did not come: %w", i+1, err)
		}
		if err := m.answer(raw, c, i); err != nil {
			return err
		}
	}
	return nil
}

// answer echoes the data of a client.
func (m *meeting) answer(raw net.Conn, c command, i int) error {
	defer raw.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := m.seal(ctx, raw, c, i)
	if err != nil {
		return err
	}
	defer conn.Close()
	if c.http {
		return serveWeb(conn)
	}
	var from io.Reader = conn
	if c.waits {
		from = io.LimitReader(conn, int64(lines*len(hello)))
	}
	if _, err := io.Copy(conn, from); err != nil {
		return err
	}
	return end(conn)
}

// visit runs the library as a client. Only the last connection sends data.
func (m *meeting) visit(ctx context.Context, port int, c command, i int) error {
	raw, err := connect(ctx, port)
	if err != nil {
		return err
	}
	defer raw.Close()
	conn, err := m.seal(ctx, raw, c, i)
	if err != nil {
		return err
	}
	defer conn.Close()
	if c.http && !m.v12.renegotiate {
		return request(conn)
	}
	if i == m.connections()-1 {
		if _, err := io.WriteString(conn, c.asks); err != nil {
			return err
		}
		for range lines {
			if err := echoed(conn); err != nil {
				return err
			}
		}
	}
	return end(conn)
}

// end sends close_notify and waits for that of the peer.
func end(conn *sealsock.Conn) error {
	if err := conn.CloseWrite(); err != nil {
		return err
	}
	if rest, err := io.ReadAll(conn); err != nil || len(rest) > 0 {
		return fmt.Errorf("at the end %q, %w", rest, err)
	}
	return nil
}

// seal runs the handshake of connection i and checks the result.
func (m *meeting) seal(ctx context.Context, raw net.Conn, c command, i int) (*sealsock.Conn, error) {
	begin := sealsock.Client
	if m.server {
		begin = sealsock.Server
	}
	if m.bad {
		raw = patient{raw.(*net.TCPConn)}
	}
	conn, err := begin(raw, m.cfg)
	if err != nil {
		return nil, err
	}
	if err := conn.Handshake(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	conn.SetDeadline(time.Now().Add(patience))
	m.last = conn.State()
	if m.v12.staple && !m.server && !c.ownStaple && !bytes.Equal(m.last.PeerOCSP, staple) {
		return conn, errors.New("another OCSP response came than the one that was given out")
	}
	return conn, m.check(m.last, i > 0)
}

// check compares the state of a connection with the scenario.
func (m *meeting) check(st engine.State, resumed bool) error {
	shown, seen, scheme := m.chain(m.clientKey), m.chain(m.serverKey()), st.PeerScheme
	if m.server {
		shown, seen, scheme = seen, shown, st.OwnScheme
	}
	psk := m.withPSK()
	if psk {
		shown, seen = nil, nil
	}
	var wrong []string
	for _, c := range []struct {
		what      string
		relevant  bool
		got, want any
	}{
		{"version", true, st.Version, iana.TLS12},
		{"suite", m.suite != 0, st.CipherSuite, m.suite},
		{"group", m.group != 0, st.Group, m.group},
		{"ALPN", true, st.ALPN, m.alpn},
		{"resumed", true, st.Resumed, resumed},
		{"extended master secret", true, st.ExtendedMasterSecret, !m.v12.separate},
		{"server's signature", m.v12.scheme != 0, scheme, m.v12.scheme},
		{"server name", m.server, st.ServerName, serverName},
		{"peer's certificate", true, leaf(st.PeerChain), seen},
		{"own certificate", !resumed, leaf(st.OwnChain), shown},
		{"identity of the key", psk, string(st.PSKIdentity), pskIdentity},
		{"staple", m.v12.staple && !m.server, len(st.PeerOCSP) > 0, true},
	} {
		if c.relevant && fmt.Sprint(c.got) != fmt.Sprint(c.want) {
			wrong = append(wrong, fmt.Sprintf("%s: %v, want %v", c.what, c.got, c.want))
		}
	}
	if m.v12.separate && st.HandshakeDone {
		if _, err := st.Export(exporterLabel, nil, exporterLen); err == nil {
			wrong = append(wrong, "keys are exported without extended master secret")
		}
	}
	if wrong != nil {
		return errors.New(strings.Join(wrong, "; "))
	}
	return nil
}

// chain is the certificate of a kind of key; none for no kind.
func (m *meeting) chain(kind string) []byte {
	if kind == "" {
		return nil
	}
	return leaf(identities[kind].Chain)
}

func leaf(chain [][]byte) []byte {
	if len(chain) == 0 {
		return nil
	}
	return chain[0]
}

// judge checks the error with which the connection ended. mute is set if the
// client rejects without an alert.
func (m *meeting) judge(err error, mute bool) error {
	var own *engine.Error
	switch {
	case m.v12.renegotiate:
		if !errors.As(err, &own) || own.Fault != engine.FaultIncompatible || own.Alert != iana.AlertNoRenegotiation {
			return fmt.Errorf("asked to renegotiate, it ended with %v", err)
		}
		return nil
	case m.bad && m.server:
		if !mute && !isAlert(err) {
			return fmt.Errorf("it got %v, want an alert", err)
		}
		return nil
	case m.bad:
		return m.refusal(err)
	}
	return err
}

// missing returns the expected messages about the connection that the program
// did not print.
func (m *meeting) missing(c command, said string) string {
	if m.v12.staple {
		if !m.server {
			return "" // the library has checked that it was received
		}
		want := c.stapled
		if want == "" {
			want = fmt.Sprintf("%x", sha256.Sum256(staple))
		}
		if !strings.Contains(said, want) {
			return want
		}
		return ""
	}
	var want []byte
	var err error
	switch {
	case m.v12.exporter:
		want, err = m.last.Export(exporterLabel, nil, exporterLen)
	case m.v12.unique:
		want, err = m.last.Unique()
	}
	if err != nil {
		return err.Error()
	}
	if digits := fmt.Sprintf("%x", want); !strings.Contains(onlyHex.Replace(strings.ToLower(said)), digits) {
		return digits
	}
	return ""
}

// onlyHex removes the separators that programs print between digits.
var onlyHex = strings.NewReplacer(" ", "", ":", "", "\n", "", "\t", "")
