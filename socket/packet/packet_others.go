//go:build !linux

package packet

const number = -1
