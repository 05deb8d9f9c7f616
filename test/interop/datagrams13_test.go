package interop

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/identity"
)

// A trial13 is a kind of connection over DTLS 1.3 with another program. Its settings are
// environment variables of the program.
type trial13 struct {
	name string
	// env is for both roles of the program; client and server are for one.
	env, client, server []string
	// key is the program's certificate as a client, if any.
	key string
	// ours changes the library's configuration.
	ours func(cfg *sealsock.Config)
	// check, if set, judges the library's state of the last connection.
	check func(s engine.State) error
	// facts is a pattern of what the program reports of the last connection.
	facts string
	// old makes it DTLS 1.2.
	old bool
	// rekey has the library replace both directions' keys after each message.
	rekey bool
	// twice makes two connections: the second resumes the first.
	twice bool
	// lose is the number of the first datagram of each direction that is lost, from 1, as long as
	// the handshake takes; 0 loses none. The second one after it is lost, the third after that,
	// and so on, so that no flight always loses the same datagram.
	lose int64
}

var trials13 = []*trial13{
	{name: "defaults"},
	{name: "X25519", env: []string{"GROUP=X25519"}, facts: "group X25519",
		check: func(s engine.State) error { return sameGroup(s, iana.X25519) }},
	{name: "P-384", env: []string{"GROUP=P-384"},
		check: func(s engine.State) error { return sameGroup(s, iana.SecP384r1) }},
	{name: "X25519MLKEM768", env: []string{"GROUP=X25519MLKEM768"},
		check: func(s engine.State) error { return sameGroup(s, iana.X25519MLKEM768) }},
	{name: "AES-256-GCM", env: []string{"SUITE=TLS13-AES256-GCM-SHA384"}, facts: "AES256-GCM"},
	{name: "ChaCha20-Poly1305", facts: "CHACHA20",
		env: []string{"SUITE=TLS13-CHACHA20-POLY1305-SHA256"}},
	{name: "AES-128-CCM", env: []string{"SUITE=TLS13-AES128-CCM-SHA256"}, facts: "CCM",
		ours: func(cfg *sealsock.Config) {
			cfg.CipherSuites = []iana.CipherSuite{iana.TLS_AES_128_CCM_SHA256}
		}},
	{name: "client certificate", key: "p256", server: []string{"CLIENT_AUTH=yes"},
		ours: func(cfg *sealsock.Config) {
			small(cfg)
			cfg.MTU = 0
		}},
	{name: "HelloRetryRequest", env: []string{"GROUP=X25519"}, client: []string{"RETRY=yes"},
		ours:  func(cfg *sealsock.Config) { cfg.KeyShares = []iana.NamedGroup{iana.SecP384r1} },
		check: func(s engine.State) error { return sameGroup(s, iana.X25519) }},
	{name: "resumption", env: []string{"RESUME=yes"}, twice: true, facts: "resumed 1",
		ours: func(cfg *sealsock.Config) {
			cfg.Tickets = sealsock.SealTickets(new(sealsock.RotatingKeys), nil)
			cfg.Sessions = sealsock.NewMemoryCache(2)
		},
		check: func(s engine.State) error {
			if !s.Resumed {
				return fmt.Errorf("not resumed")
			}
			return nil
		}},
	{name: "external pre-shared key", env: []string{
		"PSK=" + hex.EncodeToString([]byte(thermometerKey)),
		"PSK_IDENTITY=" + string(thermometer.Identity),
	}, ours: func(cfg *sealsock.Config) {
		cfg.PSKs, cfg.PSKOnly, cfg.Identities = []*engine.PSK{thermometer}, true, nil
		cfg.FindPSK = func(_ context.Context, identity []byte) (*engine.PSK, error) {
			if string(identity) == string(thermometer.Identity) {
				return thermometer, nil
			}
			return nil, nil
		}
	}, check: func(s engine.State) error { return byPSK(s, true) }},
	{name: "key update", env: []string{"UPDATE=yes"}},
	{name: "key update of both by sealsock", rekey: true},
	{name: "key update by both sides", rekey: true, env: []string{"UPDATE=yes"}},
	{name: "connection IDs", env: []string{"CID=stranger"}, facts: "id 8",
		ours: func(cfg *sealsock.Config) { cfg.ConnectionIDLength = 8 }, check: strangeIDs},
	{name: "connection IDs, DTLS 1.2", old: true, env: []string{"CID=stranger", "VERSION=1.2"},
		facts: "id 8", check: strangeIDs,
		ours: func(cfg *sealsock.Config) { cfg.ConnectionIDLength = 8 }},
	{name: "connection IDs, key update by both sides", rekey: true,
		env:  []string{"CID=stranger", "UPDATE=yes"},
		ours: func(cfg *sealsock.Config) { cfg.ConnectionIDLength = 8 }},
	{name: "small datagrams", key: "p256", ours: small,
		server: []string{"CLIENT_AUTH=yes", "MTU=512"}},
	{name: "small datagrams, X25519MLKEM768", env: []string{"GROUP=X25519MLKEM768"}, key: "p256",
		server: []string{"CLIENT_AUTH=yes", "MTU=512"}, ours: small,
		check: func(s engine.State) error { return sameGroup(s, iana.X25519MLKEM768) }},
	{name: "datagrams 1, 3, 6, 10… lost", lose: 1},
	{name: "datagrams 2, 4, 7, 11… lost", lose: 2},
	{name: "small datagrams, 1, 3, 6, 10… lost", lose: 1, key: "p256", ours: small,
		server: []string{"CLIENT_AUTH=yes", "MTU=512"}},
	{name: "small datagrams, 2, 4, 7, 11… lost", lose: 2, key: "p256", ours: small,
		server: []string{"CLIENT_AUTH=yes", "MTU=512"}},
}

func strangeIDs(s engine.State) error {
	own, peer := s.Datagram.ConnectionID, s.Datagram.PeerConnectionID
	if string(peer) != "stranger" || len(own) != 8 {
		return fmt.Errorf("the connection IDs are %x and %x", own, peer)
	}
	return nil
}

func small(cfg *sealsock.Config) {
	cfg.MTU, cfg.ClientAuth = 512, engine.RequireClientCert
	cfg.Identities = []*identity.Identity{identities["p256"]}
}

func sameGroup(s engine.State, want iana.NamedGroup) error {
	if s.Group != want {
		return fmt.Errorf("the group is %v, want %v", s.Group, want)
	}
	return nil
}

// TestDatagrams13 has each program of DTLS 1.3 as the client of a Listener, and as the
// server of a Conn.
func TestDatagrams13(t *testing.T) {
	for _, c := range trials13 {
		for role, run := range map[string]func(*testing.T){"client": c.from, "server": c.to} {
			t.Run("as "+role+", "+c.name, func(t *testing.T) {
				need(t, wolfsslNewer)
				if c.lose > 0 {
					t.Parallel() // it waits most of the time
				}
				run(t)
			})
		}
	}
}

// TestDatagrams13Text: docs/interop.md lists the trials.
func TestDatagrams13Text(t *testing.T) {
	page, err := os.ReadFile("../../docs/interop.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), textDatagrams13()) {
		t.Errorf("docs/interop.md lacks, until go test ./test/interop -update writes it:\n%s",
			textDatagrams13())
	}
}

// textDatagrams13 is the part of docs/interop.md about DTLS 1.3.
func textDatagrams13() string {
	var b strings.Builder
	b.WriteString(`
## DTLS 1.3

Each entry stands for a connection over UDP with wolfSSL 5.9.2 of Debian sid, as the client and as
the server. The test is TestDatagrams13 of test/interop. Either server had its client return a
cookie, messages were sent and echoed, and the connection ended with close_notify. The small
datagrams have 512 bytes, so that the flights of both servers, and a second ClientHello with a
post-quantum key, are in fragments. A row of lost datagrams names those of each direction that did
not arrive while the handshake lasted. A key update is one with each message. One row is about DTLS
1.2.

| | wolfSSL 5.9.2 |
|---|---|
`)
	for _, c := range trials13 {
		fmt.Fprintf(&b, "| %s | both |\n", c.name)
	}
	b.WriteString(`
The client of wolfSSL changes the order of its extensions in the second ClientHello, which RFC 9846,
Section 4.1.2, does not allow, and its GREASE of Encrypted ClientHello, of which RFC 9849, Section
6.2, requires a copy. A server of this library accepts both.

The server of wolfSSL drops a first ClientHello that is in fragments. It keeps nothing before the
cookie, and answers only what it can read at once. A client of this library begins with a classical
share, which fits into one datagram, unless its Groups or KeyShares have post-quantum groups alone;
such a client does not connect. The client of wolfSSL does not fragment its first ClientHello:
with datagrams of 512 bytes it ends before it sends any.

Debian's wolfSSL is built without 0-RTT. A wolfSSL 5.9.4 with it was tried by hand, on 2026-11-30,
as the client and as the server: 0-RTT data was accepted, was refused and sent again, and was
refused because of a cookie and sent again. A client that sends 0-RTT data begins with the share
of the session's group. If that is post-quantum, the ClientHello is in fragments, and a server
that drops them, such as that of wolfSSL, does not answer.

dimpl 0.9.0, a library in Rust for DTLS 1.3 and 1.2, was tried by hand on the same day, in both
roles: client certificates, P-384, ChaCha20-Poly1305, datagrams of 300 and 512 bytes, the first,
second, third and fourth datagram of each direction lost, key updates of either side, with a
cookie and without. One of these failed: its server of DTLS 1.2 does not repeat its last flight
for a client that sends its certificate again.

No other program is known to have return routability checks (RFC 9853). The tests of BoringSSL are
another peer of DTLS 1.3 (conformance.md). tstclnt of NSS 3.87 has DTLS 1.3 as draft 43, and a
server of RFC 9147 refuses it. pion/dtls 3.1.15 and the others in the list of DTLS 1.2 do not have
it.
`)
	return b.String()
}

// command is that of the program in a role.
func (c *trial13) command(role string, port int) command {
	key, more := "p256", c.server
	if role == "client" {
		key, more = c.key, c.client
	}
	env := append(scriptEnv(port, key, "VERSION=1.3"), c.env...)
	return command{chatty: true, args: []string{file("wolfssl13"), role}, env: append(env, more...)}
}

// from runs the program as a client.
func (c *trial13) from(t *testing.T) {
	cfg := serverConfig()
	if c.ours != nil {
		c.ours(cfg)
	}
	cfg.HandshakeTimeout = patience / 4
	cfg.OnHandshakeError = func(_ net.Addr, err error) { t.Log("refused:", err) }
	l, err := sealsock.Listen(t.Context(), "udp://127.0.0.1:0", cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	n := lossy(t, l.Addr().String(), c.lose)
	served := make(chan error, 2)
	count := 1
	if c.twice {
		count = 2
	}
	go func() {
		for i := range count {
			served <- c.echo(t.Context(), l, &n.perfect, i == count-1)
		}
	}()
	peer := start(t, c.command("client", n.port))
	for range lines {
		if err := peer.say(hello, strings.TrimSuffix(hello, "\n"), true); err != nil {
			t.Fatal(err)
		}
	}
	peer.stdin.Close()
	if err := c.ended(peer); err != nil {
		t.Error(err)
	}
	for range count {
		if err := <-served; err != nil {
			t.Error(err)
		}
	}
}

// echo returns what a client sends, until close_notify.
func (c *trial13) echo(
	ctx context.Context, l *sealsock.Listener, perfect *atomic.Bool, last bool,
) error {
	conn, err := l.AcceptConn(ctx)
	perfect.Store(true)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := c.judge(conn.State(), last); err != nil {
		return err
	}
	buf := make([]byte, 2000)
	for {
		conn.SetDeadline(time.Now().Add(patience))
		n, err := conn.Read(buf)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := c.write(ctx, conn, buf[:n]); err != nil {
			return err
		}
	}
}

// write sends a message, and before it new keys if the trial is about those.
func (c *trial13) write(ctx context.Context, conn *sealsock.Conn, data []byte) error {
	if c.rekey {
		if err := conn.Rekey(ctx, true); err != nil {
			return err
		}
	}
	_, err := conn.Write(data)
	return err
}

// judge checks the state of a connection.
func (c *trial13) judge(s engine.State, last bool) error {
	want := iana.TLS13
	if c.old {
		want = iana.TLS12
	}
	if s.Version != want || s.Retried == c.old {
		return fmt.Errorf("the version is %v, with a cookie: %v", s.Version, s.Retried)
	}
	if !last || c.check == nil {
		return nil
	}
	return c.check(s)
}

// ended waits for the end of the program, and checks its facts.
func (c *trial13) ended(peer *process) error {
	rest, err := io.ReadAll(peer.stdout)
	if err != nil {
		return err
	}
	if err := peer.wait(); err != nil {
		return err
	}
	all := peer.said.String() + string(rest)
	facts := all[max(0, strings.LastIndex(all, "facts: ")):]
	if !regexp.MustCompile("DTLSv1.[23] .*" + c.facts).MatchString(facts) {
		return fmt.Errorf("its facts are %q, want %q", facts, c.facts)
	}
	return nil
}

// to runs the program as a server.
func (c *trial13) to(t *testing.T) {
	peer := start(t, c.command("server", 0))
	port, err := peer.announced()
	if err != nil {
		t.Fatal(err)
	}
	cfg := clientConfig()
	if c.ours != nil {
		c.ours(cfg)
	}
	n := lossy(t, "127.0.0.1:"+strconv.Itoa(port), c.lose)
	if c.twice {
		c.talk(t, n, cfg, false)
	}
	c.talk(t, n, cfg, true)
	if err := c.ended(peer); err != nil {
		t.Error(err)
	}
}

// talk is one connection to a server.
func (c *trial13) talk(t *testing.T, n *network, cfg *sealsock.Config, last bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience/2)
	defer cancel()
	cfg.HandshakeTimeout = patience / 4
	conn, err := sealsock.Dial(ctx, "udp://127.0.0.1:"+strconv.Itoa(n.port), cfg)
	if err != nil {
		t.Fatal(err)
	}
	n.perfect.Store(true)
	defer conn.Close()
	if err := c.judge(conn.State(), last); err != nil {
		t.Error(err)
	}
	for range lines {
		if err := c.ask(ctx, conn); err != nil {
			t.Fatal(err)
		}
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
}

// ask has a message echoed. It sends it again if there is no answer: what comes before a lost
// Finished message is lost too.
func (c *trial13) ask(ctx context.Context, conn *sealsock.Conn) (err error) {
	buf := make([]byte, 2000)
	for tries := 0; tries == 0 || c.lose > 0 && ctx.Err() == nil; tries++ {
		if err := c.write(ctx, conn, []byte(hello)); err != nil {
			return err
		}
		conn.SetReadDeadline(time.Now().Add(cmp.Or(time.Duration(c.lose)*3*time.Second, patience)))
		var n int
		if n, err = conn.Read(buf); err == nil && string(buf[:n]) == hello {
			return nil
		}
	}
	return fmt.Errorf("no echo: %w", err)
}

// A network forwards datagrams to an address, for each client from a port of its own.
type network struct {
	port        int
	front       *net.UDPConn
	to          string
	lose        int64        // the first datagram of a direction that is lost; 0 loses none
	forth, back atomic.Int64 // the datagrams of each direction
	perfect     atomic.Bool  // set to lose no more
}

func lossy(t *testing.T, to string, lose int64) *network {
	t.Helper()
	front, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { front.Close() })
	n := &network{port: front.LocalAddr().(*net.UDPAddr).Port, front: front, to: to, lose: lose}
	go n.forward()
	return n
}

// loses counts a datagram and reports whether it is lost.
func (n *network) loses(count *atomic.Int64) bool {
	i := count.Add(1)
	if n.lose == 0 || n.perfect.Load() {
		return false
	}
	next := n.lose
	for step := int64(2); next < i; step++ {
		next += step
	}
	return next == i
}

// forward runs until front is closed.
func (n *network) forward() {
	behind := map[string]*net.UDPConn{}
	buf := make([]byte, 1<<16)
	for {
		size, from, err := n.front.ReadFromUDP(buf)
		if err != nil {
			break
		}
		conn := behind[from.String()]
		if conn == nil {
			to, _ := net.ResolveUDPAddr("udp", n.to)
			if conn, err = net.DialUDP("udp", nil, to); err != nil {
				break
			}
			behind[from.String()] = conn
			go n.answer(conn, from)
		}
		if !n.loses(&n.forth) {
			conn.Write(buf[:size])
		}
	}
	for _, conn := range behind {
		conn.Close()
	}
}

// answer forwards to a client until conn is closed. Other errors are those of datagrams that
// nothing received.
func (n *network) answer(conn *net.UDPConn, client *net.UDPAddr) {
	buf := make([]byte, 1<<16)
	for {
		size, err := conn.Read(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil && !n.loses(&n.back) {
			n.front.WriteToUDP(buf[:size], client)
		}
	}
}
