package suites

import (
	"crypto/x509"
	"encoding/json"
	"os"
	"testing"

	"github.com/sealsock/sealsock/iana"
)

// A verification is one of Wycheproof's tests of a signature.
type verification struct {
	Set       string
	ID        int
	Comment   string
	Key       int // an index of the keys
	Message   []byte
	Context   []byte
	Signature []byte
	Valid     bool
}

// TestWycheproofMLDSA: keys and signatures of Wycheproof are accepted if they are valid and
// have an empty context, which TLS demands. draft-ietf-tls-mldsa, Section 3.
func TestWycheproofMLDSA(t *testing.T) {
	data, err := os.ReadFile("testdata/mldsa-wycheproof.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Keys  [][]byte
		Tests []verification
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	ids := map[string]iana.SignatureScheme{
		"ML-DSA-44": iana.MLDSA44, "ML-DSA-65": iana.MLDSA65, "ML-DSA-87": iana.MLDSA87,
	}
	accepted, refused := 0, 0
	for _, v := range file.Tests {
		id, known := ids[v.Set]
		if !known {
			t.Fatalf("%s is not a parameter set", v.Set)
		}
		key, err := x509.ParsePKIXPublicKey(file.Keys[v.Key])
		if err == nil {
			err = SchemeByID(id).Verify(key, iana.TLS13, v.Message, v.Signature)
		}
		if want := v.Valid && len(v.Context) == 0; (err == nil) != want {
			t.Errorf("%s, test %d (%s): valid %v, but %v", v.Set, v.ID, v.Comment, want, err)
		}
		if err == nil {
			accepted++
		} else {
			refused++
		}
	}
	if accepted < 15 || refused < 30 {
		t.Errorf("%d signatures are accepted and %d refused: the vectors are missing", accepted, refused)
	}
}
