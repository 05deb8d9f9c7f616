package trust

import (
	"crypto/x509"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/sealsock/sealsock/internal/testcert"
)

// TestMarshalResult: a Result of another process is the same, with any kind of peer.
func TestMarshalResult(t *testing.T) {
	ca := testcert.New()
	leaf, err := x509.ParseCertificate(ca.Issue(testcert.NewKey("p256"), nil, "localhost").Chain[0])
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1e9, 0).UTC()
	for name, r := range map[string]*Result{
		"a certificate": {
			PublicKey: leaf.PublicKey, Leaf: leaf, Certificates: []*x509.Certificate{leaf, ca.Cert},
			Chains: [][]*x509.Certificate{{leaf, ca.Cert}, {leaf}}, Pin: Pin{1, 2}, FirstUse: true,
			Name: "localhost", Revocation: []RevocationCheck{{
				Certificate: leaf, Status: RevocationRevoked, Source: "staple", ThisUpdate: at,
				NextUpdate: at, Revoked: at, Reason: 4, Err: errors.New("why"),
			}},
		},
		"a raw public key": {PublicKey: leaf.PublicKey},
		"no peer":          {},
	} {
		data, err := r.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseResult(data)
		if err != nil || !reflect.DeepEqual(got, r) {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, r)
		}
	}
	for i := range reflect.TypeFor[Result]().NumField() {
		field := reflect.TypeFor[Result]().Field(i).Name
		e := reflect.TypeFor[encodedResult]()
		if _, ok := e.FieldByName(field); !ok && field != "PublicKey" && field != "Leaf" {
			t.Errorf("Marshal forgets the field %s", field)
		}
	}
	for _, bad := range []string{"", "{", `{"Certificates":["AA=="]}`, `{"Key":"AA=="}`,
		`{"Chains":[["AA=="]]}`, `{"Revocation":[{"Certificate":"AA=="}]}`} {
		if r, err := ParseResult([]byte(bad)); err == nil || r != nil {
			t.Errorf("%s is accepted", bad)
		}
	}
	if _, err := (*Result)(nil).Marshal(); err == nil {
		t.Error("nil is encoded")
	}
}
