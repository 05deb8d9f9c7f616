package wire_test

import (
	"bytes"
	"crypto/sha256"
	"testing"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/wire"
)

func TestHeader(t *testing.T) {
	h := wire.AppendHeader([]byte{9}, iana.HandshakeFinished, 0x010203)
	if !bytes.Equal(h, []byte{9, 20, 1, 2, 3}) {
		t.Errorf("%x", h)
	}
	if typ, n, ok := wire.ParseHeader(h[1:]); typ != iana.HandshakeFinished || n != 0x010203 || !ok {
		t.Errorf("%s, %d, %v", typ, n, ok)
	}
	if _, _, ok := wire.ParseHeader(h[2:]); ok {
		t.Error("three bytes are no header")
	}
}

func TestEmptyMessages(t *testing.T) {
	for _, typ := range []iana.HandshakeType{iana.HandshakeHelloRequest, iana.HandshakeServerHelloDone, iana.HandshakeEndOfEarlyData} {
		if got := wire.AppendEmpty(nil, typ); !bytes.Equal(got, []byte{byte(typ), 0, 0, 0}) {
			t.Errorf("%s: %x", typ, got)
		}
		if err := wire.ParseEmpty(typ, nil); err != nil {
			t.Errorf("%s: %v", typ, err)
		}
		refused(t, wire.ParseEmpty(typ, []byte{1, 2}), iana.AlertDecodeError, typ.String()+": 2 bytes left over")
	}
}

func TestMessageHash(t *testing.T) {
	if got := wire.MessageHash([]byte{7, 8}); !bytes.Equal(got, []byte{254, 0, 0, 2, 7, 8}) {
		t.Errorf("%x", got)
	}
}

func TestHelloRetryRequestRandom(t *testing.T) {
	// RFC 9846, Section 4.1.3, defines the value.
	if want := sha256.Sum256([]byte("HelloRetryRequest")); wire.HelloRetryRequestRandom != want {
		t.Errorf("%x, want %x", wire.HelloRetryRequestRandom, want)
	}
}

func TestDowngradeSentinel(t *testing.T) {
	for _, tt := range []struct {
		end     string
		version iana.Version
		found   bool
	}{
		{"\x44\x4f\x57\x4e\x47\x52\x44\x01", iana.TLS12, true},
		{"\x44\x4f\x57\x4e\x47\x52\x44\x00", iana.TLS11, true},
		{"\x44\x4f\x57\x4e\x47\x52\x44\x02", 0, false},
		{"whatever", 0, false},
	} {
		var random [32]byte
		copy(random[24:], tt.end)
		if v, found := wire.DowngradeSentinel(random); v != tt.version || found != tt.found {
			t.Errorf("%q: %s, %v", tt.end, v, found)
		}
	}
}

func TestECDHParams(t *testing.T) {
	params := wire.AppendECDHParams(nil, iana.X25519, x25519Share)
	msg := appended(t, &wire.ServerKeyExchange12{Group: iana.X25519, Public: x25519Share, Algorithm: iana.Ed25519})
	m, err := wire.ParseServerKeyExchange12(msg[wire.HeaderLen:], false, true)
	if err != nil || !bytes.Equal(m.Params, params) {
		t.Errorf("%v: signed %x, sent %x", err, params, m.Params)
	}
}

func TestPatchBinders(t *testing.T) {
	hello := &wire.ClientHello{
		CipherSuites: []iana.CipherSuite{0x1301}, CompressionMethods: []byte{0},
		PSK: &wire.OfferedPSKs{
			Identities: []wire.PSKIdentity{{Identity: []byte("a")}, {Identity: []byte("b")}},
			Binders:    [][]byte{make([]byte, 32), make([]byte, 48)},
		},
	}
	msg := appended(t, hello)
	before := bytes.Clone(msg)
	long, longer := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 48)
	for _, wrong := range [][][]byte{{long}, {longer, long}, {long, longer, long}, {make([]byte, len(msg))}} {
		if err := wire.PatchBinders(msg, wrong); err == nil || !bytes.Equal(msg, before) {
			t.Errorf("binders of other lengths: %v", err)
		}
	}
	if err := wire.PatchBinders(msg, [][]byte{long, longer}); err != nil {
		t.Fatal(err)
	}
	if n := len(msg) - hello.BindersLen(); !bytes.Equal(msg[:n], before[:n]) {
		t.Error("something in front of the binders changed")
	}
	m, err := wire.ParseClientHello(msg[wire.HeaderLen:])
	if err != nil || !bytes.Equal(m.PSK.Binders[0], long) || !bytes.Equal(m.PSK.Binders[1], longer) {
		t.Errorf("%v, %+v", err, m)
	}
	if n := new(wire.ClientHello).BindersLen(); n != 0 {
		t.Errorf("BindersLen without pre_shared_key = %d", n)
	}
}
