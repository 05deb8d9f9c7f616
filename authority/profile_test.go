package authority

import (
	"bytes"
	"crypto/x509"
	"testing"
	"time"
)

// TestProfile holds what an authority signs against the profile of RFC 5280, Sections 4
// and 5.
func TestProfile(t *testing.T) {
	a := newAuthority(t, Options{})
	serials := map[string]bool{}
	issue := func() *x509.Certificate {
		id, _, err := a.Issue(Request{Names: []string{"localhost", "127.0.0.1", "::1"}})
		if err != nil {
			t.Fatal(err)
		}
		return id.Leaf
	}
	inter, leaf := a.Intermediate(), issue()
	for _, c := range []struct{ cert, issuer *x509.Certificate }{
		{a.Root(), a.Root()}, {inter, a.Root()}, {leaf, inter}, {issue(), inter},
	} {
		checkProfile(t, c.cert, c.issuer)
		n := c.cert.SerialNumber
		if n.Sign() <= 0 || n.BitLen() > 159 || serials[n.String()] {
			t.Errorf("serial number %x", n)
		}
		serials[n.String()] = true
	}
	for _, ip := range leaf.IPAddresses {
		if len(ip) != 4 && len(ip) != 16 {
			t.Errorf("an address of %d bytes", len(ip))
		}
	}
}

// checkProfile checks the extensions of one certificate.
func checkProfile(t *testing.T, c, issuer *x509.Certificate) {
	t.Helper()
	name := c.Subject.CommonName
	critical := map[string]bool{}
	for _, e := range c.Extensions {
		if _, twice := critical[e.Id.String()]; twice {
			t.Errorf("%s: extension %v stands twice", name, e.Id)
		}
		critical[e.Id.String()] = e.Critical
	}
	want := map[string]bool{"2.5.29.15": true, "2.5.29.19": true} // keyUsage, basicConstraints
	if c.IsCA {
		want["2.5.29.14"], want["2.5.29.30"] = false, true // subjectKeyIdentifier, nameConstraints
		if c.KeyUsage != x509.KeyUsageCertSign|x509.KeyUsageCRLSign || len(c.SubjectKeyId) == 0 {
			t.Errorf("%s: key usage %b, key identifier %x", name, c.KeyUsage, c.SubjectKeyId)
		}
	} else if c.KeyUsage&(x509.KeyUsageCertSign|x509.KeyUsageCRLSign) != 0 || c.MaxPathLen > 0 {
		t.Errorf("%s: key usage %b, path length %d", name, c.KeyUsage, c.MaxPathLen)
	}
	if c != issuer && !bytes.Equal(c.Raw, issuer.Raw) {
		want["2.5.29.35"] = false // authorityKeyIdentifier
		if !bytes.Equal(c.AuthorityKeyId, issuer.SubjectKeyId) {
			t.Errorf("%s: key identifiers %x and %x", name, c.AuthorityKeyId, issuer.SubjectKeyId)
		}
	}
	for id, is := range want {
		if got, ok := critical[id]; !ok || got != is {
			t.Errorf("%s: extension %s is there: %v, critical: %v", name, id, ok, got)
		}
	}
	if c.Version != 3 || len(c.RawIssuer) <= 2 || !bytes.Equal(c.RawIssuer, issuer.RawSubject) {
		t.Errorf("%s: version %d, issuer %x", name, c.Version, c.RawIssuer)
	}
}

// TestListProfile does the same for lists.
func TestListProfile(t *testing.T) {
	a := newAuthority(t, Options{})
	for _, c := range []struct {
		which  int
		issuer *x509.Certificate
	}{{0, a.Intermediate()}, {1, a.Root()}} {
		if err := a.lock(); err != nil {
			t.Fatal(err)
		}
		leaves, root, err := a.lists(0)
		a.unlock()
		if err != nil {
			t.Fatal(err)
		}
		list, err := x509.ParseRevocationList([][]byte{leaves, root}[c.which])
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(list.AuthorityKeyId, c.issuer.SubjectKeyId) || list.Number == nil ||
			list.Number.BitLen() > 159 || !bytes.Equal(list.RawIssuer, c.issuer.RawSubject) ||
			list.NextUpdate.Sub(list.ThisUpdate) != 7*24*time.Hour {
			t.Errorf("the list of %s: %+v", c.issuer.Subject, list)
		}
	}
}
