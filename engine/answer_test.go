package engine

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"slices"
	"testing"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/suites"
)

// TestCarelessAnswers: the answers of callbacks may be wrong. Only a valid acceptance may
// count as one, and a refusal must not be sent to the peer as an orderly end. The key of a
// resumed peer is not used, so nothing else would notice that it is none.
func TestCarelessAnswers(t *testing.T) {
	const noKey, noAnswer = iana.AlertUnsupportedCertificate, iana.AlertInternalError
	verify := func(v Verifier) func(_, _ *config) { return func(c, _ *config) { c.Verifier = v } }
	verifyNew := func(c, _ *config) { c.Verifier, c.Session = slow{}, nil } // no session
	good := ed25519.PublicKey(make([]byte, ed25519.PublicKeySize))
	late := func(*ClientHelloInfo) (*Config, error) { return nil, ErrPending }
	for _, c := range []struct {
		name   string
		change func(client, server *config)
		answer func(Question) Answer
		alert  iana.Alert
	}{
		{"no key at once", verify(silent{}), nil, noKey},
		{"a nil key at once", verify(typedNil{}), nil, noKey},
		{"no key", verify(slow{}), accepts(nil), noKey},
		{"a nil *ecdsa.PublicKey", verify(slow{}), accepts((*ecdsa.PublicKey)(nil)), noKey},
		{"a zero ecdsa.PublicKey", verify(slow{}), accepts(&ecdsa.PublicKey{}), noKey},
		{"a nil *rsa.PublicKey", verify(slow{}), accepts((*rsa.PublicKey)(nil)), noKey},
		{"a zero rsa.PublicKey", verify(slow{}), accepts(&rsa.PublicKey{}), noKey},
		{"an empty Ed25519 key", verify(slow{}), accepts(ed25519.PublicKey{}), noKey},
		{"a nil *PSSPublicKey", verify(slow{}), accepts((*suites.PSSPublicKey)(nil)), noKey},
		{"a zero PSSPublicKey", verify(slow{}), accepts(suites.PSSPublicKey{}), noKey},
		{"false", verify(slow{}), accepts(false), noKey},
		{"the string no", verify(slow{}), accepts("no"), noKey},
		{"a Config", verify(slow{}), accepts(&config{}), noKey},
		{"an error as a key", verify(slow{}), accepts(errors.New("no")), noKey},
		{"the zero Answer", verify(slow{}), always(Answer{}), noAnswer},
		{"a stale pre-shared key", verify(slow{}), always(new(PSKQuery).Use(new(PSK))), noAnswer},
		{"another peer's key", verify(slow{}), always(new(PeerCertificate).Accept(good)), noAnswer},
		{"a refusal without a reason", verifyNew, always(Refuse(nil)), noAnswer},
		{"an error without an alert", verifyNew, always(Refuse(&Error{Reason: "no"})), noAnswer},
		{
			"a configuration that cannot serve", func(_, s *config) { s.ForClient = late },
			func(q Question) Answer {
				return q.(*ClientHelloInfo).Configure(&Config{ClientAuth: RequireClientCert})
			},
			noAnswer,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			client, server := resumable(t)
			c.change(client, server)
			cc, ss := newPair(t, client, server)
			err := pump(cc, ss)
			for _, e := range []*side{cc, ss} {
				if slices.Contains(e.events, EventWaiting) {
					if err := e.r.Resume(c.answer(e.r.state.(waiter).question())); err != nil {
						t.Fatal(err)
					}
					_, err = e.step()
				}
			}
			refuses(t, err, c.alert)
			if cc.done && ss.done {
				t.Error("the connection is open")
			}
		})
	}
}

// accepts accepts a peer with a key; always gives one answer to every question.
func accepts(key crypto.PublicKey) func(Question) Answer {
	return func(q Question) Answer { return q.(*PeerCertificate).Accept(key) }
}

func always(a Answer) func(Question) Answer { return func(Question) Answer { return a } }

// silent gives no key, typedNil a nil pointer, and slow answers later.
type (
	silent   struct{}
	typedNil struct{}
	slow     struct{}
)

func (silent) VerifyPeer(*PeerCertificate) (crypto.PublicKey, error) { return nil, nil }
func (slow) VerifyPeer(*PeerCertificate) (crypto.PublicKey, error)   { return nil, ErrPending }
func (typedNil) VerifyPeer(*PeerCertificate) (crypto.PublicKey, error) {
	return (*ecdsa.PublicKey)(nil), nil
}

// TestEmptySignature: a signer that returns nothing ends the connection on its own
// side, with an error that names it as the cause.
func TestEmptySignature(t *testing.T) {
	cred := *newCredential(t, nil)
	cred.Sign = func(*SignRequest) ([]byte, error) { return nil, nil }
	for _, version := range []iana.Version{iana.TLS12, iana.TLS13} {
		client := &config{Verifier: acceptAll{}, MaxVersion: version}
		c, s := newPair(t, client, &config{Credentials: []*Credential{&cred}})
		out, err := c.step()
		if err != nil {
			t.Fatal(err)
		}
		s.in = out
		if _, err := s.step(); !misused(err) {
			t.Errorf("%v: %v", version, err)
		}
	}
}
