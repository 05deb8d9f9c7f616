package mldsakey

import (
	"crypto"
	"crypto/mldsa"
	"runtime"
	"testing"

	"github.com/sealsock/sealsock/internal/simd"
)

// TestVectorRegistersAreLeftClean: neither parsing nor signing slows down what follows on
// the same thread.
func TestVectorRegistersAreLeftClean(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if _, ok := simd.UpperInUse(); !ok {
		t.Skip("this processor does not tell which registers are in use")
	}
	check := func(what string, err error) {
		t.Helper()
		if used, _ := simd.UpperInUse(); used || err != nil {
			t.Errorf("%s: the upper halves of registers are in use: %v, %v", what, used, err)
		}
		simd.ClearUpper()
	}
	for i := range sets() {
		s := &sets()[i]
		key, err := mldsa.GenerateKey(s.parameters)
		if err != nil {
			t.Fatal(err)
		}
		expanded := s.seeded(key.Bytes())
		check("seed", nil)
		parsed, err := Parse(forms(s, nil, expanded)["expanded"])
		check("parsing", err)
		_, err = parsed.Sign(nil, []byte("message"), crypto.Hash(0))
		check("signing", err)
	}
}
