package authority

import (
	"bytes"
	"crypto/x509"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"
)

// TestServedListIsKept: a list that is served is signed again only when it is an hour old or a
// certificate was revoked, also by another process, and no key is read for one that is kept.
func TestServedListIsKept(t *testing.T) {
	a, s := served(t, Options{}, nil)
	now := time.Now()
	a.now = func() time.Time { return now }
	get := func(path string) (int, []byte) {
		response, err := http.Get(s.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, body
	}
	wantList := func(path string, want int) []byte {
		t.Helper()
		code, body := get(path)
		list, err := x509.ParseRevocationList(body)
		if err != nil || code != 200 {
			t.Fatalf("%s: %d, %v", path, code, err)
		}
		if len(list.RevokedCertificateEntries) != want || list.NextUpdate.Before(now.Add(6*24*time.Hour)) {
			t.Errorf("%s: %d are revoked until %v", path, len(list.RevokedCertificateEntries),
				list.NextUpdate)
		}
		return body
	}
	_, record, err := a.Issue(Request{Names: []string{"node.lan"}, Server: true})
	if err != nil {
		t.Fatal(err)
	}
	rootList, list := wantList("/root.crl", 0), wantList("/crl", 0)
	if err := os.Rename(filepath.Join(a.Dir(), rootKeyFile), filepath.Join(t.TempDir(), "x")); err != nil {
		t.Fatal(err)
	}
	now = now.Add(listRefresh - time.Minute)
	if !bytes.Equal(rootList, wantList("/root.crl", 0)) || !bytes.Equal(list, wantList("/crl", 0)) {
		t.Error("a list is signed again within an hour")
	}
	other, err := Open(a.Dir())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Revoke(record.Serial, ReasonKeyCompromise); err != nil {
		t.Fatal(err)
	}
	wantList("/crl", 1)
	now = now.Add(2 * time.Minute)
	if code, _ := get("/root.crl"); code != http.StatusInternalServerError {
		t.Errorf("a list that is an hour old has the code %d without its key", code)
	}
}

// TestOtherRootKey: with the key of another root nothing is signed in the name of this one. A list
// that no client can verify would be kept, and would be damage from then on.
func TestOtherRootKey(t *testing.T) {
	a := newAuthority(t, Options{})
	if _, err := a.CRL(); err != nil {
		t.Fatal(err)
	}
	read := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join(a.Dir(), name))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	list, key := read(rootListFile), read(rootKeyFile)
	other := newAuthority(t, Options{})
	foreign, err := os.ReadFile(filepath.Join(other.Dir(), rootKeyFile))
	if err != nil {
		t.Fatal(err)
	}
	write := func(data []byte) {
		if err := os.WriteFile(filepath.Join(a.Dir(), rootKeyFile), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(foreign)
	_, err = a.CRL()
	if err == nil || !strings.Contains(err.Error(), rootKeyFile+" is not the key of "+rootFile) {
		t.Errorf("%v", err)
	}
	if !bytes.Equal(read(rootListFile), list) {
		t.Error("a list is kept that this root did not sign")
	}
	request, err := ocsp.CreateRequest(a.inter, a.root, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := a.Respond(request); !bytes.Equal(got, internalError) {
		t.Errorf("a response of %d bytes", len(got))
	}
	write(key)
	if got := a.Respond(request); bytes.Equal(got, internalError) {
		t.Error("no response with the right key")
	}
	if _, err := a.CRL(); err != nil {
		t.Error(err)
	}
}
