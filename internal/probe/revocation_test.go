package probe

import (
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/testcert"
)

// A stapled response, timestamps, and a certificate that was revoked.
func TestRevocation(t *testing.T) {
	ca := testcert.New()
	leaf := ca.Issue(testcert.NewKey("p256"), longLived, "localhost")
	for _, test := range []struct {
		name    string
		status  int
		want    string
		trusted bool
	}{
		{"good", ocsp.Good, "good", true}, {"revoked", ocsp.Revoked, "", false},
	} {
		id, err := identity.Parse(leaf.CertPEM(), leaf.KeyPEM())
		if err != nil {
			t.Fatal(err)
		}
		id.OCSPStaple, err = ocsp.CreateResponse(ca.Cert, ca.Cert, ocsp.Response{
			Status: test.status, SerialNumber: id.Leaf.SerialNumber,
			ThisUpdate: time.Now().Add(-time.Minute), NextUpdate: time.Now().Add(time.Hour),
			RevokedAt: time.Now().Add(-time.Hour),
		}, ca.Key)
		if err != nil {
			t.Fatal(err)
		}
		id.SCTs = [][]byte{make([]byte, 47)}
		l, err := sealsock.Listen(t.Context(), "127.0.0.1:0",
			&sealsock.Config{Identities: []*identity.Identity{id}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		serve(l)
		r := scan(t, l.Addr().String(), ca)
		if len(r.Certificates) != 1 {
			t.Fatalf("%s: %+v", test.name, r.Certificates)
		}
		c := r.Certificates[0]
		if !c.Staple || c.SCTs != 1 || c.Trusted != test.trusted {
			t.Errorf("%s: %+v", test.name, c)
		}
		if test.trusted && (len(c.Revocation) == 0 || c.Revocation[0].Status != test.want ||
			c.Revocation[0].Source != "staple") {
			t.Errorf("%s: %+v", test.name, c.Revocation)
		}
		if !test.trusted && r.Grade != "F" {
			t.Errorf("%s: grade %s", test.name, r.Grade)
		}
		if len(c.Decoded) != 1 || c.Decoded[0].Key.Algorithm != "ECDSA" {
			t.Errorf("%s: %+v", test.name, c.Decoded)
		}
	}
}
