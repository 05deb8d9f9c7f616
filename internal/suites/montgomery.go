package suites

import (
	"io"

	"filippo.io/edwards25519"
	"github.com/cloudflare/circl/dh/x25519"
	"github.com/cloudflare/circl/dh/x448"
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

type montgomeryPrivate struct {
	montgomery
	secret []byte
}

func (m montgomery) generate(rand io.Reader) (Private, []byte, error) {
	secret, public := make([]byte, m.size), make([]byte, m.size)
	if _, err := io.ReadFull(rand, secret); err != nil {
		return nil, nil, err
	}
	m.public(public, secret)
	return montgomeryPrivate{m, secret}, public, nil
}

func (m montgomery) encapsulate(rand io.Reader, share []byte) ([]byte, []byte, error) {
	p, ours, err := m.generate(rand)
	if err != nil {
		return nil, nil, err
	}
	secret, err := p.Decapsulate(share)
	return ours, secret, err
}

// Decapsulate refuses points of low order. RFC 9846, Section 7.4.2: "implementations MUST
// check whether the computed Diffie-Hellman shared secret is the all-zero value and abort
// if so".
func (p montgomeryPrivate) Decapsulate(share []byte) ([]byte, error) {
	secret := make([]byte, p.size)
	if !p.shared(secret, p.secret, share) {
		return nil, errShare
	}
	return secret, nil
}
