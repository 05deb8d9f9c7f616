package engine

import (
	"github.com/sealsock/sealsock/internal/record"
	"github.com/sealsock/sealsock/internal/wire"
)

// ownRecordLimit is what goes into record_size_limit: in TLS 1.3 it counts the
// content type too. RFC 8449, Section 4.
func (c *Config) ownRecordLimit() uint16 {
	if c.RecordSizeLimit == 0 {
		return 0
	}
	return uint16(c.RecordSizeLimit + 1)
}

// fragmentCode is max_fragment_length's code for a length in bytes.
// RFC 6066, Section 4.
func fragmentCode(n int) uint8 {
	for code := uint8(1); code <= 4; code++ {
		if n == fragmentLength(code) {
			return code
		}
	}
	return 0
}

// fragmentLength is the length in bytes that a code means.
func fragmentLength(code uint8) int { return 256 << code }

// A sizes is an agreement about records: the largest plaintext to send and the
// largest to accept, in bytes; 0 is the protocol's own limit. RFC 8449; RFC
// 6066, Section 4.
type sizes struct{ send, receive int }

// answerSizes answers, on a server, a client's limit on records. extra is
// what record_size_limit counts beside the plaintext: the content type in TLS 1.3.
func (c *Config) answerSizes(h *wire.ClientHello, extra int) (agreed sizes, limit uint16, fragment uint8) {
	switch {
	case h.RecordSizeLimit != 0:
		// RFC 8449, Section 5: max_fragment_length is then ignored.
		agreed.receive = record.MaxPlaintext
		if c.RecordSizeLimit > 0 {
			agreed.receive = c.RecordSizeLimit
		}
		agreed.send = min(int(h.RecordSizeLimit)-extra, record.MaxPlaintext)
		return agreed, uint16(agreed.receive + extra), 0
	case h.MaxFragmentLength != 0:
		n := fragmentLength(h.MaxFragmentLength)
		return sizes{n, n}, 0, h.MaxFragmentLength
	}
	return sizes{}, 0, 0
}

// takeSizes takes the server's answer, on a client: 0 where there is none.
func (o *offer) takeSizes(limit uint16, fragment uint8, extra int) (sizes, error) {
	switch {
	case limit != 0 && fragment != 0:
		// RFC 8449, Section 5: both at once is illegal_parameter.
		return sizes{}, illegal("the server sent both record_size_limit and max_fragment_length")
	case limit != 0:
		if int(limit) > record.MaxPlaintext+extra {
			return sizes{}, illegal("the server sent a record size limit of %d bytes, above the maximum", limit)
		}
		return sizes{int(limit) - extra, int(o.hello.RecordSizeLimit) - extra}, nil
	case fragment != 0:
		if fragment != o.hello.MaxFragmentLength {
			// RFC 6066, Section 4.
			return sizes{}, illegal("the server sent another max_fragment_length than the client")
		}
		n := fragmentLength(fragment)
		return sizes{n, n}, nil
	}
	return sizes{}, nil
}

// answerLimits answers, on a server, a client's limit on records, and applies it
// from the next record on.
func (f *flow13) answerLimits(ee *wire.EncryptedExtensions, h *wire.ClientHello, do *effects) {
	if f.info.quic {
		return // there are no records
	}
	var agreed sizes
	agreed, ee.RecordSizeLimit, ee.MaxFragmentLength = f.cfg.answerSizes(h, 1)
	if agreed.send > 0 {
		do.limits(agreed.send, agreed.receive+1)
	}
}

// takeLimits takes the server's answer, on a client.
func (s *awaitEncryptedExtensions) takeLimits(ee *wire.EncryptedExtensions, do *effects) error {
	agreed, err := s.takeSizes(ee.RecordSizeLimit, ee.MaxFragmentLength, 1)
	s.info.sendLimit = uint16(agreed.send)
	if agreed.send > 0 {
		do.limits(agreed.send, agreed.receive+1)
	}
	return err
}

// limits sets the largest plaintext to send and the largest inner plaintext, its
// content type and padding counted where TLS 1.3 has them, to accept.
func (e *effects) limits(send, receive int) {
	e.out = append(e.out, step{kind: stepLimit, limit: send})
	e.maxInner = receive
}

// limitOpener makes the receiving key refuse records over the limit agreed on.
// RFC 8449, Section 4: a larger one ends in record_overflow. The limit is not for
// 0-RTT data, whose keys come from an earlier handshake.
func (r *Receiver) limitOpener() {
	if r.maxInner == 0 || r.phase == phaseEarly {
		return
	}
	switch o := r.opener.(type) {
	case *record.Opener13:
		o.MaxInner = int(r.maxInner)
	case *record.Opener12:
		o.MaxPlain = int(r.maxInner)
	case *epochs:
		o.limit(int(r.maxInner))
	}
}
