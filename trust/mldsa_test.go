package trust

import (
	"bytes"
	"context"
	"crypto/x509"
	"strings"
	"testing"

	"github.com/sealsock/sealsock/internal/testcert"
)

// TestMLDSAChains: chains of ML-DSA are accepted, and those with an altered signature, of
// another parameter set, or of HashML-DSA are not. RFC 9881, Rationale for Disallowing HashML-DSA:
// it is not for certificates.
func TestMLDSAChains(t *testing.T) {
	oid := func(last byte) []byte {
		return []byte("\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03" + string(rune(last)))
	}
	for kind, last := range map[string]byte{"mldsa44": 17, "mldsa65": 18, "mldsa87": 19} {
		root := testcert.NewWithKey("root", testcert.NewKey(kind))
		good := root.Issue(testcert.NewKey("p256"), nil, "a.test").Chain[0]
		altered := bytes.Clone(good)
		altered[len(altered)/2] ^= 1 // in the signature, which is most of the certificate
		other := byte(17)
		if last == other {
			other = 18
		}
		for name, c := range map[string]struct {
			leaf []byte
			want string // part of the error; empty for none
		}{
			"good":        {good, ""},
			"altered":     {altered, "signature"},
			"another set": {bytes.ReplaceAll(good, oid(last), oid(other)), "signature"},
			"HashML-DSA":  {bytes.ReplaceAll(good, oid(last), oid(last+15)), "signature"},
		} {
			roots := new(Roots)
			if err := roots.AddDER(root.Cert.Raw); err != nil {
				t.Fatal(err)
			}
			if _, err := x509.ParseCertificate(c.leaf); err != nil {
				t.Fatalf("%s, %s: %v", kind, name, err)
			}
			p := Policy{Roots: roots}
			peer := &Peer{Server: true, Name: "a.test", Chain: [][]byte{c.leaf}}
			_, err := p.Verify(context.Background(), peer)
			if c.want == "" && err != nil ||
				c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%s, %s: %v", kind, name, err)
			}
		}
	}
}
