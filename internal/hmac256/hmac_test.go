package hmac256

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// keyed returns a Key, or skips the test where there is no code for this processor.
func keyed(t testing.TB, key []byte) *Key {
	t.Helper()
	k := new(Key)
	if !k.Set(key) {
		if Accelerated() {
			t.Fatalf("a key of %d bytes is refused", len(key))
		}
		t.Skip("this processor or this build has no code for HMAC-SHA-256")
	}
	return k
}

// sumOf and both are Sum and SumBoth of messages, with something else behind them.
func sumOf(k *Key, out *[Size]byte, message []byte) {
	var room Room
	n := fill(&room, message)
	k.Sum(out, &room, n)
}

func both(k *Key, out1, out2 *[Size]byte, message1, message2 []byte) {
	var room1, room2 Room
	n1, n2 := fill(&room1, message1), fill(&room2, message2)
	k.SumBoth(out1, out2, &room1, &room2, n1, n2)
}

func fill(room *Room, message []byte) int {
	for i := range room {
		room[i] = 0xee
	}
	return copy(room[:], message)
}

// TestVectors has the vectors of RFC 4231, Sections 4.2, 4.3, 4.4 and 4.5, whose keys and
// messages are short.
func TestVectors(t *testing.T) {
	for _, v := range []struct{ key, message, mac string }{
		{
			strings.Repeat("0b", 20), "4869205468657265",
			"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
		},
		{
			"4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
			"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
		},
		{
			strings.Repeat("aa", 20), strings.Repeat("dd", 50),
			"773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
		},
		{
			"0102030405060708090a0b0c0d0e0f10111213141516171819", strings.Repeat("cd", 50),
			"82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
		},
	} {
		key, _ := hex.DecodeString(v.key)
		message, _ := hex.DecodeString(v.message)
		k := keyed(t, key)
		var out, same, empty [Size]byte
		sumOf(k, &out, message)
		both(k, &empty, &same, nil, message)
		if hex.EncodeToString(out[:]) != v.mac || out != same {
			t.Errorf("%s under %s: %x and %x", v.message, v.key, out, same)
		}
	}
}

// TestAgainstStandard compares with crypto/hmac for keys and messages of all lengths.
func TestAgainstStandard(t *testing.T) {
	random := rand.NewChaCha8([32]byte{1})
	for keyLen := range BlockSize + 1 {
		for n := range Max + 1 {
			data := make([]byte, keyLen+n)
			random.Read(data)
			compare(t, data[:keyLen], data[keyLen:])
		}
	}
}

func compare(t *testing.T, key, message []byte) {
	t.Helper()
	k := keyed(t, key)
	want := func(message []byte) []byte {
		m := hmac.New(sha256.New, key)
		m.Write(message)
		return m.Sum(nil)
	}
	var out [Size]byte
	sumOf(k, &out, message)
	if !bytes.Equal(out[:], want(message)) {
		t.Fatalf("HMAC of %x under %x: %x", message, key, out)
	}
	first := message[:min(len(message), MaxOne)]
	second := message[max(0, len(message)-MaxOne):]
	var one, two [Size]byte
	both(k, &one, &two, first, second)
	if !bytes.Equal(one[:], want(first)) || !bytes.Equal(two[:], want(second)) {
		t.Fatalf("HMACs of %x and %x under %x: %x, %x", first, second, key, one, two)
	}
}

// FuzzAgainstStandard compares with crypto/hmac.
func FuzzAgainstStandard(f *testing.F) {
	f.Add([]byte("key"), []byte("message"))
	f.Add(make([]byte, BlockSize), make([]byte, Max))
	f.Fuzz(func(t *testing.T, key, message []byte) {
		compare(t, key[:min(len(key), BlockSize)], message[:min(len(message), Max)])
	})
}

// TestBounds: a key that is too long is refused, and a message that is panics and writes
// nothing.
func TestBounds(t *testing.T) {
	k := keyed(t, nil)
	if k.Set(make([]byte, BlockSize+1)) {
		t.Error("a key longer than a block is taken")
	}
	var out [Size]byte
	for name, call := range map[string]func(){
		"Sum":     func() { sumOf(k, &out, make([]byte, Max+1)) },
		"SumBoth": func() { both(k, &out, &out, nil, make([]byte, MaxOne+1)) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s takes a message that is too long", name)
				}
			}()
			call()
		}()
	}
}

// TestPrint: no verb prints a key.
func TestPrint(t *testing.T) {
	k := keyed(t, []byte("secret"))
	for _, verb := range []string{"%v", "%+v", "%#v", "%x", "%d", "%s"} {
		if got := fmt.Sprintf(verb, *k) + fmt.Sprintf(verb, k); got != "[redacted][redacted]" {
			t.Errorf("%s prints %s", verb, got)
		}
	}
}

// BenchmarkSum takes the time of a key, one HMAC and two.
func BenchmarkSum(b *testing.B) {
	key := make([]byte, 32)
	k := new(Key)
	if !k.Set(key) {
		b.Skip("no code for this processor")
	}
	var out, other [Size]byte
	var room1, room2 Room
	b.Run("Set", func(b *testing.B) {
		for b.Loop() {
			k.Set(key)
		}
	})
	b.Run("Sum", func(b *testing.B) {
		for b.Loop() {
			k.Sum(&out, &room1, MaxOne)
		}
	})
	b.Run("SumBoth", func(b *testing.B) {
		for b.Loop() {
			k.SumBoth(&out, &other, &room1, &room2, MaxOne, MaxOne)
		}
	})
}
