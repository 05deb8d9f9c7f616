package keys

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"fmt"
	"io"
	"math"

	"github.com/sealsock/sealsock/internal/reuse"
	"github.com/sealsock/sealsock/internal/suites"
)

// maxHash is the longest hash of any suite, in bytes (SHA-384).
const maxHash = 48

// A secret is one stage of the key schedule. The zero value is none.
type secret struct {
	_ [0]func() // so that == is an error of the compiler: it would compare places

	// stored is not a usual pointer because package fmt calls no method on unexported fields: it
	// prints arrays, slices and, with a verb that does not fit, what a pointer points to.
	stored reuse.Hidden[stored]
}

// A material is the bytes of a secret and how others are derived from it.
type material struct {
	bytes    [maxHash]byte
	hash     crypto.Hash
	epoch    uint64 // of a TrafficSecret
	len      uint8
	datagram bool // of DTLS, whose labels have a prefix of their own
}

func (m *material) slice() []byte { return m.bytes[:m.len] }

// newSecret copies b.
func newSecret(h crypto.Hash, b []byte) secret {
	m := material{hash: h, len: uint8(len(b))}
	copy(m.bytes[:], b)
	return m.hide()
}

// A stored is the memory of a secret that does not change. One of SHA-256, as most are, is in it;
// an open connection has four of them.
type stored struct {
	_         [0]func() // not to be compared
	long      *material // in place of the rest; nil for at most 32 bytes
	bytes     [sha256.Size]byte
	epoch     uint32
	hash, len uint8
	datagram  bool
}

// hide returns the secret of m.
func (m *material) hide() secret { return m.hideIn(new(stored)) }

// hideIn is hide with the memory for it, which is zero.
//
//go:noinline
func (m *material) hideIn(s *stored) secret {
	if m.len > sha256.Size || m.epoch > math.MaxUint32 {
		own := *m
		s.long = &own
		return secret{stored: reuse.Hide(s)}
	}
	s.epoch, s.hash, s.len, s.datagram = uint32(m.epoch), uint8(m.hash), m.len, m.datagram
	copy(s.bytes[:], m.bytes[:])
	return secret{stored: reuse.Hide(s)}
}

// hidden returns a copy of what the secret is. There must be one. In line it would be some 300
// bytes of each program for each of 20 callers.
//
//go:noinline
func (s secret) hidden() (m material) {
	in := s.stored.Get()
	if in.long != nil {
		return *in.long
	}
	m.hash, m.epoch, m.len, m.datagram = crypto.Hash(in.hash), uint64(in.epoch), in.len, in.datagram
	copy(m.bytes[:], in.bytes[:])
	return m
}

// Valid reports whether there is a secret.
func (s secret) Valid() bool { return s.stored.Get() != nil }

// clone returns the bytes of the secret.
func (s secret) clone() []byte {
	m := s.hidden()
	return bytes.Clone(m.slice())
}

// Format prints [redacted] for every verb, so that no output or log shows a secret.
func (secret) Format(s fmt.State, _ rune) { io.WriteString(s, "[redacted]") }

// An EarlySecret is the first stage: HKDF-Extract of the pre-shared key, or of
// zeros without one.
type EarlySecret struct {
	secret
	salt *material // of the next stage, where it is known: it is no secret then
}

// NewEarlySecret starts a schedule. A nil psk means that there is none.
func NewEarlySecret(h crypto.Hash, psk []byte) EarlySecret {
	switch {
	case psk != nil:
		return EarlySecret{secret: extract(h, nil, psk)}
	case h == crypto.SHA384:
		return withoutPSK384
	}
	return withoutPSK256
}

// NewDatagramEarlySecret starts a schedule of DTLS 1.3, which differs in the prefix of its
// labels. RFC 9147, Section 5.9.
func NewDatagramEarlySecret(h crypto.Hash, psk []byte) EarlySecret {
	switch {
	case psk != nil:
		m := NewEarlySecret(h, psk).hidden()
		m.datagram = true
		return EarlySecret{secret: m.hide()}
	case h == crypto.SHA384:
		return datagramWithoutPSK384
	}
	return datagramWithoutPSK256
}

// What every schedule without a pre-shared key begins with is computed once.
var (
	withoutPSK256         = withoutPSK(crypto.SHA256, false)
	withoutPSK384         = withoutPSK(crypto.SHA384, false)
	datagramWithoutPSK256 = withoutPSK(crypto.SHA256, true)
	datagramWithoutPSK384 = withoutPSK(crypto.SHA384, true)
)

func withoutPSK(h crypto.Hash, datagram bool) EarlySecret {
	m := extract(h, nil, zeros[:h.Size()]).hidden()
	m.datagram = datagram
	salt := m.salt()
	return EarlySecret{m.hide(), &salt}
}

// zeros is HKDF's input where the schedule has a 0: a string of Hash.length
// zero bytes.
var zeros [maxHash]byte

// Binder returns the PSK binder for the transcript hash up to the binders. The
// label depends on the origin of the key. RFC 9846, Section 4.2.11.2.
func (s EarlySecret) Binder(from BinderLabel, transcript []byte) []byte {
	m := s.hidden()
	key := m.derived(string(from), emptyHash(m.hash))
	return key.finished(nil, transcript)
}

// A BinderLabel identifies the origin of a pre-shared key.
type BinderLabel string

// The labels of RFC 9846, Section 7.1, and RFC 9258, Section 5.2.
const (
	BinderExternal   BinderLabel = "ext binder"
	BinderResumption BinderLabel = "res binder"
	BinderImported   BinderLabel = "imp binder"
)

// ClientEarlyTraffic returns the secret for 0-RTT records.
func (s EarlySecret) ClientEarlyTraffic(transcript []byte) TrafficSecret {
	return TrafficSecret{s.deriveEpoch(1, "c e traffic", transcript)}
}

// Exporter returns the early exporter. RFC 9846, Section 7.5.
func (s EarlySecret) Exporter(transcript []byte) Exporter {
	return Exporter{s.derive("e exp master", transcript)}
}

// Handshake returns the next stage, derived with the (EC)DHE shared secret, or
// without one (psk_ke) if it is nil.
func (s EarlySecret) Handshake(shared []byte) HandshakeSecret {
	salt := s.salt
	if salt == nil {
		m := s.hidden()
		own := m.salt()
		salt = &own
	}
	if shared == nil {
		shared = zeros[:salt.len]
	}
	return HandshakeSecret{salt.extract(shared)}
}

// salt returns what the next stage is extracted with.
func (m *material) salt() material { return m.derived("derived", emptyHash(m.hash)) }

// A HandshakeSecret is the second stage.
type HandshakeSecret struct{ secret }

// Traffic returns the secrets that protect the handshake messages of the client and of the
// server.
func (s HandshakeSecret) Traffic(transcript []byte) (client, server TrafficSecret) {
	return s.traffic(2, "c hs traffic", "s hs traffic", transcript)
}

// Master returns the last stage.
func (s HandshakeSecret) Master() MasterSecret {
	m := s.hidden()
	salt := m.salt()
	return MasterSecret{salt.extract(zeros[:m.len])}
}

// A MasterSecret is the last stage.
type MasterSecret struct{ secret }

// Traffic returns the first secrets for the application data of the client and of the server.
func (s MasterSecret) Traffic(transcript []byte) (client, server TrafficSecret) {
	return s.traffic(3, "c ap traffic", "s ap traffic", transcript)
}

// Exporter returns the exporter. RFC 9846, Section 7.5.
func (s MasterSecret) Exporter(transcript []byte) Exporter {
	return Exporter{s.derive("exp master", transcript)}
}

// Resumption returns the secret from which the keys of tickets are derived.
func (s MasterSecret) Resumption(transcript []byte) ResumptionSecret {
	return ResumptionSecret{s.derive("res master", transcript)}
}

// A ResumptionSecret derives one pre-shared key for each ticket. RFC 9846,
// Section 4.6.1.
type ResumptionSecret struct{ secret }

// RestoreResumption returns the secret of a connection that another process has begun.
func RestoreResumption(h crypto.Hash, b []byte) ResumptionSecret {
	return ResumptionSecret{newSecret(h, b)}
}

// Bytes returns the secret itself, for the process that takes the connection over.
func (s ResumptionSecret) Bytes() []byte { return s.clone() }

// PSK returns the pre-shared key that belongs to a ticket's nonce.
func (s ResumptionSecret) PSK(nonce []byte) []byte {
	m := s.hidden()
	out := make([]byte, m.len)
	m.expand(out, "resumption", nonce)
	return out
}

// A TrafficSecret protects one direction until the next key update.
type TrafficSecret struct{ secret }

// RestoreTraffic returns the secret that a key log, or the state of a connection, has.
func RestoreTraffic(h crypto.Hash, b []byte) TrafficSecret {
	return TrafficSecret{newSecret(h, b)}
}

// Bytes returns the secret itself, for a key log or the state of a connection.
func (s TrafficSecret) Bytes() []byte { return s.clone() }

// Epoch is the number of the keys of this secret in DTLS: 1 for 0-RTT data, 2 for the
// handshake, and from 3 on for application data. RFC 9147, Section 6.1.
func (s TrafficSecret) Epoch() uint64 { return s.hidden().epoch }

// Datagram reports whether the secret is one of DTLS.
func (s TrafficSecret) Datagram() bool { return s.hidden().datagram }

// NumberKey writes to key, all of it, what encrypts the numbers of records in DTLS 1.3. RFC 9147,
// Section 4.2.3.
func (s TrafficSecret) NumberKey(key []byte) {
	m := s.hidden()
	m.expand(key, "sn", nil)
}

// Keys writes the key to key, all of it, and returns the IV. RFC 9846, Section 7.3.
func (s TrafficSecret) Keys(key []byte) (iv [suites.IVLen]byte) {
	m := s.hidden()
	m.expandBoth(key, iv[:], "key", "iv", nil)
	return iv
}

// Next returns the secret after a key update. RFC 9846, Section 7.2.
func (s TrafficSecret) Next() TrafficSecret {
	m := s.hidden()
	next := m.derived("traffic upd", nil)
	next.epoch = m.epoch + 1
	return TrafficSecret{next.hide()}
}

// Finished appends to dst the verify_data of this side's Finished for the transcript
// hash before it. RFC 9846, Section 4.4.4.
func (s TrafficSecret) Finished(dst, transcript []byte) []byte {
	m := s.hidden()
	return m.finished(dst, transcript)
}

// An Exporter derives keys for other protocols. RFC 9846, Section 7.5.
type Exporter struct{ secret }

// RestoreExporter returns the exporter of a connection that another process has begun.
func RestoreExporter(h crypto.Hash, b []byte) Exporter { return Exporter{newSecret(h, b)} }

// Bytes returns the secret itself, for a key log or the state of a connection.
func (s Exporter) Bytes() []byte { return s.clone() }

// Export returns length bytes for label and context.
func (s Exporter) Export(label string, context []byte, length int) []byte {
	m := s.hidden()
	inner := m.derived(label, emptyHash(m.hash))
	h := m.hash.New()
	h.Write(context)
	out := make([]byte, length)
	inner.expand(out, "exporter", h.Sum(nil))
	return out
}

// Equal compares two MACs in constant time.
func Equal(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }

// derive is Derive-Secret with the transcript already hashed.
func (s secret) derive(label string, transcript []byte) secret {
	m := s.hidden()
	d := m.derived(label, transcript)
	return d.hide()
}

// deriveEpoch is derive for a TrafficSecret.
func (s secret) deriveEpoch(epoch uint64, label string, transcript []byte) secret {
	m := s.hidden()
	d := m.derived(label, transcript)
	d.epoch = epoch
	return d.hide()
}

// traffic derives the secrets of both directions.
func (s secret) traffic(
	epoch uint64, clientLabel, serverLabel string, transcript []byte,
) (client, server TrafficSecret) {
	m := s.hidden()
	c := material{hash: m.hash, len: m.len, datagram: m.datagram, epoch: epoch}
	d := c
	m.expandBoth(c.slice(), d.slice(), clientLabel, serverLabel, transcript)
	both := new([2]stored)
	return TrafficSecret{c.hideIn(&both[0])}, TrafficSecret{d.hideIn(&both[1])}
}

// derived is derive for a secret that is used at once.
func (m *material) derived(label string, transcript []byte) material {
	d := material{hash: m.hash, len: m.len, datagram: m.datagram}
	m.expand(d.slice(), label, transcript)
	return d
}

// extract makes the next stage of a salt.
func (m *material) extract(input []byte) secret {
	next := material{hash: m.hash, len: m.len, datagram: m.datagram}
	mac(&next.bytes, m.hash, m.slice(), input)
	return next.hide()
}

func (m *material) finished(dst, transcript []byte) []byte {
	var key, data [maxHash]byte
	m.expand(key[:m.len], "finished", nil)
	return append(dst, mac(&data, m.hash, key[:m.len], transcript)...)
}

func extract(h crypto.Hash, salt, input []byte) secret {
	if salt == nil {
		salt = zeros[:h.Size()]
	}
	var prk [maxHash]byte
	return newSecret(h, mac(&prk, h, salt, input))
}

// ImportPSK derives an imported pre-shared key of n bytes, for TLS 1.3 or for DTLS 1.3.
// RFC 9258, Section 5.1.
func ImportPSK(h crypto.Hash, key, importedIdentity []byte, n int, datagram bool) []byte {
	var prk [maxHash]byte
	d := h.New()
	d.Write(importedIdentity)
	out := make([]byte, n)
	prefix := streamPrefix
	if datagram {
		prefix = datagramPrefix
	}
	extracted := mac(&prk, h, zeros[:h.Size()], key)
	expandPrefixed(out, h, extracted, prefix, "derived psk", d.Sum(nil))
	return out
}

// An ECHLabel identifies the message that contains a confirmation of Encrypted
// ClientHello.
type ECHLabel string

// The labels of RFC 9849, Sections 7.2 and 7.2.1.
const (
	ECHAccept      ECHLabel = "ech accept confirmation"
	ECHAcceptRetry ECHLabel = "hrr ech accept confirmation"
)

// ECHConfirmationLen is the length of a confirmation in bytes.
const ECHConfirmationLen = 8

// ECHConfirmation returns the confirmation that a server sends if it accepted
// the inner ClientHello. random is that of the first inner ClientHello.
// transcript is the hash up to the message with the confirmation, with zeros in
// its place. RFC 9849, Section 7.2.
func ECHConfirmation(
	h crypto.Hash, label ECHLabel, datagram bool, random, transcript []byte,
) []byte {
	m := material{hash: h, len: uint8(h.Size()), datagram: datagram}
	mac(&m.bytes, h, zeros[:m.len], random)
	out := make([]byte, ECHConfirmationLen)
	m.expand(out, string(label), transcript)
	return out
}

// emptyHash is Transcript-Hash("").
func emptyHash(h crypto.Hash) []byte {
	if h == crypto.SHA384 {
		return empty384[:]
	}
	return empty256[:]
}

var (
	empty256 = sha256.Sum256(nil)
	empty384 = sha512.Sum384(nil)
)
