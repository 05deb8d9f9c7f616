package authority

import (
	"crypto/x509"
	"testing"
	"time"
)

// TestMixedChains: root, intermediate and leaf may have keys of different kinds.
func TestMixedChains(t *testing.T) {
	for _, c := range []struct {
		root, intermediate, leaf Algorithm
		want                     [3]x509.PublicKeyAlgorithm
	}{
		{MLDSA87, MLDSA65, MLDSA44, [3]x509.PublicKeyAlgorithm{x509.MLDSA, x509.MLDSA, x509.MLDSA}},
		{MLDSA87, ECDSAP256, MLDSA65, [3]x509.PublicKeyAlgorithm{x509.MLDSA, x509.ECDSA, x509.MLDSA}},
		{ECDSAP384, MLDSA65, RSA2048, [3]x509.PublicKeyAlgorithm{x509.ECDSA, x509.MLDSA, x509.RSA}},
		{"", MLDSA44, "", [3]x509.PublicKeyAlgorithm{x509.MLDSA, x509.MLDSA, x509.ECDSA}},
	} {
		a := newAuthority(t, Options{Algorithm: c.intermediate, RootAlgorithm: c.root})
		id, _, err := a.Issue(Request{Names: []string{"localhost"}, Algorithm: c.leaf})
		if err != nil {
			t.Fatal(err)
		}
		roots, between := x509.NewCertPool(), x509.NewCertPool()
		roots.AppendCertsFromPEM(a.RootPEM())
		intermediate, err := x509.ParseCertificate(id.Chain[1])
		if err != nil {
			t.Fatal(err)
		}
		between.AddCert(intermediate)
		chains, err := id.Leaf.Verify(x509.VerifyOptions{
			Roots: roots, Intermediates: between, DNSName: "localhost", CurrentTime: time.Now(),
		})
		if err != nil {
			t.Errorf("%+v: %v", c, err)
			continue
		}
		got := [3]x509.PublicKeyAlgorithm{}
		for i, certificate := range chains[0] {
			got[len(got)-1-i] = certificate.PublicKeyAlgorithm
		}
		if got != c.want {
			t.Errorf("%+v: got %v", c, got)
		}
	}
}

// TestUnknownRootAlgorithm: nothing is created.
func TestUnknownRootAlgorithm(t *testing.T) {
	if _, err := Create(t.TempDir()+"/a", Options{RootAlgorithm: "ml-dsa-66"}); err == nil {
		t.Error("ml-dsa-66 is accepted")
	}
}
