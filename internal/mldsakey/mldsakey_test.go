package mldsakey

import (
	"bytes"
	"crypto"
	"crypto/mldsa"
	"crypto/rand"
	"crypto/x509"
	"encoding"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// pkcs8 writes a key of a set with the given choice.
func pkcs8(s *set, choice func(*cryptobyte.Builder)) []byte {
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(0)
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.OBJECT_IDENTIFIER, func(b *cryptobyte.Builder) { b.AddBytes([]byte(s.oid)) })
		})
		b.AddASN1(asn1.OCTET_STRING, choice)
	})
	return b.BytesOrPanic()
}

// forms writes a key in the three forms of RFC 9881.
func forms(s *set, seed, expanded []byte) map[string][]byte {
	octets := func(b *cryptobyte.Builder, data []byte) {
		b.AddASN1OctetString(data)
	}
	return map[string][]byte{
		"seed": pkcs8(s, func(b *cryptobyte.Builder) {
			tag := asn1.Tag(0).ContextSpecific()
			b.AddASN1(tag, func(b *cryptobyte.Builder) { b.AddBytes(seed) })
		}),
		"expanded": pkcs8(s, func(b *cryptobyte.Builder) { octets(b, expanded) }),
		"both": pkcs8(s, func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				octets(b, seed)
				octets(b, expanded)
			})
		}),
	}
}

// TestForms: each form of a key signs as the seed does, in certificates too.
func TestForms(t *testing.T) {
	for i := range sets() {
		s := &sets()[i]
		key, err := mldsa.GenerateKey(s.parameters)
		if err != nil {
			t.Fatal(err)
		}
		for name, der := range forms(s, key.Bytes(), s.seeded(key.Bytes())) {
			got, err := Parse(der)
			if err != nil {
				t.Errorf("%v, %s: %v", s.parameters, name, err)
				continue
			}
			if !key.PublicKey().Equal(got.Public()) {
				t.Errorf("%v, %s: another public key", s.parameters, name)
			}
			template := &x509.Certificate{SerialNumber: big.NewInt(1)}
			raw, err := x509.CreateCertificate(rand.Reader, template, template, got.Public(), got)
			if err != nil {
				t.Errorf("%v, %s: %v", s.parameters, name, err)
				continue
			}
			c, err := x509.ParseCertificate(raw)
			if err != nil || c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate,
				c.Signature) != nil {
				t.Errorf("%v, %s: the certificate does not verify: %v", s.parameters, name, err)
			}
			text := fmt.Sprintf("%v %+v", got, got)
			if name == "expanded" && text != "[redacted] [redacted]" {
				t.Errorf("the key prints as %q", text)
			}
		}
	}
}

// TestDamaged: a key whose parts do not go together is malformed. RFC 9881,
// Private Key Consistency Testing.
func TestDamaged(t *testing.T) {
	for i := range sets() {
		s := &sets()[i]
		key, err := mldsa.GenerateKey(s.parameters)
		if err != nil {
			t.Fatal(err)
		}
		good := s.seeded(key.Bytes())
		change := func(at int) []byte {
			bad := bytes.Clone(good)
			bad[at] ^= 1
			return bad
		}
		for name, bad := range map[string][]byte{
			"both, altered": forms(s, key.Bytes(), change(40))["both"],
			// The parts are rho, K, tr, s1, s2 and t0; K may have any value.
			"rho":               forms(s, nil, change(0))["expanded"],
			"tr":                forms(s, nil, change(64))["expanded"],
			"s1":                forms(s, nil, change(128))["expanded"],
			"short":             forms(s, nil, good[1:])["expanded"],
			"long":              forms(s, nil, append(bytes.Clone(good), 0))["expanded"],
			"short seed":        forms(s, key.Bytes()[1:], nil)["seed"],
			"short seed, both":  forms(s, key.Bytes()[1:], good)["both"],
			"nothing":           pkcs8(s, func(*cryptobyte.Builder) {}),
			"a byte behind":     append(forms(s, key.Bytes(), nil)["seed"], 0),
			"another size":      forms(&sets()[(i+1)%len(sets())], nil, good)["expanded"],
			"a byte after both": pkcs8(s, trailing(key.Bytes(), good)),
		} {
			if got, err := Parse(bad); err == nil {
				t.Errorf("%v, %s: accepted as %T", s.parameters, name, got)
			}
		}
	}
}

// trailing writes a key with a byte after it.
func trailing(seed, expanded []byte) func(*cryptobyte.Builder) {
	return func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1OctetString(seed)
			b.AddASN1OctetString(expanded)
		})
		b.AddUint8(0)
	}
}

// TestOthers: keys of other algorithms are left to other packages.
func TestOthers(t *testing.T) {
	other := sets()[0]
	other.oid = "\x2b\x65\x70"
	for _, der := range [][]byte{nil, {1, 2, 3}, forms(&other, make([]byte, 32), nil)["seed"]} {
		if key, err := Parse(der); key != nil || err != nil {
			t.Errorf("%x: %v, %v", der, key, err)
		}
	}
}

// TestSigns: a key without its seed refuses what it does not do.
func TestSigns(t *testing.T) {
	s := &sets()[0]
	expanded := s.seeded(make([]byte, mldsa.PrivateKeySize))
	key, err := Parse(forms(s, nil, expanded)["expanded"])
	if err != nil {
		t.Fatal(err)
	}
	context := &mldsa.Options{Context: "a"}
	for _, opts := range []crypto.SignerOpts{crypto.SHA256, crypto.MLDSAMu, context} {
		if _, err := key.Sign(nil, make([]byte, 64), opts); err == nil ||
			!strings.Contains(err.Error(), "without its seed") {
			t.Errorf("%v: %v", opts, err)
		}
	}
	none := (*mldsa.Options)(nil)
	for _, opts := range []crypto.SignerOpts{nil, crypto.Hash(0), &mldsa.Options{}, none} {
		sig, err := key.Sign(nil, []byte("hello"), opts)
		if err != nil {
			t.Fatal(err)
		}
		if err := mldsa.Verify(key.Public().(*mldsa.PublicKey), []byte("hello"), sig, nil); err != nil {
			t.Error(err)
		}
	}
	if _, ok := key.(encoding.BinaryMarshaler); ok {
		t.Error("the key can be written")
	}
}

func FuzzParse(f *testing.F) {
	for _, der := range forms(&sets()[0], make([]byte, 32), sets()[0].seeded(make([]byte, 32))) {
		f.Add(der)
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		key, err := Parse(der)
		if key == nil || err != nil {
			return
		}
		if _, err := key.Sign(rand.Reader, []byte("hello"), crypto.Hash(0)); err != nil {
			t.Error(err)
		}
	})
}
