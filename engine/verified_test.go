package engine

import (
	"crypto"
	"errors"
	"testing"

	"github.com/sealsock/sealsock/iana"
)

// counting is a Verifier that counts its calls.
type counting struct{ asked int }

func (c *counting) VerifyPeer(p *PeerCertificate) (crypto.PublicKey, error) {
	c.asked++
	return acceptAll{}.VerifyPeer(p)
}

// TestSessionsKeepTheirVerification: what a server reports of a resumed client is what a
// full handshake with its present configuration would report. Sessions are carried from
// one configuration to another, as servers do that share ticket keys or change theirs.
func TestSessionsKeepTheirVerification(t *testing.T) {
	const none, request, require = NoClientCert, RequestClientCert, RequireClientCert
	for _, c := range []struct {
		name        string
		first, then ClientAuth
		has         bool // the client has a certificate
		resumed     bool
	}{
		{"nobody verifies any more", require, none, true, false},
		{"nobody verifies any more, requested", request, none, true, false},
		{"it declined, and is not asked any more", request, none, false, true},
		{"it was never asked, and is now", none, request, true, false},
		{"it was never asked, and must be now", none, require, true, false},
		{"shown on request, and required now", request, require, true, true},
		{"asked both times", request, request, true, true},
		{"declined both times", request, request, false, true},
		{"required both times", require, require, true, true},
		{"never asked", none, none, true, true},
	} {
		for _, version := range []iana.Version{iana.TLS12, iana.TLS13} {
			t.Run(c.name+" "+version.String(), func(t *testing.T) {
				client, server := resumableAt(t, version)
				cred := newCredential(t, nil)
				if c.has {
					client.Credentials = []*Credential{cred}
				}
				client.Session, server.ClientAuth = nil, c.first
				if c.first != none {
					server.Verifier = acceptAll{}
				}
				cc, ss := newPair(t, client, server)
				if err := pump(cc, ss); err != nil {
					t.Fatal(err)
				}
				again := *server
				verifier := new(counting)
				again.ClientAuth, again.Verifier = c.then, verifier
				if c.then == none && c.first == require {
					again.Verifier = nil
				}
				client.Session = cc.sessions[0]
				cc, ss = newPair(t, client, &again)
				if err := pump(cc, ss); err != nil {
					t.Fatal(err)
				}
				state := ss.r.State()
				if state.Resumed != c.resumed {
					t.Errorf("resumed: %v", state.Resumed)
				}
				shown := len(state.PeerChain) > 0
				if shown != (c.has && c.then != none) || shown != (verifier.asked > 0) {
					t.Errorf("a chain is reported: %v; verified %d times", shown, verifier.asked)
				}
			})
		}
	}
}

// TestResumedClientIsVerifiedAgain: a Verifier that refuses now refuses a client that
// was accepted when the session was made.
func TestResumedClientIsVerifiedAgain(t *testing.T) {
	for _, version := range []iana.Version{iana.TLS12, iana.TLS13} {
		client, server := resumableAt(t, version)
		client.Session, client.Credentials = nil, []*Credential{newCredential(t, nil)}
		server.ClientAuth, server.Verifier = RequireClientCert, acceptAll{}
		c, s := newPair(t, client, server)
		if err := pump(c, s); err != nil {
			t.Fatal(err)
		}
		again := *server
		again.Verifier = refusing{}
		client.Session = c.sessions[0]
		c, s = newPair(t, client, &again)
		if err := pump(c, s); err == nil || s.done {
			t.Errorf("%v: a client that is refused now is resumed: %v", version, err)
		}
	}
}

type refusing struct{}

func (refusing) VerifyPeer(*PeerCertificate) (crypto.PublicKey, error) {
	return nil, errors.New("revoked")
}
