//go:build !linux

package can

const number = -1
