package identity

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sealsock/sealsock/internal/peers"
)

// workshop is a folder in which OpenSSL makes files.
type workshop struct {
	testing.TB
	dir string
}

func newWorkshop(t testing.TB) *workshop {
	peers.Need(t, "openssl")
	return &workshop{t, t.TempDir()}
}

func (w *workshop) path(name string) string { return filepath.Join(w.dir, name) }

// openssl runs one command line; words are split at spaces.
func (w *workshop) openssl(line string) {
	w.Helper()
	cmd := exec.Command("openssl", strings.Fields(line)...)
	cmd.Dir = w.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		w.Fatalf("openssl %s: %v\n%s", line, err, out)
	}
}

func (w *workshop) read(name string) []byte {
	w.Helper()
	data, err := os.ReadFile(w.path(name))
	if err != nil {
		w.Fatal(err)
	}
	return data
}

// write joins parts into a file and returns its path.
func (w *workshop) write(name string, parts ...[]byte) string {
	w.Helper()
	var all []byte
	for _, p := range parts {
		all = append(all, p...)
	}
	if err := os.WriteFile(w.path(name), all, 0o600); err != nil {
		w.Fatal(err)
	}
	return w.path(name)
}

// chain makes root.pem, inter.pem and cert.pem, with key.pem for the last.
func (w *workshop) chain() {
	w.Helper()
	const p256 = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
	w.openssl("req -x509 " + p256 + " -keyout root.key -out root.pem -days 30 -subj /CN=Root")
	w.openssl("req " + p256 + " -keyout inter.key -out inter.csr -subj /CN=Intermediate")
	w.write("ca.ext", []byte("basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n"))
	w.openssl("x509 -req -in inter.csr -CA root.pem -CAkey root.key -CAcreateserial -days 30 -extfile ca.ext -out inter.pem")
	w.openssl("req " + p256 + " -keyout key.pem -out cert.csr -subj /CN=localhost")
	w.write("leaf.ext", []byte("subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\nkeyUsage=digitalSignature\n"))
	w.openssl("x509 -req -in cert.csr -CA inter.pem -CAkey inter.key -CAcreateserial -days 20 -extfile leaf.ext -out cert.pem")
}
