package trust

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"math/big"
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

// TestEncodeOddTimes: answers about revocation, and certificates, may have times that JSON cannot
// have. They are encoded without getting later, so that none is fresh that was not.
func TestEncodeOddTimes(t *testing.T) {
	for _, at := range []time.Time{
		{},
		time.Date(2030, 12, 31, 23, 59, 59, 0, time.FixedZone("", 24*3600)),
		time.Date(9999, 12, 31, 23, 59, 59, 0, time.FixedZone("", -3600)),
	} {
		r := &Result{Revocation: []RevocationCheck{{ThisUpdate: at, NextUpdate: at, Revoked: at}}}
		data, err := r.Marshal()
		if err != nil {
			t.Errorf("%v: %v", at, err)
			continue
		}
		got, err := ParseResult(data)
		if err != nil {
			t.Fatal(err)
		}
		for _, read := range []time.Time{
			got.Revocation[0].ThisUpdate, got.Revocation[0].NextUpdate, got.Revocation[0].Revoked,
		} {
			if read.After(at) || at.Sub(read) > time.Hour || read.IsZero() != at.IsZero() {
				t.Errorf("%v is read as %v", at, read)
			}
		}
		e := &Error{Code: CodeExpired, Certificate: &x509.Certificate{
			SerialNumber: big.NewInt(1), NotBefore: at, NotAfter: at,
		}}
		if text, err := json.Marshal(e); err != nil {
			t.Errorf("%v: %s, %v", at, text, err)
		}
	}
}
