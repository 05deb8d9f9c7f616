package engine

import (
	"crypto"
	"errors"
	"testing"

	"github.com/sealsock/sealsock/iana"
)

// later is a Verifier that answers through Resume.
type later struct{ asked *PeerCertificate }

func (l *later) VerifyPeer(p *PeerCertificate) (crypto.PublicKey, error) {
	l.asked = p
	return nil, ErrPending
}

// TestQuestions lets every callback of both roles answer later, and then rightly,
// with a refusal, or with something that is no answer.
func TestQuestions(t *testing.T) {
	cred := newCredential(t, nil)
	psk := NewPSK([]byte("device"), []byte("secret"))
	far := *cred
	far.Sign = func(*SignRequest) ([]byte, error) { return nil, ErrPending }
	choose := func(*CredentialRequest) (*Credential, error) { return nil, ErrPending }
	both := func(c, s *config) { s.ClientAuth = RequireClientCert }
	for name, change := range map[string]func(c, s *config){
		"the server's certificate": func(c, _ *config) { c.Verifier = &later{} },
		"the client's certificate": func(c, s *config) { both(c, s); s.Verifier = &later{} },
		"the server's choice":      func(_, s *config) { s.SelectCredential = choose },
		"the client's choice":      func(c, s *config) { both(c, s); c.SelectCredential = choose },
		"the server's signature":   func(_, s *config) { s.Credentials = []*Credential{&far} },
		"the client's signature":   func(c, s *config) { both(c, s); c.Credentials = []*Credential{&far} },
		"the server's configuration": func(_, s *config) {
			s.ForClient = func(*ClientHelloInfo) (*Config, error) { return nil, ErrPending }
		},
		"the server's pre-shared key": func(c, s *config) {
			c.PSKs, s.FindPSK = []*PSK{psk}, func([]byte) (*PSK, error) { return nil, ErrPending }
		},
	} {
		for _, version := range []iana.Version{iana.TLS12, iana.TLS13} {
			for _, kind := range []string{"right", "refusal", "nonsense"} {
				client := &config{Verifier: acceptAll{}, Credentials: []*Credential{cred}, MaxVersion: version}
				server := &config{Verifier: acceptAll{}, Credentials: []*Credential{cred}}
				change(client, server)
				c, s := newPair(t, client, server)
				err := pump(c, s)
				asked := 0
				for _, e := range []*side{c, s, c, s} {
					w, ok := e.r.state.(waiter)
					if !ok || err != nil {
						continue
					}
					asked++
					answer := map[string]Answer{
						"refusal":  Refuse(errors.New("not today")),
						"nonsense": new(SignRequest).Signed([]byte("yes")),
					}[kind]
					if kind == "right" {
						answer = rightAnswer(t, w.question(), cred, psk)
					}
					if err := e.r.Resume(answer); err != nil {
						t.Fatal(err)
					}
					err = pump(c, s)
				}
				var why *Error
				switch {
				case asked == 0:
					t.Errorf("%s, %v: nothing is asked: %v", name, version, err)
				case kind == "right" && (err != nil || !c.done || !s.done):
					t.Errorf("%s, %v: with the right answer %v", name, version, err)
				case kind != "right" && (!errors.As(err, &why) || c.done && s.done):
					t.Errorf("%s, %v: with a %s %v", name, version, kind, err)
				}
			}
		}
	}
}

// rightAnswer is what the callback should have returned.
func rightAnswer(t *testing.T, q Question, cred *Credential, psk *PSK) Answer {
	t.Helper()
	switch q := q.(type) {
	case *ClientHelloInfo:
		return q.Configure(&Config{Verifier: acceptAll{}, Credentials: []*Credential{cred}})
	case *CredentialRequest:
		return q.Show(cred)
	case *PeerCertificate:
		key, err := acceptAll{}.VerifyPeer(q)
		if err != nil {
			return Refuse(err)
		}
		return q.Accept(key)
	case *PSKQuery:
		return q.Use(psk)
	case *SignRequest:
		return q.Signed(signature(t, cred, q))
	}
	return Refuse(errors.New("no such question"))
}

// signature signs as the engine would have.
func signature(t *testing.T, c *Credential, q *SignRequest) []byte {
	t.Helper()
	h := q.Scheme
	if h != iana.ECDSAWithP256AndSHA256 {
		t.Fatalf("a signature with %v is wanted", h)
	}
	d := crypto.SHA256.New()
	d.Write(q.Message)
	sig, err := c.Signer.Sign(nil, d.Sum(nil), crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	return sig
}
