package keys

import (
	"bytes"
	"crypto"
	"crypto/hmac"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/sealsock/sealsock/internal/fipstest"
)

// TestMAC compares mac with crypto/hmac for keys and messages of all lengths around the
// blocks and the bound.
func TestMAC(t *testing.T) {
	random := rand.NewChaCha8([32]byte{})
	lengths := []int{
		0, 1, 31, 32, 33, 47, 48, 49, 63, 64, 65, 127, 128, 129, 191, 192, 193, 255, 256, 257,
		319, 320, 321, 700,
	}
	for _, h := range []crypto.Hash{crypto.SHA256, crypto.SHA384} {
		for _, keyLen := range lengths {
			for _, n := range lengths {
				key, message := make([]byte, keyLen), make([]byte, n)
				random.Read(key)
				random.Read(message)
				var out [maxHash]byte
				cut := n / 3
				got := mac(&out, h, key, message[:cut], nil, message[cut:])
				standard := hmac.New(h.New, key)
				standard.Write(message)
				want := standard.Sum(nil)
				if !bytes.Equal(got, want) {
					t.Fatalf("%v, key of %d bytes, message of %d: %x, want %x", h, keyLen, n, got, want)
				}
				got = hashedMAC(&out, h, key, [][]byte{message[:cut], nil, message[cut:]})
				if !bytes.Equal(got, want) {
					t.Fatalf("%v, key of %d bytes, message of %d: hashed %x, want %x", h, keyLen, n, got, want)
				}
			}
		}
	}
}

// TestExpandBoth compares two values that are derived together with each alone.
func TestExpandBoth(t *testing.T) {
	for _, h := range []crypto.Hash{crypto.SHA256, crypto.SHA384} {
		for _, datagram := range []bool{false, true} {
			m := material{hash: h, len: uint8(h.Size()), datagram: datagram}
			copy(m.bytes[:], "a secret")
			for n := range h.Size() + 1 {
				got1, got2 := make([]byte, n), make([]byte, h.Size()-n)
				want1, want2 := make([]byte, n), make([]byte, h.Size()-n)
				transcript := bytes.Repeat([]byte{byte(n)}, h.Size())
				m.expandBoth(got1, got2, "c hs traffic", "s hs traffic", transcript)
				m.expand(want1, "c hs traffic", transcript)
				m.expand(want2, "s hs traffic", transcript)
				if !bytes.Equal(got1, want1) || !bytes.Equal(got2, want2) {
					t.Fatalf("%v: %x and %x, want %x and %x", h, got1, got2, want1, want2)
				}
			}
		}
	}
}

// TestExpandLong compares labels and values of all lengths with the general way.
func TestExpandLong(t *testing.T) {
	for _, h := range []crypto.Hash{crypto.SHA256, crypto.SHA384} {
		m := material{hash: h, len: uint8(h.Size())}
		for n := range 249 {
			label, context := strings.Repeat("l", n), []byte("context")
			for _, size := range []int{1, 32, 33, 48, 100} {
				want, got := make([]byte, size), make([]byte, size)
				expandPrefixed(want, h, m.slice(), streamPrefix, label, context)
				m.expand(got, label, context)
				if !bytes.Equal(got, want) {
					t.Fatalf("%v: a label of %d bytes: %x, want %x", h, n, got, want)
				}
				other := make([]byte, size)
				m.expandBoth(got, other, label, label, context)
				if !bytes.Equal(got, want) || !bytes.Equal(other, want) {
					t.Fatalf("%v: two labels of %d bytes: %x and %x", h, n, got, other)
				}
			}
		}
	}
}

// TestWithoutPSK: what is known of a schedule without a pre-shared key is what follows from a
// key of zeros.
func TestWithoutPSK(t *testing.T) {
	for _, h := range []crypto.Hash{crypto.SHA256, crypto.SHA384} {
		none := make([]byte, h.Size())
		for _, begin := range []func(crypto.Hash, []byte) EarlySecret{
			NewEarlySecret, NewDatagramEarlySecret,
		} {
			got, want := begin(h, nil), begin(h, none)
			if !bytes.Equal(got.clone(), want.clone()) {
				t.Errorf("%v: the early secret is wrong", h)
			}
			g, w := got.Handshake([]byte("x")), want.Handshake([]byte("x"))
			if !bytes.Equal(g.clone(), w.clone()) {
				t.Errorf("%v: the handshake secret is wrong", h)
			}
			a, _ := g.Traffic(none)
			b, _ := w.Traffic(none)
			if a.Datagram() != b.Datagram() || !bytes.Equal(a.Bytes(), b.Bytes()) {
				t.Errorf("%v: the traffic secret is wrong", h)
			}
		}
	}
}

// TestExpandLabelDoesNotAllocate bounds the cost of a derivation.
func TestExpandLabelDoesNotAllocate(t *testing.T) {
	fipstest.Skip(t, "the standard library makes each HMAC, with memory of its own")
	key, transcript := make([]byte, 48), make([]byte, 48)
	var out [maxHash]byte
	for _, h := range []crypto.Hash{crypto.SHA256, crypto.SHA384} {
		m := material{hash: h, len: uint8(h.Size())}
		n := testing.AllocsPerRun(100, func() {
			n := h.Size()
			expandPrefixed(out[:n], h, key[:n], streamPrefix, "c hs traffic", transcript[:n])
			m.expand(out[:n], "c hs traffic", transcript[:n])
			m.expandBoth(key[:n], out[:n], "c hs traffic", "s hs traffic", transcript[:n])
		})
		if n > 0 {
			t.Errorf("%v: %v allocations", h, n)
		}
	}
}

// BenchmarkExpandLabel takes the time of one derivation.
func BenchmarkExpandLabel(b *testing.B) {
	for _, h := range []crypto.Hash{crypto.SHA256, crypto.SHA384} {
		b.Run(h.String(), func(b *testing.B) {
			var out, transcript [maxHash]byte
			m := material{hash: h, len: uint8(h.Size())}
			for b.Loop() {
				m.expand(out[:m.len], "c hs traffic", transcript[:m.len])
			}
		})
	}
}
