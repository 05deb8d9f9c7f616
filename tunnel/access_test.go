package tunnel

import (
	"errors"
	"testing"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/pipetest"
	"github.com/sealsock/sealsock/internal/testcert"
	"github.com/sealsock/sealsock/trust"
)

// TestPeerRulesOfResumed: the rules judge a resumed session too, by the certificate that began it.
// A tunnel resumes no session that other rules have accepted, so that the rules change below it.
func TestPeerRulesOfResumed(t *testing.T) {
	ca := testcert.New()
	leaf := ca.Issue(testcert.NewKey("p256"), nil, "localhost")
	id, err := identity.New(leaf.Chain, leaf.Key)
	if err != nil {
		t.Fatal(err)
	}
	roots := new(trust.Roots)
	if err := roots.AddDER(ca.Cert.Raw); err != nil {
		t.Fatal(err)
	}
	both := sealsock.Config{
		Trust: &trust.Policy{Roots: roots}, Identities: []*identity.Identity{id},
	}
	client, server := both, both
	client.ServerName, client.Sessions = "localhost", sealsock.NewMemoryCache(1)
	server.ClientAuth = engine.RequireClientCert
	var rules *peerRules
	resumed := false
	server.VerifyConnection = func(c *sealsock.Conn) error {
		resumed = c.State().Resumed
		return rules.verify(c)
	}
	connect := func(name string) error {
		if rules, err = newPeerRules([]PeerRule{{DNS: []string{name}}}, false); err != nil {
			t.Fatal(err)
		}
		_, _, err := pipetest.Connect(t, &client, &server)
		return err
	}
	if err := connect("localhost"); err != nil || resumed {
		t.Fatalf("the first connection: resumed %v, %v", resumed, err)
	}
	var r *refusal
	if err := connect("other"); !errors.As(err, &r) || !resumed {
		t.Errorf("resumed %v: other rules, and the server has the error %v", resumed, err)
	}
}
