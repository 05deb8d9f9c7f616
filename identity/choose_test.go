package identity_test

import (
	"testing"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/testcert"
)

// TestSigns: an ML-DSA key signs in the scheme of its parameter set alone.
func TestSigns(t *testing.T) {
	all := map[string]iana.SignatureScheme{
		"mldsa44": iana.MLDSA44, "mldsa65": iana.MLDSA65, "mldsa87": iana.MLDSA87,
		"ed25519": iana.Ed25519,
	}
	for kind := range all {
		id := identity.Identity{Signer: identity.NewSigner(testcert.NewKey(kind))}
		for other, scheme := range all {
			if id.Signs([]iana.SignatureScheme{scheme}) != (kind == other) {
				t.Errorf("%s signs with %v, or does not with its own", kind, scheme)
			}
		}
	}
}
