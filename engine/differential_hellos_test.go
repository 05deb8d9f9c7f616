package engine

import (
	"bytes"
	"crypto/ecdh"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/fipstest"
)

// TestDifferentialHellos compares our server with crypto/tls's on ClientHellos that are put
// together from parts which are right, or nearly so, by numbers that are the same in each run.
// Bytes that a fuzzer changes seldom make two lists that go together.
func TestDifferentialHellos(t *testing.T) {
	fipstest.Skip(t, standardLacks)
	n := 40_000
	if testing.Short() {
		n = 4_000
	}
	compare := differentialServer(t)
	maker := helloMaker{rand.New(rand.NewPCG(1, 2)), shares(t)}
	for i := range n {
		hello := maker.hello()
		if compare(t, hello); t.Failed() {
			t.Fatalf("hello %d: %x", i, hello)
		}
	}
}

// shares returns a key share of each group of differentialGroups.
func shares(t *testing.T) map[iana.NamedGroup][]byte {
	all := map[iana.NamedGroup][]byte{}
	for id, curve := range map[iana.NamedGroup]ecdh.Curve{
		iana.X25519: ecdh.X25519(), iana.SecP256r1: ecdh.P256(), iana.SecP384r1: ecdh.P384(),
	} {
		size := 32
		if id == iana.SecP384r1 {
			size = 48
		}
		key, err := curve.NewPrivateKey(bytes.Repeat([]byte{1}, size))
		if err != nil {
			t.Fatal(err)
		}
		all[id] = key.PublicKey().Bytes()
	}
	return all
}

// A helloMaker puts ClientHellos together.
type helloMaker struct {
	*rand.Rand
	shares map[iana.NamedGroup][]byte
}

// one returns one of a list.
func one[T any](m helloMaker, list ...T) T { return list[m.IntN(len(list))] }

// some returns up to four of a list of numbers, in any order, now and then one of them twice.
func (m helloMaker) some(list ...uint16) (out []uint16) {
	for _, i := range m.Perm(len(list))[:m.IntN(min(4, len(list))+1)] {
		out = append(out, list[i])
	}
	if len(out) > 0 && m.IntN(16) == 0 {
		out = append(out, out[0])
	}
	return out
}

// numbers returns a list of 16-bit numbers behind its length in width bytes.
func numbers(width int, list []uint16) []byte {
	var body []byte
	for _, v := range list {
		body = binary.BigEndian.AppendUint16(body, v)
	}
	return vector(width, body)
}

// vector returns body behind its length in width bytes.
func vector(width int, body []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(body)))[4-width:], body...)
}

// hello returns the body of a ClientHello.
func (m helloMaker) hello() []byte {
	out := binary.BigEndian.AppendUint16(nil, one[uint16](m, 0x303, 0x303, 0x303, 0x303, 0x301, 0x304))
	out = append(out, bytes.Repeat([]byte{7}, 32)...)
	out = append(out, vector(1, make([]byte, one(m, 0, 32, 32)))...)
	suites := m.some(0x1301, 0x1302, 0x1303, 0x1301, 0xc02b, 0xcca9, 0xc02b, 0x5600, 0x00ff, 0x0a0a)
	out = append(out, numbers(2, append(suites, one[uint16](m, 0x1301, 0xc02b)))...)
	out = append(out, one(m, "\x01\x00", "\x01\x00", "\x01\x00", "\x02\x00\x01", "\x01\x01")...)
	groups := m.some(0x1d, 0x17, 0x18, 0x1d, 0x17, 0x11ec, 0x19, 0x0a0a)
	parts := m.parts(groups)
	var list []byte
	for _, i := range m.Perm(len(parts)) {
		list = append(list, parts[i]...)
	}
	return append(out, vector(2, list)...)
}

// parts returns the extensions, most of which most hellos have.
func (m helloMaker) parts(groups []uint16) (parts [][]byte) {
	add := func(often int, typ iana.ExtensionType, body []byte) {
		if m.IntN(16) < often {
			part := binary.BigEndian.AppendUint16(nil, uint16(typ))
			parts = append(parts, append(part, vector(2, body)...))
		}
	}
	add(15, iana.ExtSupportedVersions, numbers(1, m.some(0x304, 0x303, 0x304, 0x302, 0x7f1c, 0x0a0a)))
	add(15, iana.ExtSupportedGroups, numbers(2, groups))
	schemes := append(m.some(0x403, 0x807, 0x804, 0x401, 0x201), one[uint16](m, 0x807, 0x807, 0x403))
	add(15, iana.ExtSignatureAlgorithms, numbers(2, schemes))
	add(14, iana.ExtKeyShare, m.keyShares(groups))
	add(8, iana.ExtServerName, one(m, []byte("\x00\x06\x00\x00\x03a.b"), []byte("\x00\x06\x00\x00\x03A.b"), nil))
	add(8, iana.ExtALPN, vector(2, bytes.Join(m.names(), nil)))
	add(4, iana.ExtPSKModes, one(m, []byte{1, 1}, []byte{1, 0}, []byte{2, 0, 1}, []byte{1, 2}))
	add(4, iana.ExtStatusRequest, []byte{1, 0, 0, 0, 0})
	add(4, iana.ExtExtendedMasterSecret, nil)
	add(4, iana.ExtRenegotiationInfo, one(m, []byte{0}, []byte{0}, []byte{1, 0}))
	add(4, iana.ExtECPointFormats, one(m, []byte{1, 0}, []byte{1, 0}, []byte{2, 1, 0}, []byte{1, 1}))
	add(4, iana.ExtSessionTicket, one(m, nil, []byte("ticket")))
	add(4, iana.ExtSCT, nil)
	add(2, iana.ExtEarlyData, nil)
	add(2, iana.ExtCookie, vector(2, []byte("cookie")))
	add(2, iana.ExtPostHandshakeAuth, nil)
	add(2, iana.ExtSignatureAlgorithmsCert, numbers(2, append(m.some(0x403, 0x804), 0x807)))
	add(2, iana.ExtPadding, make([]byte, m.IntN(8)))
	add(2, 0x0a0a, one(m, nil, []byte{0}))
	return parts
}

// names are protocols.
func (m helloMaker) names() (out [][]byte) {
	for range 1 + m.IntN(3) {
		out = append(out, vector(1, []byte(one(m, "a", "a", "http/1.1", "h2", "z"))))
	}
	return out
}

// keyShares returns the extension of that name: for groups that are offered, mostly, in their
// order, with shares that are mostly right.
func (m helloMaker) keyShares(groups []uint16) []byte {
	var list []byte
	for _, id := range groups {
		if m.IntN(2) == 0 {
			continue
		}
		share := slices.Clone(m.shares[iana.NamedGroup(id)])
		switch {
		case share == nil:
			share = []byte{0}
		case m.IntN(6) == 0:
			other := append([]byte{5}, share[1:]...)
			share = one(m, share[1:], append(share, 0), make([]byte, len(share)), other)
		}
		list = append(binary.BigEndian.AppendUint16(list, id), vector(2, share)...)
	}
	return vector(2, list)
}
