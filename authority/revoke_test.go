package authority

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock/internal/peers"
)

func TestRevoke(t *testing.T) {
	a := newAuthority(t, Options{})
	id, err := a.ForNames("localhost")
	if err != nil {
		t.Fatal(err)
	}
	other, _, err := a.Issue(Request{Names: []string{"localhost"}})
	if err != nil {
		t.Fatal(err)
	}
	serial := serialText(id.Leaf.SerialNumber)
	for _, form := range []string{serial, strings.ToUpper(serial), "00" + serial, serial[:8], serial[:2] + ":" + serial[2:4] + ":" + serial[4:]} {
		if r, err := a.Find(form); err != nil || r.Serial != serial {
			t.Errorf("%q: %+v, %v", form, r, err)
		}
	}
	for _, form := range [][]byte{id.Leaf.Raw, certificatePEM(id.Chain...), append(must(keyPEM(id.Signer.Key())), certificatePEM(id.Chain...)...)} {
		if r, err := a.FindCertificate(form); err != nil || r.Serial != serial {
			t.Errorf("%+v, %v", r, err)
		}
	}
	// Seven digits do not name a certificate, though only one begins with them.
	for _, bad := range []string{"", "1234", "ffffffffffff", "x", serial[:7]} {
		if _, err := a.Find(bad); !errors.Is(err, ErrUnknownCertificate) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := a.FindCertificate(a.Root().Raw); !errors.Is(err, ErrUnknownCertificate) {
		t.Errorf("root: %v", err)
	}
	if _, err := a.FindCertificate([]byte("x")); err == nil {
		t.Error("garbage was found")
	}
	if _, err := a.Revoke(serial, 7); err == nil {
		t.Error("reason 7 was taken")
	}
	first, err := a.Revoke(serial, ReasonKeyCompromise)
	if err != nil || first.Status != StatusRevoked || first.Reason != ReasonKeyCompromise {
		t.Fatalf("%+v, %v", first, err)
	}
	again, err := a.Revoke(serial, ReasonSuperseded)
	if err != nil || again.Reason != ReasonKeyCompromise || !again.Revoked.Equal(first.Revoked) {
		t.Errorf("the second time: %+v, %v", again, err)
	}
	// ForNames hands out another from now on, and other processes see it.
	b, err := Open(a.Dir())
	if err != nil {
		t.Fatal(err)
	}
	if fresh, err := b.ForNames("localhost"); err != nil || fresh.Leaf.Equal(id.Leaf) {
		t.Errorf("the revoked leaf was handed out: %v", err)
	}
	if r, err := b.Find(serial); err != nil || r.Status != StatusRevoked {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err := b.FindCertificate(other.Leaf.Raw); err != nil || r.Status != StatusValid {
		t.Errorf("%+v, %v", r, err)
	}
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

func TestReasons(t *testing.T) {
	for r, name := range reasonNames {
		if got, err := ParseReason(name); err != nil || got != r || r.String() != name {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	if r, err := ParseReason(""); err != nil || r != ReasonUnspecified {
		t.Errorf("empty: %v, %v", r, err)
	}
	if _, err := ParseReason("because"); err == nil || Reason(42).String() != "reason-42" {
		t.Error("an unknown reason was taken")
	}
}

// TestOpenSSLChecksLists has OpenSSL hold leaves against our lists, whole
// chain included.
func TestOpenSSLChecksLists(t *testing.T) {
	peers.Need(t, "openssl")
	for _, algorithm := range []Algorithm{ECDSAP256, Ed25519, RSA2048} {
		a := newAuthority(t, Options{Algorithm: algorithm})
		good, _, err := a.Issue(Request{Names: []string{"localhost"}})
		if err != nil {
			t.Fatal(err)
		}
		bad, record, err := a.Issue(Request{Names: []string{"localhost"}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.Revoke(record.Serial, ReasonKeyCompromise); err != nil {
			t.Fatal(err)
		}
		lists, err := a.CRL()
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "lists.pem"), lists, 0o600); err != nil {
			t.Fatal(err)
		}
		writeChain(t, dir, a, good)
		if out, err := opensslVerify(dir, "-crl_check_all", "-CRLfile", filepath.Join(dir, "lists.pem")); err != nil {
			t.Errorf("%s, good: %v\n%s", algorithm, err, out)
		}
		writeChain(t, dir, a, bad)
		if out, err := opensslVerify(dir, "-crl_check_all", "-CRLfile", filepath.Join(dir, "lists.pem")); err == nil || !strings.Contains(out, "certificate revoked") {
			t.Errorf("%s, revoked: %v\n%s", algorithm, err, out)
		}
	}
}

func TestListNumbersGrow(t *testing.T) {
	a := newAuthority(t, Options{})
	last := int64(0)
	for i := range 5 {
		if i == 3 {
			a.now = func() time.Time { return time.Now().Add(-time.Hour) } // the clock is set back
		}
		text, err := a.CRL()
		if err != nil {
			t.Fatal(err)
		}
		block, _ := pem.Decode(text)
		l, err := x509.ParseRevocationList(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		if l.Number.Int64() <= last {
			t.Errorf("number %v after %d", l.Number, last)
		}
		last = l.Number.Int64()
	}
}

func TestRenew(t *testing.T) {
	a := newAuthority(t, Options{})
	id, record, err := a.Issue(Request{Names: []string{"box.lan", "10.1.2.3"}, Client: true, Server: true, Lifetime: 240 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	same, next, err := a.Renew(record, id.Signer, "")
	if err != nil {
		t.Fatal(err)
	}
	if string(same.Leaf.RawSubjectPublicKeyInfo) != string(id.Leaf.RawSubjectPublicKeyInfo) || strings.Join(next.Names, ",") != strings.Join(record.Names, ",") ||
		!next.Client || !next.Server || next.NotAfter.Sub(next.NotBefore) != 240*time.Hour || next.Serial == record.Serial {
		t.Errorf("%+v", next)
	}
	other, _, err := a.Renew(record, nil, RSA2048)
	if err != nil || string(other.Leaf.RawSubjectPublicKeyInfo) == string(id.Leaf.RawSubjectPublicKeyInfo) {
		t.Errorf("a new key was asked for: %v", err)
	}
}

// TestIntermediateIsRenewed looks years ahead.
func TestIntermediateIsRenewed(t *testing.T) {
	a := newAuthority(t, Options{})
	old := a.Intermediate()
	before, record, err := a.Issue(Request{Names: []string{"localhost"}})
	if err != nil {
		t.Fatal(err)
	}
	a.now = func() time.Time { return time.Now().AddDate(4, 6, 0) }
	id, _, err := a.Issue(Request{Names: []string{"localhost"}})
	if err != nil {
		t.Fatal(err)
	}
	renewed := a.Intermediate()
	if renewed.Equal(old) || string(renewed.RawSubjectPublicKeyInfo) != string(old.RawSubjectPublicKeyInfo) || string(renewed.RawSubject) != string(old.RawSubject) {
		t.Error("the intermediate was not renewed with its own key and name")
	}
	if id.Leaf.NotAfter.Sub(a.now()) < 80*24*time.Hour {
		t.Errorf("a leaf ends on %v", id.Leaf.NotAfter)
	}
	b, err := Open(a.Dir())
	if err != nil || !b.Intermediate().Equal(renewed) {
		t.Errorf("another process has another intermediate: %v", err)
	}
	if err := before.Leaf.CheckSignatureFrom(renewed); err != nil {
		t.Error(err)
	}
	if _, err := a.Revoke(record.Serial, ReasonUnspecified); err != nil {
		t.Error(err)
	}
	// Near the root's end the intermediate can be renewed no further.
	a.now = func() time.Time { return a.Root().NotAfter.AddDate(0, 0, -10) }
	last, _, err := a.Issue(Request{Names: []string{"localhost"}})
	if err != nil || last.Leaf.NotAfter.After(a.Root().NotAfter) {
		t.Errorf("%v, %v", last, err)
	}
}

func TestWarnings(t *testing.T) {
	a := newAuthority(t, Options{})
	if _, _, err := a.Issue(Request{Names: []string{"localhost"}}); err != nil {
		t.Fatal(err)
	}
	if w, err := a.Warnings(); err != nil || len(w) != 0 {
		t.Errorf("%q, %v", w, err)
	}
	if err := os.Chmod(filepath.Join(a.Dir(), rootKeyFile), 0o644); err != nil {
		t.Fatal(err)
	}
	a.now = func() time.Time { return time.Now().AddDate(0, 0, 70) }
	w, err := a.Warnings()
	if err != nil || len(w) != 2 || !strings.Contains(w[0], "chmod 600") || !strings.Contains(w[1], "localhost expires on") {
		t.Errorf("%q, %v", w, err)
	}
	a.now = func() time.Time { return a.Root().NotAfter.AddDate(0, 0, -3) }
	if w, err := a.Warnings(); err != nil || len(w) != 2 || !strings.Contains(w[1], "the root expires on") {
		t.Errorf("%q, %v", w, err)
	}
}

func TestSaveFiles(t *testing.T) {
	peers.Need(t, "openssl")
	a := newAuthority(t, Options{})
	id, _, err := a.Issue(Request{Names: []string{"localhost"}})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key, both := filepath.Join(dir, "c.pem"), filepath.Join(dir, "k.pem"), filepath.Join(dir, "b.pem")
	for _, err := range []error{SaveFiles(id, cert, key), SaveFiles(id, both, both)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, pair := range [][2]string{{cert, key}, {both, both}} {
		if out, err := exec.Command("openssl", "x509", "-in", pair[0], "-noout", "-pubkey").Output(); err != nil {
			t.Error(err)
		} else if want, err := exec.Command("openssl", "pkey", "-in", pair[1], "-pubout").Output(); err != nil || string(out) != string(want) {
			t.Errorf("%v: key and certificate differ: %v", pair, err)
		}
		if info, err := os.Stat(pair[1]); err != nil || exposed(info) {
			t.Errorf("%s: %v", pair[1], err)
		}
	}
	id.Signer = nil
	if err := SaveFiles(id, filepath.Join(dir, "only.pem"), key); err != nil {
		t.Error(err)
	}
	if !Exists(a.Dir()) || Exists(dir) {
		t.Error("Exists is wrong")
	}
}

// TestURLOfAnother: what one process sets holds for another that has the folder open, and neither
// takes it back.
func TestURLOfAnother(t *testing.T) {
	a := newAuthority(t, Options{URL: "http://old.lan:1"})
	other, err := Open(a.Dir())
	if err != nil {
		t.Fatal(err)
	}
	if err := other.SetURL("http://new.lan:2"); err != nil {
		t.Fatal(err)
	}
	for _, by := range []*Authority{other, a, other} {
		id, _, err := by.Issue(Request{Names: []string{"localhost"}})
		if err != nil {
			t.Fatal(err)
		}
		if got := id.Leaf.OCSPServer; len(got) != 1 || got[0] != "http://new.lan:2/ocsp" {
			t.Errorf("a leaf names %q", got)
		}
	}
	if data, err := os.ReadFile(filepath.Join(a.Dir(), journalFile)); err != nil ||
		bytes.Count(data, []byte(`"intermediate"`)) != 2 {
		t.Errorf("the intermediate was renewed more than once: %v", err)
	}
	if a.URL() != other.URL() {
		t.Errorf("%q and %q", a.URL(), other.URL())
	}
}

func TestURL(t *testing.T) {
	a := newAuthority(t, Options{URL: "http://ca.lan:8440"})
	id, _, err := a.Issue(Request{Names: []string{"localhost"}})
	if err != nil || len(id.Leaf.OCSPServer) != 1 || id.Leaf.OCSPServer[0] != "http://ca.lan:8440/ocsp" || id.Leaf.CRLDistributionPoints[0] != "http://ca.lan:8440/crl" {
		t.Errorf("%v, %v", id, err)
	}
	for _, bad := range []string{"ca.lan", "https://ca.lan", "http://", "http://a/?b", "ftp://a"} {
		if a.SetURL(bad) == nil {
			t.Errorf("%q was taken", bad)
		}
	}
	if err := a.SetURL(""); err != nil {
		t.Fatal(err)
	}
	if b, err := Open(a.Dir()); err != nil || b.URL() != "" {
		t.Errorf("%q, %v", b.URL(), err)
	}
}
