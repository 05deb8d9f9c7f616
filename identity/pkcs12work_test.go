package identity

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des" //nolint:gosec // an old form of PKCS#12
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // an old form of PKCS#12
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

const forever = 1<<31 - 1 // iterations; they take half an hour

// element writes an element with a header.
func element(tag asn1.Tag, parts ...[]byte) []byte {
	var b cryptobyte.Builder
	b.AddASN1(tag, func(b *cryptobyte.Builder) { b.AddBytes(bytes.Join(parts, nil)) })
	return b.BytesOrPanic()
}

func sequence(parts ...[]byte) []byte { return element(asn1.SEQUENCE, parts...) }

func object(content string) []byte { return element(asn1.OBJECT_IDENTIFIER, []byte(content)) }

func octets(content ...[]byte) []byte { return element(asn1.OCTET_STRING, content...) }

func number(n int64) []byte {
	var b cryptobyte.Builder
	b.AddASN1Int64(n)
	return b.BytesOrPanic()
}

// pbes2 is an algorithm: PBKDF2 with SHA-256 and AES-256. salt is whole.
func pbes2(salt []byte, iterations int64, iv []byte) []byte {
	kdf := sequence(object(oidPBKDF2), sequence(salt, number(iterations),
		sequence(object("\x2a\x86\x48\x86\xf7\x0d\x02\x09"), element(asn1.NULL))))
	return sequence(object(oidPBES2), sequence(kdf,
		sequence(object("\x60\x86\x48\x01\x65\x03\x04\x01\x2a"), octets(iv))))
}

func padded(plain []byte, size int) []byte {
	n := size - len(plain)%size
	return append(bytes.Clone(plain), bytes.Repeat([]byte{byte(n)}, n)...)
}

// sealed encrypts with one iteration.
func sealed(t *testing.T, password string, plain []byte) (algorithm, data []byte) {
	t.Helper()
	salt, iv := []byte("saltsalt"), make([]byte, aes.BlockSize)
	key, err := pbkdf2.Key(sha256.New, password, salt, 1, 32)
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	data = padded(plain, aes.BlockSize)
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(data, data)
	return pbes2(octets(salt), 1, iv), data
}

// sealedOld encrypts as PKCS#12 did at first, with the empty password that has no
// end, and one iteration (RFC 7292, Appendix B.2).
func sealedOld(t *testing.T, plain []byte) (algorithm, data []byte) {
	t.Helper()
	salt := []byte("saltsalt")
	derive := func(id byte, length int) []byte {
		input := bytes.Repeat(salt, 8)
		var out []byte
		for len(out) < length {
			sum := sha1.Sum(append(bytes.Repeat([]byte{id}, 64), input...))
			out = append(out, sum[:]...)
			b := new(big.Int).SetBytes(append(bytes.Repeat(sum[:], 3), sum[:4]...))
			b.Add(b, new(big.Int).SetBytes(input)).Add(b, big.NewInt(1))
			b.Mod(b, new(big.Int).Lsh(big.NewInt(1), 512))
			b.FillBytes(input)
		}
		return out[:length]
	}
	block, err := des.NewTripleDESCipher(derive(1, 24))
	if err != nil {
		t.Fatal(err)
	}
	data = padded(plain, des.BlockSize)
	cipher.NewCBCEncrypter(block, derive(2, 8)).CryptBlocks(data, data)
	return sequence(object(oidPKCS12PBE+"\x03"), sequence(octets(salt), number(1))), data
}

func plainSafe(bags ...[]byte) []byte {
	return sequence(object(oidData), element(explicit0, octets(sequence(bags...))))
}

func encryptedSafe(algorithm, data []byte) []byte {
	content := element(asn1.Tag(0).ContextSpecific(), data)
	return sequence(object(oidEncrypted), element(explicit0,
		sequence(number(0), sequence(object(oidData), algorithm, content))))
}

// shrouded is a bag with an encrypted key.
func shrouded(algorithm, data []byte) []byte {
	return sequence(object(oidShroudedBag), element(explicit0, sequence(algorithm, octets(data))))
}

func certBag(der []byte) []byte {
	const x509Certificate = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x16\x01"
	return sequence(object(oidBags+"\x03"), element(explicit0,
		sequence(object(x509Certificate), element(explicit0, octets(der)))))
}

// file12 is a PKCS#12 file with a MAC of one iteration.
func file12(password []byte, safes ...[]byte) []byte {
	content := sequence(safes...)
	salt := []byte("salt")
	mac := sequence(sequence(sequence(object(oidSHA256), element(asn1.NULL)),
		octets(probeMAC(content, password, salt))), octets(salt), number(1))
	return sequence(number(3), sequence(object(oidData), element(explicit0, octets(content))), mac)
}

// leaf12 is a key in PKCS#8 and a certificate for it.
func leaf12(t *testing.T) (key, cert []byte) {
	t.Helper()
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if key, err = x509.MarshalPKCS8PrivateKey(signer); err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "x"}}
	if cert, err = x509.CreateCertificate(rand.Reader, c, c, signer.Public(), signer); err != nil {
		t.Fatal(err)
	}
	return key, cert
}

// inTime loads a file that must be refused before anything is derived.
func inTime(t *testing.T, data []byte, options ...Option) error {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		_, err := ParsePKCS12(data, options...)
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-time.After(time.Minute):
		t.Fatal("still at work after a minute")
		return nil
	}
}

// TestPKCS12Work has files that ask for half an hour of work in every place
// where they can, the inside of what is encrypted too.
func TestPKCS12Work(t *testing.T) {
	key, cert := leaf12(t)
	iv := make([]byte, aes.BlockSize)
	bomb := shrouded(pbes2(octets([]byte("salt")), forever, iv), make([]byte, 48))
	tagged := element(asn1.Tag(4).ContextSpecific(), []byte("salt"))
	empty := encodings("")[0]
	secret := encodings("secret")[0]
	inside := func(password string) []byte {
		return encryptedSafe(sealed(t, password, sequence(certBag(cert), bomb)))
	}
	old := encryptedSafe(sealedOld(t, sequence(certBag(cert), bomb)))
	keySafe := plainSafe(shrouded(sealed(t, "", key)))
	pbmac1 := func(kdf []byte) []byte {
		mac := sequence(sequence(sequence(object(oidPBMAC1), sequence(kdf,
			sequence(object("\x2a\x86\x48\x86\xf7\x0d\x02\x09")))), octets(make([]byte, 32))), octets(nil), number(1))
		return sequence(number(3), sequence(object(oidData),
			element(explicit0, octets(sequence(keySafe)))), mac)
	}
	kdf := func(salt []byte, iterations, length int64) []byte {
		return sequence(object(oidPBKDF2), sequence(salt, number(iterations), number(length)))
	}
	salt := octets([]byte("salt"))
	var many [][]byte
	for range maxBags + 1 {
		many = append(many, certBag(cert))
	}
	for name, c := range map[string]struct {
		file []byte
		text string
	}{
		"a key bag":                  {file12(empty, plainSafe(bomb)), "iterations"},
		"inside, no password":        {file12(empty, inside("")), "same encrypted bag"},
		"inside, no end of password": {file12(nil, old, keySafe), "same encrypted bag"},
		"inside, a password":         {file12(secret, inside("secret")), "same encrypted bag"},
		"inside, second": {file12(empty, plainSafe(certBag(cert)), inside("")),
			"same encrypted bag"},
		"a safe": {file12(empty,
			encryptedSafe(pbes2(salt, forever, iv), make([]byte, 48))), "iterations"},
		"a safe, the old way": {file12(empty, encryptedSafe(
			sequence(object(oidPKCS12PBE+"\x03"), sequence(salt, number(forever))), make([]byte,
				48))), "iterations"},
		"a salt with another tag": {file12(empty, plainSafe(
			shrouded(pbes2(tagged, forever, iv), make([]byte, 48)))), "structure"},
		"PBMAC1":                        {pbmac1(kdf(salt, forever, 32)), "iterations"},
		"PBMAC1, a salt of another tag": {pbmac1(kdf(tagged, forever, 32)), "structure"},
		"PBMAC1, a long key":            {pbmac1(kdf(salt, 1, forever)), "64 bytes"},
		"PBMAC1, blocks":                {pbmac1(kdf(salt, maxIterations/2, 64)), "iterations"},
		"many little works": {file12(empty, plainSafe(works(100, maxIterations/50)...)),
			"iterations"},
		"bags": {file12(empty, plainSafe(many...)), "128 bags"},
		"a large key": {file12(empty,
			plainSafe(shrouded(sealed(t, "", make([]byte, maxPrivate))))), "6 KiB"},
		"more in the MAC":                {moreMAC(keySafe), "structure"},
		"trailing data":                  {append(file12(empty, keySafe), 0), "structure"},
		"zero iterations":                {pbmac1(kdf(salt, 0, 32)), "iterations"},
		"an iteration count of 65 bits":  {file12(empty, plainSafe(bigCount(salt, iv))), "structure"},
		"a negative number of them, old": {file12(empty, plainSafe(bomb, negative(salt))), "iterations"},
	} {
		err := inTime(t, c.file, password("secret"))
		var e *Error
		if !errors.As(err, &e) || e.Code != CodeUnsupportedCipher || !strings.Contains(err.Error(),
			c.text) ||
			e.Hint != exportHint {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The same forms without the work are read, with and without a password.
	for text, encoded := range map[string][]byte{"": empty, "secret": secret} {
		good := file12(encoded, encryptedSafe(sealed(t, text, sequence(certBag(cert)))),
			plainSafe(shrouded(sealed(t, text, key))))
		if id, err := ParsePKCS12(good, password("secret")); err != nil || len(id.Chain) != 1 {
			t.Errorf("with the password %q: %v", text, err)
		}
	}
	oldGood := file12(nil, encryptedSafe(sealedOld(t, sequence(certBag(cert)))),
		plainSafe(shrouded(sealed(t, "", key))))
	if _, err := ParsePKCS12(oldGood); err != nil {
		t.Errorf("the old way: %v", err)
	}
}

// moreMAC has a second count of iterations behind the first.
func moreMAC(safe []byte) []byte {
	content := sequence(safe)
	mac := sequence(sequence(sequence(object(oidSHA256)), octets(nil)), octets(nil), number(1),
		number(forever))
	return sequence(number(3), sequence(object(oidData), element(explicit0, octets(content))), mac)
}

func works(n int, iterations int64) [][]byte {
	var all [][]byte
	for range n {
		all = append(all, shrouded(pbes2(octets([]byte("salt")), iterations, make([]byte, 16)),
			make([]byte, 48)))
	}
	return all
}

func bigCount(salt, iv []byte) []byte {
	algorithm := pbes2(salt, forever, iv)
	return shrouded(bytes.Replace(algorithm, number(forever),
		element(asn1.INTEGER, append([]byte{1}, make([]byte, 8)...)), 1), make([]byte, 48))
}

func negative(salt []byte) []byte {
	return shrouded(sequence(object(oidPKCS12PBE+"\x03"), sequence(salt, number(-1))),
		make([]byte, 48))
}

// TestLargeKeys has RSA keys of 262,144 bits where nothing is encrypted.
func TestLargeKeys(t *testing.T) {
	raw := make([]byte, 262_144/8)
	rand.Read(raw)
	raw[0], raw[len(raw)-1] = raw[0]|0x80, raw[len(raw)-1]|1
	large := &rsa.PublicKey{N: new(big.Int).SetBytes(raw), E: 65537}
	key, cert := leaf12(t)
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "x"},
		IsCA: true, BasicConstraintsValid: true}
	authority, err := x509.CreateCertificate(rand.Reader, c, c, large, signer)
	if err != nil {
		t.Fatal(err)
	}
	file := file12(encodings("")[0], plainSafe(shrouded(sealed(t, "", key)), certBag(cert),
		certBag(authority)))
	var e *Error
	if err := inTime(t, file); !errors.As(err, &e) || e.Code != CodeWeakKey ||
		!strings.Contains(err.Error(), "262144 bits") {
		t.Errorf("an authority in a chain: %v", err)
	}
}

// TestLargePrivateKeys has a private key with a modulus of 60,000 bits, which package rsa
// would check for a while, in each form of a file.
func TestLargePrivateKeys(t *testing.T) {
	_, cert := leaf12(t)
	modulus := make([]byte, 60_000/8)
	modulus[0], modulus[len(modulus)-1] = 1, 1
	numbers := [][]byte{number(0), element(asn1.INTEGER, modulus), number(65537)}
	for range 6 {
		numbers = append(numbers, number(3))
	}
	old := sequence(numbers...)
	rsaKey := object("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01")
	key := sequence(number(0), sequence(rsaKey, element(asn1.NULL)), octets(old))
	keyBag := sequence(object(oidKeyBag), element(explicit0, key))
	fromPEM := func(label string, der []byte) error {
		_, err := ParseKey(pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der}))
		return err
	}
	encrypted := func() error {
		algorithm, data := sealed(t, "", key)
		_, err := ParseKey(sequence(algorithm, octets(data)), password(""))
		return err
	}
	_, der := ParseKey(key)
	for name, err := range map[string]error{
		"PKCS#1":           fromPEM("RSA PRIVATE KEY", old),
		"PKCS#8":           fromPEM("PRIVATE KEY", key),
		"PKCS#8 in DER":    der,
		"encrypted PKCS#8": encrypted(),
		"PKCS#12": inTime(t, file12(encodings("")[0],
			plainSafe(shrouded(sealed(t, "", key)), certBag(cert)))),
		"PKCS#12, plain": inTime(t, file12(encodings("")[0], plainSafe(keyBag, certBag(cert)))),
	} {
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), "6 KiB") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestLargestPrivateKey has the largest key that is accepted, in each form of a file.
func TestLargestPrivateKey(t *testing.T) {
	large := make([]byte, 8192/8)
	rand.Read(large)
	large[0], large[len(large)-1] = large[0]|0x80, large[len(large)-1]|1
	half := element(asn1.INTEGER, append([]byte{0}, large[:4096/8]...))
	whole := element(asn1.INTEGER, append([]byte{0}, large...))
	old := sequence(number(0), whole, number(65537), whole, half, half, half, half, half)
	rsaKey := object("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01")
	key := sequence(number(0), sequence(rsaKey, element(asn1.NULL)), octets(old))
	_, cert := leaf12(t)
	_, err := ParseKey(key)
	for name, err := range map[string]error{
		"PKCS#8": err,
		"PKCS#12": inTime(t, file12(encodings("")[0],
			plainSafe(shrouded(sealed(t, "", key)), certBag(cert)))),
	} {
		if err == nil || strings.Contains(err.Error(), "KiB") {
			t.Errorf("%s: %v", name, err) // the numbers are wrong, the size is not
		}
	}
}

// TestScryptWork tries the bounds of scrypt: memory and rounds count together.
func TestScryptWork(t *testing.T) {
	for _, c := range []struct {
		cost, size, parallel int64
		ok                   bool
	}{
		{1 << 14, 8, 1, true}, {1 << 18, 8, 1, true}, {1 << 14, 8, 16, true},
		{1 << 19, 8, 1, false}, {1 << 14, 8, 17, false}, {1 << 19, 8, 16, false}, {2, 1, 1 << 30, false},
		{1 << 30, 1 << 30, 1 << 30, false}, {1, 8, 1, false}, {2, 0, 1, false}, {2, 1, 0, false},
	} {
		der := cryptobyte.String(sequence(octets([]byte("salt")), number(c.cost), number(c.size),
			number(c.parallel)))
		var parameters cryptobyte.String
		der.ReadASN1(&parameters, asn1.SEQUENCE)
		if _, err := parseScrypt(parameters); (err == nil) != c.ok {
			t.Errorf("N %d, r %d, p %d: %v", c.cost, c.size, c.parallel, err)
		}
	}
}

func FuzzPKCS12Work(f *testing.F) {
	f.Add(file12(encodings("")[0], plainSafe(works(2, 1000)...)))
	f.Add(file12(encodings("")[0], encryptedSafe(pbes2(octets([]byte("salt")), 1000,
		make([]byte, 16)), make([]byte, 48))))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := parsePFX(data)
		if err == nil && (p.work > maxIterations || p.bags > maxBags || len(p.safes) > maxSafes) {
			t.Errorf("accepted: %d iterations, %d bags, %d safes", p.work, p.bags, len(p.safes))
		}
	})
}
