//go:build !linux

package rds

const number = -1
