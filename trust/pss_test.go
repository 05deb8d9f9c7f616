package trust

import (
	"context"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sealsock/sealsock/internal/pss"
)

// TestKeyBoundToPSS has OpenSSL make a leaf whose key is bound to PSS.
func TestKeyBoundToPSS(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	openssl(t, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", in("root.key"), "-out", in("root.pem"), "-subj", "/CN=Root", "-days", "3")
	openssl(t, "genpkey", "-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048", "-out", in("leaf.key"))
	openssl(t, "req", "-new", "-key", in("leaf.key"), "-subj", "/CN=localhost", "-out", in("leaf.csr"))
	write(t, in("ext"), []byte("subjectAltName=DNS:localhost\n"))
	openssl(t, "x509", "-req", "-in", in("leaf.csr"), "-CA", in("root.pem"), "-CAkey", in("root.key"), "-CAcreateserial", "-days", "2", "-extfile", in("ext"), "-out", in("leaf.pem"))
	text, err := os.ReadFile(in("leaf.pem"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	roots := new(Roots)
	if _, err := roots.AddFile(in("root.pem")); err != nil {
		t.Fatal(err)
	}
	p := Policy{Roots: roots}
	peer := &Peer{Server: true, Name: "localhost", Chain: [][]byte{block.Bytes}, Now: time.Now().Add(time.Minute)}
	for range 2 { // the second time from memory
		result, err := p.Verify(context.Background(), peer)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := result.PublicKey.(pss.PublicKey); !ok {
			t.Fatalf("the key is a %T", result.PublicKey)
		}
		raw := &Peer{Server: true, RawPublicKey: result.Leaf.RawSubjectPublicKeyInfo}
		pinned := Policy{Pins: []Pin{PinOf(result.Leaf)}}
		if result, err := pinned.Verify(context.Background(), raw); err != nil {
			t.Error(err)
		} else if _, ok := result.PublicKey.(pss.PublicKey); !ok {
			t.Errorf("the raw key is a %T", result.PublicKey)
		}
	}
}
