//go:build !windows

package hyperv

const number = -1
