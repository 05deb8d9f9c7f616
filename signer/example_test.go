package signer_test

import (
	"crypto/ed25519"
	"fmt"
	"strings"

	"github.com/sealsock/sealsock/signer"
)

// A struct of a program holds a key, and printing the struct does not show it.
func Example() {
	key := ed25519.NewKeyFromSeed([]byte("a seed of exactly 32 bytes, here"))
	server := struct {
		name string
		key  signer.Signer
	}{"localhost", signer.New(key)}
	text := fmt.Sprintf("%+v", server)
	fmt.Println(strings.Contains(text, fmt.Sprint(key[:8])), server.key.Key() != nil)
	// Output: false true
}
