//go:build !linux

package tipc

const number = -1
