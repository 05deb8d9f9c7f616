package inspect

import (
	"errors"
	"fmt"

	"github.com/sealsock/sealsock/internal/printable"
	"github.com/sealsock/sealsock/internal/wire"
)

// Some messages of TLS 1.2 share a type with TLS 1.3 but have another format,
// and the format of the key exchange depends on the suite. A message does not
// identify its format, so each is tried in turn. In messages of real
// implementations the lengths are unambiguous.

func (d *description) certificate12(body []byte) error {
	m, err := wire.ParseCertificate12(body)
	if err != nil {
		key, rawErr := wire.ParseRawKey12(body)
		if rawErr != nil {
			return err
		}
		d.bytes("raw public key", key)
		return nil
	}
	d.line("certificates", len(m.Certificates))
	some(d, "certificate", m.Certificates, d.certificateLine)
	return nil
}

func (d *description) certificateRequest12(body []byte) error {
	m, err := wire.ParseCertificateRequest12(body)
	if err != nil {
		return err
	}
	d.line("signature algorithms", join(m.SignatureAlgorithms))
	d.line("authorities", len(m.CertAuthorities))
	return nil
}

func (d *description) ticket12(body []byte) error {
	m, err := wire.ParseNewSessionTicket12(body)
	if err != nil {
		return err
	}
	d.line("lifetime", fmt.Sprintf("%d s", m.Lifetime))
	d.bytes("ticket", m.Ticket)
	return nil
}

func (d *description) certificateStatus(body []byte) error {
	m, err := wire.ParseCertificateStatus12(body)
	if err != nil {
		return err
	}
	d.bytes("ocsp response", m.Response)
	return nil
}

// exchanges lists the formats of the key exchange: with a pre-shared key and
// with ECDHE.
var exchanges = [][2]bool{{false, true}, {true, true}, {true, false}}

func (d *description) serverKeyExchange(body []byte) error {
	var first error
	for _, with := range exchanges {
		m, err := wire.ParseServerKeyExchange12(body, with[0], with[1])
		if err != nil {
			first = errors.Join(first, err)
			continue
		}
		if with[0] {
			d.line("identity hint", clip(string(m.Hint)))
		}
		if with[1] {
			d.line("key share", fmt.Sprintf("%v, %d bytes", m.Group, len(m.Public)))
		}
		if !with[0] {
			d.line("algorithm", m.Algorithm)
			d.bytes("signature", m.Signature)
		}
		return nil
	}
	return first
}

func (d *description) clientKeyExchange(body []byte) error {
	var first error
	for _, with := range exchanges {
		m, err := wire.ParseClientKeyExchange12(body, with[0], with[1])
		if err != nil {
			first = errors.Join(first, err)
			continue
		}
		if with[0] {
			d.identity(m.Identity)
		}
		if with[1] {
			d.bytes("key share", m.Public)
		}
		return nil
	}
	return first
}

// identity shows that of a pre-shared key. RSA key exchange has its encrypted secret in the same
// form (RFC 4279, Section 2; RFC 5246, Section 7.4.7.1), which is no text.
func (d *description) identity(value []byte) {
	text := string(value)
	if printable.Line(text) == text {
		d.line("pre-shared key", clip(text))
		return
	}
	d.bytes("key or secret", value)
}
