package suites

import (
	"io"
	"slices"

	"github.com/cloudflare/circl/dh/x448"

	"github.com/sealsock/sealsock/internal/reuse"
	"github.com/sealsock/sealsock/internal/x25519"
)

// A montgomery is X25519 or X448 with circl's field arithmetic, which takes X25519 about
// half of the standard library's time; a shared secret of X25519 takes less than half of that
// where internal/x25519 has vector code for the processor. The public key of X25519 comes from a
// table of multiples of the base point: see x25519.Public. RFC 7748; RFC 9846, Section 7.4.2.
type montgomery struct {
	size   int // of a secret, a share and a shared secret, in bytes
	public func(public, secret []byte)
	// shared and both return false for a point of low order, whose product is all zero.
	shared func(shared, secret, peer []byte) bool
	both   func(public, shared, secret, peer []byte) bool
}

var x25519Exchange = montgomery{
	32,
	func(public, secret []byte) {
		x25519.Public((*[32]byte)(public), (*[32]byte)(secret))
	},
	func(shared, secret, peer []byte) bool {
		return x25519.Shared((*[32]byte)(shared), (*[32]byte)(secret), (*[32]byte)(peer))
	},
	func(public, shared, secret, peer []byte) bool {
		return x25519.Exchange((*[32]byte)(public), (*[32]byte)(shared), (*[32]byte)(secret),
			(*[32]byte)(peer))
	},
}

var x448Exchange = montgomery{
	x448.Size,
	x448Public,
	x448Shared,
	func(public, shared, secret, peer []byte) bool {
		x448Public(public, secret)
		return x448Shared(shared, secret, peer)
	},
}

func x448Shared(shared, secret, peer []byte) bool {
	return x448.Shared((*x448.Key)(shared), (*x448.Key)(secret), (*x448.Key)(peer))
}

// x448Public multiplies the base point by the ladder of Shared. KeyGen is faster by a third, and
// its table of multiples has 25 KB in every program, for a group that few of them use. RFC 7748,
// Section 5: "the u-coordinate of the base point" is 5.
func x448Public(public, secret []byte) {
	x448.Shared((*x448.Key)(public), (*x448.Key)(secret), &x448.Key{5})
}

// A montgomeryPrivate is a secret of which the public key is the share that was sent.
type montgomeryPrivate struct {
	montgomery
	secret [x448.Size]byte
}

// extend returns b with n more bytes, and these.
func extend(b []byte, n int) (whole, added []byte) {
	whole = slices.Grow(b, n)[:len(b)+n]
	return whole, whole[len(b):]
}

func (m montgomery) generate(rand io.Reader, dst []byte) (Private, []byte, error) {
	p := &montgomeryPrivate{montgomery: m}
	if _, err := io.ReadFull(rand, p.secret[:m.size]); err != nil {
		return nil, nil, err
	}
	dst, ours := extend(dst, m.size)
	p.public(ours, p.secret[:m.size])
	return p, dst, nil
}

// scalars lends the secrets of encapsulate.
var scalars reuse.Pool[[x448.Size]byte]

func (m montgomery) encapsulate(rand io.Reader, share []byte, dst answer) (answer, error) {
	scalar := scalars.Get()
	defer scalars.Put(scalar)
	if _, err := io.ReadFull(rand, scalar[:m.size]); err != nil {
		return answer{}, err
	}
	var ours, shared []byte
	dst.share, ours = extend(dst.share, m.size)
	dst.secret, shared = extend(dst.secret, m.size)
	if !m.both(ours, shared, scalar[:m.size], share) {
		return answer{}, errShare
	}
	return dst, nil
}

// Decapsulate refuses points of low order. RFC 9846, Section 7.4.2: "implementations MUST
// check whether the computed Diffie-Hellman shared secret is the all-zero value and abort
// if so".
func (p *montgomeryPrivate) Decapsulate(share []byte) ([]byte, error) {
	secret := make([]byte, p.size)
	if !p.shared(secret, p.secret[:p.size], share) {
		return nil, errShare
	}
	return secret, nil
}
