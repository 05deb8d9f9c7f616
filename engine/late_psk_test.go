package engine

import (
	"bytes"
	"slices"
	"testing"
)

// latePSK returns configurations with an external key and with certificates on both sides, and
// a client that offers to show its own after the handshake.
func latePSK(t *testing.T) (client, server *config) {
	t.Helper()
	client, server = resumable(t)
	psk := NewPSK([]byte("device 7"), bytes.Repeat([]byte{7}, 32))
	client.Session, client.PSKs = nil, []*PSK{psk}
	server.FindPSK = func(identity []byte) (*PSK, error) {
		if bytes.Equal(identity, psk.Identity) {
			return psk, nil
		}
		return nil, nil
	}
	client.PostHandshakeAuth, client.Credentials = true, server.Credentials
	server.Verifier = acceptAll{}
	return client, server
}

// TestNoLateRequestWithExternalPSK: a server does not ask a client for its certificate that has
// proved itself with an external pre-shared key, in this connection or in the one that it
// resumes. One that resumes a session of certificates is asked. RFC 9846, Section 4.3.2.
func TestNoLateRequestWithExternalPSK(t *testing.T) {
	client, server := latePSK(t)
	var sessions []*Session
	for _, resumed := range []bool{false, true} {
		if resumed {
			client.Session = sessions[0]
		}
		c, s := newPair(t, client, server)
		if err := pump(c, s); err != nil {
			t.Fatal(err)
		}
		sessions = c.sessions
		if st := s.r.State(); st.PSKIdentity == nil || st.Resumed != resumed {
			t.Fatalf("identity %q, resumed: %v", st.PSKIdentity, st.Resumed)
		}
		if out, _, err := s.s.RequestCertificate(nil); err == nil || len(out) > 0 {
			t.Errorf("resumed %v: the server asks for a certificate", resumed)
		}
		send(t, c, s, "there")
	}

	client.PSKs, client.Session = nil, nil
	c, s := newPair(t, client, server)
	if err := pump(c, s); err != nil {
		t.Fatal(err)
	}
	client.Session = c.sessions[0]
	if c, s = newPair(t, client, server); pump(c, s) != nil || !s.r.State().Resumed {
		t.Fatal("not resumed")
	}
	if err := s.ask(c); err != nil || s.r.State().PeerChain == nil {
		t.Errorf("after a session of certificates: %v", err)
	}
}

// TestLateRequestWithExternalPSKIsDeclined: a client that has proved itself with an external
// pre-shared key shows no certificate to a server that asks for one after the handshake. RFC
// 9846, Appendix E.1.
func TestLateRequestWithExternalPSKIsDeclined(t *testing.T) {
	client, server := latePSK(t)
	c, s := newPair(t, client, server)
	if err := pump(c, s); err != nil {
		t.Fatal(err)
	}
	// The server does what it must not.
	s.s.late, s.r.info.lateOffered = true, true
	open := s.r.state.(*open13)
	flow := &flow13{baseFlow: baseFlow{cfg: open.cfg, info: open.info}, suite: open.suite}
	flow.transcript = c.r.state.(*open13).late.flow.transcript
	open.late = &late{flow: flow}
	s.r.info.late = open.late
	if err := s.ask(c); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(s.events, EventClientAuth) || s.r.State().PeerChain != nil {
		t.Errorf("the client has answered with %d certificates", len(s.r.State().PeerChain))
	}
	send(t, c, s, "there")
}

// ask requests the certificate of a client.
func (e *side) ask(client *side) error {
	out, q, err := e.s.RequestCertificate(nil)
	if err == nil {
		err = e.r.Expect(q)
	}
	if err != nil {
		return err
	}
	client.in = append(client.in, out...)
	return pump(client, e)
}
