package x25519_test

import (
	"bytes"
	"crypto/ecdh"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"math/rand/v2"
	"os"
	"testing"

	circl "github.com/cloudflare/circl/dh/x25519"

	"github.com/sealsock/sealsock/internal/x25519"
)

// key returns the 32 bytes of a hexadecimal number.
func key(t testing.TB, text string) *[32]byte {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != 32 {
		t.Fatalf("%q is no key: %v", text, err)
	}
	return (*[32]byte)(b)
}

// TestRFC7748 has the vectors of RFC 7748, Section 5.2.
func TestRFC7748(t *testing.T) {
	for _, v := range [][3]string{
		{
			"a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
			"e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
			"c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
		},
		{
			"4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
			"e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
			"95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
		},
	} {
		var got [32]byte
		if ok := x25519.Shared(&got, key(t, v[0]), key(t, v[1])); !ok || got != *key(t, v[2]) {
			t.Errorf("%x, %v; want %s", got, ok, v[2])
		}
	}
}

// TestIterations computes k, u = X25519(k, u), k as often as RFC 7748, Section 5.2.
func TestIterations(t *testing.T) {
	k, u := [32]byte{9}, [32]byte{9}
	want := map[int]string{
		1:       "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079",
		1000:    "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51",
		1000000: "7c3911e0ab2586fd864497297e575e6f3bc601c0883c30df5f4dd2d24f665424",
	}
	last := 1000000
	if testing.Short() {
		last = 1000
	}
	for i := 1; i <= last; i++ {
		var next [32]byte
		x25519.Shared(&next, &k, &u)
		k, u = next, k
		if w, ok := want[i]; ok && k != *key(t, w) {
			t.Fatalf("after %d iterations: %x, want %s", i, k, w)
		}
	}
}

// TestWycheproof has Wycheproof's vectors for X25519.
func TestWycheproof(t *testing.T) {
	data, err := os.ReadFile("testdata/wycheproof.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Tests []struct {
			ID                               int
			Comment, Public, Private, Shared string
			Zero                             bool
		}
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	zero, other := 0, 0
	for _, v := range file.Tests {
		var got [32]byte
		ok := x25519.Shared(&got, key(t, v.Private), key(t, v.Public))
		if ok == v.Zero || got != *key(t, v.Shared) {
			t.Errorf("test %d (%s): %x, %v", v.ID, v.Comment, got, ok)
		}
		if ok {
			other++
		} else {
			zero++
		}
	}
	if zero < 31 || other < 487 {
		t.Errorf("%d secrets are zero and %d are not: the vectors are missing", zero, other)
	}
}

// little returns n as 32 little-endian bytes.
func little(n *big.Int) (b [32]byte) {
	n.FillBytes(b[:])
	for i := range 16 {
		b[i], b[31-i] = b[31-i], b[i]
	}
	return b
}

// edges returns numbers at the limits: near 0, p, 2p, 2^255, 2^256 and the limits of limbs and
// words, numbers with limbs of nothing but ones, and the points of low order.
func edges(t testing.TB) (list [][32]byte) {
	power := func(n uint) *big.Int { return new(big.Int).Lsh(big.NewInt(1), n) }
	p := new(big.Int).Sub(power(255), big.NewInt(19))
	add := func(n *big.Int) {
		if n.Sign() >= 0 && n.BitLen() <= 256 {
			list = append(list, little(n))
		}
	}
	near := []*big.Int{new(big.Int), p, new(big.Int).Lsh(p, 1), power(255), power(256)}
	for _, i := range []uint{51, 52, 63, 64, 102, 127, 128, 153, 192, 204, 254} {
		near = append(near, power(i))
	}
	for _, n := range near {
		for d := int64(-20); d <= 20; d++ {
			add(new(big.Int).Add(n, big.NewInt(d)))
		}
	}
	for i := range uint(5) { // all bits of a limb, and all others
		ones := new(big.Int).Lsh(big.NewInt(1<<51-1), 51*i)
		add(ones)
		add(new(big.Int).Sub(p, ones))
	}
	return append(list, // of order 8: RFC 7748 has none; these are Wycheproof's
		*key(t, "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
		*key(t, "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"))
}

// same compares with crypto/ecdh, which has an error where the secret is zero.
func same(t *testing.T, secret, point *[32]byte) {
	t.Helper()
	k, err := ecdh.X25519().NewPrivateKey(secret[:])
	if err != nil {
		t.Fatal(err)
	}
	peer, err := ecdh.X25519().NewPublicKey(point[:])
	if err != nil {
		t.Fatal(err)
	}
	want, err := k.ECDH(peer)
	if err != nil {
		want = make([]byte, 32)
	}
	var got [32]byte
	ok := x25519.Shared(&got, secret, point)
	if ok != (err == nil) || !bytes.Equal(got[:], want) {
		t.Fatalf("secret %x, point %x: %x, %v; want %x, %v", *secret, *point, got, ok, want, err)
	}
	var public, shared [32]byte
	both := x25519.Exchange(&public, &shared, secret, point)
	if both != ok || shared != got || ok && !bytes.Equal(public[:], k.PublicKey().Bytes()) {
		t.Fatalf("secret %x, point %x: both %x, %x, %v", *secret, *point, public, shared, both)
	}
	if x25519.Public(&got, secret); !bytes.Equal(got[:], k.PublicKey().Bytes()) {
		t.Fatalf("secret %x: public key %x, want %x", *secret, got, k.PublicKey().Bytes())
	}
}

// TestAgainstStandard compares with crypto/ecdh: points and scalars at the limits, each bit of a
// scalar alone and all others, and random ones.
func TestAgainstStandard(t *testing.T) {
	random := rand.NewChaCha8([32]byte{1})
	var k, u [32]byte
	for _, edge := range edges(t) {
		random.Read(k[:])
		random.Read(u[:])
		same(t, &k, &edge)
		same(t, &edge, &u)
		same(t, &edge, &edge)
	}
	for i := range 256 {
		random.Read(u[:])
		var one, others [32]byte
		one[i/8] = 1 << (i % 8)
		for j := range others {
			others[j] = ^one[j]
		}
		same(t, &one, &u)
		same(t, &others, &u)
	}
	for range 2000 {
		random.Read(k[:])
		random.Read(u[:])
		same(t, &k, &u)
	}
}

// TestInPlace: the result may be where the secret or the point is.
func TestInPlace(t *testing.T) {
	var want [32]byte
	k, u := [32]byte{1, 2, 3}, [32]byte{9}
	x25519.Shared(&want, &k, &u)
	for _, at := range []func(k, u *[32]byte) *[32]byte{
		func(k, _ *[32]byte) *[32]byte { return k },
		func(_, u *[32]byte) *[32]byte { return u },
	} {
		k, u := k, u
		out := at(&k, &u)
		if x25519.Shared(out, &k, &u); *out != want {
			t.Errorf("in place: %x, want %x", *out, want)
		}
	}
}

// FuzzAgainstStandard compares with crypto/ecdh.
func FuzzAgainstStandard(f *testing.F) {
	for i, edge := range edges(f) {
		if i%16 == 0 {
			f.Add(edge[:], edge[:])
		}
	}
	f.Fuzz(func(t *testing.T, secret, point []byte) {
		var k, u [32]byte
		copy(k[:], secret)
		copy(u[:], point)
		same(t, &k, &u)
	})
}

// BenchmarkShared has crypto/ecdh, circl and this package side by side.
func BenchmarkShared(b *testing.B) {
	k, u := [32]byte{7}, [32]byte{9}
	var out [32]byte
	b.Run("standard", func(b *testing.B) {
		secret, _ := ecdh.X25519().NewPrivateKey(k[:])
		peer, _ := ecdh.X25519().NewPublicKey(u[:])
		for b.Loop() {
			secret.ECDH(peer)
		}
	})
	b.Run("circl", func(b *testing.B) {
		for b.Loop() {
			circl.Shared((*circl.Key)(&out), (*circl.Key)(&k), (*circl.Key)(&u))
		}
	})
	b.Run("ours", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			x25519.Shared(&out, &k, &u)
		}
	})
	b.Run("ours, and a public key", func(b *testing.B) {
		b.ReportAllocs()
		var public [32]byte
		for b.Loop() {
			x25519.Exchange(&public, &out, &k, &u)
		}
	})
}
