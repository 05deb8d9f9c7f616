package ccm

import (
	"bytes"
	"crypto/aes"
	"crypto/des"
	"encoding/hex"
	"fmt"
	"testing"
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

// count returns the bytes from first to last.
func count(first, last int) []byte {
	var b []byte
	for i := first; i <= last; i++ {
		b = append(b, byte(i))
	}
	return b
}

var vectors = []struct {
	name                   string
	key, nonce, extra, msg []byte
	tag                    int
	sealed                 string
}{
	{"RFC 3610, packet vector 1", count(0xc0, 0xcf), unhex("00000003020100a0a1a2a3a4a5"), count(0, 7), count(8, 0x1e), 8,
		"588c979a61c663d2f066d0c2c0f989806d5f6b61dac38417e8d12cfdf926e0"},
	{"RFC 3610, packet vector 7", count(0xc0, 0xcf), unhex("00000009080706a0a1a2a3a4a5"), count(0, 7), count(8, 0x1e), 10,
		"0135d1b2c95f41d5d1d4fec185d166b8094e999dfed96c048c56602c97acbb7490"},
	{"SP 800-38C, example 1", count(0x40, 0x4f), count(0x10, 0x16), count(0, 7), count(0x20, 0x23), 4, "7162015b4dac255d"},
	{"SP 800-38C, example 2", count(0x40, 0x4f), count(0x10, 0x17), count(0, 15), count(0x20, 0x2f), 6,
		"d2a1f0e051ea5f62081a7792073d593d1fc64fbfaccd"},
	{"SP 800-38C, example 3", count(0x40, 0x4f), count(0x10, 0x1b), count(0, 0x13), count(0x20, 0x37), 8,
		"e3b201a9f5b71a7a9b1ceaeccd97e70b6176aad9a4428aa5484392fbc1b09951"},
	{"SP 800-38C, example 4", count(0x40, 0x4f), count(0x10, 0x1c), bytes.Repeat(count(0, 255), 256), count(0x20, 0x3f), 14,
		"69915dad1e84c6376a68c2967e4dab615ae0fd1faec44cc484828529463ccf72b4ac6bec93e8598e7f0dadbcea5b"},
}

func TestVectors(t *testing.T) {
	for _, v := range vectors {
		block, err := aes.NewCipher(v.key)
		if err != nil {
			t.Fatal(err)
		}
		a, err := New(block, len(v.nonce), v.tag)
		if err != nil {
			t.Fatal(err)
		}
		if a.NonceSize() != len(v.nonce) || a.Overhead() != v.tag {
			t.Errorf("%s: sizes %d and %d", v.name, a.NonceSize(), a.Overhead())
		}
		sealed := a.Seal([]byte("ab"), v.nonce, v.msg, v.extra)
		if got := hex.EncodeToString(sealed[2:]); got != v.sealed {
			t.Errorf("%s: %s", v.name, got)
		}
		opened, err := a.Open([]byte("cd"), v.nonce, sealed[2:], v.extra)
		if err != nil || !bytes.Equal(opened[2:], v.msg) {
			t.Errorf("%s: opens to %x, %v", v.name, opened, err)
		}
		room := append(bytes.Clone(v.msg), make([]byte, v.tag)...)
		inPlace := a.Seal(room[:0], v.nonce, room[:len(v.msg)], v.extra)
		if hex.EncodeToString(inPlace) != v.sealed {
			t.Errorf("%s in place: %x", v.name, inPlace)
		}
		if opened, err = a.Open(inPlace[:0], v.nonce, inPlace, v.extra); err != nil || !bytes.Equal(opened, v.msg) {
			t.Errorf("%s opens in place to %x, %v", v.name, opened, err)
		}
	}
}

func TestForgeriesAreRefused(t *testing.T) {
	block, err := aes.NewCipher(count(0, 31))
	if err != nil {
		t.Fatal(err)
	}
	a, err := New(block, 12, 8)
	if err != nil {
		t.Fatal(err)
	}
	nonce, extra := count(1, 12), []byte("header")
	sealed := a.Seal(nil, nonce, []byte("a message of more than one block"), extra)
	for i := range sealed {
		forged := bytes.Clone(sealed)
		forged[i] ^= 1
		if _, err := a.Open(nil, nonce, forged, extra); err == nil {
			t.Errorf("a message with byte %d changed opens", i)
		}
		if i < len(sealed)-1 {
			if _, err := a.Open(nil, nonce, sealed[:i], extra); err == nil {
				t.Errorf("a message cut to %d bytes opens", i)
			}
		}
	}
	if _, err := a.Open(nil, nonce, sealed, []byte("Header")); err == nil {
		t.Error("a message opens with another header")
	}
	if _, err := a.Open(nil, nonce[:11], sealed, extra); err == nil {
		t.Error("a message opens with a short nonce")
	}
}

func TestNewRefuses(t *testing.T) {
	block, err := aes.NewCipher(count(0, 15))
	if err != nil {
		t.Fatal(err)
	}
	for _, sizes := range [][2]int{{6, 8}, {14, 8}, {12, 2}, {12, 7}, {12, 18}} {
		if _, err := New(block, sizes[0], sizes[1]); err == nil {
			t.Errorf("a nonce of %d bytes and a tag of %d are accepted", sizes[0], sizes[1])
		}
	}
	small, err := des.NewCipher(count(0, 7))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(small, 12, 8); err == nil {
		t.Error("a block of 8 bytes is accepted")
	}
}

func Example() {
	block, err := aes.NewCipher(make([]byte, 16))
	if err != nil {
		panic(err)
	}
	sealer, err := New(block, 12, 8)
	if err != nil {
		panic(err)
	}
	nonce := make([]byte, 12)
	sealed := sealer.Seal(nil, nonce, []byte("21.5"), []byte("sensor 7"))
	opened, err := sealer.Open(nil, nonce, sealed, []byte("sensor 7"))
	fmt.Printf("%s %v\n", opened, err)
	// Output: 21.5 <nil>
}
