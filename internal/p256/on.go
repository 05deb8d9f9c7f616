//go:build !standardp256

package p256

import "crypto/fips140"

// enabled reports whether this package signs, and not crypto/ecdsa.
func enabled() bool { return !fips140.Enabled() }
