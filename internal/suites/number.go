package suites

import (
	"encoding/binary"
	"fmt"
	"io"

	"golang.org/x/crypto/chacha20"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/gcm"
	"github.com/sealsock/sealsock/internal/reuse"
)

// NumberSample is how many bytes of a record's ciphertext the mask of its number depends on.
const NumberSample = 16

// A NumberMask computes the bytes that hide the number of a record of DTLS 1.3. RFC 9147, Section
// 4.2.3. It is for one goroutine at a time. Its zero value has no key.
type NumberMask struct{ hidden reuse.Hidden[numberKey] }

// A numberKey is the key of a NumberMask.
type numberKey struct {
	aes    gcm.Block
	chacha *[chacha20.KeySize]byte // nil for AES
}

// NumberMask returns the suite's mask under key, which is not kept.
func (s *Suite) NumberMask(key []byte) (NumberMask, error) {
	k := numberKeys.Get()
	m := NumberMask{reuse.Hide(k)}
	if s.ID == iana.TLS_CHACHA20_POLY1305_SHA256 {
		k.chacha = new([chacha20.KeySize]byte(key))
		return m, nil
	}
	return m, k.aes.SetKey(key)
}

// numberKeys has the memory of keys that are used no more, which is zero.
var numberKeys reuse.Pool[numberKey]

// Drop erases the key, and keeps its memory for another one. Nothing may use m any more.
func (m NumberMask) Drop() {
	k := m.hidden.Get()
	if k != nil && k.chacha != nil {
		clear(k.chacha[:])
	}
	numberKeys.Put(k)
}

// Format prints [redacted] for every verb, so that no output or log shows the key.
func (NumberMask) Format(s fmt.State, _ rune) { io.WriteString(s, "[redacted]") }

// Format prints [redacted] for every verb.
func (numberKey) Format(s fmt.State, _ rune) { io.WriteString(s, "[redacted]") }

// Mask returns the mask for a sample of the record's ciphertext of NumberSample bytes.
func (m NumberMask) Mask(sample []byte) (mask [2]byte) {
	k := m.hidden.Get()
	if k.chacha == nil {
		block := k.aes.Encrypt([NumberSample]byte(sample))
		return [2]byte(block[:])
	}
	// The sample has the counter and the nonce of a block.
	c, err := chacha20.NewUnauthenticatedCipher(k.chacha[:], sample[4:NumberSample])
	if err != nil {
		panic("tls: internal error: " + err.Error()) // of a length, and both are constant
	}
	c.SetCounter(binary.LittleEndian.Uint32(sample))
	c.XORKeyStream(mask[:], mask[:])
	return mask
}
