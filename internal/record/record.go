package record

import (
	"errors"

	"github.com/sealsock/sealsock/iana"
)

// Sizes in bytes. RFC 9846, Sections 5.1 and 5.2.
const (
	HeaderLen     = 5
	MaxPlaintext  = 1 << 14
	MaxCiphertext = MaxPlaintext + 256 // of TLS 1.3
)

// A Header is the five bytes in front of each record.
type Header struct {
	Type    iana.ContentType
	Version iana.Version
	Length  int // bytes after the header
}

// ParseHeader reads the header at the start of b; ok is false if b is shorter.
func ParseHeader(b []byte) (h Header, ok bool) {
	if len(b) < HeaderLen {
		return Header{}, false
	}
	return Header{
		Type:    iana.ContentType(b[0]),
		Version: iana.Version(b[1])<<8 | iana.Version(b[2]),
		Length:  int(b[3])<<8 | int(b[4]),
	}, true
}

// AppendHeader appends a header for length bytes of payload.
func AppendHeader(dst []byte, typ iana.ContentType, version iana.Version, length int) []byte {
	return append(dst, byte(typ), byte(version>>8), byte(version), byte(length>>8), byte(length))
}

// Errors that the engine turns into alerts.
var (
	// ErrBadMAC means that a record does not decrypt: bad_record_mac.
	ErrBadMAC = errors.New("a record cannot be decrypted: it was modified in transit, or encrypted with another key")
	// ErrOverflow means that a record exceeds the size limit: record_overflow.
	ErrOverflow = errors.New("a record exceeds the size limit")
	// ErrNoType means that a record has no content type, only padding: unexpected_message.
	ErrNoType = errors.New("a record contains only padding")
	// ErrReplayed means that a record of a datagram was received before, or is too old to
	// tell. It is discarded.
	ErrReplayed = errors.New("a record was received before")
	// ErrMalformed means that a record of a datagram cannot be one of the key, before that was
	// used. It is discarded, and is no attempt at a forgery.
	ErrMalformed = errors.New("a record is too short, or has another version")
	// ErrExhausted means that a key has protected all the records it may.
	ErrExhausted = errors.New("the key has reached its record limit: the connection must end")
)

// A Sealer protects one direction with one key.
type Sealer interface {
	// Seal appends one record with the payload, which must not overlap
	// the room behind dst, and pad bytes of padding where the version has it.
	Seal(dst []byte, typ iana.ContentType, payload []byte, pad int) ([]byte, error)
	// Overhead is how many bytes a record is longer than its payload.
	Overhead() int
	// Left returns how many records the key may still seal before it must be
	// replaced.
	Left() uint64
}

// An Opener opens one direction with one key.
type Opener interface {
	// OpenTo checks and decrypts record, a whole one with its header, and returns its true
	// type and its payload, which aliases record. It may put application data at the start of
	// out instead, if that has room for the record's plaintext. out must not overlap record.
	OpenTo(out, record []byte) (iana.ContentType, []byte, error)
}
