//go:build !amd64 || purego

package simd

func clearUpper() {}

func upperInUse() (used, ok bool) { return false, false }
