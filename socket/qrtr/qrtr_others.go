//go:build !linux

package qrtr

const number = -1
