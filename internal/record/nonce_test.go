package record

import (
	"encoding/hex"
	"github.com/sealsock/sealsock/internal/reuse"
	"testing"
)

// TestNonce13: the nonce is the number of the record, padded on the left to the length of the IV,
// xor the IV. RFC 9846, Section 5.3.
func TestNonce13(t *testing.T) {
	const iv = "0f1e2d3c4b5a69788796a5b4"
	for number, want := range map[uint64]string{
		0:                  iv,
		1:                  "0f1e2d3c4b5a69788796a5b5",
		0xffffffff:         "0f1e2d3c4b5a697878695a4b",
		0x100000000:        "0f1e2d3c4b5a69798796a5b4",
		0x0123456789abcdef: "0f1e2d3c4a792c1f0e3d685b",
	} {
		d := direction13{hidden: reuse.Hide(new(keyed)), seq: number}
		if _, err := hex.Decode(d.key().iv[:], []byte(iv)); err != nil {
			t.Fatal(err)
		}
		d.next()
		if got := hex.EncodeToString(d.key().nonce[:]); got != want {
			t.Errorf("record %d has the nonce %s, want %s", number, got, want)
		}
		if d.seq != number+1 {
			t.Errorf("record %d follows record %d", d.seq, number)
		}
	}
}
