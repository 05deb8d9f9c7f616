package interop

import (
	"crypto"
	"crypto/x509"
	"fmt"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/testcert"
)

// A tls12 holds the requirements of a scenario that are specific to TLS 1.2.
// The library offers both versions by default and the other program only TLS
// 1.2; with ranged it is the reverse.
type tls12 struct {
	ranged      bool
	scheme      iana.SignatureScheme // what the server signs with, or the client with clientKey
	hint        string               // the server's, for the choice of the pre-shared key
	resume      string               // "ticket" or "ID": a second connection resumes by it
	staple      bool                 // an OCSP response goes along
	exporter    bool                 // both sides export the same key
	unique      bool                 // both sides have the same tls-unique
	separate    bool                 // the other program has no extended master secret
	renegotiate bool                 // the other program asks for a second handshake
	late        bool                 // and in it for a certificate, which only servers do
}

// A suite12 is a cipher suite with its OpenSSL name, or a name in the same
// form.
type suite12 struct {
	name string
	id   iana.CipherSuite
}

var suites12 = []suite12{
	{"ECDHE-ECDSA-AES128-GCM-SHA256", iana.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256},
	{"ECDHE-ECDSA-AES256-GCM-SHA384", iana.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384},
	{"ECDHE-ECDSA-CHACHA20-POLY1305", iana.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256},
	{"ECDHE-RSA-AES128-GCM-SHA256", iana.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256},
	{"ECDHE-RSA-AES256-GCM-SHA384", iana.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384},
	{"ECDHE-RSA-CHACHA20-POLY1305", iana.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256},
	{"ECDHE-ECDSA-AES128-CCM", iana.TLS_ECDHE_ECDSA_WITH_AES_128_CCM},
	{"ECDHE-ECDSA-AES256-CCM", iana.TLS_ECDHE_ECDSA_WITH_AES_256_CCM},
	{"ECDHE-ECDSA-AES128-CCM8", iana.TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8},
	{"ECDHE-ECDSA-AES256-CCM8", iana.TLS_ECDHE_ECDSA_WITH_AES_256_CCM_8},
	{"PSK-AES128-GCM-SHA256", iana.TLS_PSK_WITH_AES_128_GCM_SHA256},
	{"PSK-AES256-GCM-SHA384", iana.TLS_PSK_WITH_AES_256_GCM_SHA384},
	{"PSK-CHACHA20-POLY1305", iana.TLS_PSK_WITH_CHACHA20_POLY1305_SHA256},
	{"PSK-AES128-CCM", iana.TLS_PSK_WITH_AES_128_CCM},
	{"PSK-AES256-CCM", iana.TLS_PSK_WITH_AES_256_CCM},
	{"PSK-AES128-CCM8", iana.TLS_PSK_WITH_AES_128_CCM_8},
	{"PSK-AES256-CCM8", iana.TLS_PSK_WITH_AES_256_CCM_8},
	{"ECDHE-PSK-CHACHA20-POLY1305", iana.TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256},
	{"ECDHE-PSK-AES128-GCM-SHA256", iana.TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256},
	{"ECDHE-PSK-AES256-GCM-SHA384", iana.TLS_ECDHE_PSK_WITH_AES_256_GCM_SHA384},
	{"ECDHE-PSK-AES128-CCM-SHA256", iana.TLS_ECDHE_PSK_WITH_AES_128_CCM_SHA256},
	{"ECDHE-PSK-AES128-CCM8-SHA256", iana.TLS_ECDHE_PSK_WITH_AES_128_CCM_8_SHA256},
}

// opensslSuite is OpenSSL's name of a suite of TLS 1.2.
func opensslSuite(id iana.CipherSuite) string {
	for _, s := range suites12 {
		if s.id == id {
			return s.name
		}
	}
	panic(fmt.Sprintf("no name for suite %v", id))
}

// scenarios12 are those of TLS 1.2. Curves are tested with RSA certificates,
// because a client's groups apply to ECDSA certificates too.
var scenarios12 = append(suiteScenarios(), []*scenario{
	{name: "TLS 1.2 by sealsock's range", v12: &tls12{ranged: true}},
	{name: "handed over to other processes", v12: &tls12{}, handOver: true},
	{name: "X25519", v12: &tls12{}, group: iana.X25519, key: "rsa"},
	{name: "P-256", v12: &tls12{}, group: iana.SecP256r1, key: "rsa"},
	{name: "P-384", v12: &tls12{}, group: iana.SecP384r1, key: "rsa"},
	{name: "P-521", v12: &tls12{}, group: iana.SecP521r1, key: "rsa"},
	{name: "ECDSA P-256", v12: &tls12{scheme: iana.ECDSAWithP256AndSHA256}, key: "p256"},
	{name: "ECDSA P-384", v12: &tls12{scheme: iana.ECDSAWithP384AndSHA384}, key: "p384"},
	{name: "ECDSA P-521", v12: &tls12{scheme: iana.ECDSAWithP521AndSHA512}, key: "p521"},
	{name: "Ed25519", v12: &tls12{scheme: iana.Ed25519}, key: "ed25519"},
	{name: "RSA PKCS #1 SHA-256", v12: &tls12{scheme: iana.RSAPKCS1WithSHA256}, key: "rsa"},
	{name: "RSA PKCS #1 SHA-384", v12: &tls12{scheme: iana.RSAPKCS1WithSHA384}, key: "rsa"},
	{name: "RSA PKCS #1 SHA-512", v12: &tls12{scheme: iana.RSAPKCS1WithSHA512}, key: "rsa"},
	{name: "RSA PSS SHA-256", v12: &tls12{scheme: iana.RSAPSSRSAEWithSHA256}, key: "rsa"},
	{name: "RSA PSS SHA-384", v12: &tls12{scheme: iana.RSAPSSRSAEWithSHA384}, key: "rsa"},
	{name: "RSA PSS SHA-512", v12: &tls12{scheme: iana.RSAPSSRSAEWithSHA512}, key: "rsa"},
	{name: "RSA PSS SHA-256, key for PSS alone", v12: &tls12{scheme: iana.RSAPSSPSSWithSHA256}, key: "pss"},
	{name: "RSA PSS SHA-384, key for PSS alone", v12: &tls12{scheme: iana.RSAPSSPSSWithSHA384}, key: "pss"},
	{name: "RSA PSS SHA-512, key for PSS alone", v12: &tls12{scheme: iana.RSAPSSPSSWithSHA512}, key: "pss"},
	{name: "ECDSA client certificate", v12: &tls12{}, clientKey: "p256"},
	{name: "Ed25519 client certificate", v12: &tls12{}, clientKey: "ed25519"},
	{name: "RSA client certificate", v12: &tls12{}, clientKey: "rsa"},
	{name: "RSA client certificate, key for PSS alone", v12: &tls12{}, clientKey: "pss"},
	{name: "pre-shared key by hint", v12: &tls12{hint: "garden"}, suite: iana.TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256},
	{name: "resumption by ticket", v12: &tls12{resume: "ticket"}},
	{name: "resumption by ID", v12: &tls12{resume: "ID"}},
	{name: "resumption with client certificate", v12: &tls12{resume: "ticket"}, clientKey: "p256"},
	{name: "resumption with pre-shared key", v12: &tls12{resume: "ticket"}, suite: iana.TLS_PSK_WITH_AES_128_GCM_SHA256},
	{name: "ALPN", v12: &tls12{}, alpn: "http/1.1"},
	{name: "OCSP staple", v12: &tls12{staple: true}, key: "rsa"},
	{name: "same exporter", v12: &tls12{exporter: true}},
	{name: "same tls-unique", v12: &tls12{unique: true}},
	{name: "no extended master secret", v12: &tls12{separate: true}},
	{name: "renegotiation refused", v12: &tls12{renegotiate: true}},
	{name: "renegotiation for a certificate refused", v12: &tls12{renegotiate: true, late: true}},
	{name: "unknown authority refused", v12: &tls12{}, key: "stranger", bad: true},
	{name: "wrong name refused", v12: &tls12{}, key: "othername", bad: true},
}...)

func suiteScenarios() []*scenario {
	list := []*scenario{{name: "defaults", v12: &tls12{}}}
	for _, s := range suites12 {
		key := "p256"
		if s.id.String()[:len("TLS_ECDHE_RSA")] == "TLS_ECDHE_RSA" {
			key = "rsa"
		}
		list = append(list, &scenario{name: s.name, v12: &tls12{}, suite: s.id, key: key})
	}
	return list
}

// The pre-shared key that both sides have, and the label of what they export.
const (
	pskIdentity   = "gate 7"
	pskKey        = "6d2d5a0a9a1f4f0c8e37b1c4d5e6f70819aabbccddeeff00112233445566778f" // in hex, as the programs take it
	exporterLabel = "EXPORTER-sealsock interop"
	exporterLen   = 32
)

// withPSK reports whether the suite is one with a pre-shared key.
func (s *scenario) withPSK() bool { return s.v12 != nil && isPSK(s.suite) }

func isPSK(id iana.CipherSuite) bool {
	for _, s := range suites12 {
		if s.id == id {
			return s.name[:3] == "PSK" || s.name[:6] == "ECDHE-" && s.name[6:9] == "PSK"
		}
	}
	return false
}

// old returns what is specific to TLS 1.2; nothing is in a scenario of TLS 1.3.
func (s *scenario) old() *tls12 {
	if s.v12 == nil {
		return new(tls12)
	}
	return s.v12
}

// connections is the number of connections of the scenario.
func (s *scenario) connections() int {
	if s.old().resume != "" {
		return 2
	}
	return 1
}

// staple is an OCSP response with status good for the server's certificate. It
// is in the file staple.der too.
var staple []byte

func makeStaple(ca *testcert.CA, leaf []byte) {
	cert, err := x509.ParseCertificate(leaf)
	must(err)
	staple, err = ocsp.CreateResponse(ca.Cert, ca.Cert, ocsp.Response{
		Status: ocsp.Good, SerialNumber: cert.SerialNumber, IssuerHash: crypto.SHA1, // which is what clients look for
		ThisUpdate: time.Now().Add(-time.Hour), NextUpdate: time.Now().Add(time.Hour),
	}, ca.Key)
	must(err)
	write("staple.der", staple)
}
