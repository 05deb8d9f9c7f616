//go:build !standardp256

package p256

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"math/big"
	insecure "math/rand/v2"
	"runtime"
	"runtime/debug"
	"sync"
	"testing"
	"testing/iotest"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func scalarOf(n *big.Int) (z scalar) {
	z.set((*[32]byte)(n.FillBytes(make([]byte, 32))))
	return z
}

func (z *scalar) big() *big.Int { return new(big.Int).SetBytes(z.bytes()) }

// TestRFC6979 signs with the nonces of RFC 6979, Appendix A.2.5, and any blinding.
func TestRFC6979(t *testing.T) {
	key := unhex(t, "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721")
	digest := func(sum [32]byte) []byte { return sum[:] }
	short, long := sha1.Sum([]byte("sample")), sha512.Sum512([]byte("sample"))
	for _, v := range []struct {
		digest  []byte
		k, r, s string
	}{
		{digest(sha256.Sum256([]byte("sample"))),
			"A6E3C57DD01ABE90086538398355DD4C3B17AA873382B0F24D6129493D8AAD60",
			"EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716",
			"F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8"},
		{digest(sha256.Sum256([]byte("test"))),
			"D16B6AE827F17175E040871A1C7EC3500192C4C92677336EC2537ACAEE0008E0",
			"F1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367",
			"019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083"},
		{short[:],
			"882905F1227FD620FBF2ABF21244F0BA83D0DC3A9103DBBEE43A1FB858109DB4",
			"61340C88C3AAEBEB4F6D667F672CA9759A6CCAA9FA8811313039EE4A35471D32",
			"6D7F147DAC089441BB2E2FE8F7A3FA264B9C475098FDCF6E00D7C996E1B8B7EB"},
		{long[:],
			"5FA81C63109BADB88C1F367B47DA606DA28CAD69AA22C4FE6AD7DF73A7173AA5",
			"8496A60B5E9B47C825488827E0495B0E3FA109EC4568FD3F8D1097678EB97F00",
			"2362AB1ADBE2B8ADF9CB9EDAB740EA6049C028114F2460F96554F61FAE3302FE"},
	} {
		nonce := scalarOf(new(big.Int).SetBytes(unhex(t, v.k)))
		nonce.montgomery(&nonce)
		for i := range 5 {
			blind := scalarOf(new(big.Int).SetBytes(bytes.Repeat([]byte{byte(i + 1)}, 32)))
			der, ok := sign((*[32]byte)(key), &nonce, &blind, v.digest)
			var got struct{ R, S *big.Int }
			if rest, err := asn1.Unmarshal(der, &got); !ok || err != nil || len(rest) > 0 {
				t.Fatalf("%x: %v", der, err)
			}
			want := [2]*big.Int{new(big.Int).SetBytes(unhex(t, v.r)), new(big.Int).SetBytes(unhex(t, v.s))}
			if got.R.Cmp(want[0]) != 0 || got.S.Cmp(want[1]) != 0 {
				t.Errorf("got %x and %x, want %x and %x", got.R, got.S, want[0], want[1])
			}
		}
	}
}

// keys are random ones, and the least and the greatest.
func keys(t *testing.T) (list []*ecdsa.PrivateKey) {
	t.Helper()
	numbers := []*big.Int{big.NewInt(1), big.NewInt(2), new(big.Int).Sub(bigOrder, big.NewInt(1))}
	for _, n := range numbers {
		key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), n.FillBytes(make([]byte, 32)))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, key)
	}
	for range 20 {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, key)
	}
	return list
}

// TestStandardVerifies: crypto/ecdsa accepts each signature, and not for another digest.
func TestStandardVerifies(t *testing.T) {
	for _, key := range keys(t) {
		for _, n := range []int{0, 1, 20, 31, 32, 33, 48, 64} {
			for _, fill := range []byte{0, 0xff, 0x5a} {
				digest := bytes.Repeat([]byte{fill}, n)
				if n > 0 && fill == 0x5a {
					rand.Read(digest)
				}
				signature, err := Sign(rand.Reader, key, digest)
				if n == 0 {
					continue // crypto/ecdsa refuses it
				}
				if err != nil || !ecdsa.VerifyASN1(&key.PublicKey, digest, signature) {
					t.Fatalf("a digest of %d bytes: %v", n, err)
				}
				digest[0] ^= 1
				if ecdsa.VerifyASN1(&key.PublicKey, digest, signature) {
					t.Fatalf("a digest of %d bytes: another has the same signature", n)
				}
			}
		}
	}
}

// TestConcurrentSigners signs with one key from several goroutines, here and in crypto/ecdsa.
func TestConcurrentSigners(t *testing.T) {
	key := keys(t)[3]
	var signers sync.WaitGroup
	for i := range 4 {
		signers.Go(func() {
			digest := bytes.Repeat([]byte{byte(i)}, 32)
			for n := range 300 {
				sign := Sign
				if n%4 == 0 {
					sign = ecdsa.SignASN1
				}
				signature, err := sign(rand.Reader, key, digest)
				if err != nil || !ecdsa.VerifyASN1(&key.PublicKey, digest, signature) {
					t.Errorf("signature %d of goroutine %d is wrong: %v", n, i, err)
					return
				}
			}
		})
	}
	signers.Wait()
	// Whether two of them meet is chance. What the cache has is the same memory until a collection.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	runtime.GC()
	shared, err := key.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	before := bytes.Clone(shared)
	if _, err := Sign(rand.Reader, key, make([]byte, 32)); err != nil {
		t.Error(err)
	}
	if !bytes.Equal(shared, before) {
		t.Error("Sign has changed the key that crypto/ecdsa keeps")
	}
}

// TestNonceIsHedged: with a random source that repeats itself each digest has a nonce of its
// own, and with one that works each signature.
func TestNonceIsHedged(t *testing.T) {
	if !enabled() {
		t.Skip("crypto/ecdsa signs")
	}
	list := keys(t)
	zeros := make([]byte, 64)
	nonce := func(key *ecdsa.PrivateKey, random, digest []byte) string {
		signature, err := Sign(bytes.NewReader(random), key, digest)
		if err != nil {
			t.Fatal(err)
		}
		var got struct{ R, S *big.Int }
		if _, err := asn1.Unmarshal(signature, &got); err != nil {
			t.Fatal(err)
		}
		return got.R.String()
	}
	seen := map[string]bool{}
	one := bytes.Repeat([]byte{1}, 64)
	for _, key := range list[:4] {
		for _, random := range [][]byte{zeros, one} {
			for _, digest := range [][]byte{zeros[:32], one[:32], zeros[:48], one[:48]} {
				r := nonce(key, random, digest)
				if seen[r] {
					t.Fatal("two signatures have the same nonce")
				}
				seen[r] = true
				if nonce(key, random, digest) != r {
					t.Fatal("the nonce depends on more than the key, the random bytes and the digest")
				}
			}
		}
	}
	failed := errors.New("no random bytes")
	if _, err := Sign(iotest.ErrReader(failed), list[0], one[:32]); !errors.Is(err, failed) {
		t.Errorf("a random source that fails: %v", err)
	}
}

// TestOtherCurve refuses a key of another curve.
func TestOtherCurve(t *testing.T) {
	if !enabled() {
		t.Skip("crypto/ecdsa signs")
	}
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Sign(rand.Reader, key, make([]byte, 32)); err == nil {
		t.Error("a key of P-384 signs")
	}
}

// numbers are those at the limits and random ones.
func numbers() (list []*big.Int) {
	top := new(big.Int).Lsh(big.NewInt(1), 256)
	for i := range int64(3) {
		list = append(list, big.NewInt(i), new(big.Int).Sub(top, big.NewInt(i+1)))
		list = append(list, new(big.Int).Sub(bigOrder, big.NewInt(i)))
		list = append(list, new(big.Int).Add(bigOrder, big.NewInt(i)))
	}
	random := insecure.NewChaCha8([32]byte{3})
	for range 60 {
		b := make([]byte, 32)
		random.Read(b)
		list = append(list, new(big.Int).SetBytes(b))
	}
	for i := uint(1); i < 256; i += 17 {
		list = append(list, new(big.Int).Lsh(big.NewInt(1), i))
	}
	return list
}

// TestArithmetic compares with math/big.
func TestArithmetic(t *testing.T) {
	mod := func(n *big.Int) *big.Int { return new(big.Int).Mod(n, bigOrder) }
	root := new(big.Int).ModInverse(new(big.Int).Lsh(big.NewInt(1), 256), bigOrder)
	for _, a := range numbers() {
		x := scalarOf(a)
		z := x
		z.reduce(0)
		if z.big().Cmp(mod(a)) != 0 {
			t.Fatalf("%x: reduced to %x", a, z.big())
		}
		if z.montgomery(&x); z.big().Cmp(mod(new(big.Int).Lsh(a, 256))) != 0 {
			t.Fatalf("%x: in the Montgomery domain it is %x", a, z.big())
		}
		if z.plain(&z); z.big().Cmp(mod(a)) != 0 {
			t.Fatalf("%x: back from the Montgomery domain it is %x", a, z.big())
		}
		if mod(a).Sign() > 0 {
			if z.inverse(&x); z.big().Cmp(new(big.Int).ModInverse(a, bigOrder)) != 0 {
				t.Fatalf("%x: the inverse is %x", a, z.big())
			}
		}
		for _, b := range numbers() {
			y := scalarOf(mod(b))
			want := mod(new(big.Int).Mul(new(big.Int).Mul(a, mod(b)), root))
			if z.mul(&x, &y); z.big().Cmp(want) != 0 {
				t.Fatalf("%x * %x = %x", a, b, z.big())
			}
			if z.mul(&y, &x); z.big().Cmp(want) != 0 {
				t.Fatalf("%x * %x = %x", b, a, z.big())
			}
			c := scalarOf(mod(a))
			if z.add(&c, &y); z.big().Cmp(mod(new(big.Int).Add(a, b))) != 0 {
				t.Fatalf("%x + %x = %x", a, b, z.big())
			}
			var wide [64]byte
			a.FillBytes(wide[:32])
			b.FillBytes(wide[32:])
			z.setWide(&wide)
			n := new(big.Int).SetBytes(wide[:])
			if z.big().Cmp(mod(n.Lsh(n, 256))) != 0 {
				t.Fatalf("%x modulo n is %x", wide, z.big())
			}
		}
	}
}

// BenchmarkSign compares with crypto/ecdsa.
func BenchmarkSign(b *testing.B) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	digest := make([]byte, 32)
	b.Run("sealsock", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Sign(rand.Reader, key, digest); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("standard", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := ecdsa.SignASN1(rand.Reader, key, digest); err != nil {
				b.Fatal(err)
			}
		}
	})
}
