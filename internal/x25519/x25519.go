package x25519

import (
	"crypto/subtle"

	circl "github.com/cloudflare/circl/dh/x25519"
	fp "github.com/cloudflare/circl/math/fp25519"
)

// Public sets public to the X25519 function of secret and the base point. It multiplies the base
// point of edwards25519, which is faster than the Montgomery ladder, and returns the u-coordinate.
// The two curves are the same in other coordinates, and so are their base points: RFC 7748,
// Section 4.1. Time and memory accesses do not depend on the secret.
func Public(public, secret *[32]byte) {
	var above, below fp.Elt
	multiplyBase(&above, &below, secret)
	fp.Inv(&below, &below)
	setProduct(public, &above, &below)
	clear(above[:])
	clear(below[:])
}

// Shared sets shared to the X25519 function of secret and the u-coordinate point. It returns false,
// and shared is zero, for a point of low order. RFC 7748, Section 6.1. RFC 9846, Section 7.4.2:
// "implementations MUST check whether the computed Diffie-Hellman shared secret is the all-zero
// value".
func Shared(shared, secret, point *[32]byte) bool {
	if !accelerated {
		return circl.Shared((*circl.Key)(shared), (*circl.Key)(secret), (*circl.Key)(point))
	}
	var x, z fp.Elt
	multiplyPoint(&x, &z, secret, point)
	fp.Inv(&z, &z)
	setProduct(shared, &x, &z)
	clear(x[:])
	clear(z[:])
	return !isZero(shared)
}

// Exchange is Public and Shared in less time than both. If it returns false, public is not set
// either. None of the results may be where the secret or the point is.
func Exchange(public, shared, secret, point *[32]byte) bool {
	if !accelerated {
		Public(public, secret)
		return Shared(shared, secret, point)
	}
	var x, z, above, below, both fp.Elt
	multiplyPoint(&x, &z, secret, point)
	multiplyBase(&above, &below, secret)
	// One inverse for both: x/z = x·below/(z·below), and above/below = above·z/(z·below).
	fp.Mul(&both, &z, &below)
	fp.Inv(&both, &both)
	fp.Mul(&x, &x, &below)
	fp.Mul(&above, &above, &z)
	setProduct(shared, &x, &both)
	setProduct(public, &above, &both)
	for _, e := range []*fp.Elt{&x, &z, &above, &below, &both} {
		clear(e[:])
	}
	return !isZero(shared)
}

// Accelerated reports whether this package's own code runs, and not circl's.
func Accelerated() bool { return accelerated }

// setProduct sets dst to x times y, reduced. RFC 7748, Section 5.
func setProduct(dst *[32]byte, x, y *fp.Elt) {
	var product fp.Elt
	fp.Mul(&product, x, y)
	fp.Modp(&product)
	*dst = product
	clear(product[:])
}

func isZero(b *[32]byte) bool {
	return subtle.ConstantTimeCompare(b[:], make([]byte, 32)) == 1
}
