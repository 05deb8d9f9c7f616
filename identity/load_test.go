package identity

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"
)

func password(text string) Option {
	return Password(func(string) ([]byte, error) { return []byte(text), nil })
}

// TestLoadKinds loads every kind of file, as OpenSSL makes it.
func TestLoadKinds(t *testing.T) {
	w := newWorkshop(t)
	w.chain()
	cert, key, inter, root := w.read("cert.pem"), w.read("key.pem"), w.read("inter.pem"), w.read("root.pem")
	w.write("chain.pem", cert, inter)
	w.write("all.pem", key, cert, inter)
	w.openssl("x509 -in cert.pem -outform DER -out cert.der")
	w.openssl("x509 -in inter.pem -outform DER -out inter.der")
	w.write("chain.der", w.read("cert.der"), w.read("inter.der"))
	w.openssl("pkey -in key.pem -outform DER -out key.der")
	w.openssl("ec -in key.pem -out sec1.pem")
	w.openssl("ecparam -name prime256v1 -out params.pem")
	w.write("sec1-params.pem", w.read("params.pem"), w.read("sec1.pem"))
	w.openssl("ec -in key.pem -outform DER -out sec1.der")
	for name, flags := range map[string]string{
		"pbkdf2.pem": "-v2 aes-256-cbc", "pbkdf2-128.pem": "-v2 aes-128-cbc -v2prf hmacWithSHA512", "pbkdf2-3des.pem": "-v2 des3 -v2prf hmacWithSHA1",
		"pbkdf2-192.pem": "-v2 aes-192-cbc -v2prf hmacWithSHA384", "scrypt.pem": "-scrypt", "pbkdf2-224.pem": "-v2 aes-256-cbc -v2prf hmacWithSHA224",
	} {
		w.openssl("pkcs8 -topk8 -in key.pem -passout pass:secret -out " + name + " " + flags)
	}
	w.openssl("pkcs8 -topk8 -in key.pem -passout pass:secret -outform DER -out pbkdf2.der")
	for _, c := range []string{"aes128", "aes256", "des3", "des"} {
		if c == "des" {
			continue // OpenSSL 3 has it only in its legacy provider
		}
		w.openssl("ec -in key.pem -passout pass:secret -out legacy-" + c + ".pem -" + c)
	}
	w.openssl("pkcs12 -export -inkey key.pem -in cert.pem -certfile inter.pem -passout pass:secret -out modern.p12")
	w.openssl("pkcs12 -export -inkey key.pem -in cert.pem -certfile inter.pem -passout pass: -out empty.p12")
	w.openssl("pkcs12 -export -legacy -inkey key.pem -in cert.pem -certfile inter.pem -passout pass:secret -out legacy.p12")
	w.write("bom.pem", []byte("\xef\xbb\xbf"), cert, inter)
	w.write("utf16.pem", utf16LE(string(cert)+string(inter)))
	w.write("crlf.pem", []byte(strings.ReplaceAll(string(key)+string(cert), "\n", "\r\n")))
	w.write("text.pem", []byte("issued by hand\n"), cert, []byte("\nand its authority\n"), inter, root)
	w.openssl("x509 -in cert.pem -trustout -addtrust serverAuth -out trusted.pem")

	for _, tc := range []struct {
		cert, key string
		chain     int
		options   []Option
	}{
		{"cert.pem", "key.pem", 1, nil},
		{"chain.pem", "key.pem", 2, nil},
		{"all.pem", "", 2, nil},
		{"all.pem", "all.pem", 2, nil},
		{"cert.der", "key.der", 1, nil},
		{"chain.der", "sec1.der", 2, nil},
		{"chain.pem", "sec1.pem", 2, nil},
		{"chain.pem", "sec1-params.pem", 2, nil},
		{"chain.pem", "pbkdf2.pem", 2, []Option{password("secret")}},
		{"chain.pem", "pbkdf2.der", 2, []Option{password("secret")}},
		{"chain.pem", "pbkdf2-128.pem", 2, []Option{password("secret")}},
		{"chain.pem", "pbkdf2-192.pem", 2, []Option{password("secret")}},
		{"chain.pem", "pbkdf2-224.pem", 2, []Option{password("secret")}},
		{"chain.pem", "pbkdf2-3des.pem", 2, []Option{password("secret")}},
		{"chain.pem", "scrypt.pem", 2, []Option{password("secret")}},
		{"chain.pem", "legacy-aes128.pem", 2, []Option{password("secret")}},
		{"chain.pem", "legacy-aes256.pem", 2, []Option{PasswordFile(w.write("password", []byte("secret\r\nsecond line")))}},
		{"chain.pem", "legacy-des3.pem", 2, []Option{password("secret")}},
		{"modern.p12", "", 2, []Option{password("secret")}},
		{"empty.p12", "", 2, nil},
		{"legacy.p12", "", 2, []Option{password("secret")}},
		{"chain.pem", "modern.p12", 2, []Option{password("secret")}},
		{"bom.pem", "key.pem", 2, nil},
		{"utf16.pem", "key.pem", 2, nil},
		{"crlf.pem", "", 1, nil},
		{"text.pem", "key.pem", 3, nil},
		{"trusted.pem", "key.pem", 1, nil},
	} {
		t.Run(tc.cert+"+"+tc.key, func(t *testing.T) {
			keyFile := tc.key
			if keyFile != "" {
				keyFile = w.path(keyFile)
			}
			id, err := Load(w.path(tc.cert), keyFile, tc.options...)
			if err != nil {
				t.Fatal(err)
			}
			checkIdentity(t, id, tc.chain)
			if len(id.Notes) > 0 {
				t.Errorf("notes: %q", id.Notes)
			}
		})
	}
}

// checkIdentity has the key sign and the leaf verify.
func checkIdentity(t *testing.T, id *Identity, chain int) {
	t.Helper()
	if len(id.Chain) != chain || string(id.Chain[0]) != string(id.Leaf.Raw) || id.Leaf.Subject.CommonName != "localhost" {
		t.Errorf("%d certificates, the first for %v", len(id.Chain), id.Leaf.Subject)
	}
	digest := sha256.Sum256([]byte("hello"))
	signature, err := id.Signer.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	if err := id.Leaf.CheckSignature(id.Leaf.SignatureAlgorithm, []byte("hello"), signature); err != nil {
		t.Error(err)
	}
}

func utf16LE(text string) []byte {
	out := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(text)) {
		out = append(out, byte(u), byte(u>>8))
	}
	return out
}

func TestKeyAlgorithms(t *testing.T) {
	w := newWorkshop(t)
	for name, flags := range map[string]string{
		"rsa2048": "-algorithm RSA -pkeyopt rsa_keygen_bits:2048",
		"p384":    "-algorithm EC -pkeyopt ec_paramgen_curve:P-384",
		"p521":    "-algorithm EC -pkeyopt ec_paramgen_curve:P-521",
		"ed25519": "-algorithm ED25519",
		"pss":     "-algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048",
	} {
		w.openssl("genpkey " + flags + " -out " + name)
		w.openssl("req -x509 -key " + name + " -subj /CN=localhost -addext subjectAltName=DNS:localhost -days 10 -out " + name + ".crt")
		if id, err := Load(w.path(name+".crt"), w.path(name)); err != nil {
			t.Errorf("%s: %v", name, err)
		} else if len(id.Chain) != 1 {
			t.Errorf("%s: %d certificates", name, len(id.Chain))
		}
	}
	w.openssl("rsa -in rsa2048 -traditional -out pkcs1")
	if _, err := LoadKey(w.path("pkcs1")); err != nil {
		t.Error(err)
	}
}

func TestChainIsPutInOrder(t *testing.T) {
	w := newWorkshop(t)
	w.chain()
	w.openssl("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout o.key -out other.pem -days 3 -subj /CN=Other")
	cert, inter, root, other := w.read("cert.pem"), w.read("inter.pem"), w.read("root.pem"), w.read("other.pem")
	for _, tc := range []struct {
		parts [][]byte
		chain int
		notes []string
	}{
		{[][]byte{cert, inter, root}, 3, nil},
		{[][]byte{cert, inter, inter}, 2, nil},
		{[][]byte{inter, cert}, 2, []string{"number 2"}},
		{[][]byte{cert, root, inter}, 3, []string{"was reordered"}},
		{[][]byte{cert, other, inter}, 2, []string{"was reordered", `"Other" was left out`}},
		{[][]byte{cert, other}, 1, []string{`"Other" was left out`}},
	} {
		id, err := Load(w.write("chain.pem", tc.parts...), w.path("key.pem"))
		if err != nil {
			t.Fatal(err)
		}
		checkIdentity(t, id, tc.chain)
		notes := strings.Join(id.Notes, "; ")
		if len(id.Notes) != len(tc.notes) {
			t.Errorf("notes: %q, expected %q", id.Notes, tc.notes)
		}
		for _, want := range tc.notes {
			if !strings.Contains(notes, want) {
				t.Errorf("notes: %q lacks %q", notes, want)
			}
		}
	}
}

func TestNotesTellTroubles(t *testing.T) {
	w := newWorkshop(t)
	w.openssl("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key -subj /CN=old -days 10 -out cert " +
		"-addext keyUsage=critical,keyEncipherment")
	id, err := Load(w.path("cert"), w.path("key"))
	if err != nil {
		t.Fatal(err)
	}
	l := loader{}
	l.noteTroubles(id.Leaf, id.Leaf.NotAfter.AddDate(1, 0, 0))
	l.noteTroubles(id.Leaf, id.Leaf.NotBefore.AddDate(-1, 0, 0))
	all := strings.Join(l.notes, "\n")
	for _, want := range []string{"expired on", "not valid before", "an authority's", "digital signatures", "no subject alternative name"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is not among the notes:\n%s", want, all)
		}
	}
}

func TestNothingPrintsTheKey(t *testing.T) {
	w := newWorkshop(t)
	w.chain()
	id, err := Load(w.path("cert.pem"), w.path("key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		for _, value := range []any{id, *id} {
			if text := fmt.Sprintf(verb, value); !strings.HasPrefix(text, `identity of "localhost", ECDSA P-256, until 20`) {
				t.Errorf("%s prints %q", verb, text)
			}
		}
	}
	if id.LogValue().String() != id.String() {
		t.Error("logs another text")
	}
}

func TestPKCS12RoundTrip(t *testing.T) {
	w := newWorkshop(t)
	w.chain()
	w.write("chain.pem", w.read("cert.pem"), w.read("inter.pem"))
	id, err := Load(w.path("chain.pem"), w.path("key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	p12, err := id.EncodePKCS12("secret")
	if err != nil {
		t.Fatal(err)
	}
	file := w.write("out.p12", p12)
	again, err := LoadPKCS12(file, password("secret"))
	if err != nil {
		t.Fatal(err)
	}
	checkIdentity(t, again, 2)
	w.openssl("pkcs12 -in out.p12 -passin pass:secret -nodes -out out.pem")
	if _, err := Load(w.path("out.pem"), ""); err != nil {
		t.Error(err)
	}
	_, err = ParsePKCS12(p12, password("Secret"))
	if e := (*Error)(nil); !errors.As(err, &e) || e.Code != CodeWrongPassword {
		t.Errorf("wrong password: %v", err)
	}
}

func TestNew(t *testing.T) {
	w := newWorkshop(t)
	w.chain()
	id, err := Load(w.path("cert.pem"), w.path("key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(id.Chain, id.Signer); err != nil {
		t.Error(err)
	}
	for name, chain := range map[string][][]byte{"none": nil, "garbage": {[]byte("x")}} {
		if _, err := New(chain, id.Signer); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := New(id.Chain, nil); err == nil {
		t.Error("no key: accepted")
	}
}

func FuzzParse(f *testing.F) {
	w := newWorkshop(f)
	w.chain()
	w.openssl("pkcs8 -topk8 -in key.pem -passout pass:a -outform DER -out enc.der -v2 aes-128-cbc -iter 1")
	w.openssl("pkcs12 -export -inkey key.pem -in cert.pem -passout pass:a -out a.p12 -iter 1")
	w.openssl("pkey -in key.pem -outform DER -out key.der")
	for _, name := range []string{"cert.pem", "key.pem", "enc.der", "a.p12", "key.der", "cert.csr"} {
		f.Add(w.read(name))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		id, err := Parse(data, nil, password("a"))
		var e *Error
		if err != nil && !errors.As(err, &e) {
			t.Errorf("an error of another type: %v", err)
		}
		if err == nil && (id.Leaf == nil || id.Signer == nil) {
			t.Error("half an identity")
		}
	})
}
