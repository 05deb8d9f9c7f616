package alg

import (
	"context"
	"os"

	"github.com/sealsock/sealsock/internal/interrupt"
	"github.com/sealsock/sealsock/socket"
)

// maxDigest is longer than any hash that the kernel has, in bytes.
const maxDigest = 256

// A Hash computes a hash or a keyed hash. It must not be used concurrently.
type Hash struct {
	a Addr
	s *socket.Socket
}

// NewHash starts a hash, such as "sha256", or with a key a keyed one, such as
// "hmac(sha256)" or "cmac(aes)".
func NewHash(name string, key []byte) (*Hash, error) {
	a := Addr{Type: "hash", Name: name}
	s, err := operation(a, key)
	if err != nil {
		return nil, err
	}
	return &Hash{a, s}, nil
}

// Write adds data to what is hashed.
func (h *Hash) Write(p []byte) (int, error) {
	return h.socket().SendAll(context.Background(), p, socket.More)
}

// ReadFile adds the rest of a file, or of a pipe, to what is hashed, without
// copying it through this process, and returns how many bytes that were. The
// file's position moves. A pipe's read deadline bounds the wait for it, and is
// cleared if the context ends that wait.
func (h *Hash) ReadFile(ctx context.Context, f *os.File) (int64, error) {
	if h.socket() == nil {
		return 0, opError("write", Addr{}, errNotMade)
	}
	defer interrupt.Reads(ctx, f)()
	n, err := readFile(ctx, h.s, f)
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		return n, opError("write", h.a, err)
	}
	return n, nil
}

// Sum appends the hash of all that was written to b. It does not change the
// state: more can be written.
func (h *Hash) Sum(b []byte) ([]byte, error) {
	ctx := context.Background()
	// Accepting on a hash's socket copies its state.
	s, err := h.socket().Accept(ctx)
	if err != nil {
		return b, err
	}
	defer s.Close()
	digest := make([]byte, maxDigest)
	n, err := s.Recv(ctx, digest, 0)
	if err != nil {
		return b, err
	}
	return append(b, digest[:n]...), nil
}

// Close ends the hash.
func (h *Hash) Close() error { return h.socket().Close() }

// socket is nil for a Hash that NewHash did not make.
func (h *Hash) socket() *socket.Socket {
	if h == nil {
		return nil
	}
	return h.s
}
