package record

import "github.com/sealsock/sealsock/iana"

// Plain is the protection before the first key: none.
type Plain struct {
	// Version goes into the header: TLS 1.0 in a first ClientHello, TLS 1.2
	// otherwise. RFC 9846, Section 5.1.
	Version iana.Version
}

var (
	_ Sealer = (*Plain)(nil)
	_ Opener = (*Plain)(nil)
)

// The protection before the first key, for all connections: nothing changes it.
var (
	PlainTLS10 = &Plain{Version: iana.TLS10}
	PlainTLS12 = &Plain{Version: iana.TLS12}
)

// Seal appends the payload behind a header.
func (p *Plain) Seal(dst []byte, typ iana.ContentType, payload []byte, _ int) ([]byte, error) {
	dst = AppendHeader(dst, typ, p.Version, len(payload))
	return append(dst, payload...), nil
}

// Overhead is the header.
func (p *Plain) Overhead() int { return HeaderLen }

// Left is without limit: there is no key.
func (p *Plain) Left() uint64 { return 1 << 62 }

// OpenTo returns the payload as it is.
func (p *Plain) OpenTo(_, record []byte) (iana.ContentType, []byte, error) {
	if len(record)-HeaderLen > MaxPlaintext {
		return 0, nil, ErrOverflow
	}
	return iana.ContentType(record[0]), record[HeaderLen:], nil
}
