package main

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/sealsock/sealsock/internal/printable"
)

// TestNamesOfRequests has a request, and a certificate in the journal of an authority, whose
// name has line feeds, escapes and a tab: the request is refused, and no command prints a
// line or a column that the name forges.
func TestNamesOfRequests(t *testing.T) {
	home := t.TempDir()
	name := "x\n0123456789abcdef  valid  server\tbank\x1b[2J\r\u202e\u2028y"
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: name}}, key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, "x.csr"), csr, 0o600); err != nil {
		t.Fatal(err)
	}
	refused := false
	run := func(args ...string) (stdout, stderr []byte) {
		t.Helper()
		cmd := exec.Command("seal", args...)
		var out, talk bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &talk
		cmd.Dir, cmd.Env = home, append(os.Environ(), "SEALSOCK_HOME="+home, "NO_COLOR=1")
		if err := cmd.Run(); (err != nil) != refused {
			t.Fatalf("seal %v: %v\n%s", args, err, talk.Bytes())
		}
		return out.Bytes(), talk.Bytes()
	}
	clean := func(what string, text []byte, lines int) {
		t.Helper()
		if n := bytes.Count(text, []byte("\n")); lines >= 0 && n != lines {
			t.Errorf("%s: %d lines, want %d:\n%s", what, n, lines, text)
		}
		for _, r := range string(text) {
			if r != '\n' && r != '\uFFFD' && !printable.Safe(r) {
				t.Errorf("%s: %U is printed", what, r)
			}
		}
		if bytes.Contains(text, []byte("\n0123456789abcdef")) {
			t.Errorf("%s: a line of the name's own:\n%s", what, text)
		}
	}
	run("ca", "create")
	refused = true
	_, told := run("ca", "issue", "--client", "--csr", "x.csr", "--days", "1")
	clean("issue", told, 2)
	refused = false
	journalName(t, home, name)
	out, told := run("ca", "list")
	clean("list", out, 2)
	clean("the list's warnings", told, -1)
	out, _ = run("ca", "list", "--json")
	clean("list --json", out, 1)
	out, _ = run("cert", "x.csr", "x.pem")
	clean("cert", out, -1)
	_, told = run("ca", "revoke", "x.pem")
	clean("revoke", told, 3)
	out, _ = run("ca", "list")
	clean("list of the revoked", out, 2)
}

// journalName signs a certificate for a name with the authority's key and writes it to the
// journal, as a version that did not look at names would have.
func journalName(t *testing.T, home, name string) {
	t.Helper()
	dir := filepath.Join(home, "ca")
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "intermediate.pem"),
		filepath.Join(dir, "intermediate.key"))
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	serial := big.NewInt(1 << 62)
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	key := pair.PrivateKey.(crypto.Signer)
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	line, err := json.Marshal(map[string]any{
		"op": "issue", "time": time.Now(), "serial": serial.Text(16), "certificate": der,
	})
	if err != nil {
		t.Fatal(err)
	}
	journal := filepath.Join(dir, "journal")
	settings := filepath.Join(dir, "authority.json")
	for file, change := range map[string]func([]byte) []byte{
		journal: func(old []byte) []byte { return append(append(old, line...), '\n') },
		settings: func(old []byte) []byte {
			return bytes.Replace(old, []byte("true"), []byte("false"), 1)
		},
		filepath.Join(home, "x.pem"): func([]byte) []byte { return pemOf(der) },
	} {
		old, _ := os.ReadFile(file)
		if err := os.WriteFile(file, change(old), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(filepath.Join(dir, "journal.head")); err != nil {
		t.Fatal(err)
	}
}

func pemOf(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
