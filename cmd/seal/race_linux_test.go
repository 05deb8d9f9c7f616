//go:build race

package main

func init() { memoryKept = 1 << 30 } // the race detector returns none of its own memory
