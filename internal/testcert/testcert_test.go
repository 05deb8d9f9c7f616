package testcert

import (
	"crypto"
	"sync"
	"testing"
)

// TestOneRSAKey: tests that run at once have the same RSA key.
func TestOneRSAKey(t *testing.T) {
	var keys [8]crypto.Signer
	var all sync.WaitGroup
	for i := range keys {
		all.Go(func() { keys[i] = NewKey("rsa") })
	}
	all.Wait()
	for _, k := range keys {
		if k != keys[0] {
			t.Fatal("there are several keys")
		}
	}
}
