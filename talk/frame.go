package talk

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"slices"
)

// The messages within the TLS connection of a pair, in messages of package message. The
// server sends promise, the client answers with hello, and the server with reveal. Then both
// send texts, frames about files and, before the end, bye.
const (
	framePromise byte = 1 // SHA-256 of the server's random number, key, signature, name
	frameHello   byte = 2 // the client's random number, key, signature, name
	frameReveal  byte = 3 // the server's random number
	frameText    byte = 4
	frameBye     byte = 5
)

const (
	randomSize = 32
	maxName    = 4 * 64 // bytes; of which a name of 32 characters is made
	// MaxText is the size of the longest text in bytes.
	MaxText  = 64 << 10
	maxFrame = 1 + MaxText
)

var errFrame = errors.New("talk: the other member breaks the protocol")

// An introduction is a promise or a hello.
type introduction struct {
	random    [randomSize]byte // or its hash
	key       ed25519.PublicKey
	signature []byte
	name      string
}

// signed returns what an introduction signs. The exported value is of this connection alone.
func (i *introduction) signed(kind byte, exported []byte) []byte {
	b := append([]byte("sealsock talk 1 identity\x00"), kind)
	b = append(append(b, exported...), i.random[:]...)
	return append(b, i.name...)
}

// append returns the introduction as a frame.
func (i *introduction) append(kind byte) []byte {
	return slices.Concat([]byte{kind}, i.random[:], i.key, i.signature, []byte(i.name))
}

// parseIntroduction parses a frame of a kind. It does not verify the signature.
func parseIntroduction(b []byte, kind byte) (*introduction, error) {
	const fixed = 1 + randomSize + ed25519.PublicKeySize + ed25519.SignatureSize
	if len(b) < fixed || len(b) > fixed+maxName || b[0] != kind {
		return nil, errFrame
	}
	b = bytes.Clone(b[1:])
	i := &introduction{random: [randomSize]byte(b)}
	b = b[randomSize:]
	i.key, b = b[:ed25519.PublicKeySize:ed25519.PublicKeySize], b[ed25519.PublicKeySize:]
	i.signature, b = b[:ed25519.SignatureSize:ed25519.SignatureSize], b[ed25519.SignatureSize:]
	i.name = string(b)
	return i, nil
}

// parseReveal returns the random number that a server had promised.
func parseReveal(b []byte, promised [randomSize]byte) (random [randomSize]byte, err error) {
	if len(b) != 1+randomSize || b[0] != frameReveal || sha256.Sum256(b[1:]) != promised {
		return random, errFrame
	}
	return [randomSize]byte(b[1:]), nil
}
