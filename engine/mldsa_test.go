package engine

import (
	"crypto/rand"
	"errors"
	"slices"
	"testing"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/testcert"
)

// mldsaKinds are the names of the keys by their schemes.
var mldsaKinds = map[iana.SignatureScheme]string{
	iana.MLDSA44: "mldsa44", iana.MLDSA65: "mldsa65", iana.MLDSA87: "mldsa87",
}

// TestMLDSA: both sides prove themselves with ML-DSA by default, with certificates and with
// raw public keys.
func TestMLDSA(t *testing.T) {
	for id, kind := range mldsaKinds {
		for _, raw := range []bool{false, true} {
			cred := newCredential(t, testcert.NewKey(kind))
			if raw {
				cred.RawPublicKey, cred.Chain = rawKey(t, cred.Signer), nil
			}
			verifier := new(acceptKeys)
			client := &config{Verifier: verifier, Credentials: []*Credential{cred}, AcceptRawKeys: raw}
			server := &config{Verifier: verifier, Credentials: []*Credential{cred}, AcceptRawKeys: raw,
				ClientAuth: RequireClientCert}
			c, s := connect(t, client, server)
			for _, side := range []*side{c, s} {
				if got := side.r.State(); got.PeerScheme != id || got.OwnScheme != id {
					t.Errorf("%s, raw %v: signed with %v and %v", kind, raw, got.OwnScheme, got.PeerScheme)
				}
			}
		}
	}
}

// TestMLDSABesideECDSA: a server with two certificates shows the one with ML-DSA to those who
// offer it, and the other to the rest.
func TestMLDSABesideECDSA(t *testing.T) {
	server := &config{Credentials: []*Credential{
		newCredential(t, testcert.NewKey("mldsa65")), newCredential(t, nil),
	}}
	const ecdsa = iana.ECDSAWithP256AndSHA256
	for name, c := range map[string]struct {
		client *config
		want   iana.SignatureScheme
	}{
		"default":        {&config{}, iana.MLDSA65},
		"TLS 1.2":        {&config{MaxVersion: iana.TLS12}, ecdsa},
		"without ML-DSA": {&config{SignatureSchemes: []iana.SignatureScheme{ecdsa}}, ecdsa},
		"another parameter set": {
			&config{SignatureSchemes: []iana.SignatureScheme{iana.MLDSA44, ecdsa}}, ecdsa,
		},
	} {
		c.client.Verifier = acceptAll{}
		client, _ := connect(t, c.client, server)
		if got := client.r.State().PeerScheme; got != c.want {
			t.Errorf("%s: the server signed with %v", name, got)
		}
	}
}

// TestMLDSAOffered: a client that offers nothing above TLS 1.2 does not offer ML-DSA, nor does
// a server ask for it there, and a list that is good for no version is a mistake.
// draft-ietf-tls-mldsa, Section 3.
func TestMLDSAOffered(t *testing.T) {
	for _, v := range []iana.Version{iana.TLS12, iana.TLS13} {
		o, err := newOffer(&clientConfig{Config: &Config{Options: Options{MaxVersion: v}}})
		if err != nil {
			t.Fatal(err)
		}
		for id := range mldsaKinds {
			if slices.Contains(o.hello.SignatureAlgorithms, id) != (v == iana.TLS13) {
				t.Errorf("%v: %v among %v", v, id, o.hello.SignatureAlgorithms)
			}
		}
	}
	_, _, err := startClient(&config{Verifier: acceptAll{}, MaxVersion: iana.TLS12,
		SignatureSchemes: []iana.SignatureScheme{iana.MLDSA65}})
	if !misused(err) {
		t.Errorf("ML-DSA alone, and TLS 1.2 alone: %v", err)
	}
}

// TestMLDSARefused: an altered signature, and one of another parameter set than the
// certificate's.
func TestMLDSARefused(t *testing.T) {
	for name, c := range map[string]struct {
		alert  iana.Alert
		change func(*Credential)
	}{
		"altered": {iana.AlertDecryptError, func(cred *Credential) {
			cred.Sign = func(r *SignRequest) ([]byte, error) {
				sig, err := cred.Signer.Sign(rand.Reader, r.Message, nil)
				if err == nil {
					sig[len(sig)-1] ^= 1
				}
				return sig, err
			}
		}},
		"another set": {iana.AlertIllegalParameter, func(cred *Credential) {
			cred.Signer = NewSigner(testcert.NewKey("mldsa44")) // the certificate stays
		}},
	} {
		cred := newCredential(t, testcert.NewKey("mldsa65"))
		c.change(cred)
		client, server := newPair(t, &config{Verifier: acceptAll{}},
			&config{Credentials: []*Credential{cred}})
		var why *Error
		if err := pump(client, server); !errors.As(err, &why) || why.Alert != c.alert {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestMLDSADelegation: a key of ML-DSA signs for a certificate with another key.
func TestMLDSADelegation(t *testing.T) {
	const with = iana.ECDSAWithP256AndSHA256
	cred, delegate := newCredential(t, nil), testcert.NewKey("mldsa44")
	var err error
	cred.Delegated, err = NewDelegated(
		rand.Reader, cred, with, delegate, rawKey(t, delegate), iana.MLDSA44, 1000)
	if err != nil {
		t.Fatal(err)
	}
	client := &config{Verifier: &delegationClock{},
		DelegatedSchemes: []iana.SignatureScheme{iana.MLDSA44}}
	c, _ := connect(t, client, &config{Credentials: []*Credential{cred}})
	if got := c.r.State().PeerScheme; got != iana.MLDSA44 {
		t.Errorf("signed with %v", got)
	}
}
