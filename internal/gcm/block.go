package gcm

import (
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"io"
)

// A Block encrypts single blocks with AES under one key. It has all that the key needs in itself,
// if Accelerated, and no memory elsewhere. Its zero value has no key. It is for one goroutine at a
// time.
type Block struct {
	key      blockKey
	standard cipher.Block // nil if Accelerated
	room     [aes.BlockSize]byte
}

// SetKey makes key, of 16 or 32 bytes, the key of b. It is not kept; another length is an error.
func (b *Block) SetKey(key []byte) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if b.key.set(key) {
		return nil
	}
	var err error
	b.standard, err = aes.NewCipher(key)
	return err
}

// Encrypt returns the block that in becomes.
func (b *Block) Encrypt(in [aes.BlockSize]byte) (out [aes.BlockSize]byte) {
	if b.standard == nil {
		b.key.encrypt(&out, &in)
		return out
	}
	b.room = in // what an interface is called with would escape
	b.standard.Encrypt(b.room[:], b.room[:])
	return b.room
}

// Format keeps the key out of every print and log, whatever the verb.
func (Block) Format(s fmt.State, _ rune) { io.WriteString(s, "[redacted]") }
