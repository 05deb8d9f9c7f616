package tunnel

import (
	"errors"
	"io"
	"net"
	"testing"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/identity"
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
		return connected(t, &client, &server)
	}
	if err := connect("localhost"); err != nil || resumed {
		t.Fatalf("the first connection: resumed %v, %v", resumed, err)
	}
	var r *refusal
	if err := connect("other"); !errors.As(err, &r) || !resumed {
		t.Errorf("resumed %v: other rules, and the server has the error %v", resumed, err)
	}
}

// connected connects a client and a server, which sends a byte. It returns the server's error.
func connected(t *testing.T, cc, sc *sealsock.Config) error {
	t.Helper()
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	server, err := sealsock.Server(b, sc)
	if err != nil {
		t.Fatal(err)
	}
	client, err := sealsock.Client(a, cc)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := server.Write([]byte("x"))
		done <- err
	}()
	io.ReadFull(client, make([]byte, 1)) // and the ticket
	return <-done
}
