package engine

import (
	"slices"
	"testing"
	"time"
)

// TestLateRawKeyAfterResumption: which kind of certificate comes late is agreed on in
// each handshake, also in one that resumes a session.
func TestLateRawKeyAfterResumption(t *testing.T) {
	now := func() time.Time { return time.Unix(1_000_000_000, 0) }
	cred := newCredential(t, nil)
	cred.RawPublicKey = rawKey(t, cred.Signer)
	client := &config{
		Verifier: new(acceptKeys), Now: now, PostHandshakeAuth: true,
		Credentials: []*Credential{cred}, AcceptRawKeys: true,
	}
	server := &config{
		Verifier: new(acceptKeys), Now: now, Tickets: newMemory(), ClientAuth: RequestClientCert,
		Credentials: []*Credential{cred}, OnlyRawKeys: true,
	}
	for _, resumed := range []bool{false, true} {
		c, s := newPair(t, client, server)
		if err := pump(c, s); err != nil {
			t.Fatal(err)
		}
		if c.r.State().Resumed != resumed {
			t.Fatalf("resumed: %v", c.r.State().Resumed)
		}
		client.Session = c.sessions[0]
		if err := flood(c, s, "requests"); err != nil {
			t.Fatalf("resumed %v: %v", resumed, err)
		}
		if !slices.Contains(s.events, EventClientAuth) || len(s.r.State().PeerRawKey) == 0 {
			t.Errorf("resumed %v: the server has no raw key", resumed)
		}
	}
}
