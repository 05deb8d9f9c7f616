package keys

import (
	"crypto"

	"github.com/sealsock/sealsock/internal/hmac256"
)

// The prefixes of labels in TLS and in DTLS. RFC 9147, Section 5.9.
const (
	streamPrefix   = "tls13 "
	datagramPrefix = "dtls13"
)

// expand is HKDF-Expand-Label with the prefix of the protocol.
func (m *material) expand(out []byte, label string, context []byte) {
	var key hmac256.Key
	n := infoLen(label, context) + 1
	if m.hash != crypto.SHA256 || len(out) > hmac256.Size || n > hmac256.Max || !key.Set(m.slice()) {
		expandPrefixed(out, m.hash, m.slice(), m.prefix(), label, context)
		return
	}
	var room hmac256.Room
	var block [hmac256.Size]byte
	key.Sum(&block, &room, m.info(&room, len(out), label, context))
	copy(out, block[:])
}

// info writes what one value is derived from, and returns its length.
func (m *material) info(room *hmac256.Room, n int, label string, context []byte) int {
	info := appendInfo(room[:0], n, m.prefix(), label, context)
	return len(append(info, 1))
}

// expandBoth is expand for two values, which package hmac256 computes together.
func (m *material) expandBoth(out1, out2 []byte, label1, label2 string, context []byte) {
	var key hmac256.Key
	n := max(infoLen(label1, context), infoLen(label2, context)) + 1
	short := max(len(out1), len(out2)) <= hmac256.Size && n <= hmac256.MaxOne
	if m.hash != crypto.SHA256 || !short || !key.Set(m.slice()) {
		m.expand(out1, label1, context)
		m.expand(out2, label2, context)
		return
	}
	var room1, room2 hmac256.Room
	n1 := m.info(&room1, len(out1), label1, context)
	n2 := m.info(&room2, len(out2), label2, context)
	var block1, block2 [hmac256.Size]byte
	key.SumBoth(&block1, &block2, &room1, &room2, n1, n2)
	copy(out1, block1[:])
	copy(out2, block2[:])
}

func (m *material) prefix() string {
	if m.datagram {
		return datagramPrefix
	}
	return streamPrefix
}

// expandPrefixed is HKDF-Expand-Label. It fills out.
func expandPrefixed(
	out []byte, h crypto.Hash, key []byte, prefix, label string, context []byte,
) {
	var room [maxInfo]byte
	info := appendInfo(room[:0], len(out), prefix, label, context)
	var block [maxHash]byte
	for i, done, previous := byte(1), 0, block[:0]; done < len(out); i++ {
		previous = mac(&block, h, key, previous, info, []byte{i})
		done += copy(out[done:], previous)
	}
}

// maxInfo is the length of the longest HkdfLabel.
const maxInfo = 2 + 1 + 255 + 1 + 255

// infoLen is the length of an HkdfLabel.
func infoLen(label string, context []byte) int {
	return 2 + 1 + len(streamPrefix) + len(label) + 1 + len(context)
}

// appendInfo appends an HkdfLabel for n bytes. RFC 9846, Section 7.1.
//
//	struct {
//	    uint16 length = Length;
//	    opaque label<7..255> = prefix + Label;
//	    opaque context<0..255> = Context;
//	} HkdfLabel;
func appendInfo(b []byte, n int, prefix, label string, context []byte) []byte {
	b = append(b, byte(n>>8), byte(n), byte(len(prefix)+len(label)))
	b = append(b, prefix...)
	b = append(b, label...)
	b = append(b, byte(len(context)))
	return append(b, context...)
}
