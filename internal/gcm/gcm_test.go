package gcm_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/sealsock/sealsock/internal/gcm"
)

func Example() {
	key, nonce := make([]byte, 16), make([]byte, 12)
	header := []byte{23, 3, 3, 0, 21}

	aead, err := gcm.New(key)
	if err != nil {
		fmt.Println(err)
		return
	}
	record := aead.Seal(header, nonce, []byte("hello"), header)
	plaintext, err := aead.Open(nil, nonce, record[5:], record[:5])
	fmt.Printf("%d bytes, %q, %v\n", len(record), plaintext, err)

	record[7] ^= 1
	_, err = aead.Open(nil, nonce, record[5:], record[:5])
	fmt.Println(err != nil)
	// Output:
	// 26 bytes, "hello", <nil>
	// true
}

// The test cases of the specification that have nonces of 12 bytes: McGrew and
// Viega, The Galois/Counter Mode of Operation, Appendix B.
func TestSpecification(t *testing.T) {
	const (
		key       = "feffe9928665731c6d6a8f9467308308"
		nonce     = "cafebabefacedbaddecaf888"
		plaintext = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72" +
			"1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255"
		short       = 120 // hexadecimal digits
		aad         = "feedfacedeadbeeffeedfacedeadbeefabaddad2"
		zeros12     = "000000000000000000000000"
		zeros16     = "00000000000000000000000000000000"
		ciphertext4 = "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e" +
			"21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091473f5985"
		ciphertext16 = "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa" +
			"8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad"
	)
	for _, tt := range []struct{ name, key, nonce, plaintext, aad, want string }{
		{"1", zeros16, zeros12, "", "", "58e2fccefa7e3061367f1d57a4e7455a"},
		{"2", zeros16, zeros12, zeros16, "", "0388dace60b6a392f328c2b971b2fe78ab6e47d42cec13bdf53a67b21257bddf"},
		{"3", key, nonce, plaintext, "", ciphertext4 + "4d5c2af327cd64a62cf35abd2ba6fab4"},
		{"4", key, nonce, plaintext[:short], aad, ciphertext4[:short] + "5bc94fbc3221a5db94fae95ae7121a47"},
		{"13", zeros16 + zeros16, zeros12, "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
		{"14", zeros16 + zeros16, zeros12, zeros16, "", "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"},
		{"15", key + key, nonce, plaintext, "", ciphertext16 + "b094dac5d93471bdec1a502270e3cc6c"},
		{"16", key + key, nonce, plaintext[:short], aad, ciphertext16[:short] + "76fc6ece0f4e1768cddf8853bb2d551b"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			aead, err := gcm.New(unhex(t, tt.key))
			if err != nil {
				t.Fatal(err)
			}
			sealed := aead.Seal(nil, unhex(t, tt.nonce), unhex(t, tt.plaintext), unhex(t, tt.aad))
			if got := hex.EncodeToString(sealed); got != tt.want {
				t.Fatalf("sealed %s, want %s", got, tt.want)
			}
			opened, err := aead.Open(nil, unhex(t, tt.nonce), sealed, unhex(t, tt.aad))
			if got := hex.EncodeToString(opened); err != nil || got != tt.plaintext {
				t.Fatalf("opened %s, %v", got, err)
			}
		})
	}
}

func TestEveryLength(t *testing.T) {
	for keyLen := range keys {
		for n := range 1201 {
			compare(t, keyLen, n, n%49, 0, 0)
		}
	}
}

func TestLongMessages(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for keyLen := range keys {
		for range 200 {
			compare(t, keyLen, r.IntN(40<<10), r.IntN(20), r.IntN(64), r.IntN(64))
		}
		// The counter starts at 2: a carry into its second byte comes after
		// 254 blocks, into its third after 65534.
		for _, blocks := range []int{254, 65534} {
			for n := blocks*16 - 300; n <= blocks*16+300; n += 20 {
				compare(t, keyLen, n, 5, 0, 0)
			}
		}
	}
}

func TestEveryAdditionalData(t *testing.T) {
	for keyLen := range keys {
		for aadLen := range 49 {
			for _, n := range []int{0, 1, 15, 16, 17, 64, 240, 241, 255, 256, 257, 511, 512, 513} {
				compare(t, keyLen, n, aadLen, aadLen, n%64)
			}
		}
		for _, aadLen := range []int{255, 256, 257, 1 << 10, 1<<16 + 3} {
			compare(t, keyLen, 100, aadLen, 0, 0)
		}
	}
}

func TestEveryAlignment(t *testing.T) {
	for keyLen := range keys {
		for from := range 64 {
			for to := range 64 {
				compare(t, keyLen, 330, 13, from, to)
			}
		}
	}
}

// compare seals and opens n bytes beside crypto/cipher, out of place and in
// place, with the input and output that many bytes after an aligned address.
func compare(t *testing.T, keyLen, n, aadLen, from, to int) {
	t.Helper()
	p := newPair(t, keyLen)
	var seed [32]byte
	copy(seed[:], fmt.Sprint(keyLen, n, aadLen, from, to))
	r := rand.NewChaCha8(seed)
	nonce, aad := make([]byte, 12), make([]byte, aadLen)
	r.Read(nonce)
	r.Read(aad)
	in := make([]byte, from+n+16)[from:]
	r.Read(in[:n])
	plaintext := bytes.Clone(in[:n])
	want := p.standard.Seal(nil, nonce, plaintext, aad)

	prefix := make([]byte, to, to+n+16)
	r.Read(prefix)
	sealed := p.ours.Seal(prefix, nonce, in[:n], aad)
	if !bytes.Equal(sealed[:to], prefix) || !bytes.Equal(sealed[to:], want) || !bytes.Equal(in[:n], plaintext) {
		t.Fatalf("key %d, %d bytes, %d additional, from %d to %d: sealed %x, want %x", keyLen, n, aadLen, from, to, sealed[to:], want)
	}
	opened, err := p.ours.Open(make([]byte, 0, n), nonce, sealed[to:], aad)
	if err != nil || !bytes.Equal(opened, plaintext) || !bytes.Equal(sealed[to:], want) {
		t.Fatalf("key %d, %d bytes, %d additional, from %d to %d: opened %x, %v", keyLen, n, aadLen, from, to, opened, err)
	}
	if got := p.ours.Seal(in[:0], nonce, in[:n], aad); !bytes.Equal(got, want) || &got[0] != &in[0] {
		t.Fatalf("key %d, %d bytes, %d additional, from %d: sealed in place %x, want %x", keyLen, n, aadLen, from, got, want)
	}
	opened, err = p.ours.Open(in[:0], nonce, in, aad)
	if err != nil || !bytes.Equal(opened, plaintext) || !bytes.Equal(in[n:], want[n:]) {
		t.Fatalf("key %d, %d bytes, %d additional, from %d: opened in place %x, %v", keyLen, n, aadLen, from, opened, err)
	}
}

// keys has a key of each length, for the tests that need any.
var keys = map[int][]byte{
	16: []byte("a key for tests."),
	32: []byte("another key for tests, of 32 by."),
}

// A pair is the same cipher twice.
type pair struct{ ours, standard cipher.AEAD }

func newPair(t testing.TB, keyLen int) pair {
	t.Helper()
	return pairFor(t, keys[keyLen])
}

func pairFor(t testing.TB, key []byte) (p pair) {
	t.Helper()
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	if p.standard, err = cipher.NewGCM(block); err != nil {
		t.Fatal(err)
	}
	if p.ours, err = gcm.New(key); err != nil {
		t.Fatal(err)
	}
	return p
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestDrop: a key that is dropped is erased, and its memory serves another key.
func TestDrop(t *testing.T) {
	nonce, data := make([]byte, 12), []byte("data")
	for _, size := range []int{32, 16, 32, 16} {
		key := bytes.Repeat([]byte{byte(size)}, size)
		a, err := gcm.New(key)
		if err != nil {
			t.Fatal(err)
		}
		block, err := aes.NewCipher(key)
		if err != nil {
			t.Fatal(err)
		}
		standard, err := cipher.NewGCM(block)
		if err != nil {
			t.Fatal(err)
		}
		got, want := a.Seal(nil, nonce, data, nil), standard.Seal(nil, nonce, data, nil)
		if !bytes.Equal(got, want) {
			t.Fatalf("a key of %d bytes after another one: %x, want %x", size, got, want)
		}
		gcm.Drop(a)
		if gcm.Accelerated() && !reflect.ValueOf(a).Elem().IsZero() {
			t.Error("the memory of a key that was dropped is not zero")
		}
		gcm.Drop(standard) // stays as it is
		standard.Seal(nil, nonce, data, nil)
	}
}
