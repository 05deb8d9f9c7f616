package engine

import (
	"slices"

	"github.com/sealsock/sealsock/iana"
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

// fragmentLength is the length in bytes that a code stands for.
func fragmentLength(code uint8) int { return 256 << code }

// answerLimits answers a client's wish for small records, on a server, and keeps
// to it from the next record on.
func (f *flow13) answerLimits(ee *wire.EncryptedExtensions, h *wire.ClientHello, do *effects) {
	switch {
	case h.RecordSizeLimit != 0:
		// RFC 8449, Section 5: max_fragment_length is then ignored.
		ee.RecordSizeLimit = f.cfg.ownRecordLimit()
		if ee.RecordSizeLimit == 0 {
			ee.RecordSizeLimit = record.MaxPlaintext + 1
		}
		do.limits(min(int(h.RecordSizeLimit)-1, record.MaxPlaintext), int(ee.RecordSizeLimit))
	case h.MaxFragmentLength != 0:
		ee.MaxFragmentLength = h.MaxFragmentLength
		n := fragmentLength(h.MaxFragmentLength)
		do.limits(n, n+1)
	}
}

// takeLimits takes the server's answer, on a client.
func (s *awaitEncryptedExtensions) takeLimits(ee *wire.EncryptedExtensions, do *effects) error {
	limit, fragment := slices.Contains(ee.Present, iana.ExtRecordSizeLimit), slices.Contains(ee.Present, iana.ExtMaxFragmentLength)
	switch {
	case limit && fragment:
		// RFC 8449, Section 5: both at once is illegal_parameter.
		return illegal("the server answers both record_size_limit and max_fragment_length")
	case limit:
		if int(ee.RecordSizeLimit) > record.MaxPlaintext+1 {
			return illegal("the server wants records of %d bytes, more than there are", ee.RecordSizeLimit)
		}
		do.limits(int(ee.RecordSizeLimit)-1, int(s.hello.RecordSizeLimit))
	case fragment:
		if ee.MaxFragmentLength != s.hello.MaxFragmentLength {
			// RFC 6066, Section 4.
			return illegal("the server answers max_fragment_length with another length")
		}
		n := fragmentLength(ee.MaxFragmentLength)
		do.limits(n, n+1)
	}
	return nil
}

// limits sets the largest plaintext to send and the largest inner plaintext, its
// content type and padding counted, to accept.
func (e *effects) limits(send, receive int) {
	e.out = append(e.out, step{kind: stepLimit, limit: send})
	e.maxInner = receive
}
