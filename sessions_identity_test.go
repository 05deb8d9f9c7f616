package sealsock_test

import (
	"testing"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/testcert"
	"github.com/sealsock/sealsock/trust"
)

// TestSessionsOfIdentities: Configs that share a cache do not resume the sessions of one with
// other identities or pre-shared keys. The server would take one client for another.
func TestSessionsOfIdentities(t *testing.T) {
	ca, roots := testcert.New(), new(trust.Roots)
	if err := roots.AddDER(ca.Cert.Raw); err != nil {
		t.Fatal(err)
	}
	issue := func() []*identity.Identity {
		leaf := ca.Issue(testcert.NewKey("p256"), nil, "localhost")
		id, err := identity.New(leaf.Chain, leaf.Key)
		if err != nil {
			t.Fatal(err)
		}
		return []*identity.Identity{id}
	}
	policy := &trust.Policy{Roots: roots}
	sc := &sealsock.Config{
		Trust: policy, Identities: issue(), ClientAuth: sealsock.RequestClientCert,
	}
	none := &sealsock.Config{
		Trust: policy, ServerName: "localhost", Sessions: sealsock.NewMemoryCache(4),
	}
	one, two, keys := *none, *none, *none
	one.Identities, two.Identities = issue(), issue()
	psk := engine.NewPSK([]byte("device 1"), []byte("thirty-two random bytes, really."))
	keys.PSKs = []*engine.PSK{psk}
	all := []*sealsock.Config{&one, none, &two, &keys}
	for i := range 2 * len(all) {
		if resumed := served(t, all[i%len(all)], sc); resumed != (i >= len(all)) {
			t.Errorf("connection %d: resumed %v", i, resumed)
		}
	}
}
