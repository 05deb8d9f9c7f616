package interop

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"

	"golang.org/x/crypto/chacha20poly1305"
)

// A tap records a connection and decrypts it afterwards with the key log. It
// implements the decryption of RFC 9846 independently of the code under test,
// so that its result does not depend on that code.
type tap struct {
	net.Conn
	mu        sync.Mutex
	in, out   bytes.Buffer
	keyLogged lockedBuffer
}

func (w *tap) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.in.Write(p[:n])
	return n, err
}

func (w *tap) Write(p []byte) (int, error) {
	n, err := w.Conn.Write(p)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.out.Write(p[:n])
	return n, err
}

// updates counts the key updates that each side sent. server is the side of the
// tap.
func (w *tap) updates(server bool, suite uint16) (ours, theirs int, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	own, other := "CLIENT", "SERVER"
	if server {
		own, other = other, own
	}
	ours, err1 := w.listen(own, suite, w.out.Bytes())
	theirs, err2 := w.listen(other, suite, w.in.Bytes())
	return ours, theirs, errors.Join(err1, err2)
}

// listen decrypts one direction and counts its key updates.
func (w *tap) listen(side string, suite uint16, b []byte) (updates int, err error) {
	handshake, err1 := w.secret(side + "_HANDSHAKE_TRAFFIC_SECRET")
	traffic, err2 := w.secret(side + "_TRAFFIC_SECRET_0")
	k, err3 := newTapKey(suite, handshake)
	if err := errors.Join(err1, err2, err3); err != nil {
		return 0, err
	}
	var messages []byte
	for len(b) >= 5 {
		n := 5 + int(binary.BigEndian.Uint16(b[3:]))
		if n > len(b) {
			return updates, nil // cut by the end of the test
		}
		record := b[:n]
		b = b[n:]
		if record[0] != 23 {
			continue
		}
		typ, content, err := k.open(record)
		if err != nil {
			return updates, fmt.Errorf("%s: %w", strings.ToLower(side), err)
		}
		if typ != 22 {
			continue
		}
		for messages = append(messages, content...); len(messages) >= 4; {
			length := 4 + int(binary.BigEndian.Uint32(messages)&0xffffff)
			if length > len(messages) {
				break
			}
			switch messages[0] {
			case 20: // Finished
				k, err = newTapKey(suite, traffic)
			case 24: // KeyUpdate
				updates++
				traffic = expandLabel(k.hash, traffic, "traffic upd", k.hash.Size())
				k, err = newTapKey(suite, traffic)
			}
			if err != nil {
				return updates, err
			}
			messages = messages[length:]
		}
	}
	return updates, nil
}

// secret finds a secret in the key log.
func (w *tap) secret(label string) ([]byte, error) {
	for line := range strings.Lines(w.keyLogged.String()) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == label {
			return hex.DecodeString(f[2])
		}
	}
	return nil, fmt.Errorf("no %s in the key log", label)
}

// A tapKey decrypts records with one traffic secret.
type tapKey struct {
	hash crypto.Hash
	aead cipher.AEAD
	iv   []byte
	seq  uint64
}

func newTapKey(suite uint16, secret []byte) (*tapKey, error) {
	k := &tapKey{hash: crypto.SHA256}
	length := 32
	switch suite {
	case tls.TLS_AES_128_GCM_SHA256:
		length = 16
	case tls.TLS_AES_256_GCM_SHA384:
		k.hash = crypto.SHA384
	}
	key := expandLabel(k.hash, secret, "key", length)
	k.iv = expandLabel(k.hash, secret, "iv", 12)
	var err error
	if suite == tls.TLS_CHACHA20_POLY1305_SHA256 {
		k.aead, err = chacha20poly1305.New(key)
		return k, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	k.aead, err = cipher.NewGCM(block)
	return k, err
}

func (k *tapKey) open(record []byte) (typ byte, content []byte, err error) {
	nonce := make([]byte, 12)
	binary.BigEndian.PutUint64(nonce[4:], k.seq)
	k.seq++
	for i := range nonce {
		nonce[i] ^= k.iv[i]
	}
	inner, err := k.aead.Open(nil, nonce, record[5:], record[:5])
	if err != nil {
		return 0, nil, fmt.Errorf("record %d: %w", k.seq-1, err)
	}
	inner = bytes.TrimRight(inner, "\x00")
	if len(inner) == 0 {
		return 0, nil, errors.New("a record of nothing but padding")
	}
	return inner[len(inner)-1], inner[:len(inner)-1], nil
}

// expandLabel is HKDF-Expand-Label with an empty context. RFC 9846, Section 7.1.
func expandLabel(h crypto.Hash, secret []byte, label string, length int) []byte {
	info := string([]byte{byte(length >> 8), byte(length), byte(6 + len(label))}) + "tls13 " + label + "\x00"
	out, err := hkdf.Expand(h.New, secret, info, length)
	if err != nil {
		panic(err) // no length here is too long
	}
	return out
}
