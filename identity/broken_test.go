package identity

import (
	"bytes"
	"encoding/pem"
	"errors"
	"os"
	"strings"
	"testing"
)

// TestBrokenKinds gives each thing that people get wrong, and expects for each
// an error of its own: no two may read the same.
func TestBrokenKinds(t *testing.T) {
	w := newWorkshop(t)
	w.chain()
	makeBroken(w)
	seen := map[string]string{}
	for _, tc := range brokenKinds {
		t.Run(tc.name, func(t *testing.T) {
			keyFile := tc.key
			if keyFile != "" {
				keyFile = w.path(keyFile)
			}
			_, err := Load(w.path(tc.cert), keyFile, tc.options...)
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("loaded, or an error of another type: %v", err)
			}
			if e.Code != tc.code || e.Hint == "" {
				t.Errorf("code %v, expected %v; hint %q; %v", e.Code, tc.code, e.Hint, e)
			}
			said := e.Error() + " hint: " + e.Hint
			if !strings.Contains(said, tc.says) {
				t.Errorf("%q lacks %q", said, tc.says)
			}
			if !strings.Contains(said, w.dir) {
				t.Errorf("%q names no file", said)
			}
			said = strings.ReplaceAll(said, e.File, "FILE")
			if before := seen[said]; before != "" {
				t.Errorf("reads the same as %s: %s", before, said)
			}
			seen[said] = tc.name
		})
	}
	if len(seen) < 40 {
		t.Errorf("only %d kinds", len(seen))
	}
}

var brokenKinds = []struct {
	name, cert, key string
	options         []Option
	code            Code
	says            string
}{
	{"no such certificate", "none.pem", "key.pem", nil, CodeNotFound, "check the name"},
	{"a file as a folder", "cert.pem/x", "key.pem", nil, CodeNotFound, "not a folder"},
	{"directory", "folder", "key.pem", nil, CodeDirectory, "inside it"},
	{"huge", "huge", "key.pem", nil, CodeTooLarge, "a few kilobytes"},
	{"empty certificate", "empty", "key.pem", nil, CodeEmpty, "certificate"},
	{"empty key", "cert.pem", "empty", nil, CodeEmpty, "private key"},
	{"swapped", "key.pem", "cert.pem", nil, CodeNoCertificate, "swapped"},
	{"key file holds a certificate", "cert.pem", "cert.pem", nil, CodeNoKey, "it holds a certificate"},
	{"key file holds a request", "cert.pem", "cert.csr", nil, CodeNoKey, "certificate request"},
	{"key file holds a public key", "cert.pem", "public.pem", nil, CodeNoKey, "public key"},
	{"key file holds parameters", "cert.pem", "params.pem", nil, CodeNoKey, "only parameters"},
	{"key file holds a CRL", "cert.pem", "crl.pem", nil, CodeNoKey, "X509 CRL"},
	{"certificate file holds a request", "cert.csr", "key.pem", nil, CodeNoCertificate, "send the request to an authority"},
	{"certificate file holds PKCS#7", "bundle.p7b", "key.pem", nil, CodeNoCertificate, "openssl pkcs7"},
	{"certificate file holds a CRL", "crl.pem", "key.pem", nil, CodeNoCertificate, "X509 CRL"},
	{"certificate file holds a key in DER", "key.der", "key.pem", nil, CodeNoCertificate, "key in DER"},
	{"key file holds a certificate in DER", "cert.pem", "cert.der", nil, CodeNoKey, "it holds a certificate in DER"},
	{"encrypted", "cert.pem", "encrypted.pem", nil, CodeEncrypted, "provide its password"},
	{"encrypted the old way", "cert.pem", "legacy.pem", nil, CodeEncrypted, "legacy encryption"},
	{"encrypted PKCS#12", "bundle.p12", "", nil, CodeEncrypted, "PKCS#12"},
	{"wrong password", "cert.pem", "encrypted.pem", []Option{password("wrong")}, CodeWrongPassword, "letter case"},
	{"no password to be had", "cert.pem", "encrypted.pem", []Option{Password(noPassword)}, CodePassword, "no terminal"},
	{"password file missing", "cert.pem", "encrypted.pem", []Option{PasswordFile("/nowhere/at/all")}, CodePassword, "/nowhere/at/all does not exist"},
	{"old scheme", "cert.pem", "pbe1.pem", []Option{password("secret")}, CodeUnsupportedCipher, "older scheme"},
	{"cipher not supported", "cert.pem", "camellia.pem", []Option{password("secret")}, CodeUnsupportedCipher, "AES-128"},
	{"legacy cipher not supported", "cert.pem", "dek.pem", []Option{password("secret")}, CodeUnsupportedCipher, "CAMELLIA"},
	{"too many iterations", "cert.pem", "slow.pem", []Option{password("secret")},
		CodeUnsupportedCipher, "2 million"},
	{"PKCS#12 with too many iterations", "slow.p12", "", []Option{password("secret")}, CodeUnsupportedCipher, "pkcs12 -export"},
	{"scrypt too large", "cert.pem", "wide.pem", []Option{password("secret")}, CodeUnsupportedCipher,
		"256 MiB"},
	{"another key", "cert.pem", "root.key", nil, CodeMismatch, "sha256/"},
	{"two keys", "cert.pem", "twokeys.pem", nil, CodeSeveralKeys, "one private key"},
	{"cut off", "cut.pem", "key.pem", nil, CodeBrokenPEM, "has no end"},
	{"cut-off key", "cert.pem", "cutkey.pem", nil, CodeBrokenPEM, `"PRIVATE KEY"`},
	{"mangled", "mangled.pem", "key.pem", nil, CodeBrokenPEM, "is not Base64"},
	{"cut inside DER", "cut.der", "key.pem", nil, CodeUnknownFormat, "is truncated"},
	{"a certificate changed inside", "badcert.pem", "key.pem", nil, CodeMalformedCertificate, "certificate 1"},
	{"second certificate broken", "badsecond.pem", "key.pem", nil, CodeMalformedCertificate, "certificate 2"},
	{"a key changed inside", "cert.pem", "badkey.pem", nil, CodeMalformedKey, "restore"},
	{"RSA numbers that contradict", "rsa.crt", "badrsa.pem", nil, CodeMalformedKey, "inconsistent"},
	{"text", "text", "key.pem", nil, CodeUnknownFormat, "a certificate in PEM"},
	{"key is text", "cert.pem", "text", nil, CodeUnknownFormat, "the private key in PEM"},
	{"web page", "page.html", "key.pem", nil, CodeForeignFormat, "web page"},
	{"OpenSSH key", "cert.pem", "openssh", nil, CodeForeignFormat, "ssh-keygen"},
	{"OpenSSH public key", "cert.pem", "openssh.pub", nil, CodeForeignFormat, "give the private key"},
	{"PuTTY key", "cert.pem", "key.ppk", nil, CodeForeignFormat, "puttygen"},
	{"PGP key", "cert.pem", "pgp.asc", nil, CodeForeignFormat, "PGP"},
	{"Java key store", "store.jks", "key.pem", nil, CodeForeignFormat, "keytool"},
	{"curve secp256k1", "cert.pem", "k1.pem", nil, CodeUnsupportedCurve, "secp256k1"},
	{"curve P-224", "cert.pem", "p224.pem", nil, CodeUnsupportedCurve, "P-224"},
	{"curve by parameters", "cert.pem", "explicit.pem", nil, CodeUnsupportedCurve, "explicit parameters"},
	{"brainpool", "cert.pem", "brainpool.pem", nil, CodeUnsupportedCurve, "brainpoolP256r1"},
	{"certificate on secp256k1", "k1.crt", "k1.pem", nil, CodeUnsupportedCurve, "named curve"},
	{"DSA", "cert.pem", "dsa.pem", nil, CodeUnsupportedKey, "DSA"},
	{"Ed448", "cert.pem", "ed448.pem", nil, CodeUnsupportedKey, "Ed448"},
	{"key agreement only", "cert.pem", "x25519.pem", nil, CodeUnsupportedKey, "agreement"},
	{"RSA of 1024 bits", "weak.crt", "weak.pem", nil, CodeWeakKey, "1024 bits"},
	{"bundle of roots", "roots.pem", "key.pem", nil, CodeBrokenChain, "more than 64"},
}

func noPassword(string) ([]byte, error) { return nil, errors.New("no terminal to ask on") }

func makeBroken(w *workshop) {
	w.openssl("pkey -in key.pem -pubout -out public.pem")
	w.openssl("ecparam -name prime256v1 -out params.pem")
	w.openssl("crl2pkcs7 -nocrl -certfile cert.pem -out bundle.p7b")
	w.openssl("x509 -in cert.pem -outform DER -out cert.der")
	w.openssl("pkey -in key.pem -outform DER -out key.der")
	w.openssl("pkcs8 -topk8 -in key.pem -passout pass:secret -out encrypted.pem")
	w.openssl("ec -in key.pem -aes128 -passout pass:secret -out legacy.pem")
	w.openssl("pkcs12 -export -inkey key.pem -in cert.pem -passout pass:secret -out bundle.p12")
	w.openssl("pkcs12 -export -inkey key.pem -in cert.pem -passout pass:secret -iter 65793 -out iter.p12")
	w.openssl("pkcs8 -topk8 -in key.pem -passout pass:secret -v1 PBE-SHA1-3DES -out pbe1.pem")
	w.openssl("pkcs8 -topk8 -in key.pem -passout pass:secret -v2 camellia-256-cbc -out camellia.pem")
	w.openssl("ec -in key.pem -camellia128 -passout pass:secret -out dek.pem")
	w.openssl("pkcs8 -topk8 -in key.pem -passout pass:secret -scrypt -outform DER -out wide.der")
	w.openssl("pkcs8 -topk8 -in key.pem -passout pass:secret -iter 8388609 -outform DER -out slow.der")
	for name, flags := range map[string]string{
		"k1.pem": "-algorithm EC -pkeyopt ec_paramgen_curve:secp256k1", "p224.pem": "-algorithm EC -pkeyopt ec_paramgen_curve:P-224",
		"explicit.pem":  "-algorithm EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:explicit",
		"brainpool.pem": "-algorithm EC -pkeyopt ec_paramgen_curve:brainpoolP256r1", "ed448.pem": "-algorithm ED448", "x25519.pem": "-algorithm X25519",
		"weak.pem": "-algorithm RSA -pkeyopt rsa_keygen_bits:1024", "rsa.pem": "-algorithm RSA -pkeyopt rsa_keygen_bits:2048",
	} {
		w.openssl("genpkey " + flags + " -out " + name)
	}
	for _, name := range []string{"k1", "weak", "rsa"} {
		w.openssl("req -x509 -key " + name + ".pem -subj /CN=x -days 3 -out " + name + ".crt")
	}
	w.openssl("dsaparam -genkey -out dsa.pem 1024")
	w.openssl("rsa -in rsa.pem -traditional -outform DER -out rsa.der")
	makeTexts(w)
}

// makeTexts makes the files that no tool makes.
func makeTexts(w *workshop) {
	cert, key := w.read("cert.pem"), w.read("key.pem")
	certDER, keyDER, rsaDER := w.read("cert.der"), w.read("key.der"), w.read("rsa.der")
	if err := os.Mkdir(w.path("folder"), 0o700); err != nil {
		w.Fatal(err)
	}
	w.write("huge", make([]byte, maxFile+1))
	w.write("empty", []byte("\n  \n"))
	w.write("twokeys.pem", key, w.read("root.key"))
	w.write("cut.pem", cert[:len(cert)/2])
	w.write("cutkey.pem", key[:len(key)-10])
	w.write("mangled.pem", bytes.Replace(cert, []byte("MII"), []byte("M!?"), 1))
	w.write("cut.der", certDER[:len(certDER)-5])
	inside := bytes.Clone(certDER)
	inside[6] ^= 0x7f
	broken := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: inside})
	w.write("badcert.pem", broken)
	w.write("badsecond.pem", cert, broken)
	badKey := bytes.Replace(keyDER, []byte{0x04, 0x20}, []byte{0x04, 0x7f}, 1) // the length of the secret
	w.write("badkey.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: badKey}))
	badRSA := bytes.Clone(rsaDER)
	badRSA[len(badRSA)/3*2] ^= 1
	w.write("badrsa.pem", pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: badRSA}))
	// 19,088,743 iterations: asking OpenSSL for them would take their time.
	slow := bytes.Replace(w.read("slow.der"), []byte{0x02, 0x04, 0x00, 0x80, 0x00, 0x01}, []byte{0x02, 0x04, 0x01, 0x23, 0x45, 0x67}, 1)
	w.write("slow.pem", pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: slow}))
	// 16 MiB in one round become 16 MiB in 17 rounds, each of which takes as long.
	wide := bytes.Replace(w.read("wide.der"), []byte{2, 1, 8, 2, 1, 1}, []byte{2, 1, 8, 2, 1, 17}, 1)
	w.write("wide.pem", pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: wide}))
	// 65,793 iterations become 8,323,329, first those of the keys, then that of
	// the MAC, which is the last.
	p12 := w.read("iter.p12")
	few := []byte{0x02, 0x03, 0x01, 0x01, 0x01}
	slow12 := bytes.Replace(p12, few, []byte{0x02, 0x03, 0x7f, 0x01, 0x01}, 1)
	w.write("slow.p12", slow12)
	last := bytes.LastIndex(p12, few)
	mac := bytes.Clone(p12)
	mac[last+2] = 0x7f
	w.write("slowmac.p12", mac)
	w.write("text", []byte("a certificate should be here"))
	w.write("page.html", []byte("<!DOCTYPE html><title>404</title>"))
	w.write("openssh", pem.EncodeToMemory(&pem.Block{Type: "OPENSSH PRIVATE KEY", Bytes: []byte("openssh-key-v1\x00")}))
	w.write("openssh.pub", []byte("ssh-ed25519 AAAAC3 someone@somewhere\n"))
	w.write("key.ppk", []byte("PuTTY-User-Key-File-3: ssh-ed25519\n"))
	w.write("pgp.asc", pem.EncodeToMemory(&pem.Block{Type: "PGP PRIVATE KEY BLOCK", Bytes: []byte{0xc5}}))
	w.write("store.jks", []byte("\xfe\xed\xfe\xed\x00\x00\x00\x02"))
	w.write("crl.pem", pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: []byte{0x30, 0}}))
	w.write("roots.pem", bytes.Repeat(w.read("inter.pem"), maxCertificates+1))
}

func TestSlowMAC(t *testing.T) {
	w := newWorkshop(t)
	w.chain()
	makeBroken(w)
	for _, name := range []string{"slow.p12", "slowmac.p12"} {
		_, err := LoadPKCS12(w.path(name), password("secret"))
		var e *Error
		if !errors.As(err, &e) || e.Code != CodeUnsupportedCipher {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := LoadPKCS12(w.path("iter.p12"), password("secret")); err != nil {
		t.Error(err)
	}
}
