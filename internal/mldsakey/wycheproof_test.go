package mldsakey

import (
	"bytes"
	"crypto"
	"crypto/mldsa"
	"encoding/json"
	"os"
	"testing"

	"golang.org/x/crypto/cryptobyte"
)

// TestWycheproof: Wycheproof's expanded keys are parsed and sign if they are valid, and are
// refused if they have another length or a coefficient out of range. FIPS 204, Algorithm 25.
func TestWycheproof(t *testing.T) {
	data, err := os.ReadFile("testdata/wycheproof.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Tests []struct {
			Set, Comment         string
			ID                   int
			Key, Public, Message []byte
			Valid                bool
		}
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	bySet := map[string]*set{"ML-DSA-44": &sets()[0], "ML-DSA-65": &sets()[1], "ML-DSA-87": &sets()[2]}
	valid, invalid := 0, 0
	for _, v := range file.Tests {
		der := pkcs8(bySet[v.Set], func(b *cryptobyte.Builder) { b.AddASN1OctetString(v.Key) })
		key, err := Parse(der)
		if !v.Valid {
			invalid++
			if err == nil {
				t.Errorf("%s, test %d (%s): the key is accepted", v.Set, v.ID, v.Comment)
			}
			continue
		}
		valid++
		if err != nil {
			t.Errorf("%s, test %d (%s): %v", v.Set, v.ID, v.Comment, err)
			continue
		}
		public := key.Public().(*mldsa.PublicKey)
		signature, err := key.Sign(nil, v.Message, crypto.Hash(0))
		if err == nil {
			err = mldsa.Verify(public, v.Message, signature, nil)
		}
		if err != nil || !bytes.Equal(public.Bytes(), v.Public) {
			t.Errorf("%s, test %d (%s): another public key, or %v", v.Set, v.ID, v.Comment, err)
		}
	}
	if valid < 6 || invalid < 12 {
		t.Errorf("%d keys are valid and %d are not: the vectors are missing", valid, invalid)
	}
}
