package sealsock_test

import (
	"context"
	"testing"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/internal/pipetest"
)

// bothEnds connects, and returns both ends.
func bothEnds(t *testing.T, cc, sc *sealsock.Config) (client, server *sealsock.Conn) {
	t.Helper()
	client, server, err := pipetest.Connect(t, cc, sc)
	if err != nil {
		t.Fatal(err)
	}
	return client, server
}

// TestServerOfUnusedSession: a client offers a session that began with the server's certificate,
// and a pre-shared key. A server that takes the key has shown no certificate.
func TestServerOfUnusedSession(t *testing.T) {
	cc, sc := newConfigs(t)
	psk := engine.NewPSK([]byte("device 1"), []byte("thirty-two random bytes, really."))
	cc.Sessions, cc.Identities = sealsock.NewMemoryCache(4), nil
	cc.PSKs = []*engine.PSK{psk}
	if client, _ := bothEnds(t, cc, sc); client.Peer() == nil {
		t.Fatal("the server has not shown its certificate")
	}
	other := *sc
	other.FindPSK = func(_ context.Context, name []byte) (*engine.PSK, error) {
		if string(name) != "device 1" {
			return nil, nil
		}
		return psk, nil
	}
	client, _ := bothEnds(t, cc, &other)
	if s := client.State(); s.Resumed || len(s.PSKIdentity) == 0 {
		t.Fatalf("resumed %v, with the key %q", s.Resumed, s.PSKIdentity)
	}
	if p := client.Peer(); p != nil {
		t.Errorf("a server that showed nothing is %v", p.Leaf.Subject)
	}
	cc.PSKs = nil // with which the session would be another's
	cc.Sessions = sealsock.NewMemoryCache(4)
	for i := range 2 {
		if client, _ := bothEnds(t, cc, sc); client.Peer() == nil || client.State().Resumed != (i > 0) {
			t.Errorf("connection %d: %v, resumed %v", i, client.Peer(), client.State().Resumed)
		}
	}
}
