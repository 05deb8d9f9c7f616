package keys

import (
	"crypto"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
)

// The sizes of TLS 1.2, in bytes. RFC 5246, Sections 8.1 and 7.4.9.
const (
	masterLen12   = 48
	finishedLen12 = 12
	randomLen12   = 32
)

// A Master12 is the master secret of TLS 1.2, from which all keys of a session
// are derived. RFC 5246, Section 8.1.
type Master12 struct{ secret }

// NewMaster12 derives the master secret from the random values of both hellos,
// without the extension of RFC 7627. An attacker can make two sessions share
// such a secret.
func NewMaster12(h crypto.Hash, premaster, clientRandom, serverRandom []byte) *Master12 {
	var master [masterLen12]byte
	prf(master[:], h, premaster, "master secret", clientRandom, serverRandom)
	return RestoreMaster12(h, master[:])
}

// NewExtendedMaster12 derives the master secret from the hash of the handshake
// up to ClientKeyExchange, which binds it to this session. RFC 7627, Section 4.
func NewExtendedMaster12(h crypto.Hash, premaster, sessionHash []byte) *Master12 {
	var master [masterLen12]byte
	prf(master[:], h, premaster, "extended master secret", sessionHash)
	return RestoreMaster12(h, master[:])
}

// RestoreMaster12 returns the master secret of an earlier session.
func RestoreMaster12(h crypto.Hash, master []byte) *Master12 {
	return &Master12{newSecret(h, master)}
}

// Bytes returns the secret itself, for a session or a key log and nothing else.
func (m *Master12) Bytes() []byte { return m.clone() }

// Keys12 holds the keys of one direction: a key and the fixed part of the
// nonce.
type Keys12 struct{ Key, IV []byte }

// Format prints [redacted] for every verb, so that no output or log shows the keys.
func (Keys12) Format(s fmt.State, _ rune) { io.WriteString(s, "[redacted]") }

// Keys returns the keys of both directions, for the client's and the server's
// records. RFC 5246, Section 6.3; AEAD suites have no MAC keys.
func (m *Master12) Keys(clientRandom, serverRandom []byte, keyLen, ivLen int) (client, server Keys12) {
	block := make([]byte, 2*(keyLen+ivLen))
	s := m.hidden()
	prf(block, s.hash, s.slice(), "key expansion", serverRandom, clientRandom)
	take := func(n int) []byte {
		b := block[:n:n]
		block = block[n:]
		return b
	}
	client.Key, server.Key = take(keyLen), take(keyLen)
	client.IV, server.IV = take(ivLen), take(ivLen)
	return client, server
}

// ClientFinished returns the verify_data of the client's Finished for the
// transcript hash before it. RFC 5246, Section 7.4.9.
func (m *Master12) ClientFinished(transcript []byte) []byte {
	return m.finished12("client finished", transcript)
}

// ServerFinished returns the same for the server.
func (m *Master12) ServerFinished(transcript []byte) []byte {
	return m.finished12("server finished", transcript)
}

func (m *Master12) finished12(label string, transcript []byte) []byte {
	out := make([]byte, finishedLen12)
	s := m.hidden()
	prf(out, s.hash, s.slice(), label, transcript)
	return out
}

// An Exporter12 derives keys for other protocols. RFC 5705, Section 4.
type Exporter12 struct {
	master *Master12
	random []byte
}

// Exporter returns the exporter of a session.
func (m *Master12) Exporter(clientRandom, serverRandom []byte) *Exporter12 {
	return &Exporter12{m, append(append([]byte(nil), clientRandom...), serverRandom...)}
}

// RestoreExporter12 returns the exporter that Bytes has encoded, of a connection that
// another process has begun; nil if b has another length.
func RestoreExporter12(h crypto.Hash, b []byte) *Exporter12 {
	if len(b) != masterLen12+2*randomLen12 {
		return nil
	}
	return RestoreMaster12(h, b[:masterLen12]).Exporter(b[masterLen12:], nil)
}

// Bytes returns the master secret and both random values, for the process that takes the
// connection over.
func (e *Exporter12) Bytes() []byte { return append(slices.Clone(e.master.clone()), e.random...) }

// Keys returns the keys of both directions: see [Master12.Keys].
func (e *Exporter12) Keys(keyLen, ivLen int) (client, server Keys12) {
	return e.master.Keys(e.random[:randomLen12], e.random[randomLen12:], keyLen, ivLen)
}

// Format prints [redacted] for every verb, so that no output or log shows the secret.
func (*Exporter12) Format(s fmt.State, _ rune) { io.WriteString(s, "[redacted]") }

// Export returns length bytes for label and context. In TLS 1.2, unlike 1.3, no
// context (nil) and an empty one lead to different keys.
func (e *Exporter12) Export(label string, context []byte, length int) []byte {
	out := make([]byte, length)
	s := e.master.hidden()
	if context == nil {
		prf(out, s.hash, s.slice(), label, e.random)
		return out
	}
	n := binary.BigEndian.AppendUint16(nil, uint16(len(context)))
	prf(out, s.hash, s.slice(), label, e.random, n, context)
	return out
}

// PSKPremaster12 returns the premaster secret of a pre-shared key. shared is
// the ECDHE secret, or nil without one. RFC 4279, Section 2; RFC 5489, Section 2.
//
//	struct { opaque other_secret<0..2^16-1>; opaque psk<0..2^16-1>; };
func PSKPremaster12(psk, shared []byte) []byte {
	if shared == nil {
		shared = make([]byte, len(psk))
	}
	b := make([]byte, 0, 4+len(shared)+len(psk))
	b = binary.BigEndian.AppendUint16(b, uint16(len(shared)))
	b = append(b, shared...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(psk)))
	return append(b, psk...)
}

// prf is the pseudorandom function of TLS 1.2; the seed is its parts together.
// RFC 5246, Section 5.
//
//	PRF(secret, label, seed) = P_hash(secret, label + seed)
//	P_hash(secret, seed) = HMAC_hash(secret, A(1) + seed) + HMAC_hash(secret, A(2) + seed) + ...
//	A(0) = seed; A(i) = HMAC_hash(secret, A(i-1))
func prf(out []byte, h crypto.Hash, secret []byte, label string, seed ...[]byte) {
	parts := append([][]byte{nil, []byte(label)}, seed...)
	var abuf, block [maxHash]byte
	a := mac(&abuf, h, secret, parts...)
	for len(out) > 0 {
		parts[0] = a
		out = out[copy(out, mac(&block, h, secret, parts...)):]
		a = mac(&abuf, h, secret, a)
	}
}
