package keys

import (
	"bytes"
	"crypto"
	_ "crypto/sha256"
	_ "crypto/sha512"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
)

func unhex12(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

// The vectors that the TLS working group's list agreed upon for the PRF of TLS
// 1.2: https://mailarchive.ietf.org/arch/msg/tls/fzVCzk-z3FShgGJ6DOXqM1ydxms
func TestPRF12(t *testing.T) {
	for _, v := range []struct {
		hash              crypto.Hash
		secret, seed, out string
	}{
		{crypto.SHA256, "9bbe436ba940f017b17652849a71db35", "a0ba9f936cda311827a6f796ffd5198c",
			"e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9c9a46b4e14baf9af" +
				"0fa022f7077def17abfd3797c0564bab4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff70187347b66"},
		{crypto.SHA384, "b80b733d6ceefcdc71566ea48e5567df", "cd665cf6a8447dd6ff8b27555edb7465",
			"7b0c18e9ced410ed1804f2cfa34a336a1c14dffb4900bb5fd7942107e81c83cde9ca0faa60be9fe34f82b1233c9146a0e534cb40" +
				"0fed2700884f9dc236f80edd8bfa961144c9e8d792eca722a7b32fc3d416d473ebc2c5fd4abfdad05d9184259b5bf8cd4d90fa0d" +
				"31e2dec479e4f1a26066f2eea9a69236a3e52655c9e9aee691c8f3a26854308d5eaa3be85e0990703d73e56f"},
	} {
		want := unhex12(v.out)
		got := make([]byte, len(want))
		prf(got, v.hash, unhex12(v.secret), "test label", unhex12(v.seed))
		if !bytes.Equal(got, want) {
			t.Errorf("%v: %x", v.hash, got)
		}
		seed := unhex12(v.seed)
		prf(got, v.hash, unhex12(v.secret), "test label", seed[:5], seed[5:])
		if !bytes.Equal(got, want) {
			t.Errorf("%v with a seed in parts: %x", v.hash, got)
		}
	}
}

func TestMaster12(t *testing.T) {
	h, pre := crypto.SHA256, []byte("premaster")
	cr, sr := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
	m := NewMaster12(h, pre, cr, sr)
	if len(m.Bytes()) != 48 {
		t.Errorf("a master secret of %d bytes", len(m.Bytes()))
	}
	if bytes.Equal(m.Bytes(), NewMaster12(h, pre, sr, cr).Bytes()) {
		t.Error("the order of the random values does not matter")
	}
	if bytes.Equal(m.Bytes(), NewExtendedMaster12(h, pre, append(cr, sr...)).Bytes()) {
		t.Error("the extended master secret is the old one")
	}
	again := RestoreMaster12(h, m.Bytes())
	c, s := m.Keys(cr, sr, 16, 4)
	c2, s2 := again.Keys(cr, sr, 16, 4)
	if !bytes.Equal(c.Key, c2.Key) || !bytes.Equal(s.IV, s2.IV) || bytes.Equal(c.Key, s.Key) || bytes.Equal(c.IV, s.IV) {
		t.Error("the key block is cut wrongly")
	}
	if len(c.Key) != 16 || len(s.IV) != 4 {
		t.Errorf("key of %d bytes, IV of %d", len(c.Key), len(s.IV))
	}
	sum := make([]byte, 32)
	if cf, sf := m.ClientFinished(sum), m.ServerFinished(sum); len(cf) != 12 || len(sf) != 12 || bytes.Equal(cf, sf) {
		t.Errorf("Finished: %x and %x", cf, sf)
	}
	e := m.Exporter(cr, sr)
	if bytes.Equal(e.Export("label", nil, 32), e.Export("label", []byte{}, 32)) {
		t.Error("no context and an empty one export the same")
	}
}

func TestPSKPremaster12(t *testing.T) {
	if got := PSKPremaster12([]byte{7, 8}, nil); !bytes.Equal(got, []byte{0, 2, 0, 0, 0, 2, 7, 8}) {
		t.Errorf("plain: %x", got)
	}
	if got := PSKPremaster12([]byte{7, 8}, []byte{1, 2, 3}); !bytes.Equal(got, []byte{0, 3, 1, 2, 3, 0, 2, 7, 8}) {
		t.Errorf("with ECDHE: %x", got)
	}
}

func TestSecrets12NeverPrint(t *testing.T) {
	m := NewMaster12(crypto.SHA256, []byte("premaster"), make([]byte, 32), make([]byte, 32))
	c, _ := m.Keys(make([]byte, 32), make([]byte, 32), 16, 4)
	text := fmt.Sprintf("%v %+v %#v %s %x %v %x %v", m, m, m, m, m, c, c, m.Exporter(nil, nil))
	for _, secret := range [][]byte{m.Bytes()[:4], c.Key[:4]} {
		if strings.Contains(text, hex.EncodeToString(secret)) || strings.Contains(text, fmt.Sprint(secret)[1:]) {
			t.Errorf("a secret prints: %s", text)
		}
	}
}
