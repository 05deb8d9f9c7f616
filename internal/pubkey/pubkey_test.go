package pubkey

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/mldsa"
	"crypto/rsa"
	"errors"
	"math/big"
	"strconv"
	"strings"
	"testing"

	"github.com/sealsock/sealsock/internal/pss"
)

// rsaKey is an RSA key by its size: an odd number of bits bits.
func rsaKey(bits uint, e int64) *rsa.PublicKey {
	n := new(big.Int).Lsh(big.NewInt(1), bits-1)
	return &rsa.PublicKey{N: n.SetBit(n, 0, 1), E: int(e)}
}

func TestCheck(t *testing.T) {
	even := rsaKey(2048, 65537)
	even.N.SetBit(even.N, 0, 0)
	mldsaKey, err := mldsa.NewPublicKey(mldsa.MLDSA44(), make([]byte, mldsa.MLDSA44PublicKeySize))
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		key    crypto.PublicKey
		reason Reason // 0: accepted
		text   string
	}{
		"2048":             {rsaKey(2048, 65537), 0, ""},
		"8192":             {rsaKey(8192, 3), 0, ""},
		"largest exponent": {rsaKey(2048, 1<<31-1), 0, ""},
		"2047":             {rsaKey(2047, 65537), Weak, "2047 bits, where an RSA key of 2048"},
		"8193":             {rsaKey(8193, 65537), Costly, "8193 bits"},
		"half a megabit":   {rsaKey(500_000, 1<<31-1), Costly, "500000 bits"},
		"exponent 0":       {rsaKey(2048, 0), Weak, "exponent 0"},
		"exponent 1":       {rsaKey(2048, 1), Weak, "exponent 1"},
		"negative":         {rsaKey(2048, -3), Weak, "exponent -3"},
		"even exponent":    {rsaKey(2048, 65536), Weak, "exponent 65536"},
		"large exponent":   {rsaKey(2048, 1<<31+1), Costly, "exponent 2147483649"},
		"even modulus":     {even, Weak, "even modulus"},
		"no modulus":       {&rsa.PublicKey{E: 3}, Unsupported, "without numbers"},
		"nil RSA":          {(*rsa.PublicKey)(nil), Unsupported, ""},
		"PSS":              {pss.PublicKey{PublicKey: rsaKey(2048, 3)}, 0, ""},
		"large PSS":        {pss.PublicKey{PublicKey: rsaKey(9000, 3)}, Costly, ""},
		"pointer to PSS":   {&pss.PublicKey{PublicKey: rsaKey(9000, 3)}, Costly, ""},
		"nil PSS":          {(*pss.PublicKey)(nil), Unsupported, ""},
		"empty PSS":        {pss.PublicKey{}, Unsupported, ""},
		"P-256":            {&ecdsa.PublicKey{Curve: elliptic.P256()}, 0, ""},
		"P-384":            {&ecdsa.PublicKey{Curve: elliptic.P384()}, 0, ""},
		"P-521":            {&ecdsa.PublicKey{Curve: elliptic.P521()}, 0, ""},
		"P-224":            {&ecdsa.PublicKey{Curve: elliptic.P224()}, Unsupported, "ECDSA key on P-224"},
		"no curve":         {&ecdsa.PublicKey{}, Unsupported, ""},
		"nil ECDSA":        {(*ecdsa.PublicKey)(nil), Unsupported, ""},
		"Ed25519":          {make(ed25519.PublicKey, 32), 0, ""},
		"short Ed25519":    {make(ed25519.PublicKey, 31), Unsupported, ""},
		"ML-DSA":           {mldsaKey, 0, ""},
		"empty ML-DSA":     {&mldsa.PublicKey{}, Unsupported, "without a value"},
		"nil ML-DSA":       {(*mldsa.PublicKey)(nil), Unsupported, ""},
		"none":             {nil, Unsupported, ""},
		"other":            {"key", Unsupported, "type string"},
	} {
		if name == "large exponent" && strconv.IntSize == 32 {
			continue // it is not representable
		}
		err := Check(tc.key)
		var e *Error
		switch {
		case tc.reason == 0 && err != nil:
			t.Errorf("%s: %v", name, err)
		case tc.reason == 0:
		case !errors.As(err, &e) || e.Reason != tc.reason || !strings.Contains(err.Error(), tc.text):
			t.Errorf("%s: %v", name, err)
		}
		if TooCostly(tc.key) != (tc.reason == Costly) {
			t.Errorf("%s: TooCostly disagrees with Check", name)
		}
	}
}
