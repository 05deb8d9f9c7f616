package engine

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"testing"
	"time"

	"github.com/sealsock/sealsock/iana"
)

// delegationClock accepts delegated credentials until they end, counted from a
// certificate's notBefore of 0.
type delegationClock struct{ now time.Time }

func (d *delegationClock) VerifyPeer(p *PeerCertificate) (crypto.PublicKey, error) {
	if p.Delegation != nil {
		if d.now.Unix() >= int64(p.Delegation.ValidTime) {
			return nil, errors.New("the delegated credential has ended")
		}
		key, err := x509.ParsePKIXPublicKey(p.Delegation.SPKI)
		if err != nil {
			return nil, err
		}
		p.Delegation.PublicKey = key
	}
	return acceptAll{}.VerifyPeer(p)
}

// TestDelegationEndsInSessions: a server that proved itself with a delegated credential
// is not proved by a session once that has ended, nor to a client that accepts no
// delegation any more.
func TestDelegationEndsInSessions(t *testing.T) {
	const with = iana.ECDSAWithP256AndSHA256
	start := time.Unix(1_000_000_000, 0)
	cred, delegate := newCredential(t, nil), newCredential(t, nil)
	end := start.Add(time.Hour)
	var err error
	cred.Delegated, err = NewDelegated(
		rand.Reader, cred, with, delegate.Signer, rawKey(t, delegate.Signer), with, uint32(end.Unix()))
	if err != nil {
		t.Fatal(err)
	}
	clock := &delegationClock{start}
	now := func() time.Time { return clock.now }
	schemes := []iana.SignatureScheme{with}
	client := &config{Verifier: clock, Now: now, DelegatedSchemes: schemes}
	server := &config{Credentials: []*Credential{cred}, Now: now, Tickets: newMemory()}
	connect := func() (resumed bool) {
		t.Helper()
		c, s := newPair(t, client, server)
		if err := pump(c, s); err != nil {
			t.Fatal(err)
		}
		raw, err := c.sessions[0].Marshal() // as a program does that keeps it in a file
		if err != nil {
			t.Fatal(err)
		}
		if client.Session, err = ParseSession(raw); err != nil {
			t.Fatal(err)
		}
		return c.r.State().Resumed
	}
	if connect() || len(client.Session.PeerDelegation) == 0 {
		t.Error("the session does not keep the delegation")
	}
	for range 3 { // each session is made of the one before
		clock.now = clock.now.Add(10 * time.Minute)
		if !connect() {
			t.Errorf("no resumption %v before the delegation ends", end.Sub(clock.now))
		}
	}
	client.DelegatedSchemes = nil
	old := client.Session
	if connect() {
		t.Error("a client that accepts no delegation resumes")
	}
	client.DelegatedSchemes, client.Session = schemes, old
	clock.now, cred.Delegated = end, nil
	if connect() {
		t.Error("the server is proved by a delegation that has ended")
	}
}

// TestDelegationNeedsSuitableKeys: RFC 9345, Section 4: no rsaEncryption key.
func TestDelegationNeedsSuitableKeys(t *testing.T) {
	const with, rsae = iana.ECDSAWithP256AndSHA256, iana.RSAPSSRSAEWithSHA256
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	cred := newCredential(t, nil)
	if _, err := NewDelegated(rand.Reader, cred, with, key, rawKey(t, key), rsae, 1000); !misused(err) {
		t.Errorf("an rsaEncryption key is delegated to: %v", err)
	}
	offers := &config{Verifier: acceptAll{}, DelegatedSchemes: []iana.SignatureScheme{with, rsae}}
	if _, _, err := startClient(offers); !misused(err) {
		t.Errorf("a client offers rsa_pss_rsae for delegated keys: %v", err)
	}
	delegate := newCredential(t, nil)
	spki := rawKey(t, delegate.Signer)
	if _, err := NewDelegated(rand.Reader, cred, with, nil, spki, with, 1000); !misused(err) {
		t.Errorf("no key is delegated to: %v", err)
	}
	made, err := NewDelegated(rand.Reader, cred, with, delegate.Signer, spki, with, 1000)
	if err != nil {
		t.Fatal(err)
	}
	// What another server would send: the scheme is bytes 4 and 5.
	forged := append([]byte(nil), made.Raw...)
	forged[4], forged[5] = byte(rsae>>8), byte(rsae&0xff)
	_, err = parseDelegation(forged, []iana.SignatureScheme{with, rsae})
	refuses(t, err, iana.AlertIllegalParameter)
	cred.Delegated = &Delegated{Raw: forged, Signer: NewSigner(key), Scheme: rsae}
	request := &CredentialRequest{
		Server: true, Version: iana.TLS13, SignatureSchemes: []iana.SignatureScheme{with},
		DelegatedSchemes: []iana.SignatureScheme{rsae},
	}
	if request.delegated(cred) != nil {
		t.Error("a server shows a delegated rsaEncryption key")
	}
}

// TestDelegatedKeyAlone: a server whose own key is elsewhere serves the clients that accept
// its delegated credential, and no others.
func TestDelegatedKeyAlone(t *testing.T) {
	const with = iana.ECDSAWithP256AndSHA256
	cred, delegate := newCredential(t, nil), newCredential(t, nil)
	made, err := NewDelegated(rand.Reader, cred, with, delegate.Signer,
		rawKey(t, delegate.Signer), with, 1000)
	if err != nil {
		t.Fatal(err)
	}
	cred.Delegated, cred.Signer = made, nil
	request := &CredentialRequest{
		Server: true, Version: iana.TLS13, SignatureSchemes: []iana.SignatureScheme{with},
		DelegatedSchemes: []iana.SignatureScheme{with}, own: []iana.SignatureScheme{with},
	}
	if !request.Fits(cred) {
		t.Error("the delegated credential does not fit a client that accepts it")
	}
	request.DelegatedSchemes = nil
	if request.Fits(cred) {
		t.Error("a credential without a key fits a client that accepts no delegation")
	}
}
