package sealsock_test

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/testcert"
	"github.com/sealsock/sealsock/trust"
)

// echWorld is a server with a public and a hidden name, for both libraries.
type echWorld struct {
	key     *engine.ECHKey
	configs []byte
	roots   *trust.Roots
	pool    *x509.CertPool
	id      *identity.Identity
	cert    tls.Certificate
}

func newECHWorld(t testing.TB) *echWorld {
	t.Helper()
	w := &echWorld{key: newECHKey(t), roots: new(trust.Roots), pool: x509.NewCertPool()}
	ca := testcert.New()
	leaf := ca.Issue(testcert.NewKey("p256"), nil, "public.example", "hidden.example")
	var err error
	if w.id, err = identity.New(leaf.Chain, leaf.Key); err != nil {
		t.Fatal(err)
	}
	if err := w.roots.AddDER(ca.Cert.Raw); err != nil {
		t.Fatal(err)
	}
	w.pool.AddCert(ca.Cert)
	w.cert = tls.Certificate{Certificate: leaf.Chain, PrivateKey: leaf.Key}
	if w.configs, err = engine.ECHConfigList(w.key); err != nil {
		t.Fatal(err)
	}
	return w
}

func newECHKey(t testing.TB) *engine.ECHKey {
	t.Helper()
	k, err := engine.NewECHKey(rand.Reader, 5, "public.example", 20)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (w *echWorld) client() *sealsock.Config {
	return &sealsock.Config{Trust: &trust.Policy{Roots: w.roots}, ServerName: "hidden.example", ECHConfigs: w.configs}
}

func (w *echWorld) server() *sealsock.Config {
	return &sealsock.Config{Identities: []*identity.Identity{w.id}, ECHKeys: []*engine.ECHKey{w.key}}
}

func (w *echWorld) standardClient() *tls.Config {
	return &tls.Config{RootCAs: w.pool, ServerName: "hidden.example", EncryptedClientHelloConfigList: w.configs}
}

func (w *echWorld) standardServer(t testing.TB) *tls.Config {
	t.Helper()
	private, err := w.key.PrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{
		Certificates:             []tls.Certificate{w.cert},
		EncryptedClientHelloKeys: []tls.EncryptedClientHelloKey{{Config: w.key.Config(), PrivateKey: private, SendAsRetry: true}},
	}
}

// standardEcho is an echo server of crypto/tls.
func standardEcho(t *testing.T, cfg *tls.Config) string {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				io.Copy(c, c)
			}()
		}
	}()
	return l.Addr().String()
}

// echGroups make the server ask for another share, or not.
var echGroups = map[string][]tls.CurveID{"": nil, "with a retry": {tls.CurveP521}}

func TestECHToStandardServer(t *testing.T) {
	for name, groups := range echGroups {
		w := newECHWorld(t)
		std := w.standardServer(t)
		std.CurvePreferences = groups
		cfg := w.client()
		cfg.Sessions = sealsock.NewMemoryCache(4)
		addr := standardEcho(t, std)
		for i := range 2 {
			c, err := sealsock.Dial(t.Context(), addr, cfg)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			exchange(t, c, "hello")
			state := c.ConnectionState()
			if !state.ECHAccepted || state.HelloRetryRequest != (groups != nil) || state.DidResume != (i > 0) {
				t.Errorf("%s: accepted %v, retried %v, resumed %v", name, state.ECHAccepted, state.HelloRetryRequest, state.DidResume)
			}
			c.Close()
		}
	}
}

func TestECHFromStandardClient(t *testing.T) {
	for name, groups := range echGroups {
		w := newECHWorld(t)
		cfg := w.server()
		for _, g := range groups {
			cfg.Groups = append(cfg.Groups, iana.NamedGroup(g))
		}
		seen := make(chan bool, 4)
		addr := serve(t, cfg, func(c *sealsock.Conn) {
			seen <- c.ConnectionState().ECHAccepted && c.ConnectionState().ServerName == "hidden.example"
			echo(c)
		})
		std := w.standardClient()
		std.ClientSessionCache = tls.NewLRUClientSessionCache(4)
		for i := range 2 {
			c, err := tls.Dial("tcp", addr, std)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			exchangeStandard(t, c)
			state := c.ConnectionState()
			if !state.ECHAccepted || !<-seen || state.DidResume != (i > 0) {
				t.Errorf("%s: accepted %v, resumed %v", name, state.ECHAccepted, state.DidResume)
			}
			c.Close()
		}
	}
}

func exchangeStandard(t *testing.T, c net.Conn) {
	t.Helper()
	if _, err := c.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 5)
	if _, err := io.ReadFull(c, got); err != nil || string(got) != "hello" {
		t.Fatalf("%q came back: %v", got, err)
	}
}

// TestECHNewKeys: a client with an old configuration is given the new one.
func TestECHNewKeys(t *testing.T) {
	for name, groups := range echGroups {
		w := newECHWorld(t)
		old, _ := engine.ECHConfigList(newECHKey(t))

		std := w.standardServer(t)
		std.CurvePreferences = groups
		cfg := w.client()
		cfg.ECHConfigs = old
		c, err := sealsock.Dial(t.Context(), standardEcho(t, std), cfg)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		exchange(t, c, "hello")
		if !c.ConnectionState().ECHAccepted {
			t.Errorf("%s: not accepted", name)
		}
		c.Close()

		sc := w.server()
		for _, g := range groups {
			sc.Groups = append(sc.Groups, iana.NamedGroup(g))
		}
		addr := serve(t, sc, echo)
		client := w.standardClient()
		client.EncryptedClientHelloConfigList = old
		_, err = tls.Dial("tcp", addr, client)
		var rejected *tls.ECHRejectionError
		if !errors.As(err, &rejected) || rejected.RetryConfigList == nil {
			t.Fatalf("%s: %v", name, err)
		}
		client.EncryptedClientHelloConfigList = rejected.RetryConfigList
		again, err := tls.Dial("tcp", addr, client)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		exchangeStandard(t, again)
		again.Close()
	}
}

// TestECHSwitchedOff: an answer of the server that it has no keys ends the connection,
// and the name stays hidden.
func TestECHSwitchedOff(t *testing.T) {
	w := newECHWorld(t)
	std := w.standardServer(t)
	std.EncryptedClientHelloKeys = nil
	_, err := sealsock.Dial(t.Context(), standardEcho(t, std), w.client())
	var rejected *engine.ECHRejectedError
	if !errors.As(err, &rejected) || rejected.RetryConfigs != nil || rejected.PublicName != "public.example" {
		t.Errorf("got %v", err)
	}
	sc := w.server()
	sc.ECHKeys = nil
	_, err = tls.Dial("tcp", serve(t, sc, echo), w.standardClient())
	var standard *tls.ECHRejectionError
	if !errors.As(err, &standard) || standard.RetryConfigList != nil {
		t.Errorf("crypto/tls got %v", err)
	}
}

// TestECHPublicName: only a server that proves the public name may provide new
// configurations, however lax the policy.
func TestECHPublicName(t *testing.T) {
	w, impostor := newECHWorld(t), newECHWorld(t)
	addr := serve(t, impostor.server(), echo)
	for _, policy := range []*trust.Policy{
		{Roots: w.roots}, {Roots: w.roots, AnyName: true}, {Roots: w.roots, Insecure: true},
	} {
		cfg := w.client()
		cfg.Trust = policy
		_, err := sealsock.Dial(t.Context(), addr, cfg)
		var rejected *engine.ECHRejectedError
		var refused *trust.Error
		if errors.As(err, &rejected) || !errors.As(err, &refused) {
			t.Errorf("%+v: %v", policy, err)
		}
	}
}

func TestECHGREASEWithStandard(t *testing.T) {
	for name, groups := range echGroups {
		w := newECHWorld(t)
		cfg := w.client()
		cfg.ECHConfigs, cfg.ECHGREASE = nil, true
		for _, keys := range []bool{false, true} {
			std := w.standardServer(t)
			std.CurvePreferences = groups
			if !keys {
				std.EncryptedClientHelloKeys = nil
			}
			c, err := sealsock.Dial(t.Context(), standardEcho(t, std), cfg)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			exchange(t, c, "hello")
			if c.ConnectionState().ECHAccepted {
				t.Errorf("%s: GREASE was accepted", name)
			}
			c.Close()
		}
	}
}

func TestECHFromStandardConfig(t *testing.T) {
	w := newECHWorld(t)
	asked := ""
	client := w.standardClient()
	client.EncryptedClientHelloRejectionVerify = func(s tls.ConnectionState) error {
		asked = s.ServerName
		return nil
	}
	server := w.standardServer(t)
	cc, err := sealsock.FromStandard(client)
	if err != nil {
		t.Fatal(err)
	}
	sc, err := sealsock.FromStandard(server)
	if err != nil {
		t.Fatal(err)
	}
	c, err := sealsock.Dial(t.Context(), serve(t, sc, echo), cc)
	if err != nil || !c.ConnectionState().ECHAccepted || asked != "" {
		t.Fatalf("%v, asked about %q", err, asked)
	}
	c.Close()
	sc.ECHKeys = []*engine.ECHKey{newECHKey(t)}
	c, err = sealsock.Dial(t.Context(), serve(t, sc, echo), cc)
	if err != nil || asked != "public.example" {
		t.Fatalf("%v, asked about %q", err, asked)
	}
	c.Close()
	server.EncryptedClientHelloKeys[0].PrivateKey = nil
	if _, err := sealsock.FromStandard(server); err == nil {
		t.Error("a key that is none is accepted")
	}
	sc.ECHKeys[0].Retired = true
	client.EncryptedClientHelloRejectionVerify = nil
	client.InsecureSkipVerify, client.RootCAs = true, x509.NewCertPool()
	var unknown x509.UnknownAuthorityError
	if _, err = sealsock.Dial(t.Context(), serve(t, sc, echo), cc); !errors.As(err, &unknown) {
		t.Errorf("InsecureSkipVerify waives the public name: %v", err)
	}
}

func ExampleConfig_encryptedClientHello() {
	client, server := demo()
	key, err := engine.NewECHKey(rand.Reader, 1, "localhost", 32)
	check(err)
	server.ECHKeys = []*engine.ECHKey{key}
	l := listen(server, func(c *sealsock.Conn) {
		fmt.Fprintln(c, "nobody else saw whom you asked for")
		c.Close()
	})
	defer l.Close()

	client.ECHConfigs, err = engine.ECHConfigList(key) // or from the DNS, or from a file: see package ech
	check(err)
	conn, err := sealsock.Dial(context.Background(), l.Addr().String(), client)
	check(err)
	defer conn.Close()
	text, err := io.ReadAll(conn)
	check(err)
	fmt.Print(conn.ConnectionState().ECHAccepted, " ", string(text))
	// Output: true nobody else saw whom you asked for
}
