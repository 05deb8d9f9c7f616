//go:build !purego && !circlx25519

package x25519

import (
	"bytes"
	"runtime/debug"
	"testing"
	"unsafe"

	fp "github.com/cloudflare/circl/math/fp25519"
)

// searched is how much of a stack is searched: more than any call here needs.
const searched = 24 << 10

// leftover returns what a call has left in the memory of the stack below its caller.
//
//go:noinline
func leftover(call func()) []byte {
	out := make([]byte, searched)
	clearStack(new([searched + 4<<10]byte))
	call()
	readStack(out)
	return out
}

// clearStack overwrites the stack below its caller with zeros.
//
//go:noinline
func clearStack(zeros *[searched + 4<<10]byte) int {
	room := *zeros
	return bytes.Count(room[:], []byte{1})
}

// readStack copies what is below its own frame.
//
//go:noinline
func readStack(out []byte) {
	var here byte
	low := unsafe.Add(unsafe.Pointer(&here), -len(out))
	for i := range out {
		out[i] = *(*byte)(unsafe.Add(low, i))
	}
}

// TestStack: the stack has neither the digits of a secret nor the results before the inverse
// after a call.
func TestStack(t *testing.T) {
	needAssembly(t)                                  // circl's functions leave something
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // it may make the stack smaller
	secret, point, public, shared := new([32]byte), &[32]byte{9}, new([32]byte), new([32]byte)
	for i := range secret {
		secret[i] = byte(7*i*i + 1)
	}
	var digits [64]int8
	var above, below, x, z fp.Elt
	baseDigits(&digits, secret)
	multiplyBase(&above, &below, secret)
	multiplyPoint(&x, &z, secret, point)
	secrets := map[string][]byte{
		"secret": secret[8:24], "above": above[:], "below": below[:], "x": x[:], "z": z[:],
		"digits": unsafe.Slice((*byte)(unsafe.Pointer(&digits)), len(digits)),
	}
	first, second := new(fp.Elt), new(fp.Elt)
	found := func(stack []byte) (names []string) {
		for name, b := range secrets {
			for i := 0; i+16 <= len(b); i += 8 {
				if bytes.Contains(stack, b[i:i+16]) {
					names = append(names, name)
				}
			}
		}
		return names
	}
	for name, call := range map[string]func(){
		"Public":        func() { Public(public, secret) },
		"Shared":        func() { Shared(shared, secret, point) },
		"Exchange":      func() { Exchange(public, shared, secret, point) },
		"multiplyBase":  func() { multiplyBase(first, second, secret) },
		"multiplyPoint": func() { multiplyPoint(first, second, secret, point) },
	} {
		left := found(leftover(call))
		for i := 1; i < tries && left != nil; i++ {
			left = found(leftover(call))
		}
		if left != nil {
			t.Errorf("%s leaves on the stack: %v", name, left)
		}
	}
	// The search finds what is there.
	if left := found(leftover(func() { keepCopy(secret) })); left == nil {
		t.Error("a copy on the stack was not found")
	}
}

// keepCopy leaves copies in a frame that is larger than that of readStack.
//
//go:noinline
func keepCopy(secret *[32]byte) byte {
	var room [32][32]byte
	for i := range room {
		room[i] = *secret
	}
	return room[secret[0]&31][0]
}
