package probe

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"testing"
	"time"

	"github.com/sealsock/sealsock/internal/testcert"
)

// A date of a certificate that package json cannot encode leaves the report as it is.
func TestOddTimes(t *testing.T) {
	ca := testcert.New()
	leaf := ca.Issue(testcert.NewKey("rsa"), func(c *x509.Certificate) {
		c.NotAfter = time.Date(2055, 1, 2, 3, 4, 5, 0, time.UTC)
	}, "localhost")
	// A UTCTime with a zone has as many bytes. Go takes this zone, 24 hours from Greenwich.
	odd := bytes.Replace(leaf.Chain[0],
		[]byte("\x18\x0f20550102030405Z"), []byte("\x17\x0f4901020304+2400"), 1)
	parsed, err := x509.ParseCertificate(odd)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parsed.NotAfter.MarshalJSON(); err == nil {
		t.Fatal("the date is not odd")
	}
	strange := *leaf
	strange.Chain = [][]byte{odd}
	r := scan(t, listen(t, (&flawedServer{leaf: &strange}).serve), ca)
	if len(r.Certificates) != 1 {
		t.Fatalf("%+v, unknown %q", r.Certificates, r.Unknown)
	}
	if _, err := json.Marshal(r); err != nil {
		t.Error(err)
	}
}
