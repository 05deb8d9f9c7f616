//go:build !amd64 || purego || standardhmac

package hmac256

// enabled is whether there is code for this processor.
const enabled = false

// There is no Key to call these for.

func setBoth(*Key, *[BlockSize]byte, *[BlockSize]byte) { panic("hmac256: not implemented") }

func sum(*Key, *[Size]byte, *byte, int) { panic("hmac256: not implemented") }

func sumBoth(_ *Key, _, _ *[Size]byte, _, _ *Room) { panic("hmac256: not implemented") }
