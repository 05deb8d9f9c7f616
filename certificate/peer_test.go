package certificate

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sealsock/sealsock/internal/peers"
)

// workshop is a temporary folder for files that other programs make.
type workshop struct {
	testing.TB
	dir string
}

func newWorkshop(t testing.TB) *workshop {
	peers.Need(t, "openssl")
	return &workshop{t, t.TempDir()}
}

func (w *workshop) path(name string) string { return filepath.Join(w.dir, name) }

func (w *workshop) run(program string, args ...string) string {
	w.Helper()
	peers.Need(w.TB, program)
	cmd := exec.Command(program, args...)
	cmd.Dir = w.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.Fatalf("%s %v: %v\n%s", program, args, err, out)
	}
	return string(out)
}

func (w *workshop) openssl(line string) string {
	w.Helper()
	return w.run("openssl", strings.Fields(line)...)
}

func (w *workshop) write(name, text string) {
	w.Helper()
	if err := os.WriteFile(w.path(name), []byte(text), 0o600); err != nil {
		w.Fatal(err)
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

// richConfig asks OpenSSL for a certificate with every field that exists.
const richConfig = `
[req]
distinguished_name = dn
prompt = no
string_mask = utf8only
utf8 = yes
[dn]
C = DE
0.O = Bücher & Söhne, "GmbH"
1.OU = first
2.OU = second
CN = example.org
emailAddress = admin@example.org
x.1.3.6.1.4.1.99999.1 = private
[ext]
subjectAltName = @names
issuerAltName = email:issuer@example.org
basicConstraints = critical,CA:TRUE,pathlen:3
keyUsage = critical,digitalSignature,keyCertSign,cRLSign
extendedKeyUsage = serverAuth,clientAuth,1.3.6.1.4.1.99999.2
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always,issuer:always
authorityInfoAccess = OCSP;URI:http://ocsp.example.org/,OCSP;URI:http://ocsp2.example.org/,caIssuers;URI:http://ca.example.org/ca.der
crlDistributionPoints = point,point2
freshestCRL = URI:http://crl.example.org/delta.crl
certificatePolicies = 2.23.140.1.2.1,@policy
nameConstraints = critical,permitted;DNS:example.org,permitted;IP:10.0.0.0/255.0.0.0,excluded;email:.example.net
tlsfeature = status_request
policyConstraints = critical,requireExplicitPolicy:3
[names]
DNS.1 = example.org
DNS.2 = *.example.org
IP.1 = 192.0.2.1
IP.2 = 2001:db8::1
email.1 = someone@example.org
URI.1 = https://example.org/a
RID.1 = 1.2.3.4
otherName.1 = 1.3.6.1.4.1.311.20.2.3;UTF8:user@EXAMPLE.ORG
otherName.2 = 1.2.3.5;SEQUENCE:other
dirName.1 = directory
[other]
a = INTEGER:7
[directory]
C = FR
CN = un autre
[point]
fullname = URI:http://crl.example.org/a.crl,URI:ldap://crl.example.org/b
[point2]
fullname = URI:http://crl.example.org/c.crl
reasons = keyCompromise,superseded
CRLissuer = dirName:directory
[policy]
policyIdentifier = 1.3.6.1.4.1.99999.3
CPS.1 = http://example.org/cps
userNotice.1 = @notice
[notice]
explicitText = "UTF8:Read me"
`

// rich makes rich.pem and rich.der with key.pem.
func (w *workshop) rich() {
	w.Helper()
	w.write("rich.cnf", richConfig)
	w.openssl("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem")
	w.openssl("req -x509 -new -key key.pem -config rich.cnf -extensions ext -set_serial 0x0ABC -days 100 -out rich.pem")
	w.openssl("x509 -in rich.pem -outform DER -out rich.der")
}
