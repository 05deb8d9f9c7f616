package authority

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/peers"
)

func newAuthority(t testing.TB, o Options) *Authority {
	t.Helper()
	a, err := Create(filepath.Join(t.TempDir(), "ca"), o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// accepts has crypto/x509 judge an identity for a name.
func accepts(a *Authority, id *identity.Identity, name string, use x509.ExtKeyUsage) error {
	roots, inters := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(a.Root())
	for _, der := range id.Chain[1:] {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return err
		}
		inters.AddCert(c)
	}
	_, err := id.Leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: roots, Intermediates: inters, KeyUsages: []x509.ExtKeyUsage{use}})
	return err
}

func TestIssue(t *testing.T) {
	a := newAuthority(t, Options{})
	for _, tc := range []struct {
		name    string
		request Request
		proves  []string
		use     x509.ExtKeyUsage
	}{
		{"server", Request{Names: []string{"localhost", "127.0.0.1", "[::1]"}}, []string{"localhost", "127.0.0.1", "::1"}, x509.ExtKeyUsageServerAuth},
		{"wildcard", Request{Names: []string{"*.localhost", "*.home.arpa"}}, []string{"a.localhost", "box.home.arpa"}, x509.ExtKeyUsageServerAuth},
		{"international", Request{Names: []string{"Bücher.local"}}, []string{"xn--bcher-kva.local"}, x509.ExtKeyUsageServerAuth},
		{"address", Request{Names: []string{"192.168.7.9"}}, []string{"192.168.7.9"}, x509.ExtKeyUsageServerAuth},
		{"client", Request{Names: []string{"alice"}, Client: true}, []string{""}, x509.ExtKeyUsageClientAuth},
		{"client with mail", Request{Names: []string{"Alice B", "alice@example.org", "spiffe://house/alice"}, Client: true}, []string{""}, x509.ExtKeyUsageClientAuth},
		{"both", Request{Names: []string{"node.internal"}, Client: true, Server: true}, []string{"node.internal"}, x509.ExtKeyUsageClientAuth},
		{"both, by a name without a dot", Request{Names: []string{"localhost"}, Client: true, Server: true}, []string{"localhost"}, x509.ExtKeyUsageServerAuth},
		{"both, by what is no name of the DNS", Request{Names: []string{"localhost", "Build Machine 3"}, Client: true, Server: true}, []string{"localhost"}, x509.ExtKeyUsageClientAuth},
		{"rsa", Request{Names: []string{"localhost"}, Algorithm: RSA2048}, []string{"localhost"}, x509.ExtKeyUsageServerAuth},
		{"ed25519", Request{Names: []string{"localhost"}, Algorithm: Ed25519}, []string{"localhost"}, x509.ExtKeyUsageServerAuth},
		{"short", Request{Names: []string{"localhost"}, Lifetime: 2 * time.Hour}, []string{"localhost"}, x509.ExtKeyUsageServerAuth},
	} {
		t.Run(tc.name, func(t *testing.T) {
			id, record, err := a.Issue(tc.request)
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range tc.proves {
				if err := accepts(a, id, name, tc.use); err != nil {
					t.Errorf("%q: %v", name, err)
				}
			}
			if _, err := identity.New(id.Chain, id.Signer); err != nil {
				t.Error(err)
			}
			if len(record.Names) != len(tc.request.Names) || record.Serial != serialText(id.Leaf.SerialNumber) || record.Status != StatusValid {
				t.Errorf("record %+v", record)
			}
			if record.Client != tc.request.Client {
				t.Error("the record tells another use")
			}
		})
	}
	all, err := a.List()
	if err != nil || len(all) != 12 {
		t.Fatalf("%d records, %v", len(all), err)
	}
	again, err := Open(a.Dir())
	if err != nil {
		t.Fatal(err)
	}
	if reread, err := again.List(); err != nil || len(reread) != 12 || reread[11].Fingerprint != all[11].Fingerprint {
		t.Errorf("another process reads %d records, %v", len(reread), err)
	}
}

func TestIssueRefuses(t *testing.T) {
	a := newAuthority(t, Options{})
	weak := csr(t, nil, "localhost")
	aKey := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")})
	weak[len(weak)-3] ^= 1
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		request Request
		says    string
	}{
		"small key":          {Request{Names: []string{"localhost"}, Signer: identity.NewSigner(small)}, "1024 bits"},
		"small key in CSR":   {Request{CSR: csr(t, small, "localhost")}, "1024 bits"},
		"curve":              {Request{Names: []string{"localhost"}, Signer: identity.NewSigner(p224)}, "P-256"},
		"no names":           {Request{}, "at least one name"},
		"empty name":         {Request{Names: []string{" "}}, "must not be empty"},
		"stranger's name":    {Request{Names: []string{"example.org"}}, "not a local name"},
		"stranger's address": {Request{Names: []string{"192.0.2.1"}}, "not a local address"},
		"suffix only":        {Request{Names: []string{"notlocalhost"}}, "not a local name"},
		"long life":          {Request{Names: []string{"localhost"}, Lifetime: 398 * 24 * time.Hour}, "397 days"},
		"algorithm":          {Request{Names: []string{"localhost"}, Algorithm: "dsa"}, "choose one of"},
		"bad name":           {Request{Names: []string{"a b"}}, "neither a DNS name"},
		"bad URI":            {Request{Names: []string{"://x"}}, "not a URI"},
		"bad mail":           {Request{Names: []string{"a@"}}, "not an e-mail"},
		"two plain":          {Request{Names: []string{"alice", "bob"}, Client: true}, "both"},
		"long plain":         {Request{Names: []string{strings.Repeat("a", 65)}, Client: true}, "64 characters"},
		"many names":         {Request{Names: make([]string, 101)}, "too many"},
		"garbage CSR":        {Request{CSR: []byte("x")}, "no request at all"},
		"empty CSR":          {Request{CSR: []byte("\n")}, "it is empty"},
		"cut CSR":            {Request{CSR: []byte("-----BEGIN CERTIFICATE REQUEST-----\nMIIC")}, "cut"},
		"key as CSR":         {Request{CSR: aKey}, `of the kind "PRIVATE KEY", and not`},
		"forged CSR":         {Request{CSR: weak}, "not signed by its own key"},
	} {
		if _, _, err := a.Issue(tc.request); err == nil || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if all, err := a.List(); err != nil || len(all) != 0 {
		t.Errorf("refusals left %d records, %v", len(all), err)
	}
}

// TestUnseenCharacters has them in the plain names of clients, given and in
// requests, and in the names of authorities.
func TestUnseenCharacters(t *testing.T) {
	a := newAuthority(t, Options{})
	key, err := ECDSAP256.generate()
	if err != nil {
		t.Fatal(err)
	}
	for _, unseen := range []string{"\x00", "\x1b[2J", "\n", "\r", "\t", "\x7f", "\u0085", "\u009b", "\u00a0",
		"\u200b", "\u202e", "\u2028", "\u2066", "\ufeff", "\u00ad", "\xff"} {
		name := "ali" + unseen + "ce"
		der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
			RawSubject: subjectOf(t, name)}, key)
		if err != nil {
			t.Fatal(err)
		}
		for form, r := range map[string]Request{
			"a name": {Names: []string{name}, Client: true}, "a request": {CSR: der, Client: true},
			"for both":       {Names: []string{name}, Client: true, Server: true},
			"for a server":   {Names: []string{name}},
			"a mail address": {Names: []string{name + "@box.lan"}, Client: true},
			"a URI":          {Names: []string{"urn:" + name}, Client: true},
		} {
			if id, _, err := a.Issue(r); err == nil {
				t.Errorf("%q, %s: issued for %q", unseen, form, id.Leaf.Subject.CommonName)
			}
		}
		if _, err := Create(t.TempDir(), Options{Name: name}); err == nil {
			t.Errorf("%q: an authority has it in its name", unseen)
		}
	}
	for _, name := range []string{"Build Machine 3", "Zoë Müller", "名前", "Ольга"} {
		id, _, err := a.Issue(Request{Names: []string{name}, Client: true})
		if err != nil || id.Leaf.Subject.CommonName != name {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// subjectOf is a subject with a common name as it is, which need not be UTF-8.
func subjectOf(t *testing.T, name string) []byte {
	t.Helper()
	type attribute struct {
		Type  asn1.ObjectIdentifier
		Value asn1.RawValue
	}
	der, err := asn1.Marshal([][]attribute{{{asn1.ObjectIdentifier{2, 5, 4, 3},
		asn1.RawValue{Tag: asn1.TagUTF8String, Bytes: []byte(name)}}}})
	if err != nil {
		t.Fatal(err)
	}
	// The inner list is a SET.
	der[2] = 0x31
	return der
}

func csr(t testing.TB, key crypto.Signer, names ...string) []byte {
	t.Helper()
	if key == nil {
		var err error
		if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: names, Subject: pkix.Name{CommonName: names[0]}}, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestIssueForRequest(t *testing.T) {
	a := newAuthority(t, Options{})
	der := csr(t, nil, "box.lan", "box.local")
	for _, form := range [][]byte{der, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})} {
		id, record, err := a.Issue(Request{CSR: form})
		if err != nil {
			t.Fatal(err)
		}
		if id.Signer != nil || len(record.Names) != 2 || accepts(a, id, "box.local", x509.ExtKeyUsageServerAuth) != nil {
			t.Errorf("%v, %+v", id, record)
		}
	}
}

func TestAnyName(t *testing.T) {
	a := newAuthority(t, Options{AnyName: true, Algorithm: ECDSAP384, Name: "House", Lifetime: 48 * time.Hour})
	id, _, err := a.Issue(Request{Names: []string{"www.example.org", "192.0.2.1"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := accepts(a, id, "192.0.2.1", x509.ExtKeyUsageServerAuth); err != nil {
		t.Error(err)
	}
	if a.Root().Subject.CommonName != "House" || id.Leaf.NotAfter.After(a.Intermediate().NotAfter) || a.Intermediate().NotAfter.After(a.Root().NotAfter) {
		t.Errorf("root %v until %v, leaf until %v", a.Root().Subject, a.Root().NotAfter, id.Leaf.NotAfter)
	}
	b := newAuthority(t, Options{Names: []string{"*.example.org", "198.51.100.0/24", "203.0.113.1"}})
	for name, may := range map[string]bool{"example.org": true, "a.example.org": true, "198.51.100.9": true, "203.0.113.1": true, "203.0.113.2": false, "example.com": false} {
		if _, _, err := b.Issue(Request{Names: []string{name}}); (err == nil) != may {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, bad := range []string{"a b", ""} {
		if _, err := Create(t.TempDir(), Options{Names: []string{bad}}); err == nil {
			t.Errorf("%q was taken for a domain", bad)
		}
	}
}

// TestConstraintsHold signs what Issue refuses, with the same key: peers must
// refuse it too.
func TestConstraintsHold(t *testing.T) {
	a := newAuthority(t, Options{})
	key, err := a.key()
	if err != nil {
		t.Fatal(err)
	}
	evil := &x509.Certificate{SerialNumber: randomSerial(), DNSNames: []string{"bank.example"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	leaf, err := sign(evil, a.inter, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	id := &identity.Identity{Leaf: leaf, Chain: [][]byte{leaf.Raw, a.inter.Raw}}
	if err := accepts(a, id, "bank.example", x509.ExtKeyUsageServerAuth); err == nil {
		t.Error("crypto/x509 accepts a stranger's name")
	}
	dir := t.TempDir()
	writeChain(t, dir, a, id)
	peers.Need(t, "openssl")
	if out, err := opensslVerify(dir, "-verify_hostname", "bank.example"); err == nil || !strings.Contains(out, "permitted subtree violation") {
		t.Errorf("OpenSSL: %v\n%s", err, out)
	}
}

func TestOpenErrors(t *testing.T) {
	if _, err := Open(t.TempDir()); !errors.Is(err, ErrNotExist) {
		t.Errorf("empty folder: %v", err)
	}
	a := newAuthority(t, Options{})
	if _, err := Create(a.Dir(), Options{}); !errors.Is(err, ErrExist) {
		t.Errorf("second time: %v", err)
	}
	for name, damage := range map[string]func(path string) error{
		settingsFile: func(p string) error { return os.WriteFile(p, []byte(`{"version": 2}`), 0o600) },
		rootFile:     func(p string) error { return os.WriteFile(p, []byte("x"), 0o600) },
		interKeyFile: func(p string) error { return os.Rename(filepath.Join(filepath.Dir(p), rootKeyFile), p) },
		journalFile:  func(p string) error { return os.WriteFile(p, []byte("{}\n"), 0o600) },
	} {
		a := newAuthority(t, Options{})
		if err := damage(filepath.Join(a.Dir(), name)); err != nil {
			t.Fatal(err)
		}
		b, err := Open(a.Dir())
		if err == nil {
			_, _, err = b.Issue(Request{Names: []string{"localhost"}})
		}
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("damaged %s: %v", name, err)
		}
	}
}

func TestPrivateModes(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // Windows has no such modes
	}
	a := newAuthority(t, Options{})
	if _, err := a.ForNames("localhost"); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(a.Dir(), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestForNames(t *testing.T) {
	a := newAuthority(t, Options{})
	first, err := a.ForNames("localhost", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	same := func(want bool, names ...string) *identity.Identity {
		t.Helper()
		id, err := a.ForNames(names...)
		if err != nil {
			t.Fatal(err)
		}
		if id.Leaf.Equal(first.Leaf) != want {
			t.Errorf("%v: serial %x, the first was %x", names, id.Leaf.SerialNumber, first.Leaf.SerialNumber)
		}
		return id
	}
	same(true, "localhost", "127.0.0.1")
	same(true, "127.0.0.1", "localhost", "localhost")
	same(false, "localhost")
	a.now = func() time.Time { return time.Now().Add(50 * 24 * time.Hour) }
	same(true, "localhost", "127.0.0.1")
	a.now = func() time.Time { return time.Now().Add(61 * 24 * time.Hour) }
	renewed := same(false, "localhost", "127.0.0.1")
	if !renewed.Leaf.NotAfter.After(first.Leaf.NotAfter) {
		t.Error("the renewed one ends no later")
	}
	if err := os.WriteFile(a.leafFile([]string{"localhost"}), []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	same(false, "localhost")
}

func TestConcurrentUse(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ca")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			a, err := OpenOrCreate(dir, Options{})
			if err != nil {
				t.Error(err)
				return
			}
			for range 5 {
				if _, _, err := a.Issue(Request{Names: []string{"localhost"}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	a, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if all, err := a.List(); err != nil || len(all) != 40 {
		t.Errorf("%d records of 40, %v", len(all), err)
	}
}

// TestStandardHandshake has crypto/tls use a leaf on both sides.
func TestStandardHandshake(t *testing.T) {
	a := newAuthority(t, Options{})
	id, err := a.ForNames("localhost")
	if err != nil {
		t.Fatal(err)
	}
	alice, _, err := a.Issue(Request{Names: []string{"alice"}, Client: true})
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(a.RootPEM()) {
		t.Fatal("no root in RootPEM")
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{{Certificate: id.Chain, PrivateKey: id.Signer}},
		ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: roots,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	done := make(chan error, 1)
	go func() {
		c, err := listener.Accept()
		if err == nil {
			err = c.(*tls.Conn).HandshakeContext(context.Background())
			c.Close()
		}
		done <- err
	}()
	c, err := tls.Dial("tcp", listener.Addr().String(), &tls.Config{
		RootCAs: roots, ServerName: "localhost", Certificates: []tls.Certificate{{Certificate: alice.Chain, PrivateKey: alice.Signer}},
	})
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
