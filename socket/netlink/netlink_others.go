//go:build !linux

package netlink

const number = -1
