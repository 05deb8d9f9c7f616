package legacy_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
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
	"github.com/sealsock/sealsock/internal/fipstest"
	"github.com/sealsock/sealsock/internal/testcert"
	"github.com/sealsock/sealsock/legacy"
	"github.com/sealsock/sealsock/trust"
	_ "github.com/sealsock/sealsock/trust/idn" // for a name in Unicode
)

// configs returns the configurations of both sides: each trusts the root of the
// other.
func configs(t testing.TB, change func(*x509.Certificate)) (client, server *sealsock.Config, ca *testcert.CA) {
	t.Helper()
	ca = testcert.New()
	roots := new(trust.Roots)
	if _, err := roots.AddPEM(ca.PEM()); err != nil {
		t.Fatal(err)
	}
	server = &sealsock.Config{Trust: &trust.Policy{Roots: roots}, Identities: []*identity.Identity{issue(t, ca, "rsa", change)}}
	client = &sealsock.Config{Trust: &trust.Policy{Roots: roots}, ServerName: "localhost"}
	return client, server, ca
}

func issue(t testing.TB, ca *testcert.CA, kind string, change func(*x509.Certificate)) *identity.Identity {
	t.Helper()
	leaf := ca.Issue(testcert.NewKey(kind), change, "localhost", "127.0.0.1")
	id, err := identity.New(leaf.Chain, leaf.Key)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// bothUsages makes a key that may sign and decrypt, as old servers have.
func bothUsages(c *x509.Certificate) {
	c.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment
}

// pair runs both sides over a loopback connection until both handshakes are done.
func pair(t *testing.T, client, server *sealsock.Config) (c, s *legacy.Conn, err error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	result := make(chan error, 1)
	go func() {
		raw, err := l.Accept()
		if err == nil {
			if s, err = legacy.Server(raw, server); err == nil {
				err = s.Handshake()
			}
		}
		result <- err
	}()
	c, err = legacy.Dial(t.Context(), l.Addr().String(), client)
	other := <-result
	for _, end := range []*legacy.Conn{c, s} {
		if end != nil {
			t.Cleanup(func() { end.Close() })
		}
	}
	return c, s, errors.Join(err, other)
}

func TestWeaknesses(t *testing.T) {
	fipstest.Skip(t, "crypto/tls leaves out all that this package is for")
	for _, tc := range []struct {
		name  string
		max   iana.Version
		suite iana.CipherSuite
		words []string
	}{
		{"nothing", 0, 0, []string{"TLS 1.3", "does not need"}},
		{"TLS 1.2 as it should be", iana.TLS12, iana.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, []string{"TLS 1.2", "does not need"}},
		{"TLS 1.0", iana.TLS10, 0, []string{"WEAK", "TLS 1.0 was deprecated", "padding oracles"}},
		{"TLS 1.1", iana.TLS11, 0, []string{"WEAK", "TLS 1.1 was deprecated"}},
		{"RSA key exchange", iana.TLS12, 0x009c, []string{"WEAK", "no forward secrecy"}},
		{"RSA key exchange and CBC", iana.TLS12, 0x002f, []string{"no forward secrecy", "padding oracles"}},
		{"triple DES", iana.TLS12, 0xc012, []string{"Sweet32", "padding oracles"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			client, server, _ := configs(t, bothUsages)
			client.MaxVersion = tc.max
			if tc.suite != 0 {
				client.CipherSuites = []iana.CipherSuite{tc.suite}
			}
			c, s, err := pair(t, client, server)
			if err != nil {
				t.Fatal(err)
			}
			for _, line := range []string{c.Describe(), s.Describe()} {
				for _, word := range tc.words {
					if !strings.Contains(line, word) {
						t.Errorf("%q does not say %q", line, word)
					}
				}
				if weak := strings.Contains(line, "WEAK"); weak != (len(c.Weaknesses()) > 0) {
					t.Errorf("%q has %d weaknesses", line, len(c.Weaknesses()))
				}
			}
			if c.Peer() == nil || c.Peer().Leaf == nil {
				t.Error("the client does not know its peer")
			}
		})
	}
}

func TestBothWaysAndEnd(t *testing.T) {
	fipstest.Skip(t, "crypto/tls leaves out all that this package is for")
	client, server, ca := configs(t, nil)
	client.MaxVersion = iana.TLS10
	client.Identities = []*identity.Identity{issue(t, ca, "p256", nil)}
	server.ClientAuth = sealsock.RequireClientCert
	c, s, err := pair(t, client, server)
	if err != nil {
		t.Fatal(err)
	}
	if s.Peer() == nil {
		t.Error("the server does not know its peer")
	}
	go func() {
		io.Copy(s, s)
		s.CloseWrite()
	}()
	if _, err := io.WriteString(c, "hello"); err != nil {
		t.Fatal(err)
	}
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(c); string(got) != "hello" || err != nil {
		t.Errorf("%q came back, %v", got, err)
	}
}

func TestCutIsAnError(t *testing.T) {
	client, server, _ := configs(t, nil)
	c, s, err := pair(t, client, server)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(s, "half of it"); err != nil {
		t.Fatal(err)
	}
	s.NetConn().Close()
	got, err := io.ReadAll(c)
	if string(got) != "half of it" || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%q, %v", got, err)
	}
}

func TestTrustDecides(t *testing.T) {
	client, server, _ := configs(t, nil)
	strangers, _, ca := configs(t, nil)
	var refused *trust.Error
	if _, _, err := pair(t, strangers, server); !errors.As(err, &refused) {
		t.Errorf("another authority's server: %v", err)
	}
	wrong := *client
	wrong.ServerName = "example.org"
	if _, _, err := pair(t, &wrong, server); !errors.As(err, &refused) {
		t.Errorf("a server of another name: %v", err)
	}
	server.ClientAuth = sealsock.RequireClientCert
	client.MaxVersion = iana.TLS12 // so that the client hears of it in the handshake
	var alert *engine.Error
	if _, _, err := pair(t, client, server); !errors.As(err, &alert) || alert.Fault != engine.FaultAlert {
		t.Errorf("no certificate where one is required: %v", err)
	}
	client.Identities = []*identity.Identity{issue(t, ca, "p256", nil)}
	if _, _, err := pair(t, client, server); !errors.As(err, &refused) {
		t.Errorf("another authority's client: %v", err)
	}
}

// TestKeyUsage: the key of an RSA key exchange decrypts, and need not sign.
func TestKeyUsage(t *testing.T) {
	fipstest.Skip(t, "crypto/tls leaves out all that this package is for")
	client, server, _ := configs(t, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment })
	client.CipherSuites = []iana.CipherSuite{0x002f}
	client.MaxVersion = iana.TLS12
	if _, _, err := pair(t, client, server); err != nil {
		t.Errorf("RSA key exchange: %v", err)
	}
	client.CipherSuites = []iana.CipherSuite{iana.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}
	if _, _, err := pair(t, client, server); err == nil {
		t.Error("a key that may not sign has signed")
	}
	client, server, _ = configs(t, nil) // digitalSignature alone
	client.CipherSuites = []iana.CipherSuite{0x002f}
	client.MaxVersion = iana.TLS12
	if _, _, err := pair(t, client, server); err == nil {
		t.Error("a key that may not decrypt has decrypted")
	}
}

func TestSelectIdentity(t *testing.T) {
	client, server, ca := configs(t, nil)
	id := server.Identities[0]
	asked := 0
	pick := func(_ context.Context, req *engine.CredentialRequest) (*identity.Identity, error) {
		asked++
		if req.Server {
			return id, nil
		}
		return issue(t, ca, "p256", nil), nil
	}
	server.Identities, server.SelectIdentity, server.ClientAuth = nil, pick, sealsock.RequireClientCert
	client.SelectIdentity = pick
	if _, s, err := pair(t, client, server); err != nil || s.Peer() == nil || asked != 2 {
		t.Errorf("asked %d times: %v", asked, err)
	}
}

func TestRefusals(t *testing.T) {
	a, b := net.Pipe() // without a connection each Config is refused
	defer a.Close()
	defer b.Close()
	for name, cfg := range map[string]*sealsock.Config{
		"a pre-shared key":  {PSKs: []*engine.PSK{{}}},
		"ECH":               {ECHConfigs: []byte{}},
		"extended master":   {RequireExtendedMasterSecret: true},
		"VerifyConnection":  {VerifyConnection: func(*sealsock.Conn) error { return io.EOF }},
		"padding":           {Padding: func(int) int { return 1 }},
		"RC4":               {CipherSuites: []iana.CipherSuite{0x0005}},
		"AES-CCM":           {CipherSuites: []iana.CipherSuite{iana.TLS_ECDHE_ECDSA_WITH_AES_128_CCM}},
		"versions reversed": {MinVersion: iana.TLS12, MaxVersion: iana.TLS11},
	} {
		var own *engine.Error
		if _, err := legacy.Client(a, cfg); !errors.As(err, &own) || own.Fault != engine.FaultUsage {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := legacy.Listen(t.Context(), "127.0.0.1:0", nil); err == nil {
		t.Error("a server without a certificate listens")
	}
}

// TestNeverRC4 checks that no suite with RC4 is offered, whatever crypto/tls
// implements.
func TestNeverRC4(t *testing.T) {
	client, _, ca := configs(t, nil)
	id := issue(t, ca, "rsa", nil)
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	offered := make(chan []uint16, 1)
	go func() {
		tls.Server(b, &tls.Config{GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
			offered <- h.CipherSuites
			return &tls.Certificate{Certificate: id.Chain, PrivateKey: id.Signer}, nil
		}}).Handshake()
	}()
	c, err := legacy.Client(a, client)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	for _, s := range <-offered {
		if name := iana.CipherSuite(s).String(); strings.Contains(name, "RC4") || strings.Contains(name, "NULL") {
			t.Errorf("%s is offered", name)
		}
	}
}

func TestTimeout(t *testing.T) {
	client, _, _ := configs(t, nil)
	client.HandshakeTimeout = 10 * time.Millisecond
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	c, err := legacy.Client(a, client)
	if err != nil {
		t.Fatal(err)
	}
	var own *engine.Error
	if err := c.Handshake(); !errors.As(err, &own) || own.Fault != engine.FaultTransport || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a peer that says nothing: %v", err)
	}
}

func Example() {
	ca := testcert.New()
	leaf := ca.Issue(testcert.NewKey("rsa"), nil, "old.example")
	id, _ := identity.New(leaf.Chain, leaf.Key)
	roots := new(trust.Roots)
	roots.AddPEM(ca.PEM())

	l, err := legacy.Listen(context.Background(), "127.0.0.1:0", &sealsock.Config{
		Identities: []*identity.Identity{id},
		MaxVersion: iana.TLS10, // a device of 2005
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Close()
	go func() {
		if c, err := l.Accept(); err == nil {
			io.WriteString(c, "21.5 °C")
			c.Close()
		}
	}()

	c, err := legacy.Dial(context.Background(), l.Addr().String(), &sealsock.Config{
		Trust:      &trust.Policy{Roots: roots},
		ServerName: "old.example",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	reading, _ := io.ReadAll(c)
	fmt.Printf("%s\n%s\n", reading, c.Weaknesses()[0])
	// Output:
	// 21.5 °C
	// TLS 1.0 was deprecated in 2021 (RFC 8996): its handshake depends on MD5 and SHA-1
}

// The name that a server is asked for is that of DNS. RFC 6066, Section 3.
func TestServerName(t *testing.T) {
	for name, want := range map[string]string{
		"Localhost": "localhost", "localhost.": "localhost", "bücher.test": "xn--bcher-kva.test",
	} {
		client, server, _ := configs(t, nil)
		asked := "none"
		id := server.Identities[0]
		server.SelectIdentity = func(_ context.Context, r *engine.CredentialRequest) (
			*identity.Identity, error) {
			asked = r.ServerName
			return id, nil
		}
		client.ServerName, client.Trust = name, &trust.Policy{Insecure: true}
		if _, _, err := pair(t, client, server); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if asked != want {
			t.Errorf("%s: asked for %q, want %q", name, asked, want)
		}
	}
}

// The handshake of the embedded connection verifies the peer as well.
func TestEmbeddedHandshake(t *testing.T) {
	client, server, _ := configs(t, nil)
	ours, theirs := net.Pipe()
	s, err := legacy.Server(theirs, server)
	if err != nil {
		t.Fatal(err)
	}
	c, err := legacy.Client(ours, client)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ours.Close(); theirs.Close() })
	done := make(chan error, 1)
	go func() { done <- s.Conn.Handshake() }()
	if err := c.Conn.Handshake(); err != nil || c.Peer() == nil {
		t.Errorf("%v, peer %v", err, c.Peer())
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
