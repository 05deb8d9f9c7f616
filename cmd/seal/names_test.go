package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/sealsock/sealsock/internal/printable"
)

// TestNamesOfRequests issues a certificate for a request whose name has line
// feeds, escapes and a tab: no command prints a line or a column of its own.
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
	run := func(args ...string) (stdout, stderr []byte) {
		t.Helper()
		cmd := exec.Command("seal", args...)
		var out, talk bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &talk
		cmd.Dir, cmd.Env = home, append(os.Environ(), "SEALSOCK_HOME="+home, "NO_COLOR=1")
		if err := cmd.Run(); err != nil {
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
	_, told := run("ca", "issue", "--client", "--csr", "x.csr", "--days", "1")
	clean("issue", told, 1)
	out, told := run("ca", "list")
	clean("list", out, 2)
	clean("the list's warnings", told, -1)
	out, _ = run("ca", "list", "--json")
	clean("list --json", out, 1)
	out, _ = run("cert", "x.csr", "x.pem")
	clean("cert", out, -1)
	_, told = run("ca", "revoke", "x.pem")
	clean("revoke", told, 2)
	out, _ = run("ca", "list")
	clean("list of the revoked", out, 2)
}
