package identity_test

import (
	"bytes"
	"context"
	"crypto"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/testcert"
	"github.com/sealsock/sealsock/trust"
)

// device is a key of which only its public half is known here, as in a smart card
// or a service: it is no type of the standard library.
type device struct {
	inner  crypto.Signer
	signed int
}

func (d *device) Public() crypto.PublicKey { return d.inner.Public() }

func (d *device) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	d.signed++
	return d.inner.Sign(rand, digest, opts)
}

// TestAnySigner has keys in a device prove both sides of a connection.
func TestAnySigner(t *testing.T) {
	ca := testcert.New()
	roots := rootsOf(t, ca)
	for _, kind := range []string{"p256", "p384", "p521", "ed25519", "rsa", "mldsa44", "mldsa65", "mldsa87"} {
		for _, version := range []iana.Version{iana.TLS12, iana.TLS13} {
			if version == iana.TLS12 && strings.HasPrefix(kind, "mldsa") {
				continue
			}
			ours, theirs := &device{inner: testcert.NewKey(kind)}, &device{inner: testcert.NewKey(kind)}
			server, client := newIdentity(t, ca, ours, "localhost"), newIdentity(t, ca, theirs, "alice.test")
			a, b := tcp(t)
			s, err := sealsock.Server(a, &sealsock.Config{Identities: []*identity.Identity{server}, ClientAuth: sealsock.RequireClientCert,
				Trust: &trust.Policy{Roots: roots, Purpose: trust.PurposeAny}, MinVersion: version, MaxVersion: version})
			if err != nil {
				t.Fatal(err)
			}
			c, err := sealsock.Client(b, &sealsock.Config{Identities: []*identity.Identity{client}, ServerName: "localhost",
				Trust: &trust.Policy{Roots: roots}, MinVersion: version, MaxVersion: version})
			if err != nil {
				t.Fatal(err)
			}
			go func() { _, _ = io.Copy(s, s) }() // the client reports the error
			if err := echo(c, "hello"); err != nil {
				t.Errorf("%s, %v: %v", kind, version, err)
			}
			if ours.signed != 1 || theirs.signed != 1 {
				t.Errorf("%s, %v: the server's key signed %d times, the client's %d", kind, version, ours.signed, theirs.signed)
			}
		}
	}
}

// TestSelection has a server with several certificates show each client the one
// for the name it asked for, of a kind that it can check.
func TestSelection(t *testing.T) {
	ca := testcert.New()
	policy := &trust.Policy{Roots: rootsOf(t, ca)}
	both := newIdentity(t, ca, testcert.NewKey("p256"), "a.test")
	old := newIdentity(t, ca, testcert.NewKey("rsa"), "a.test")
	other := newIdentity(t, ca, testcert.NewKey("ed25519"), "b.test")
	quantum := newIdentity(t, ca, testcert.NewKey("mldsa65"), "b.test")
	l := listenWith(t, &sealsock.Config{Identities: []*identity.Identity{both, old, quantum, other}})
	edOnly := []iana.SignatureScheme{iana.Ed25519}
	rsaOnly := []iana.SignatureScheme{iana.RSAPSSRSAEWithSHA256, iana.RSAPKCS1WithSHA256}
	for _, tc := range []struct {
		name    string
		schemes []iana.SignatureScheme
		want    *identity.Identity
	}{{"a.test", nil, both}, {"a.test", rsaOnly, old}, {"b.test", edOnly, other}, {"b.test", nil, quantum}} {
		for _, version := range []iana.Version{iana.TLS12, iana.TLS13} {
			want := tc.want
			if version == iana.TLS12 && want == quantum {
				want = other // TLS 1.2 has no ML-DSA
			}
			c, err := sealsock.Dial(context.Background(), l, &sealsock.Config{ServerName: tc.name, Trust: policy, SignatureSchemes: tc.schemes, MinVersion: version, MaxVersion: version})
			if err != nil {
				t.Errorf("%s, %v: %v", tc.name, version, err)
				continue
			}
			if !bytes.Equal(c.Peer().Leaf.Raw, want.Chain[0]) {
				t.Errorf("%s, %v, %v: shown the certificate of %v", tc.name, tc.schemes, version, c.Peer().Leaf.DNSNames)
			}
			c.Close()
		}
	}
}

// TestReloadDropsNobody replaces the files of a listener while a connection is
// open: it continues, and the next one sees the new certificate.
func TestReloadDropsNobody(t *testing.T) {
	ca := testcert.New()
	policy := &trust.Policy{Roots: rootsOf(t, ca)}
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	put := func() []byte {
		l := ca.Issue(testcert.NewKey("p256"), nil, "localhost")
		for name, data := range map[string][]byte{cert: l.CertPEM(), key: l.KeyPEM()} {
			if err := os.WriteFile(name, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return l.Chain[0]
	}
	first := put()
	files, err := identity.Watch(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	l := listenWith(t, &sealsock.Config{SelectIdentity: func(context.Context, *engine.CredentialRequest) (*identity.Identity, error) {
		return files.Identity(), nil
	}})
	dial := func(want []byte) *sealsock.Conn {
		t.Helper()
		c, err := sealsock.Dial(context.Background(), l, &sealsock.Config{ServerName: "localhost", Trust: policy})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if !bytes.Equal(c.Peer().Leaf.Raw, want) {
			t.Errorf("shown another certificate than that of the files")
		}
		return c
	}
	before := dial(first)
	for i := range 3 {
		second := put()
		if err := files.Reload(); err != nil {
			t.Fatal(err)
		}
		if err := echo(before, fmt.Sprintf("still here after %d", i+1)); err != nil {
			t.Errorf("the old connection: %v", err)
		}
		if err := echo(dial(second), "new"); err != nil {
			t.Errorf("a new connection: %v", err)
		}
	}
}

func newIdentity(t *testing.T, ca *testcert.CA, key crypto.Signer, name string) *identity.Identity {
	t.Helper()
	inner := key
	if d, ok := key.(*device); ok {
		inner = d.inner
	}
	id, err := identity.New([][]byte{ca.Issue(inner, nil, name).Chain[0]}, key)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func rootsOf(t *testing.T, ca *testcert.CA) *trust.Roots {
	t.Helper()
	roots := new(trust.Roots)
	if err := roots.AddDER(ca.Cert.Raw); err != nil {
		t.Fatal(err)
	}
	return roots
}

// tcp returns both ends of a connection.
func tcp(t *testing.T) (a, b net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if a, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if b, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

// listenWith echoes until the test ends, and returns its address.
func listenWith(t *testing.T, cfg *sealsock.Config) string {
	t.Helper()
	l, err := sealsock.Listen(context.Background(), "127.0.0.1:0", cfg)
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
				_, _ = io.Copy(c, c) // the client reports the error
			}()
		}
	}()
	return l.Addr().String()
}

func echo(c net.Conn, text string) error {
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return err
	}
	if _, err := io.WriteString(c, text); err != nil {
		return err
	}
	back := make([]byte, len(text))
	if _, err := io.ReadFull(c, back); err != nil {
		return err
	}
	if string(back) != text {
		return fmt.Errorf("%q came back", back)
	}
	return nil
}
