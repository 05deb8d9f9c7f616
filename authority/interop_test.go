package authority

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/peers"
)

// writeChain writes root.pem, inter.pem and leaf.pem, and key.pem if there is
// a key.
func writeChain(t testing.TB, dir string, a *Authority, id *identity.Identity) {
	t.Helper()
	files := map[string][]byte{"root.pem": a.RootPEM(), "inter.pem": certificatePEM(id.Chain[1]), "leaf.pem": certificatePEM(id.Chain[0]),
		"chain.pem": certificatePEM(id.Chain...)}
	if id.Signer != nil {
		key, err := keyPEM(id.Signer.Key())
		if err != nil {
			t.Fatal(err)
		}
		files["key.pem"] = key
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func opensslVerify(dir string, more ...string) (string, error) {
	args := append([]string{"verify", "-x509_strict", "-CAfile", filepath.Join(dir, "root.pem"), "-untrusted", filepath.Join(dir, "inter.pem")}, more...)
	out, err := exec.Command("openssl", append(args, filepath.Join(dir, "leaf.pem"))...).CombinedOutput()
	return string(out), err
}

// TestOpenSSLAccepts has OpenSSL judge by the letter of RFC 5280.
func TestOpenSSLAccepts(t *testing.T) {
	peers.Need(t, "openssl")
	for _, algorithm := range []Algorithm{ECDSAP256, ECDSAP384, Ed25519, RSA2048} {
		a := newAuthority(t, Options{Algorithm: algorithm})
		for _, tc := range []struct {
			request Request
			flags   []string
		}{
			{Request{Names: []string{"localhost", "127.0.0.1"}}, []string{"-purpose", "sslserver", "-verify_hostname", "localhost"}},
			{Request{Names: []string{"127.0.0.1", "::1"}}, []string{"-purpose", "sslserver", "-verify_ip", "::1"}},
			{Request{Names: []string{"*.localhost", "box.local"}, Algorithm: RSA2048}, []string{"-purpose", "sslserver", "-verify_hostname", "box.local"}},
			{Request{Names: []string{"alice"}, Client: true}, []string{"-purpose", "sslclient"}},
			{Request{Names: []string{"Alice", "alice@example.org"}, Client: true}, []string{"-purpose", "sslclient", "-verify_email", "alice@example.org"}},
		} {
			id, _, err := a.Issue(tc.request)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			writeChain(t, dir, a, id)
			if out, err := opensslVerify(dir, tc.flags...); err != nil {
				t.Errorf("%s, %v: %v\n%s", algorithm, tc.request.Names, err, out)
			}
		}
	}
}
