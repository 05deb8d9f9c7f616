package engine

import (
	"crypto"
	"slices"
	"testing"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/wire"
)

// A countedKey counts how often its public key is looked at.
type countedKey struct {
	crypto.Signer
	looks *int
}

func (k countedKey) Public() crypto.PublicKey {
	*k.looks++
	return k.Signer.Public()
}

// TestLongListsOfSchemes: a client that lists 20,000 signature schemes, delegated ones and groups
// makes a server compare each of its credentials with a few, and is served with the one scheme
// that fits.
func TestLongListsOfSchemes(t *testing.T) {
	for _, v := range []iana.Version{iana.TLS12, iana.TLS13} {
		const long = 20_000
		looks := 0
		cred := newCredential(t, nil)
		cred.Signer = NewSigner(countedKey{cred.Signer.Key(), &looks})
		cfg := &config{Credentials: []*Credential{cred}, MaxVersion: v}
		h := wantedHello(t, v)
		filler := func(n int) iana.SignatureScheme {
			if n%2 == 0 {
				return iana.RSAPSSRSAEWithSHA256
			}
			return iana.SignatureScheme(0x4000 + n)
		}
		h.SignatureAlgorithms = nil
		for n := range long {
			h.SignatureAlgorithms = append(h.SignatureAlgorithms, filler(n))
			h.SupportedGroups = append(h.SupportedGroups, iana.NamedGroup(0x4000+n))
		}
		h.SignatureAlgorithms = append(h.SignatureAlgorithms, iana.ECDSAWithP256AndSHA256)
		h.DelegatedCredential, h.SignatureAlgsCert = h.SignatureAlgorithms, h.SignatureAlgorithms

		d, err := choose(&cfg.Config, h, known{})
		if err != nil || d.proof == nil || d.proof.scheme.ID != iana.ECDSAWithP256AndSHA256 {
			t.Fatalf("%v: %v, decided %+v", v, err, d)
		}
		if looks > 100 {
			t.Errorf("%v: the key of a credential was looked at %d times", v, looks)
		}

		cfg.SelectCredential = func(*CredentialRequest) (*Credential, error) { return cred, nil }
		if d, err = choose(&cfg.Config, h, known{}); err != nil || d.missing != knownCredential {
			t.Fatalf("%v: %v, missing %v", v, err, d.missing)
		}
		r := d.request
		if most := max(len(r.SignatureSchemes), len(r.CertSchemes), len(r.DelegatedSchemes),
			len(r.groups)); most > maxListed {
			t.Errorf("%v: a list of %d entries in the request", v, most)
		}
		if !slices.Contains(r.SignatureSchemes, iana.ECDSAWithP256AndSHA256) || !r.Fits(cred) {
			t.Errorf("%v: the scheme that fits is not in the request", v)
		}
	}
}

// wantedHello returns a ClientHello of a client that speaks one version.
func wantedHello(t *testing.T, v iana.Version) *wire.ClientHello {
	t.Helper()
	client := &config{Verifier: acceptAll{}, MinVersion: v, MaxVersion: v}
	c, _ := newPair(t, client, &config{Credentials: []*Credential{newCredential(t, nil)}})
	first, err := c.step()
	if err != nil {
		t.Fatal(err)
	}
	h, err := wire.ParseClientHello(first[5+wire.HeaderLen:])
	if err != nil {
		t.Fatal(err)
	}
	return h
}
