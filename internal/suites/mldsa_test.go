package suites

import (
	"crypto/ed25519"
	"crypto/mldsa"
	"crypto/rand"
	"crypto/sha512"
	"testing"

	"github.com/sealsock/sealsock/iana"
)

// mldsaKeys has a key for each scheme of ML-DSA.
func mldsaKeys(t *testing.T) map[iana.SignatureScheme]*mldsa.PrivateKey {
	keys := map[iana.SignatureScheme]*mldsa.PrivateKey{}
	for id, parameters := range map[iana.SignatureScheme]mldsa.Parameters{
		iana.MLDSA44: mldsa.MLDSA44(), iana.MLDSA65: mldsa.MLDSA65(), iana.MLDSA87: mldsa.MLDSA87(),
	} {
		key, err := mldsa.GenerateKey(parameters)
		if err != nil {
			t.Fatal(err)
		}
		keys[id] = key
	}
	return keys
}

// TestMLDSA: each scheme goes with its own parameter set and with TLS 1.3, and no other
// signature verifies. draft-ietf-tls-mldsa, Section 3; FIPS 204, Algorithm 3.
func TestMLDSA(t *testing.T) {
	keys := mldsaKeys(t)
	message := []byte("what is signed")
	for id, key := range keys {
		s := SchemeByID(id)
		if s.In(iana.TLS12) || s.Fits(key.PublicKey(), iana.TLS12) || s.Auth12() != 0 {
			t.Errorf("%v is for TLS 1.2", id)
		}
		if !s.In(iana.TLS13) {
			t.Errorf("%v is not for TLS 1.3", id)
		}
		for other, key := range keys {
			if s.Fits(key.PublicKey(), iana.TLS13) != (id == other) {
				t.Errorf("%v with a key for %v", id, other)
			}
		}
		good, err := s.Sign(rand.Reader, key, message)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Verify(key.PublicKey(), iana.TLS13, message, good); err != nil {
			t.Errorf("%v: %v", id, err)
		}
		for name, bad := range badSignatures(t, key, message, good) {
			if s.Verify(key.PublicKey(), iana.TLS13, message, bad) == nil {
				t.Errorf("%v: %s verifies", id, name)
			}
		}
	}
	ed := make(ed25519.PublicKey, ed25519.PublicKeySize)
	if s := SchemeByID(iana.MLDSA44); s.Fits(ed, iana.TLS13) || s.Fits(&mldsa.PublicKey{}, iana.TLS13) ||
		s.Fits((*mldsa.PublicKey)(nil), iana.TLS13) {
		t.Error("a key of another kind, or an empty one, fits")
	}
}

// badSignatures returns what must not verify: signatures that were altered in each of their
// three parts, of another length, and for other uses of the key.
func badSignatures(t *testing.T, key *mldsa.PrivateKey, message, good []byte) map[string][]byte {
	altered := func(at int, with byte) []byte {
		bad := append([]byte(nil), good...)
		bad[at] ^= with
		return bad
	}
	context, err := key.Sign(nil, message, &mldsa.Options{Context: "TLS"})
	if err != nil {
		t.Fatal(err)
	}
	// HashML-DSA signs a string that begins with the octet 1, the length of the context, and
	// the identifier of the hash. FIPS 204, Section 5.4.
	sum := sha512.Sum512(message)
	prehashed := append([]byte("\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03"), sum[:]...)
	hashed, err := key.Sign(nil, prehashed, nil)
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{
		"a signature with a context":                    context,
		"a signature of the hash":                       hashed,
		"an altered commitment":                         altered(0, 1),
		"an altered response":                           altered(len(good)/2, 1),
		"a count of hints that is not canonical":        altered(len(good)-1, 0xff),
		"a hint behind the count that is not canonical": altered(len(good)-8-1, 0xff),
		"a signature that is cut":                       good[:len(good)-1],
		"a signature with a byte behind it":             append(good[:len(good):len(good)], 0),
		"nothing":                                       nil,
	}
}
