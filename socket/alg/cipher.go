package alg

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/sealsock/sealsock/socket"
)

// maxPiece is how many bytes are given to the kernel before the answer is read:
// fewer than a socket's buffer holds, and a multiple of every block size.
const maxPiece = 32 << 10

// maxSealed is the longest message of an AEAD, in bytes: the kernel needs all
// of it before it starts.
const maxSealed = 64 << 10

// ErrAuthentication means that a message does not match the key, the nonce and
// the additional data.
var ErrAuthentication = errors.New("message authentication failed")

// A Cipher encrypts without authentication, for protocols that add their own.
// It is safe for concurrent use; calls run one after another.
type Cipher struct {
	a    Addr
	s    *socket.Socket
	one  chan struct{} // held during a use of s
	over error         // a failure that leaves the socket in no known state
}

// NewCipher returns a cipher, such as "cbc(aes)" or "ctr(aes)".
func NewCipher(name string, key []byte) (*Cipher, error) {
	a := Addr{Type: "skcipher", Name: name}
	s, err := operation(a, key)
	if err != nil {
		return nil, err
	}
	return &Cipher{a: a, s: s, one: make(chan struct{}, 1)}, nil
}

// Encrypt encrypts src into dst, which has the same length and may be the same
// memory. iv is not changed; it is nil for ciphers without one. After an error
// of the kernel the cipher is unusable, because its state is unknown.
func (c *Cipher) Encrypt(dst, src, iv []byte) error { return c.run(EncryptOp, dst, src, iv) }

// Decrypt decrypts src into dst under the conditions of Encrypt.
func (c *Cipher) Decrypt(dst, src, iv []byte) error { return c.run(DecryptOp, dst, src, iv) }

// Close ends the cipher.
func (c *Cipher) Close() error {
	if c == nil {
		return opError("close", Addr{}, errNotMade)
	}
	return c.s.Close()
}

func (c *Cipher) run(op Op, dst, src, iv []byte) error {
	if c == nil || c.s == nil {
		return opError("write", Addr{}, errNotMade)
	}
	if len(dst) != len(src) {
		return opError("write", c.a, fmt.Errorf("%d bytes to be written to %d", len(src), len(dst)))
	}
	if len(src) == 0 {
		return nil
	}
	control, err := socket.AppendAncillary(nil, Operation{Op: op, IV: iv}.Ancillary()...)
	if err != nil {
		return opError("write", c.a, err)
	}
	c.one <- struct{}{}
	defer func() { <-c.one }()
	if c.over != nil {
		return opError("write", c.a, fmt.Errorf("this cipher failed before: %w", c.over))
	}
	c.over = c.pieces(dst, src, control)
	return c.over
}

// pieces writes as much as the kernel accepts and reads the result, until all
// data is processed.
func (c *Cipher) pieces(dst, src, control []byte) error {
	ctx := context.Background()
	for len(src) > 0 {
		piece := src[:min(len(src), maxPiece)]
		flags := socket.More
		if len(piece) == len(src) {
			flags = 0
		}
		n, err := c.s.SendMsg(ctx, &socket.Message{Buffers: [][]byte{piece}, Control: control}, flags)
		if err == nil && n < len(piece) {
			err = opError("write", c.a, io.ErrShortWrite)
		}
		if err != nil {
			return err
		}
		control = nil // continue from the previous state
		if err := readAll(ctx, c.s, dst[:len(piece)]); err != nil {
			return err
		}
		src, dst = src[len(piece):], dst[len(piece):]
	}
	return nil
}

// readAll reads until p is full.
func readAll(ctx context.Context, s *socket.Socket, p []byte) error {
	for len(p) > 0 {
		n, err := s.Recv(ctx, p, 0)
		if err != nil {
			return err
		}
		if n == 0 {
			return opError("read", Addr{}, io.ErrNoProgress)
		}
		p = p[n:]
	}
	return nil
}

// An AEAD encrypts with authentication. It is safe for concurrent use; calls
// run one after another.
type AEAD struct {
	a    Addr
	s    *socket.Socket
	tag  int
	one  chan struct{}
	over error // a failure that leaves the socket in no known state
}

// NewAEAD returns authenticated encryption, such as "gcm(aes)" or
// "rfc7539(chacha20,poly1305)", with tags of tagSize bytes.
func NewAEAD(name string, key []byte, tagSize int) (*AEAD, error) {
	a := Addr{Type: "aead", Name: name}
	s, err := Open(a, key)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	if err := s.SetOptionLength(socket.OptionNumber{Level: Level, Name: setAuthSize}, tagSize); err != nil {
		return nil, opError("set", a, fmt.Errorf("tags of %d bytes: %w", tagSize, cause(err)))
	}
	op, err := s.Accept(context.Background())
	if err != nil {
		return nil, err
	}
	return &AEAD{a: a, s: op, tag: tagSize, one: make(chan struct{}, 1)}, nil
}

// Overhead returns the length of the tag, which Seal adds.
func (a *AEAD) Overhead() int {
	if a == nil {
		return 0
	}
	return a.tag
}

// Seal appends the encrypted plaintext with its tag to dst. The plaintext and
// the additional data have 64 KiB together at most.
func (a *AEAD) Seal(dst, nonce, plaintext, additional []byte) ([]byte, error) {
	size := len(plaintext) + a.Overhead()
	return a.run(Operation{EncryptOp, nonce, len(additional)}, dst, plaintext, additional, size)
}

// Open appends the decrypted message to dst. ErrAuthentication, inside a
// *net.OpError, means that the message is not genuine.
func (a *AEAD) Open(dst, nonce, sealed, additional []byte) ([]byte, error) {
	if a != nil && len(sealed) < a.tag {
		return dst, opError("read", a.a, ErrAuthentication)
	}
	size := len(sealed) - a.Overhead()
	return a.run(Operation{DecryptOp, nonce, len(additional)}, dst, sealed, additional, size)
}

// Close ends the AEAD.
func (a *AEAD) Close() error {
	if a == nil {
		return opError("close", Addr{}, errNotMade)
	}
	return a.s.Close()
}

func (a *AEAD) run(o Operation, dst, text, additional []byte, size int) ([]byte, error) {
	if a == nil || a.s == nil {
		return dst, opError("write", Addr{}, errNotMade)
	}
	if len(text)+len(additional) > maxSealed {
		return dst, opError("write", a.a, fmt.Errorf("a message of %d bytes, more than %d", len(text)+len(additional), maxSealed))
	}
	control, err := socket.AppendAncillary(nil, o.Ancillary()...)
	if err != nil {
		return dst, opError("write", a.a, err)
	}
	a.one <- struct{}{}
	defer func() { <-a.one }()
	if a.over != nil {
		return dst, opError("write", a.a, a.over)
	}
	ctx := context.Background()
	given, err := a.s.SendMsg(ctx, &socket.Message{Buffers: [][]byte{additional, text}, Control: control}, 0)
	if err == nil && given < len(additional)+len(text) {
		err = opError("write", a.a, io.ErrShortWrite)
	}
	if err != nil {
		a.over = err
		return dst, err
	}
	// The kernel returns the additional data before the result. The buffer has
	// one more byte, because a read into an empty buffer does not read.
	start := len(dst)
	dst = append(dst, make([]byte, size+1)...)
	front := make([]byte, len(additional))
	n, err := a.s.RecvMsg(ctx, &socket.Message{Buffers: [][]byte{front, dst[start:]}}, 0)
	switch {
	case isForged(err):
		return dst[:start], opError("read", a.a, ErrAuthentication)
	case err != nil:
		a.over = err
		return dst[:start], err
	case n != len(additional)+size:
		a.over = io.ErrUnexpectedEOF
		return dst[:start], opError("read", a.a, a.over)
	}
	return dst[:start+size], nil
}

// An RNG is one of the kernel's random number generators. It is used by one
// goroutine at a time.
type RNG struct{ s *socket.Socket }

// NewRNG returns a generator, such as "stdrng". The use and the length of the
// seed depend on the generator; "stdrng" adds it to the kernel's own seed and
// accepts nil.
func NewRNG(name string, seed []byte) (*RNG, error) {
	if seed == nil {
		seed = []byte{} // deterministic generators start when they are seeded
	}
	s, err := operation(Addr{Type: "rng", Name: name}, seed)
	if err != nil {
		return nil, err
	}
	return &RNG{s}, nil
}

// Read fills p with random bytes.
func (r *RNG) Read(p []byte) (int, error) {
	if r == nil {
		return 0, opError("read", Addr{}, errNotMade)
	}
	for n := 0; n < len(p); {
		m, err := r.s.Recv(context.Background(), p[n:], 0)
		n += m
		if err != nil {
			return n, err
		}
		if m == 0 {
			return n, io.ErrNoProgress
		}
	}
	return len(p), nil
}

// Close ends the generator.
func (r *RNG) Close() error {
	if r == nil {
		return opError("close", Addr{}, errNotMade)
	}
	return r.s.Close()
}
