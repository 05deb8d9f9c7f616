package sealsock_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/testcert"
	"github.com/sealsock/sealsock/trust"
)

// TestFromStandardNeedsName checks that a client without a name to prove accepts no
// server: crypto/x509 accepts any certificate if it is given no name.
func TestFromStandardNeedsName(t *testing.T) {
	ca := testcert.New()
	roots := x509.NewCertPool()
	roots.AddCert(ca.Cert)
	leaf := ca.Issue(testcert.NewKey("p256"), nil, "somebody.else")
	id, err := identity.New(leaf.Chain, leaf.Key)
	if err != nil {
		t.Fatal(err)
	}
	cc, err := sealsock.FromStandard(&tls.Config{RootCAs: roots})
	if err != nil {
		t.Fatal(err)
	}
	var e *engine.Error
	if client, _ := handshakeBoth(t, cc, &sealsock.Config{Identities: []*identity.Identity{id}}); !errors.As(client, &e) || !strings.Contains(client.Error(), "no server name is set") {
		t.Errorf("without ServerName: %v", client)
	}
	_, err = cc.Trust.Verify(t.Context(), &trust.Peer{Server: true, Name: "localhost", RawPublicKey: []byte{1}})
	if err == nil {
		t.Error("a bare key is a certificate")
	}
}

// kept are the fields of tls.Config that FromStandard honours, and those that mean
// nothing here as its comment documents. Each other one must be refused.
var kept = map[string]bool{
	"Rand": true, "Time": true, "Certificates": true, "GetCertificate": true, "GetClientCertificate": true, "VerifyPeerCertificate": true,
	"RootCAs": true, "NextProtos": true, "ServerName": true, "ClientAuth": true, "ClientCAs": true, "InsecureSkipVerify": true,
	"CipherSuites": true, "PreferServerCipherSuites": true, "SessionTicketsDisabled": true, "SessionTicketKey": true,
	"ClientSessionCache": true, "MinVersion": true, "MaxVersion": true, "CurvePreferences": true, "DynamicRecordSizingDisabled": true,
	"GetConfigForClient": true, "VerifyConnection": true,
	"KeyLogWriter": true, "EncryptedClientHelloConfigList": true, "EncryptedClientHelloRejectionVerify": true, "EncryptedClientHelloKeys": true,
}

// TestFromStandardBoundsKeys has a client show a key whose signature takes seconds to
// verify, to a server that leaves the rest to VerifyPeerCertificate.
func TestFromStandardBoundsKeys(t *testing.T) {
	ca := testcert.New()
	n := new(big.Int).Lsh(big.NewInt(1), 9000)
	large := &rsa.PublicKey{N: n.SetBit(n, 0, 1), E: 65537}
	der, err := x509.CreateCertificate(rand.Reader, ca.Cert, ca.Cert, large, ca.Key)
	if err != nil {
		t.Fatal(err)
	}
	asked := false
	own := func([][]byte, [][]*x509.Certificate) error {
		asked = true
		return nil
	}
	cc, err := sealsock.FromStandard(&tls.Config{
		ClientAuth: tls.RequireAnyClientCert, VerifyPeerCertificate: own,
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = cc.Trust.Verify(t.Context(), &trust.Peer{Chain: [][]byte{der}})
	if err == nil || !strings.Contains(err.Error(), "9001 bits") || asked {
		t.Errorf("asked %v: %v", asked, err)
	}
}

func TestFromStandardLosesNothing(t *testing.T) {
	for field := range reflect.TypeFor[tls.Config]().Fields() {
		if !field.IsExported() || kept[field.Name] {
			continue
		}
		std := new(tls.Config)
		v := reflect.ValueOf(std).Elem().FieldByName(field.Name)
		switch field.Type.Kind() {
		case reflect.Func:
			v.Set(reflect.MakeFunc(field.Type, func([]reflect.Value) []reflect.Value { return nil }))
		case reflect.Map:
			v.Set(reflect.MakeMap(field.Type))
		case reflect.Int:
			v.SetInt(1)
		default:
			t.Errorf("tls.Config.%s is new: FromStandard must keep it or refuse it", field.Name)
			continue
		}
		if _, err := sealsock.FromStandard(std); err == nil || !strings.Contains(err.Error(), field.Name) {
			t.Errorf("%s: %v", field.Name, err)
		}
	}
}

// TestFromStandardSessions resumes a session of a ClientSessionCache with another
// server that has the same SessionTicketKey.
func TestFromStandardSessions(t *testing.T) {
	cc, sc := newConfigs(t)
	cert := tls.Certificate{Certificate: sc.Identities[0].Chain, PrivateKey: sc.Identities[0].Signer}
	client, err := sealsock.FromStandard(&tls.Config{ClientSessionCache: tls.NewLRUClientSessionCache(0), ServerName: "localhost"})
	if err != nil {
		t.Fatal(err)
	}
	client.Trust = cc.Trust
	for i, key := range [][32]byte{{1}, {1}, [32]byte([]byte("DEPRECATED by crypto/tls itself."))} {
		std := &tls.Config{Certificates: []tls.Certificate{cert}}
		//lint:ignore SA1019 it is what this test is about.
		std.SessionTicketKey = key
		server, err := sealsock.FromStandard(std)
		if err != nil {
			t.Fatal(err)
		}
		a, b := socketPair(t, "tcp")
		client.Session = client.Sessions.Take("localhost ")
		c, s := sealPair(t, a, b, client, server)
		if got := c.State().Resumed; got != (i == 1) {
			t.Errorf("connection %d: resumed %v", i, got)
		}
		if (server.Tickets != nil) != (i < 2) {
			t.Errorf("connection %d: tickets %v", i, server.Tickets)
		}
		go s.Write([]byte("x"))
		if _, err := c.Read(make([]byte, 1)); err != nil {
			t.Error(err)
		}
		a.Close()
		b.Close()
	}
}

func TestFromStandardChoosesByName(t *testing.T) {
	ca := testcert.New()
	pool := x509.NewCertPool()
	pool.AddCert(ca.Cert)
	std := &tls.Config{
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, nil },
		ClientAuth:     tls.VerifyClientCertIfGiven, ClientCAs: pool,
	}
	for _, name := range []string{"a.test", "b.test"} {
		leaf := ca.Issue(testcert.NewKey("p256"), nil, name)
		std.Certificates = append(std.Certificates, tls.Certificate{Certificate: leaf.Chain, PrivateKey: leaf.Key})
	}
	cfg, err := sealsock.FromStandard(std)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"a.test": "a.test", "b.test": "b.test", "c.test": "a.test", "": "a.test"} {
		id, err := cfg.SelectIdentity(context.Background(), &engine.CredentialRequest{Server: true, ServerName: name})
		if err != nil || id.Leaf.VerifyHostname(want) != nil {
			t.Errorf("%q: %v, %v", name, id, err)
		}
	}
	if len(cfg.ClientAuthorities) != 1 || string(cfg.ClientAuthorities[0]) != string(ca.Cert.RawSubject) {
		t.Errorf("clients hear of %q", cfg.ClientAuthorities)
	}
}

// TestFromStandardTellsOfTheHello: callbacks such as ACME's look at the protocols
// and suites of the client, and not only at the name.
func TestFromStandardTellsOfTheHello(t *testing.T) {
	cc, sc := newConfigs(t)
	cert := &tls.Certificate{Certificate: sc.Identities[0].Chain, PrivateKey: sc.Identities[0].Signer}
	for _, version := range []iana.Version{iana.TLS12, iana.TLS13} {
		var got *tls.ClientHelloInfo
		server, err := sealsock.FromStandard(&tls.Config{
			NextProtos:     []string{"acme-tls/1"},
			GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) { got = h; return cert, nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		client := *cc
		client.ALPN, client.MinVersion, client.MaxVersion = []string{"acme-tls/1"}, version, version
		a, b := socketPair(t, "tcp")
		sealPair(t, a, b, &client, server)
		if got.ServerName != "localhost" || !slices.Equal(got.SupportedProtos, client.ALPN) || got.SupportedVersions[0] != uint16(version) ||
			!slices.Contains(got.SupportedCurves, tls.X25519) || !slices.Contains(got.SignatureSchemes, tls.ECDSAWithP256AndSHA256) ||
			len(got.CipherSuites) == 0 || len(got.Extensions) == 0 {
			t.Errorf("%v: %+v", version, got)
		}
		a.Close()
		b.Close()
	}
}

// TestFromStandardTicketKeys: servers with the same keys of SetSessionTicketKeys resume each
// other's sessions, also after a rotation, and others do not.
func TestFromStandardTicketKeys(t *testing.T) {
	cc, sc := newConfigs(t)
	cert := tls.Certificate{
		Certificate: sc.Identities[0].Chain, PrivateKey: sc.Identities[0].Signer,
	}
	a, b := [32]byte{1}, [32]byte{2}
	first, second := &tls.Config{}, &tls.Config{}
	first.SetSessionTicketKeys([][32]byte{a})
	second.SetSessionTicketKeys([][32]byte{b})
	var servers []*sealsock.Config
	for _, std := range []*tls.Config{first, second} {
		std.Certificates = []tls.Certificate{cert}
		server, err := sealsock.FromStandard(std)
		if err != nil {
			t.Fatal(err)
		}
		servers = append(servers, server)
	}
	cc.OnSession = func(s *engine.Session) { cc.Session = s }
	for i, step := range []struct {
		server  int
		resumed bool
	}{{0, false}, {0, true}, {1, false}, {0, false}, {1, true}} {
		if i == 4 {
			second.SetSessionTicketKeys([][32]byte{b, a})
		}
		c, s := socketPair(t, "tcp")
		client, server := sealPair(t, c, s, cc, servers[step.server])
		go server.Write([]byte{1})
		if _, err := client.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		if got := client.State().Resumed; got != step.resumed {
			t.Errorf("connection %d: resumed %v", i, got)
		}
	}
}

// TestFromStandardRefusesOld: what only old peers need is an error that names package legacy.
func TestFromStandardRefusesOld(t *testing.T) {
	for _, std := range []*tls.Config{
		{MinVersion: tls.VersionTLS10}, {MaxVersion: tls.VersionTLS11},
		{CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA}},
	} {
		_, err := sealsock.FromStandard(std)
		if err == nil || !strings.Contains(err.Error(), "package legacy") {
			t.Errorf("%v", err)
		}
	}
}

// TestForClientResumes: a Listener whose ForClient returns a Config without ticket keys
// resumes sessions of it.
func TestForClientResumes(t *testing.T) {
	cc, sc := newConfigs(t)
	chosen := *sc
	sc.ForClient = func(context.Context, *engine.ClientHelloInfo) (*sealsock.Config, error) {
		own := chosen
		return &own, nil
	}
	l := newListener(t, sc)
	cc.Sessions = sealsock.NewMemoryCache(1)
	for i := range 2 {
		c, err := sealsock.Dial(t.Context(), l.Addr().String(), cc)
		if err != nil {
			t.Fatal(err)
		}
		c.Write([]byte{1})
		c.Read(make([]byte, 1))
		if c.State().Resumed != (i == 1) {
			t.Errorf("connection %d: resumed %v", i, c.State().Resumed)
		}
		c.Close()
	}
}

// TestVerifyConnection: the callback sees each connection, also one that resumes a session
// and one without certificates, and refuses it with an alert, and a panic is an error.
func TestVerifyConnection(t *testing.T) {
	cc, sc := newConfigs(t)
	var seen []bool
	sc.Tickets = sealsock.SealTickets(new(sealsock.RotatingKeys), nil)
	sc.VerifyConnection = func(c *sealsock.Conn) error {
		state := c.ConnectionState()
		if _, err := state.ExportKeyingMaterial("EXPORTER-test", nil, 32); err != nil {
			t.Error(err)
		}
		seen = append(seen, state.DidResume && state.Version == tls.VersionTLS13)
		return nil
	}
	cc.OnSession = func(s *engine.Session) { cc.Session = s }
	for range 2 {
		a, b := socketPair(t, "tcp")
		client, server := sealPair(t, a, b, cc, sc)
		go server.Write([]byte{1})
		if _, err := client.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(seen, []bool{false, true}) {
		t.Errorf("the callback saw %v", seen)
	}
	for _, refuse := range []func(*sealsock.Conn) error{
		func(*sealsock.Conn) error { return errors.New("not today") },
		func(*sealsock.Conn) error { panic("not today") },
	} {
		cc, sc := newConfigs(t)
		cc.VerifyConnection = refuse
		client, _ := handshakeBoth(t, cc, sc)
		if client == nil || !strings.Contains(client.Error(), "not today") {
			t.Errorf("the client: %v", client)
		}
		cc, sc = newConfigs(t)
		sc.VerifyConnection = refuse
		var alert tls.AlertError
		client, server := handshakeBoth(t, cc, sc)
		if server == nil || !errors.As(client, &alert) {
			t.Errorf("the client %v, the server %v", client, server)
		}
	}
}
