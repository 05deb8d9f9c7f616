package engine

import (
	"bytes"
	"crypto"
	"slices"
	"testing"

	"github.com/sealsock/sealsock/internal/keys"
	"github.com/sealsock/sealsock/internal/wire"
)

// TestTranscript: each hash is that of the messages so far, asked for once, again, or not at
// all before the next message.
func TestTranscript(t *testing.T) {
	for _, id := range []crypto.Hash{crypto.SHA256, crypto.SHA384} {
		for asks := range 3 {
			var got transcript
			var all []byte
			check := func(what string) {
				t.Helper()
				for range asks {
					if !bytes.Equal(got.sum(), keys.Hash(id, all)) {
						t.Fatalf("%v: after %s, the hash is not that of the messages", id, what)
					}
				}
			}
			got.add([]byte("hello"))
			all = []byte("hello")
			got.choose(id)
			check("choose")
			got.retry()
			all = wire.MessageHash(keys.Hash(id, all))
			check("retry")
			other := got.clone()
			before := slices.Clone(all)
			got.add([]byte("more"))
			all = append(all, "more"...)
			check("add")
			if !bytes.Equal(other.sum(), keys.Hash(id, before)) {
				t.Errorf("%v: the copy has what was added to the original", id)
			}
		}
	}
}
