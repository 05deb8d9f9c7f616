package trust

import (
	"context"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

func write(t testing.TB, path string, data []byte) string {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func pemOf(n *node) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: n.Raw})
}

func TestRootsFromFiles(t *testing.T) {
	a, b := issue(t, nil, nil, authority("A")), issue(t, nil, nil, authority("B"))
	dir := t.TempDir()
	both := write(t, filepath.Join(dir, "both.pem"), append(append([]byte("A and B\n"), pemOf(a)...), pemOf(b)...))
	der := write(t, filepath.Join(dir, "a.der"), a.Raw)
	broken := write(t, filepath.Join(dir, "broken.pem"), append(pemOf(b), []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")...))
	text := write(t, filepath.Join(dir, "text"), []byte("nothing here"))
	empty := write(t, filepath.Join(dir, "empty"), nil)

	for _, tc := range []struct {
		path string
		n    int
		err  string
	}{
		{both, 2, ""},
		{der, 1, ""},
		{broken, 1, "cannot be read"},
		{text, 0, "cannot be read"},
		{empty, 0, "it is empty"},
		{dir, 0, "is a directory"},
		{filepath.Join(dir, "none"), 0, "no such file"},
	} {
		r := new(Roots)
		n, err := r.AddFile(tc.path)
		if n != tc.n || (err == nil) != (tc.err == "") || (err != nil && !strings.Contains(err.Error(), tc.err)) {
			t.Errorf("%s: %d, %v", tc.path, n, err)
		}
		if got := r.Stats().Certificates; got != tc.n {
			t.Errorf("%s: %d certificates in the set", tc.path, got)
		}
		for _, e := range r.List() {
			if e.Source != tc.path {
				t.Errorf("%s: source %q", tc.path, e.Source)
			}
		}
	}
	r := new(Roots)
	if n, err := r.AddDir(dir); n != 4 || err != nil {
		t.Errorf("directory: %d, %v", n, err)
	}
	if s := r.Stats(); s != (Stats{Certificates: 2, Authorities: 2}) {
		t.Errorf("directory: %+v; a certificate that comes twice counts once", s)
	}
	if _, err := r.AddDir(t.TempDir()); !errors.Is(err, ErrNoCertificates) {
		t.Errorf("empty directory: %v", err)
	}
	if n, err := r.AddPEM([]byte("x")); n != 0 || !errors.Is(err, ErrNoCertificates) {
		t.Errorf("no PEM: %d, %v", n, err)
	}
	c := r.Clone()
	if err := c.AddDER(issue(t, nil, nil, authority("C")).Raw); err != nil {
		t.Fatal(err)
	}
	if r.Stats().Certificates != 2 || c.Stats().Certificates != 3 {
		t.Error("a clone shares its additions")
	}
}

// TestHashedDirectory has OpenSSL name the files.
func TestHashedDirectory(t *testing.T) {
	h := newHouse(t)
	dir := t.TempDir()
	// A file as `openssl x509 -trustout` makes it, and another root.
	write(t, filepath.Join(dir, "other.pem"), pemOf(issue(t, nil, nil, authority("Other"))))
	write(t, filepath.Join(dir, "root.pem"), pemOf(h.root))
	openssl(t, "rehash", dir)

	r := new(Roots)
	if n, err := r.AddDir(dir); n != 0 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	if s := r.Stats(); s != (Stats{Directories: 1}) {
		t.Fatalf("%+v: loaded before it was asked for", s)
	}
	p := Policy{Roots: r}
	for range 2 {
		if _, err := p.Verify(context.Background(), h.peer()); err != nil {
			t.Fatal(err)
		}
	}
	if s := r.Stats(); s != (Stats{Certificates: 1, Authorities: 1, Directories: 1}) {
		t.Errorf("%+v after one look-up", s)
	}
	// A root that comes later is found without a restart.
	late := newHouse(t)
	latePeer := late.peer()
	if _, err := p.Verify(context.Background(), latePeer); err == nil {
		t.Fatal("accepted before its root was there")
	}
	write(t, filepath.Join(dir, "late.pem"), pemOf(late.root))
	openssl(t, "rehash", dir)
	if _, err := p.Verify(context.Background(), latePeer); err != nil {
		t.Error(err)
	}
}

// TestNameHash compares names of every string type with OpenSSL's hash.
func TestNameHash(t *testing.T) {
	utf16 := []byte{0x04, 0x1f, 0x04, 0x40, 0, ' ', 0, ' ', 0, 'A'}
	for i, value := range []asn1.RawValue{
		{Tag: asn1.TagPrintableString, Bytes: []byte("  Example   CA ")},
		{Tag: asn1.TagUTF8String, Bytes: []byte("Bücher  ÄÖ Tab\tX")},
		{Tag: asn1.TagIA5String, Bytes: []byte("MIXED case")},
		{Tag: asn1.TagT61String, Bytes: []byte("latin \xe9")},
		{Tag: asn1.TagBMPString, Bytes: utf16},
		{Tag: asn1.TagNumericString, Bytes: []byte("12 34")},
		{Tag: asn1.TagUTF8String, Bytes: []byte("   ")},
	} {
		full, err := asn1.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		name := pkix.RDNSequence{
			{{Type: asn1.ObjectIdentifier{2, 5, 4, 6}, Value: "DE"}},
			{{Type: asn1.ObjectIdentifier{2, 5, 4, 10}, Value: asn1.RawValue{FullBytes: full}}},
		}
		raw, err := asn1.Marshal(name)
		if err != nil {
			t.Fatal(err)
		}
		n := issue(t, nil, nil, authority(""), func(c *certificate) { c.RawSubject = raw })
		path := write(t, filepath.Join(t.TempDir(), "c.pem"), pemOf(n))
		want := strings.TrimSpace(openssl(t, "x509", "-noout", "-subject_hash", "-in", path))
		got, ok := nameHash(raw)
		if !ok || fmt.Sprintf("%08x", got) != want {
			t.Errorf("case %d: %08x (%v), OpenSSL says %s", i, got, ok, want)
		}
	}
}

func FuzzNameHash(f *testing.F) {
	f.Add([]byte{0x30, 0})
	f.Add([]byte{0x30, 0x0d, 0x31, 0x0b, 0x30, 0x09, 6, 3, 0x55, 4, 6, 0x13, 2, 'D', 'E'})
	f.Fuzz(func(_ *testing.T, raw []byte) { nameHash(raw) })
}

func TestSystemRoots(t *testing.T) {
	file := write(t, filepath.Join(t.TempDir(), "roots.pem"), pemOf(issue(t, nil, nil, authority("Only"))))
	t.Setenv("SSL_CERT_FILE", file)
	t.Setenv("SSL_CERT_DIR", "")
	r, err := loadSystemRoots()
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, e := range r.List() {
		found = found || e.Source == file
	}
	if !found {
		t.Errorf("SSL_CERT_FILE was not read: %+v", r.List())
	}
}

func TestDefaultPaths(t *testing.T) {
	t.Setenv("SSL_CERT_FILE", "")
	t.Setenv("SSL_CERT_DIR", "")
	files, dirs := DefaultPaths()
	if runtime.GOOS == "linux" && (len(files) == 0 || len(dirs) == 0) {
		t.Errorf("%q, %q", files, dirs)
	}
	t.Setenv("SSL_CERT_FILE", "/a")
	t.Setenv("SSL_CERT_DIR", "/b"+string(os.PathListSeparator)+"/c")
	if files, dirs = DefaultPaths(); !slices.Equal(files, []string{"/a"}) || !slices.Equal(dirs, []string{"/b", "/c"}) {
		t.Errorf("%q, %q", files, dirs)
	}
}
