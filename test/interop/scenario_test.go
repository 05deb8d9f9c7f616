package interop

import (
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"os"
	"path/filepath"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/testcert"
	"github.com/sealsock/sealsock/trust"
)

// hello is the text that is sent and echoed.
const hello = "hello from the other side\n"

// serverName is the name that each server must authenticate as.
const serverName = "localhost"

// A scenario defines the requirements of one connection. The zero value of a
// field selects the defaults of both sides.
type scenario struct {
	name      string
	group     iana.NamedGroup
	expect    iana.NamedGroup // the group that the defaults of both lead to
	suite     iana.CipherSuite
	key       string // kind of the server's key
	clientKey string // kind of the client's key; the server requires one
	alpn      string
	retry     bool   // the server asks for another key share
	plain     bool   // no compatibility mode
	keyUpdate bool   // the other program changes its keys and requests an update of ours
	ownUpdate bool   // the library changes its keys by itself
	askUpdate bool   // the library changes its keys and requests an update of the other side
	handOver  bool   // another process takes the library's side over, in front of each line
	bad       bool   // the client has to refuse the certificate of the kind key
	v12       *tls12 // nil for TLS 1.3
}

var scenarios = []*scenario{
	{name: "defaults"},
	{name: "X25519MLKEM768 unasked", expect: iana.X25519MLKEM768},
	{name: "X25519MLKEM768", group: iana.X25519MLKEM768},
	{name: "SecP256r1MLKEM768", group: iana.SecP256r1MLKEM768},
	{name: "SecP384r1MLKEM1024", group: iana.SecP384r1MLKEM1024},
	{name: "MLKEM768 alone", group: iana.MLKEM768},
	{name: "MLKEM1024 alone", group: iana.MLKEM1024},
	{name: "X25519", group: iana.X25519},
	{name: "P-256", group: iana.SecP256r1},
	{name: "P-384", group: iana.SecP384r1},
	{name: "P-521", group: iana.SecP521r1},
	{name: "X448", group: iana.X448},
	{name: "FFDHE-2048", group: iana.FFDHE2048},
	{name: "AES-128-GCM", suite: iana.TLS_AES_128_GCM_SHA256},
	{name: "AES-256-GCM", suite: iana.TLS_AES_256_GCM_SHA384},
	{name: "ChaCha20-Poly1305", suite: iana.TLS_CHACHA20_POLY1305_SHA256},
	{name: "AES-128-CCM", suite: iana.TLS_AES_128_CCM_SHA256},
	{name: "ECDSA P-256 certificate", key: "p256"},
	{name: "ECDSA P-384 certificate", key: "p384"},
	{name: "ECDSA P-521 certificate", key: "p521"},
	{name: "Ed25519 certificate", key: "ed25519"},
	{name: "RSA certificate", key: "rsa"},
	{name: "ML-DSA-44 certificate", key: "mldsa44"},
	{name: "ML-DSA-65 certificate", key: "mldsa65"},
	{name: "ML-DSA-87 certificate", key: "mldsa87"},
	{name: "ECDSA client certificate", clientKey: "p256"},
	{name: "Ed25519 client certificate", clientKey: "ed25519"},
	{name: "RSA client certificate", clientKey: "rsa"},
	{name: "ML-DSA client certificate", clientKey: "mldsa65"},
	{name: "HelloRetryRequest", group: iana.SecP384r1, retry: true},
	{name: "ALPN", alpn: "http/1.1"},
	{name: "no compatibility mode", plain: true},
	{name: "key update", keyUpdate: true},
	{name: "key update by sealsock", ownUpdate: true},
	{name: "key update of both by sealsock", askUpdate: true},
	{name: "handed over to other processes", handOver: true},
	{name: "unknown authority refused", key: "stranger", bad: true},
	{name: "wrong name refused", key: "othername", bad: true},
}

// wantGroup returns the group that must be negotiated; 0 is any.
func (s *scenario) wantGroup() iana.NamedGroup { return max(s.group, s.expect) }

func scenarioNamed(name string) *scenario {
	for _, s := range scenarios {
		if s.name == name {
			return s
		}
	}
	panic("no scenario " + name)
}

// schemes are the signatures that the kinds of keys make here.
var schemes = map[string]iana.SignatureScheme{
	"p256": iana.ECDSAWithP256AndSHA256, "p384": iana.ECDSAWithP384AndSHA384, "p521": iana.ECDSAWithP521AndSHA512,
	"ed25519": iana.Ed25519, "rsa": iana.RSAPSSRSAEWithSHA256,
	"mldsa44": iana.MLDSA44, "mldsa65": iana.MLDSA65, "mldsa87": iana.MLDSA87,
	"stranger": iana.ECDSAWithP256AndSHA256, "othername": iana.ECDSAWithP256AndSHA256,
}

// serverKey returns the kind of the server's key.
func (s *scenario) serverKey() string {
	if s.key == "" {
		return "p256"
	}
	return s.key
}

// Certificates, by the kind of key: the server's, the client's, and the roots
// that both trust.
var (
	identities = map[string]*identity.Identity{}
	roots      = new(trust.Roots)
	rootCA     = testcert.New()
)

func makeCertificates() {
	stranger := testcert.NewNamed("a stranger")
	must(roots.AddDER(rootCA.Cert.Raw))
	write("hello1", []byte(hello))
	write("ca.pem", rootCA.PEM())
	write("ca.key", (&testcert.Leaf{Key: rootCA.Key}).KeyPEM())
	for _, kind := range []string{
		"p256", "p384", "p521", "ed25519", "rsa", "mldsa44", "mldsa65", "mldsa87",
	} {
		addIdentity(kind, rootCA, testcert.NewKey(kind), serverName)
	}
	makeStaple(rootCA, identities["rsa"].Leaf.Raw)
	addPSSIdentity(rootCA)
	write("gnutls.psk", []byte(pskIdentity+":"+pskKey+"\n"))
	addIdentity("stranger", stranger, testcert.NewKey("p256"), serverName)
	addIdentity("othername", rootCA, testcert.NewKey("p256"), "other.example")
}

// addIdentity issues a certificate and keeps it for this process and in files
// for others. Its subject is its kind, so that programs which keep it in a
// database find it.
func addIdentity(kind string, ca *testcert.CA, key crypto.Signer, name string) {
	leaf := ca.Issue(key, func(c *x509.Certificate) {
		c.Subject = pkix.Name{CommonName: kind}
		if kind == "rsa" {
			c.KeyUsage |= x509.KeyUsageKeyEncipherment // NSS asks for it even where it is not used
		}
	}, name)
	id, err := identity.New(leaf.Chain, leaf.Key)
	must(err)
	identities[kind] = id
	write(kind+".pem", leaf.CertPEM())
	write(kind+".key", leaf.KeyPEM())
}

func write(name string, content []byte) { must(os.WriteFile(file(name), content, 0o600)) }

// file is the path of a file of the work folder.
func file(name string) string { return filepath.Join(work, name) }

func must(err error) {
	if err != nil {
		panic(err)
	}
}
