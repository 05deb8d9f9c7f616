//go:build !linux

package smc

const number = -1
