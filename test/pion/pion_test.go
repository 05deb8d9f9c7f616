package pion

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/dtls/v3/pkg/protocol/extension"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/nattest"
	"github.com/sealsock/sealsock/internal/testcert"
	"github.com/sealsock/sealsock/trust"
)

const (
	serverName = "server.example"
	address    = "127.0.0.1"
	label      = "EXPERIMENTAL-interop"
	// patience bounds each connection. Only a failure takes that long.
	patience = 2 * time.Minute
)

// sizes are the lengths of the messages that are sent and echoed. The last one fits into one
// datagram of the default MTU.
var sizes = []int{1, 100, 1100}

// A scenario is a connection between pion/dtls and sealsock.
type scenario struct {
	name       string
	suite      iana.CipherSuite // 0 is the default of both
	key        string           // the kind of the server's key; "" is a pre-shared key
	clientCert bool
	alpn       string
	ids        *ids // nil if pion/dtls does without connection IDs
	srtp       iana.SRTPProfile
}

// ids are the lengths of the connection IDs that each side receives.
type ids struct{ pion, own int }

var scenarios = []scenario{
	{name: "defaults", key: "p256"},
	{name: "P-384 certificate", key: "p384"},
	{name: "RSA certificate", key: "rsa"},
	{name: "Ed25519 certificate", key: "ed25519"},
	{name: "ECDHE-ECDSA-AES128-GCM", key: "p256",
		suite: iana.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256},
	{name: "ECDHE-ECDSA-AES256-GCM", key: "p256",
		suite: iana.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384},
	{name: "ECDHE-ECDSA-CHACHA20-POLY1305", key: "p256",
		suite: iana.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256},
	{name: "ECDHE-ECDSA-AES128-CCM", key: "p256", suite: iana.TLS_ECDHE_ECDSA_WITH_AES_128_CCM},
	{name: "ECDHE-ECDSA-AES128-CCM8", key: "p256",
		suite: iana.TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8},
	{name: "ECDHE-RSA-AES128-GCM", key: "rsa", suite: iana.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256},
	{name: "ECDHE-RSA-AES256-GCM", key: "rsa", suite: iana.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384},
	{name: "ECDHE-RSA-CHACHA20-POLY1305", key: "rsa",
		suite: iana.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256},
	{name: "PSK-AES128-GCM", suite: iana.TLS_PSK_WITH_AES_128_GCM_SHA256},
	{name: "PSK-AES128-CCM", suite: iana.TLS_PSK_WITH_AES_128_CCM},
	{name: "PSK-CHACHA20-POLY1305", suite: iana.TLS_PSK_WITH_CHACHA20_POLY1305_SHA256},
	{name: "ECDHE-PSK-CHACHA20-POLY1305", suite: iana.TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256},
	{name: "client certificate", key: "p256", clientCert: true},
	{name: "ALPN", key: "p256", alpn: "interop/1"},
	{name: "connection IDs", key: "p256", ids: &ids{8, 5}},
	{name: "connection ID of pion/dtls", key: "p256", ids: &ids{8, 0}},
	{name: "connection ID of sealsock", key: "p256", ids: &ids{0, 20}},
	{name: "connection IDs with CHACHA20-POLY1305", key: "p256", ids: &ids{16, 1},
		suite: iana.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256},
	{name: "connection IDs with AES128-CCM8", key: "p256", ids: &ids{1, 32},
		suite: iana.TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8},
	{name: "SRTP-AES128-CM-SHA1-80", key: "p256", srtp: iana.SRTP_AES128_CM_HMAC_SHA1_80},
	{name: "SRTP-AES256-GCM", key: "p256", srtp: iana.SRTP_AEAD_AES_256_GCM},
}

// TestPion has pion/dtls as the client of a Listener, and as the server of a Conn.
func TestPion(t *testing.T) {
	for _, s := range scenarios {
		t.Run(s.name+"/client", func(t *testing.T) { pionConnects(t, s, newParties(t, s)) })
		t.Run(s.name+"/server", func(t *testing.T) { pionServes(t, s, newParties(t, s)) })
	}
}

// TestServerNameAnswer: pion/dtls cannot read the empty server_name by which a server reports that
// it used the client's (RFC 6066, Section 3), so it waits for another ServerHello. A server with
// one certificate uses no name and sends none in DTLS, so that the client in TestPion can send a
// name. If this test fails, pion/dtls can read it, and the exception of the engine can go.
func TestServerNameAnswer(t *testing.T) {
	if _, err := extension.Unmarshal([]byte{0, 4, 0, 0, 0, 0}); err == nil {
		t.Error("pion/dtls reads an empty server_name")
	}
}

// parties have the settings of both sides.
type parties struct {
	client, server         *sealsock.Config
	pionClient, pionServer []dtls.Option
	roots                  *x509.CertPool
}

func newParties(t *testing.T, s scenario) *parties {
	t.Helper()
	p := &parties{client: new(sealsock.Config), server: new(sealsock.Config)}
	p.client.ServerName = serverName
	for _, c := range []*sealsock.Config{p.client, p.server} {
		if s.suite != 0 {
			c.CipherSuites = []iana.CipherSuite{s.suite}
		}
		if s.alpn != "" {
			c.ALPN = []string{s.alpn}
		}
	}
	both := []dtls.Option{dtls.WithExtendedMasterSecret(dtls.RequireExtendedMasterSecret)}
	if s.suite != 0 {
		both = append(both, dtls.WithCipherSuites(dtls.CipherSuiteID(s.suite)))
	}
	if s.alpn != "" {
		both = append(both, dtls.WithSupportedProtocols(s.alpn))
	}
	if s.ids != nil {
		p.client.ConnectionIDLength, p.server.ConnectionIDLength = s.ids.own, s.ids.own
		generate := dtls.OnlySendCIDGenerator()
		if s.ids.pion > 0 {
			generate = dtls.RandomCIDGenerator(s.ids.pion)
		}
		both = append(both, dtls.WithConnectionIDGenerator(generate))
	}
	if s.srtp != 0 {
		list := []iana.SRTPProfile{s.srtp}
		p.client.SRTPProfiles, p.server.SRTPProfiles = list, list
		both = append(both, dtls.WithSRTPProtectionProfiles(dtls.SRTPProtectionProfile(s.srtp)))
	}
	p.pionClient, p.pionServer = both, both[:len(both):len(both)]
	p.pionClient = append(p.pionClient[:len(both):len(both)], dtls.WithServerName(serverName))
	if s.key == "" {
		p.share()
	} else {
		p.certify(t, s)
	}
	return p
}

// share gives both sides a pre-shared key.
func (p *parties) share() {
	key, name := bytes.Repeat([]byte{7}, 32), []byte("interop")
	psk := engine.NewPSK(name, key)
	p.client.PSKs = []*engine.PSK{psk}
	p.client.PSKWithoutDHE, p.server.PSKWithoutDHE = true, true
	p.server.FindPSK = func(_ context.Context, id []byte) (*engine.PSK, error) {
		if bytes.Equal(id, name) {
			return psk, nil
		}
		return nil, nil
	}
	pion := []dtls.Option{dtls.WithPSKIdentityHint(name),
		dtls.WithPSK(func([]byte) ([]byte, error) { return key, nil })}
	p.pionClient = append(p.pionClient, pion...)
	p.pionServer = append(p.pionServer, pion...)
}

// certify gives the server a certificate, and the client too in a scenario with clientCert.
func (p *parties) certify(t testing.TB, s scenario) {
	t.Helper()
	ca := testcert.New()
	p.roots = x509.NewCertPool()
	p.roots.AddCert(ca.Cert)
	roots := new(trust.Roots)
	if _, err := roots.AddPEM(ca.PEM()); err != nil {
		t.Fatal(err)
	}
	p.client.Trust = &trust.Policy{Roots: roots}
	p.pionClient = append(p.pionClient, dtls.WithRootCAs(p.roots))
	leaf := ca.Issue(testcert.NewKey(s.key), nil, serverName, address)
	p.server.Identities = identities(t, leaf)
	p.pionServer = append(p.pionServer, dtls.WithCertificates(
		tls.Certificate{Certificate: leaf.Chain, PrivateKey: leaf.Key}))
	if !s.clientCert {
		return
	}
	leaf = ca.Issue(testcert.NewKey("p256"), nil, "client.example")
	p.client.Identities = identities(t, leaf)
	p.server.ClientAuth, p.server.Trust = engine.RequireClientCert, &trust.Policy{Roots: roots}
	p.pionClient = append(p.pionClient, dtls.WithCertificates(
		tls.Certificate{Certificate: leaf.Chain, PrivateKey: leaf.Key}))
}

func identities(t testing.TB, leaf *testcert.Leaf) []*identity.Identity {
	t.Helper()
	id, err := identity.New(leaf.Chain, leaf.Key)
	if err != nil {
		t.Fatal(err)
	}
	return []*identity.Identity{id}
}

// pionConnects: the Listener echoes what pion/dtls sends.
func pionConnects(t *testing.T, s scenario, p *parties) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	refused := make(chan error, 10)
	p.server.OnHandshakeError = func(_ net.Addr, err error) { refused <- err }
	l, err := sealsock.Listen(ctx, "udp://127.0.0.1:0", p.server)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	accepted := make(chan *sealsock.Conn, 1)
	echoed := make(chan error, 1)
	go func() {
		c, err := l.AcceptConn(ctx)
		accepted <- c
		if err == nil {
			err = echo(c) // the close_notify of pion/dtls ends it
			c.Close()
		}
		echoed <- err
	}()
	c, err := dtls.DialWithOptions("udp", l.Addr().(*net.UDPAddr), clientOptions(p.pionClient)...)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.HandshakeContext(ctx); err != nil {
		t.Fatalf("%v; the Listener reports %v", err, next(refused))
	}
	sendAll(t, c)
	compare(t, s, c, <-accepted)
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := <-echoed; err != nil {
		t.Error("the echo ended with", err)
	}
}

// pionServes: pion/dtls echoes what a Conn sends.
func pionServes(t *testing.T, s scenario, p *parties) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	options := serverOptions(p.pionServer)
	if s.clientCert {
		options = append(options, dtls.WithClientAuth(dtls.RequireAndVerifyClientCert),
			dtls.WithClientCAs(p.roots))
	}
	l, err := dtls.ListenWithOptions("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}, options...)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	accepted := make(chan *dtls.Conn, 1)
	echoed := make(chan error, 1)
	go func() {
		inner, err := l.Accept()
		if err != nil {
			echoed <- err
			return
		}
		c := inner.(*dtls.Conn)
		if err = c.HandshakeContext(ctx); err == nil {
			accepted <- c
			err = echo(c)
		}
		c.Close()
		echoed <- err
	}()
	c, err := sealsock.Dial(ctx, "udp://"+l.Addr().String(), p.client)
	if err != nil {
		t.Fatalf("%v; pion/dtls reports %v", err, next(echoed))
	}
	defer c.Close()
	sendAll(t, c)
	compare(t, s, <-accepted, c)
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := <-echoed; err != nil {
		t.Error("the echo ended with", err)
	}
}

// echo returns each message until the other side ends the connection.
func echo(c net.Conn) error {
	c.SetDeadline(time.Now().Add(patience))
	buf := make([]byte, 2000)
	for {
		n, err := c.Read(buf)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			_, err = c.Write(buf[:n])
		}
		if err != nil {
			return err
		}
	}
}

// sendAll sends messages and compares each with its echo.
func sendAll(t *testing.T, c net.Conn) {
	t.Helper()
	c.SetDeadline(time.Now().Add(patience))
	buf := make([]byte, 2000)
	for i, size := range sizes {
		sent := bytes.Repeat([]byte{byte(i + 1)}, size)
		if _, err := c.Write(sent); err != nil {
			t.Fatalf("message of %d bytes: %v", size, err)
		}
		if n, err := c.Read(buf); err != nil || !bytes.Equal(buf[:n], sent) {
			t.Fatalf("message of %d bytes: %d came back, %v", size, n, err)
		}
	}
}

// compare asks both sides what was negotiated.
func compare(t *testing.T, s scenario, theirs *dtls.Conn, ours *sealsock.Conn) {
	t.Helper()
	state, ok := theirs.ConnectionState()
	if !ok || ours == nil {
		t.Fatal("a side has no state")
	}
	got := ours.State()
	if got.Version != iana.TLS12 || !got.ExtendedMasterSecret {
		t.Errorf("the state is %+v", got)
	}
	if uint16(got.CipherSuite) != uint16(state.CipherSuiteID) ||
		s.suite != 0 && got.CipherSuite != s.suite {
		t.Errorf("the suite is %v, and %v for pion/dtls", got.CipherSuite, state.CipherSuiteID)
	}
	if got.ALPN != s.alpn || state.NegotiatedProtocol != s.alpn {
		t.Errorf("the protocol is %q, and %q for pion/dtls", got.ALPN, state.NegotiatedProtocol)
	}
	if s.clientCert && (len(got.PeerChain) == 0 || len(state.PeerCertificates) == 0) {
		t.Error("a side has no certificate of the other")
	}
	compareDatagrams(t, s, theirs, ours)
	a, err := ours.Export(label, nil, 32)
	if err != nil {
		t.Fatal(err)
	}
	b, err := state.ExportKeyingMaterial(label, nil, 32)
	if err != nil || !bytes.Equal(a, b) {
		t.Errorf("the exporters differ: %v", err)
	}
}

// compareDatagrams compares what TLS does not have.
func compareDatagrams(t *testing.T, s scenario, theirs *dtls.Conn, ours *sealsock.Conn) {
	t.Helper()
	got := ours.State().Datagram
	want := ids{}
	if s.ids != nil {
		want = *s.ids
		if _, client := ours.NetConn().(*net.UDPConn); !client && want.own == 0 {
			want.own = 8 // a server's default
		}
	}
	if len(got.ConnectionID) != want.own || len(got.PeerConnectionID) != want.pion {
		t.Errorf("the connection IDs are %x and %x, expected %d and %d bytes",
			got.ConnectionID, got.PeerConnectionID, want.own, want.pion)
	}
	profile, _ := theirs.SelectedSRTPProtectionProfile()
	if got.SRTPProfile != s.srtp || uint16(profile) != uint16(s.srtp) {
		t.Errorf("the profile is %v, and %v for pion/dtls", got.SRTPProfile, profile)
	}
	if s.srtp == 0 {
		return
	}
	state, _ := theirs.ConnectionState()
	own := ours.State()
	a, err := own.SRTPKeys()
	if err != nil {
		t.Fatal(err)
	}
	b, err := state.ExportKeyingMaterial("EXTRACTOR-dtls_srtp", nil, len(a))
	if err != nil || !bytes.Equal(a, b) {
		t.Errorf("the SRTP keys differ: %v", err)
	}
}

// TestMoveToPion: a server of pion/dtls finds a connection by its ID when the address of the
// client changes.
func TestMoveToPion(t *testing.T) {
	s := scenario{key: "p256", ids: &ids{8, 0}}
	p := newParties(t, s)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	l, err := dtls.ListenWithOptions("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)},
		serverOptions(p.pionServer)...)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		inner, err := l.Accept()
		if err != nil {
			return
		}
		defer inner.Close()
		if inner.(*dtls.Conn).HandshakeContext(ctx) == nil {
			echo(inner)
		}
	}()
	n := nattest.New(t, l.Addr().String())
	c, err := sealsock.Dial(ctx, "udp://"+n.Address().String(), p.client)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	sendAll(t, c)
	for range 3 {
		n.Rebind()
		sendAll(t, c)
	}
}

func clientOptions(all []dtls.Option) (list []dtls.ClientOption) {
	for _, o := range all {
		list = append(list, o)
	}
	return list
}

func serverOptions(all []dtls.Option) (list []dtls.ServerOption) {
	for _, o := range all {
		list = append(list, o)
	}
	return list
}

// next returns what a side has reported so far.
func next(reports chan error) error {
	select {
	case err := <-reports:
		return err
	case <-time.After(time.Second):
		return fmt.Errorf("nothing")
	}
}
