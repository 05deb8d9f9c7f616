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
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/trust"
)

// A meeting is the library's side of one scenario, of one connection or two.
type meeting struct {
	*scenario
	server bool
	cfg    *sealsock.Config
	last   engine.State // of the latest connection
	tapped *tap         // the same, if it is to change its keys
}

func newMeeting(s *scenario, server bool) *meeting {
	m := &meeting{scenario: s, server: server}
	c := &sealsock.Config{
		Trust: &trust.Policy{Roots: roots}, ServerName: serverName, NoCompatibilityMode: s.plain,
	}
	m.cfg = c
	if s.ownUpdate {
		c.MaxRecordsPerKey = 1
	}
	if s.old().ranged {
		c.MinVersion, c.MaxVersion = iana.TLS12, iana.TLS12
	}
	if s.suite != 0 {
		c.CipherSuites = []iana.CipherSuite{s.suite}
	}
	// A client that is to receive a HelloRetryRequest offers all its groups.
	if s.group != 0 && (server || !s.retry) {
		c.Groups = []iana.NamedGroup{s.group}
	}
	if s.old().scheme != 0 {
		c.SignatureSchemes = []iana.SignatureScheme{s.old().scheme}
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
	switch m.old().resume {
	case "ticket":
		c.Tickets = sealsock.SealTickets(new(sealsock.RotatingKeys), nil)
	case "ID":
		// GnuTLS offers to take tickets also with --noticket, and does not use them.
		c.SessionIDs, c.NumTickets = sealsock.KeepSessionIDs(10), -1
	}
	if m.withPSK() {
		c.PSKHint = []byte(m.old().hint)
		c.FindPSK = func(_ context.Context, identity []byte) (*engine.PSK, error) {
			if string(identity) == pskIdentity {
				return preshared(), nil
			}
			return nil, nil
		}
		return
	}
	id := *identities[m.serverKey()]
	if m.old().staple {
		id.OCSPStaple = staple
	}
	c.Identities = []*identity.Identity{&id}
}

func (m *meeting) clientConfig() {
	c := m.cfg
	if m.clientKey != "" {
		c.Identities = []*identity.Identity{identities[m.clientKey]}
	}
	if m.old().resume != "" {
		c.Sessions, c.NoTickets = sealsock.NewMemoryCache(1), m.old().resume == "ID"
	}
	switch {
	case m.old().hint != "":
		c.SelectPSK = func(_ context.Context, hint []byte) (*engine.PSK, error) {
			if string(hint) != m.old().hint {
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
	if m.askUpdate {
		if err := conn.Rekey(ctx, true); err != nil {
			return err
		}
	}
	if c.http {
		return errors.Join(serveWeb(conn), m.checkUpdates())
	}
	move := &mover{Conn: conn, cfg: m.cfg, moves: m.handOver}
	var from io.Reader = struct{ io.Reader }{move}
	if c.waits {
		from = io.LimitReader(from, int64(lines*len(hello)))
	}
	if _, err := io.Copy(struct{ io.Writer }{move}, from); err != nil {
		return err
	}
	if err := end(move.Conn); err != nil {
		return err
	}
	return m.checkUpdates()
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
	if m.askUpdate {
		if err := conn.Rekey(ctx, true); err != nil {
			return err
		}
	}
	if c.http && !m.old().renegotiate {
		return errors.Join(request(conn), m.checkUpdates())
	}
	move := &mover{Conn: conn, cfg: m.cfg, moves: m.handOver}
	if i == m.connections()-1 {
		if _, err := io.WriteString(conn, c.asks); err != nil {
			return err
		}
		for range lines {
			if err := echoed(move); err != nil {
				return err
			}
		}
	}
	if err := end(move.Conn); err != nil {
		return err
	}
	return m.checkUpdates()
}

// seal runs the handshake of connection i and checks the result.
func (m *meeting) seal(ctx context.Context, raw net.Conn, c command, i int) (*sealsock.Conn, error) {
	begin := sealsock.Client
	if m.server {
		begin = sealsock.Server
	}
	cfg := *m.cfg
	if m.keyUpdate || m.ownUpdate || m.askUpdate {
		m.tapped = &tap{Conn: raw}
		cfg.KeyLog, raw = &m.tapped.keyLogged, m.tapped
	}
	if m.bad {
		raw = patient{raw.(*net.TCPConn)}
	}
	conn, err := begin(raw, &cfg)
	if err != nil {
		return nil, err
	}
	if err := conn.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	conn.SetDeadline(time.Now().Add(patience))
	m.last = conn.State()
	if m.old().staple && !m.server && !c.ownStaple && !bytes.Equal(m.last.PeerOCSP, staple) {
		return conn, errors.New("another OCSP response came than the one that was given out")
	}
	return conn, m.check(m.last, i > 0)
}

// check compares the state of a connection with the scenario.
func (m *meeting) check(st engine.State, resumed bool) error {
	shown, seen := m.chain(m.clientKey), m.chain(m.serverKey())
	clientScheme, scheme := st.OwnScheme, st.PeerScheme
	if m.server {
		shown, seen = seen, shown
		clientScheme, scheme = scheme, clientScheme
	}
	psk, old := m.withPSK(), m.v12 != nil
	if psk {
		shown, seen = nil, nil
	}
	version, wantScheme := iana.TLS12, m.old().scheme
	if !old {
		version, wantScheme = iana.TLS13, schemes[m.serverKey()]
	}
	var wrong []string
	for _, c := range []struct {
		what      string
		relevant  bool
		got, want any
	}{
		{"version", true, st.Version, version},
		{"suite", m.suite != 0, st.CipherSuite, m.suite},
		{"group", m.wantGroup() != 0, st.Group, m.wantGroup()},
		{"ALPN", true, st.ALPN, m.alpn},
		{"resumed", true, st.Resumed, resumed},
		{"HelloRetryRequest", !old && (m.retry || m.wantGroup() != 0), st.Retried, m.retry},
		{"extended master secret", old, st.ExtendedMasterSecret, !m.old().separate},
		{"server's signature", wantScheme != 0, scheme, wantScheme},
		{"client's signature", !old && m.clientKey != "", clientScheme, schemes[m.clientKey]},
		{"server name", m.server, st.ServerName, serverName},
		{"peer's certificate", true, leaf(st.PeerChain), seen},
		{"own certificate", !resumed, leaf(st.OwnChain), shown},
		{"identity of the key", psk, string(st.PSKIdentity), pskIdentity},
		{"staple", m.old().staple && !m.server, len(st.PeerOCSP) > 0, true},
	} {
		if c.relevant && fmt.Sprint(c.got) != fmt.Sprint(c.want) {
			wrong = append(wrong, fmt.Sprintf("%s: %v, want %v", c.what, c.got, c.want))
		}
	}
	if m.old().separate && st.HandshakeDone {
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

// judge checks the error with which the connection ended. mute is set if the
// client rejects without an alert.
func (m *meeting) judge(err error, mute bool) error {
	var own *engine.Error
	switch {
	case m.old().renegotiate:
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
		return m.refused(err)
	}
	return err
}

// checkUpdates checks in the tap who changed keys: the peer and, on its
// request, the library; or the reverse; or only the library.
func (m *meeting) checkUpdates() error {
	if m.tapped == nil {
		return nil
	}
	ours, theirs, err := m.tapped.updates(m.server, uint16(m.last.CipherSuite))
	if err != nil {
		return fmt.Errorf("the tap: %w", err)
	}
	if m.keyUpdate && theirs < 2 || m.askUpdate && theirs < 1 || ours < 1 {
		return fmt.Errorf("%d key updates from the peer and %d from the library", theirs, ours)
	}
	return nil
}

// refused reports an error unless err is that of the library for the certificate
// that it has to refuse.
func (m *meeting) refused(err error) error {
	var why *trust.Error
	want := map[string]trust.Code{"stranger": trust.CodeUnknownAuthority, "othername": trust.CodeNameMismatch}[m.key]
	if !errors.As(err, &why) || why.Code != want {
		return fmt.Errorf("the client got %v, want %v", err, want)
	}
	return nil
}

// missing returns the expected messages about the connection that the program
// did not print.
func (m *meeting) missing(c command, said string) string {
	if m.old().staple {
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
	case m.old().exporter:
		want, err = m.last.Export(exporterLabel, nil, exporterLen)
	case m.old().unique:
		want, err = m.last.Unique()
	default:
		return ""
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
