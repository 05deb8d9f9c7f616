package pss

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// marked writes a key with the other algorithm identifier.
func marked(t testing.TB, key *rsa.PrivateKey) (public, private []byte) {
	t.Helper()
	algorithm := func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.OBJECT_IDENTIFIER, func(b *cryptobyte.Builder) { b.AddBytes([]byte(oid)) })
		})
	}
	var p, s cryptobyte.Builder
	p.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		algorithm(b)
		b.AddASN1BitString(x509.MarshalPKCS1PublicKey(&key.PublicKey))
	})
	s.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(0)
		algorithm(b)
		b.AddASN1OctetString(x509.MarshalPKCS1PrivateKey(key))
	})
	return p.BytesOrPanic(), s.BytesOrPanic()
}

func TestKeys(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	spki, pkcs8 := marked(t, key)
	public, ok := ParsePublicKey(spki)
	if !ok {
		t.Fatal("the public key was not read")
	}
	if inner, ok := InnerKey(pkcs8); !ok || !bytes.Equal(inner, x509.MarshalPKCS1PrivateKey(key)) {
		t.Fatal("the private key was not found")
	}
	private := NewPrivateKey(key)
	if !public.Equal(private.Public()) || public.Equal(&key.PublicKey) {
		t.Error("the keys compare wrongly")
	}
	digest := sha256.Sum256([]byte("hello"))
	opts := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}
	signature, err := private.Sign(rand.Reader, digest[:], opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := rsa.VerifyPSS(public.PublicKey, crypto.SHA256, digest[:], signature, opts); err != nil {
		t.Error(err)
	}
	if _, err := private.Sign(rand.Reader, digest[:], crypto.SHA256); err == nil {
		t.Error("signed without PSS")
	}
	if text := fmt.Sprintf("%v %+v %#v %s", private, private, private, private); strings.ReplaceAll(text, "[redacted]", "") != "   " {
		t.Errorf("printed %q", text)
	}
}

func TestOtherKeys(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := ParsePublicKey(plain); ok {
		t.Error("another kind of key was read")
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := InnerKey(der); ok {
		t.Error("another kind of private key was found")
	}
	spki, pkcs8 := marked(t, key)
	for _, cut := range []int{0, 1, 10, 40, len(pkcs8) - 1} {
		if _, ok := InnerKey(pkcs8[:cut]); ok {
			t.Errorf("%d bytes of a private key were taken", cut)
		}
	}
	if _, ok := ParsePublicKey(append(spki, 0)); ok {
		t.Error("a byte too many was taken")
	}
}

func FuzzParsePublicKey(f *testing.F) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		f.Fatal(err)
	}
	spki, _ := marked(f, key)
	f.Add(spki)
	f.Fuzz(func(t *testing.T, spki []byte) {
		if k, ok := ParsePublicKey(spki); ok && (k.N.Sign() <= 0 || k.E < 3) {
			t.Errorf("%v", k)
		}
	})
}
