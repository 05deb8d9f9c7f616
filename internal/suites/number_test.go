package suites

import (
	"encoding/hex"
	"testing"

	"github.com/sealsock/sealsock/iana"
)

// QUIC protects the numbers of its packets by the same functions: the vectors are those of
// RFC 9001, Appendices A.2 and A.5.
func TestNumberMask(t *testing.T) {
	for _, v := range []struct {
		suite             iana.CipherSuite
		key, sample, mask string
	}{
		{iana.TLS_AES_128_GCM_SHA256, "9f50449e04a0e810283a1e9933adedd2",
			"d1b1c98dd7689fb8ec11d242b123dc9b", "437b"},
		{iana.TLS_CHACHA20_POLY1305_SHA256,
			"25a282b9e82f06f21f488917a4fc8f1b73573685608597d0efcb076b0ab7a7a4",
			"5e5cd55c41f69080575d7999c25a5bfb", "aefe"},
	} {
		key, _ := hex.DecodeString(v.key)
		sample, _ := hex.DecodeString(v.sample)
		f, err := TLS13(v.suite).NumberMask(key)
		if err != nil {
			t.Fatal(err)
		}
		if mask := f.Mask(sample); hex.EncodeToString(mask[:]) != v.mask {
			t.Errorf("%v: %x, expected %s", v.suite, mask, v.mask)
		}
	}
}
