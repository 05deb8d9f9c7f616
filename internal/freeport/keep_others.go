//go:build !linux

package freeport

import "io"

// keep keeps nothing: these systems have no names that end with the process.
func keep(int) (io.Closer, error) { return io.NopCloser(nil), nil }
