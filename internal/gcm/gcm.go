package gcm

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"unsafe"
)

// New returns AES-GCM with nonces of 12 bytes and tags of 16 under a key of
// 16 or 32 bytes, which is not kept; another length is an error. It behaves as
// what [cipher.NewGCM] returns: Seal and Open append to dst, allocate only to
// grow it, and panic if the nonce has the wrong length, if the output overlaps
// the input without starting where that starts, or if it overlaps the
// additional data. An Open that fails clears what it wrote.
func New(key []byte) (cipher.AEAD, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	if a := newAccelerated(key); a != nil {
		return a, nil
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func checkKey(key []byte) error {
	if len(key) != 16 && len(key) != 32 {
		return fmt.Errorf("gcm: a key of %d bytes: use 16 or 32", len(key))
	}
	return nil
}

// Records seals and opens records of TLS 1.3. Such a record encrypts its content and one byte
// behind it, the content type. With an AEAD alone, the content has to be copied in front of that
// byte to be sealed, and out of the record after it is opened. What New returns implements it if
// Accelerated.
type Records interface {
	// SealRecord seals content with typ behind it, behind the header that record begins with.
	// record has just the room for that.
	SealRecord(record []byte, nonce *[12]byte, content []byte, typ byte)
	// OpenRecord opens record, a whole one with its header, and writes all of the plaintext but
	// its last byte to out, which has that length. It returns that byte, and false after a
	// failure, which clears out. What record has then is undefined.
	OpenRecord(out, record []byte, nonce *[12]byte) (last byte, ok bool)
}

// headerLen is the length of the header of a record of TLS, the additional data.
const headerLen = 5

// Drop erases the key of an AEAD that New has returned, and keeps its memory for another one.
// Nothing may use the AEAD any more. One of another package stays as it is.
func Drop(a cipher.AEAD) { drop(a) }

// Accelerated reports whether New answers with this package's own code, and
// not with the standard library's.
func Accelerated() bool { return accelerated }

// AVX512 reports whether New answers with the variant for AVX-512.
func AVX512() bool { return avx512 }

const (
	nonceSize = 12
	tagSize   = 16
	// maxPlaintext is how many bytes fit before the 32-bit counter would
	// return to the block that the tag uses. NIST SP 800-38D, Section 5.2.1.1.
	maxPlaintext = 1<<36 - 32
)

// errOpen says no more than that, lest it help whoever is forging.
var errOpen = errors.New("gcm: message authentication failed")

func checkNonce(nonce []byte) {
	if len(nonce) != nonceSize {
		panic("gcm: nonce is not 12 bytes long")
	}
}

func checkOverlap(out, in, additionalData []byte) {
	if unsafe.SliceData(out) != unsafe.SliceData(in) && overlap(out, in) {
		panic("gcm: output overlaps input without starting where it starts")
	}
	if overlap(out, additionalData) {
		panic("gcm: output overlaps additional data")
	}
}

// overlap reports whether a and b share memory.
func overlap(a, b []byte) bool {
	if len(a) == 0 || len(b) == 0 {
		return false
	}
	startA, startB := uintptr(unsafe.Pointer(&a[0])), uintptr(unsafe.Pointer(&b[0]))
	return startA < startB+uintptr(len(b)) && startB < startA+uintptr(len(a))
}

// extend returns dst with n bytes appended, of any value, and those bytes.
func extend(dst []byte, n int) (all, added []byte) {
	if total := len(dst) + n; total <= cap(dst) {
		all = dst[:total]
	} else {
		all = make([]byte, total)
		copy(all, dst)
	}
	return all, all[len(dst):]
}
