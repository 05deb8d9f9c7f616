package identity_test

import (
	"crypto/mldsa"
	"testing"

	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/testcert"
)

// TestPKCS12OfMLDSA: a file has the seed, and the key and its chain come out of it again.
func TestPKCS12OfMLDSA(t *testing.T) {
	leaf := testcert.New().Issue(testcert.NewKey("mldsa87"), nil, "localhost")
	id, err := identity.New(leaf.Chain, leaf.Key)
	if err != nil {
		t.Fatal(err)
	}
	data, err := id.EncodePKCS12("")
	if err != nil {
		t.Fatal(err)
	}
	got, err := identity.ParsePKCS12(data)
	if err != nil {
		t.Fatal(err)
	}
	key, ok := got.Signer.Public().(*mldsa.PublicKey)
	if !ok || !key.Equal(leaf.Key.Public()) || !got.Leaf.Equal(id.Leaf) {
		t.Errorf("another certificate or key comes out: %T", got.Signer.Public())
	}
}
