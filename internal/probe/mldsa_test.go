package probe

import (
	"slices"
	"strings"
	"testing"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/testcert"
)

// TestPostQuantumChain: a chain of ML-DSA is found beside one of ECDSA, and counts only if
// each of its certificates is signed with ML-DSA.
func TestPostQuantumChain(t *testing.T) {
	for root, want := range map[string]bool{"mldsa65": true, "p256": false} {
		ca := testcert.NewWithKey("root", testcert.NewKey(root))
		var ids []*identity.Identity
		for _, kind := range []string{"mldsa44", "p256"} {
			leaf := ca.Issue(testcert.NewKey(kind), longLived, "localhost")
			id, err := identity.Parse(leaf.CertPEM(), leaf.KeyPEM())
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, id)
		}
		l, err := sealsock.Listen(t.Context(), "127.0.0.1:0", &sealsock.Config{Identities: ids})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				c.Close()
			}
		}()
		r := scan(t, l.Addr().String(), ca)
		var keys []string
		for _, c := range r.Certificates {
			keys = append(keys, c.Key)
		}
		slices.Sort(keys)
		if got := strings.Join(keys, ", "); got != "ECDSA P-256, ML-DSA-44" {
			t.Errorf("root %s: the keys are %s", root, got)
		}
		if r.PostQuantumChain != want || !r.PostQuantum {
			t.Errorf("root %s: chain %v, key exchange %v", root, r.PostQuantumChain, r.PostQuantum)
		}
		signs := func(s Scheme) bool { return s.Name == "mldsa44" }
		if !slices.ContainsFunc(r.Schemes, signs) {
			t.Errorf("root %s: the server does not sign with mldsa44: %v", root, r.Schemes)
		}
	}
}
