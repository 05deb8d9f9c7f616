//go:build !standardp256

package p256

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"math/big"
	insecure "math/rand/v2"
	"os"
	"sync"
	"testing"

	"filippo.io/nistec"

	"github.com/sealsock/sealsock/internal/reuse"
)

// withTable returns a memory that has a key's table.
func withTable(t testing.TB, key *ecdsa.PublicKey) *reuse.Recent[affine, multiples] {
	t.Helper()
	r := new(reuse.Recent[affine, multiples])
	at, ok := affineOf(key)
	q, err := at.point()
	if !ok || err != nil {
		t.Fatal("a key is not on the curve")
	}
	r.Used(at.hash(), at)
	r.Put(at.hash(), at, newMultiples(q))
	return r
}

// verifiers are verify without a table and with one.
func verifiers(t testing.TB, key *ecdsa.PublicKey) map[string]func(digest, sig []byte) bool {
	none, table := new(reuse.Recent[affine, multiples]), withTable(t, key)
	return map[string]func(digest, sig []byte) bool{
		"without a table": func(digest, sig []byte) bool { return verify(none, key, digest, sig) },
		"with a table":    func(digest, sig []byte) bool { return verify(table, key, digest, sig) },
	}
}

// TestWycheproof: Wycheproof's signatures are accepted if they are valid.
func TestWycheproof(t *testing.T) {
	data, err := os.ReadFile("testdata/wycheproof.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Keys  [][]byte
		Tests []struct {
			ID                 int
			Comment            string
			Key                int
			Message, Signature []byte
			Valid              bool
		}
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	accepted, refused := 0, 0
	for _, v := range file.Tests {
		key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), file.Keys[v.Key])
		if err != nil {
			t.Fatal(err)
		}
		digest := sha256.Sum256(v.Message)
		for how, verify := range verifiers(t, key) {
			if verify(digest[:], v.Signature) != v.Valid {
				t.Errorf("test %d (%s) %s: valid is %v", v.ID, v.Comment, how, v.Valid)
			}
		}
		if v.Valid {
			accepted++
		} else {
			refused++
		}
	}
	if accepted < 170 || refused < 300 {
		t.Errorf("%d signatures are valid and %d are not: vectors are missing", accepted, refused)
	}
}

// TestVerify compares with crypto/ecdsa: signatures under random keys and the least and
// greatest ones, over digests of all lengths that TLS has, and each with one bit changed.
func TestVerify(t *testing.T) {
	random := insecure.New(insecure.NewPCG(1, 2))
	for _, key := range keys(t) {
		hows := verifiers(t, &key.PublicKey)
		for _, n := range []int{1, 20, 31, 32, 33, 48, 64} {
			digest := make([]byte, n)
			rand.Read(digest)
			signature, err := ecdsa.SignASN1(rand.Reader, key, digest)
			if err != nil {
				t.Fatal(err)
			}
			other := bytes.Clone(signature)
			other[random.IntN(len(other))] ^= 1 << random.IntN(8)
			for how, verify := range hows {
				if !verify(digest, signature) {
					t.Fatalf("%s, a digest of %d bytes: a signature is refused", how, n)
				}
				if verify(digest, other) != ecdsa.VerifyASN1(&key.PublicKey, digest, other) {
					t.Fatalf("%s, a digest of %d bytes: %x", how, n, other)
				}
				digest[0] ^= 0x80
				if verify(digest, signature) {
					t.Fatalf("%s, a digest of %d bytes: another has the same signature", how, n)
				}
				digest[0] ^= 0x80
			}
		}
	}
}

// TestCombine: a G + b d G is (a + b d) G for numbers at the limits. Among them are equal and
// opposite points, and the point at infinity.
func TestCombine(t *testing.T) {
	mod := func(n *big.Int) *big.Int { return new(big.Int).Mod(n, bigOrder) }
	d := new(big.Int).SetBytes(bytes.Repeat([]byte{0x5a}, 32))
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), d.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	at, _ := affineOf(&key.PublicKey)
	q, err := at.point()
	if err != nil {
		t.Fatal(err)
	}
	table := newMultiples(q)
	check := func(a, b *big.Int) {
		t.Helper()
		product := mod(new(big.Int).Mul(b, d))
		sum := mod(new(big.Int).Add(a, product)).FillBytes(make([]byte, 32))
		want, err := nistec.NewP256Point().ScalarBaseMult(sum)
		if err != nil {
			t.Fatal(err)
		}
		x, finite := want.BytesX()
		u, v := scalarOf(a), scalarOf(b)
		for _, m := range []*multiples{nil, table} {
			got, ok := combine(&at, m, &u, &v)
			if ok != (finite == nil) {
				t.Fatalf("a %x, b %x, table %v: ok is %v", a, b, m != nil, ok)
			}
			if ok && got.big().Cmp(mod(new(big.Int).SetBytes(x))) != 0 {
				t.Fatalf("a %x, b %x, table %v: %x, want %x", a, b, m != nil, got.big(), x)
			}
		}
	}
	for i, b := range numbers() {
		b = mod(b)
		product := mod(new(big.Int).Mul(b, d))
		check(product, b)
		check(mod(new(big.Int).Neg(product)), b)
		check(big.NewInt(0), b)
		check(mod(numbers()[(i+7)%20]), b)
	}
}

// TestOtherKeys refuses what is no point of the curve, and leaves other curves to
// crypto/ecdsa.
func TestOtherKeys(t *testing.T) {
	digest := bytes.Repeat([]byte{7}, 32)
	key := keys(t)[3]
	signature, err := Sign(rand.Reader, key, digest)
	if err != nil {
		t.Fatal(err)
	}
	x, y := coordinates(&key.PublicKey)
	one := big.NewInt(1)
	p := elliptic.P256().Params().P
	for name, at := range map[string][2]*big.Int{
		"no point":       {x, new(big.Int).Add(y, one)},
		"nil":            {nil, nil},
		"zero":           {new(big.Int), new(big.Int)},
		"negative":       {x, new(big.Int).Neg(y)},
		"long":           {new(big.Int).Lsh(x, 256), y},
		"not reduced":    {p, y},
		"the other half": {x, new(big.Int).Sub(p, y)}, // on the curve, but another key
	} {
		other := withCoordinates(at[0], at[1])
		if verify(new(reuse.Recent[affine, multiples]), other, digest, signature) {
			t.Errorf("%s: a signature is valid", name)
		}
	}
	key384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signature, err = ecdsa.SignASN1(rand.Reader, key384, digest)
	if err != nil || !Verify(&key384.PublicKey, digest, signature) {
		t.Errorf("a signature with P-384 is refused: %v", err)
	}
}

// coordinates returns those of a key, and withCoordinates makes a key of some, also of none.
func coordinates(key *ecdsa.PublicKey) (x, y *big.Int) {
	at, _ := affineOf(key)
	return new(big.Int).SetBytes(at[:32]), new(big.Int).SetBytes(at[32:])
}

func withCoordinates(x, y *big.Int) *ecdsa.PublicKey {
	//lint:ignore SA1019 no other function makes such a key
	return &ecdsa.PublicKey{Curve: elliptic.P256(), X: x, Y: y}
}

// TestNotReduced refuses s + n in the place of s. FIPS 186-5, Section 6.4.2, step 1. The
// digest is made for a small s, so that the sum has 256 bits.
func TestNotReduced(t *testing.T) {
	key := keys(t)[3]
	d, err := key.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	k, s := big.NewInt(12345), big.NewInt(5)
	point, err := nistec.NewP256Point().ScalarBaseMult(k.FillBytes(make([]byte, 32)))
	if err != nil {
		t.Fatal(err)
	}
	x, err := point.BytesX()
	if err != nil {
		t.Fatal(err)
	}
	r := new(big.Int).SetBytes(x)
	e := new(big.Int).Mul(s, k)
	e.Sub(e, new(big.Int).Mul(r, new(big.Int).SetBytes(d)))
	digest := e.Mod(e, bigOrder).FillBytes(make([]byte, 32))
	rs, ss, sum := scalarOf(r), scalarOf(s), scalarOf(new(big.Int).Add(s, bigOrder))
	for how, verify := range verifiers(t, &key.PublicKey) {
		if !verify(digest, encode(&rs, &ss)) {
			t.Errorf("%s: s is refused", how)
		}
		if verify(digest, encode(&rs, &sum)) {
			t.Errorf("%s: s + n is accepted", how)
		}
	}
}

// TestConcurrentVerifiers verify with keys that have no table at first.
func TestConcurrentVerifiers(t *testing.T) {
	list := keys(t)
	digest := bytes.Repeat([]byte{7}, 32)
	signatures := make([][]byte, len(list))
	for i, key := range list {
		var err error
		if signatures[i], err = Sign(rand.Reader, key, digest); err != nil {
			t.Fatal(err)
		}
	}
	var tables reuse.Recent[affine, multiples]
	var verifiers sync.WaitGroup
	for n := range 4 {
		verifiers.Go(func() {
			for i := range 200 {
				i = (i/8 + n) % len(list)
				if !verify(&tables, &list[i].PublicKey, digest, signatures[i]) {
					t.Errorf("the signature of key %d is refused", i)
					return
				}
				if verify(&tables, &list[i].PublicKey, digest, signatures[(i+1)%len(list)]) {
					t.Errorf("the signature of another key than %d is accepted", i)
					return
				}
			}
		})
	}
	verifiers.Wait()
}

// TestTableOfThirdSignature: the fourth verification has a table. One that fails does not
// count, so that it takes no more memory and time than in crypto/ecdsa.
func TestTableOfThirdSignature(t *testing.T) {
	key := keys(t)[3]
	at, _ := affineOf(&key.PublicKey)
	digest := make([]byte, 32)
	good, err := Sign(rand.Reader, key, digest)
	if err != nil {
		t.Fatal(err)
	}
	bad, err := Sign(rand.Reader, key, []byte("another"))
	if err != nil {
		t.Fatal(err)
	}
	var tables reuse.Recent[affine, multiples]
	for range 10 {
		if verify(&tables, &key.PublicKey, digest, bad) || tables.Get(at.hash(), at) != nil {
			t.Fatal("a signature that is not valid counts")
		}
	}
	for n := 1; n <= 4; n++ {
		if has := tables.Get(at.hash(), at) != nil; has != (n > 3) {
			t.Errorf("verification %d: there is a table: %v", n, has)
		}
		if !verify(&tables, &key.PublicKey, digest, good) {
			t.Fatal("a signature is refused")
		}
	}
}

// TestVerifyDoesNotAllocate bounds the cost of a signature of a key in use.
func TestVerifyDoesNotAllocate(t *testing.T) {
	if !enabled() {
		t.Skip("crypto/ecdsa verifies")
	}
	key := keys(t)[3]
	digest := make([]byte, 32)
	signature, err := Sign(rand.Reader, key, digest)
	if err != nil {
		t.Fatal(err)
	}
	tables := withTable(t, &key.PublicKey)
	n := testing.AllocsPerRun(20, func() {
		if !verify(tables, &key.PublicKey, digest, signature) {
			t.Fatal("a signature is refused")
		}
	})
	if n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzVerify compares with crypto/ecdsa, for signatures of any form.
func FuzzVerify(f *testing.F) {
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), bytes.Repeat([]byte{9}, 32))
	if err != nil {
		f.Fatal(err)
	}
	digest := make([]byte, 32)
	for range 4 {
		signature, err := ecdsa.SignASN1(rand.Reader, key, digest)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(digest, signature)
	}
	f.Add(digest, []byte{0x30, 6, 2, 1, 1, 2, 1, 1})
	f.Add(digest, []byte{0x30, 0x81, 6, 2, 1, 1, 2, 1, 1})
	f.Add(digest, []byte{0x30, 8, 2, 2, 0, 1, 2, 2, 0, 1})
	hows := verifiers(f, &key.PublicKey)
	f.Fuzz(func(t *testing.T, digest, signature []byte) {
		if len(digest) == 0 {
			return // is left to crypto/ecdsa
		}
		want := ecdsa.VerifyASN1(&key.PublicKey, digest, signature)
		for how, verify := range hows {
			if verify(digest, signature) != want {
				t.Errorf("%s: %x is valid: %v", how, signature, !want)
			}
		}
		r, s, ok := decode(signature)
		if ok && !bytes.Equal(encode(&r, &s), signature) {
			t.Errorf("%x is read as %x", signature, encode(&r, &s))
		}
	})
}

// BenchmarkVerify compares with crypto/ecdsa.
func BenchmarkVerify(b *testing.B) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	digest := make([]byte, 32)
	signature, err := Sign(rand.Reader, key, digest)
	if err != nil {
		b.Fatal(err)
	}
	hows := verifiers(b, &key.PublicKey)
	hows["standard"] = func(digest, signature []byte) bool {
		return ecdsa.VerifyASN1(&key.PublicKey, digest, signature)
	}
	for how, verify := range hows {
		b.Run(how, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if !verify(digest, signature) {
					b.Fatal("a signature is refused")
				}
			}
		})
	}
}
