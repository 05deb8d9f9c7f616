//go:build standardp256

package p256

func enabled() bool { return false }
