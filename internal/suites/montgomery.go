package suites

import (
	"io"
	"slices"

	"filippo.io/edwards25519"
	"github.com/cloudflare/circl/dh/x25519"
	"github.com/cloudflare/circl/dh/x448"

	"github.com/sealsock/sealsock/internal/reuse"
)

// A montgomery is X25519 or X448 with circl's field arithmetic, which takes X25519 about
// half of the standard library's time. The public key of X25519 comes from a table of
// multiples of the base point. RFC 7748; RFC 9846, Section 7.4.2.
type montgomery struct {
	size   int // of a secret, a share and a shared secret, in bytes
	public func(public, secret []byte)
	// shared returns false for a point of low order, whose product is all zero.
	shared func(shared, secret, peer []byte) bool
}

var x25519Exchange = montgomery{
	x25519.Size,
	x25519Public,
	func(shared, secret, peer []byte) bool {
		return x25519.Shared((*x25519.Key)(shared), (*x25519.Key)(secret), (*x25519.Key)(peer))
	},
}

var x448Exchange = montgomery{
	x448.Size,
	func(public, secret []byte) { x448.KeyGen((*x448.Key)(public), (*x448.Key)(secret)) },
	func(shared, secret, peer []byte) bool {
		return x448.Shared((*x448.Key)(shared), (*x448.Key)(secret), (*x448.Key)(peer))
	},
}

// x25519Public multiplies the base point of edwards25519, which is faster than the
// Montgomery ladder, and returns the u-coordinate. The two curves are the same in other
// coordinates, and so are their base points. The scalar is clamped: RFC 7748, Sections 4.1
// and 5. Time and memory accesses do not depend on the secret.
func x25519Public(public, secret []byte) {
	scalar, err := new(edwards25519.Scalar).SetBytesWithClamping(secret)
	if err != nil {
		panic("suites: an X25519 key of another length than 32 bytes")
	}
	copy(public, new(edwards25519.Point).ScalarBaseMult(scalar).BytesMontgomery())
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
	m.public(ours, scalar[:m.size])
	if !m.shared(shared, scalar[:m.size], share) {
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
