package suites

import (
	"crypto/aes"
	"encoding/binary"

	"golang.org/x/crypto/chacha20"

	"github.com/sealsock/sealsock/iana"
)

// NumberSample is how many bytes of a record's ciphertext the mask of its number depends on.
const NumberSample = 16

// A NumberMask returns the bytes that hide the number of a record of DTLS 1.3, from a sample
// of its ciphertext of NumberSample bytes. RFC 9147, Section 4.2.3.
type NumberMask func(sample []byte) [2]byte

// NumberMask returns the suite's function under key, which is not kept.
func (s *Suite) NumberMask(key []byte) (NumberMask, error) {
	if s.ID == iana.TLS_CHACHA20_POLY1305_SHA256 {
		return chachaMask([chacha20.KeySize]byte(key)), nil
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	out := new([aes.BlockSize]byte)
	return func(sample []byte) [2]byte {
		block.Encrypt(out[:], sample[:NumberSample])
		return [2]byte(out[:2])
	}, nil
}

// chachaMask takes the block of the sample's counter and nonce.
func chachaMask(key [chacha20.KeySize]byte) NumberMask {
	return func(sample []byte) (mask [2]byte) {
		c, err := chacha20.NewUnauthenticatedCipher(key[:], sample[4:NumberSample])
		if err != nil {
			panic("tls: internal error: " + err.Error()) // of a length, and both are constant
		}
		c.SetCounter(binary.LittleEndian.Uint32(sample))
		c.XORKeyStream(mask[:], mask[:])
		return mask
	}
}
