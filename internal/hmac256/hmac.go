package hmac256

import (
	"encoding/binary"
	"fmt"
	"io"
)

// Lengths in bytes.
const (
	Size      = 32         // of an HMAC
	BlockSize = 64         // of SHA-256
	MaxOne    = 64 - tail  // of a message of one block
	Max       = 128 - tail // of a message
)

// tail is what SHA-256 adds at least: a byte and the length of the message. FIPS 180-4,
// Section 5.1.1.
const tail = 1 + 8

// A Key is a key of HMAC. Set makes it usable.
type Key struct {
	//lint:ignore U1000 the assembly uses them
	inner, outer state
}

// Format prints [redacted] for every verb, so that no output or log shows the key.
func (Key) Format(s fmt.State, _ rune) { io.WriteString(s, "[redacted]") }

// A state is that of SHA-256 in the order of the processor's instructions: F, E, B, A, H, G,
// D, C.
type state [8]uint32

// Set makes k the key of these bytes. It reports false, and k is not usable, if this processor
// or this build has no code for it, or if the key is longer than BlockSize.
//
//	H((key ^ opad) || H((key ^ ipad) || message))
//
// RFC 2104, Section 2.
func (k *Key) Set(key []byte) (ok bool) {
	if !enabled || len(key) > BlockSize {
		return false
	}
	const ipad, opad = 0x3636363636363636, 0x5c5c5c5c5c5c5c5c
	var in, out [BlockSize]byte
	copy(in[:], key)
	for i := 0; i < BlockSize; i += 8 {
		word := binary.LittleEndian.Uint64(in[i:])
		binary.LittleEndian.PutUint64(in[i:], word^ipad)
		binary.LittleEndian.PutUint64(out[i:], word^opad)
	}
	setBoth(k, &in, &out)
	return true
}

// Accelerated reports whether Set works: whether this processor and this build have code for it.
func Accelerated() bool { return enabled }

// A Room has a message in front, and behind it memory for what SHA-256 adds.
type Room [2 * BlockSize]byte

// Sum writes the HMAC of the first n bytes of room, at most Max. It changes what is behind them.
func (k *Key) Sum(out *[Size]byte, room *Room, n int) {
	blocks := 1
	if n > MaxOne {
		blocks = 2
	}
	pad(room[:blocks*BlockSize], n)
	sum(k, out, &room[0], blocks)
}

// SumBoth writes the HMACs of two messages of at most MaxOne bytes each, in little more time
// than one takes. It changes what is behind them.
func (k *Key) SumBoth(out1, out2 *[Size]byte, room1, room2 *Room, n1, n2 int) {
	pad(room1[:BlockSize], n1)
	pad(room2[:BlockSize], n2)
	sumBoth(k, out1, out2, room1, room2)
}

// pad writes behind a message of n bytes its end: the length has the block of the pad too.
// FIPS 180-4, Section 5.1.1.
func pad(blocks []byte, n int) {
	end := len(blocks) - 8
	clear(blocks[n:end])
	blocks[:end][n] = 0x80
	binary.BigEndian.PutUint64(blocks[end:], uint64(BlockSize+n)*8)
}
