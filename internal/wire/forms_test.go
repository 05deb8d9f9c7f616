package wire_test

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/wire"
)

// message is what every parsed message can do.
type message interface {
	AppendTo([]byte) ([]byte, error)
}

// forms lists every message with its parser, so that a test can run over all.
var forms = map[string]struct {
	typ   iana.HandshakeType
	parse func(body []byte) (message, error)
}{
	"ClientHello":           {iana.HandshakeClientHello, form(wire.ParseClientHello)},
	"ServerHello":           {iana.HandshakeServerHello, form(wire.ParseServerHello)},
	"EncryptedExtensions":   {iana.HandshakeEncryptedExtensions, form(wire.ParseEncryptedExtensions)},
	"CertificateRequest":    {iana.HandshakeCertificateRequest, form(wire.ParseCertificateRequest)},
	"Certificate":           {iana.HandshakeCertificate, form(wire.ParseCertificate)},
	"CompressedCertificate": {iana.HandshakeCompressedCertificate, form(wire.ParseCompressedCertificate)},
	"CertificateVerify":     {iana.HandshakeCertificateVerify, form(wire.ParseCertificateVerify)},
	"Finished":              {iana.HandshakeFinished, form(wire.ParseFinished)},
	"NewSessionTicket":      {iana.HandshakeNewSessionTicket, form(wire.ParseNewSessionTicket)},
	"KeyUpdate":             {iana.HandshakeKeyUpdate, form(wire.ParseKeyUpdate)},
	"NewConnectionId":       {iana.HandshakeNewConnectionID, form(wire.ParseNewConnectionID)},
	"RequestConnectionId":   {iana.HandshakeRequestConnectionID, form(wire.ParseRequestConnectionID)},
	"Certificate12":         {iana.HandshakeCertificate, form(wire.ParseCertificate12)},
	"RawKey12":              {iana.HandshakeCertificate, form(parseRawKey12)},
	"CertificateStatus12":   {iana.HandshakeCertificateStatus, form(wire.ParseCertificateStatus12)},
	"ServerKeyExchange12": {iana.HandshakeServerKeyExchange, form(func(b []byte) (*wire.ServerKeyExchange12, error) {
		return wire.ParseServerKeyExchange12(b, false, true)
	})},
	"ServerKeyExchange12 PSK": {iana.HandshakeServerKeyExchange, form(func(b []byte) (*wire.ServerKeyExchange12, error) {
		return wire.ParseServerKeyExchange12(b, true, false)
	})},
	"ServerKeyExchange12 ECDHE_PSK": {iana.HandshakeServerKeyExchange, form(func(b []byte) (*wire.ServerKeyExchange12, error) {
		return wire.ParseServerKeyExchange12(b, true, true)
	})},
	"CertificateRequest12": {iana.HandshakeCertificateRequest, form(wire.ParseCertificateRequest12)},
	"ClientKeyExchange12": {iana.HandshakeClientKeyExchange, form(func(b []byte) (*wire.ClientKeyExchange12, error) {
		return wire.ParseClientKeyExchange12(b, false, true)
	})},
	"ClientKeyExchange12 PSK": {iana.HandshakeClientKeyExchange, form(func(b []byte) (*wire.ClientKeyExchange12, error) {
		return wire.ParseClientKeyExchange12(b, true, false)
	})},
	"ClientKeyExchange12 ECDHE_PSK": {iana.HandshakeClientKeyExchange, form(func(b []byte) (*wire.ClientKeyExchange12, error) {
		return wire.ParseClientKeyExchange12(b, true, true)
	})},
	"DatagramClientHello": {iana.HandshakeClientHello, form(wire.ParseDatagramClientHello)},
	"DatagramServerHello": {iana.HandshakeServerHello, form(wire.ParseDatagramServerHello)},
	"HelloVerifyRequest":  {iana.HandshakeHelloVerifyRequest, form(wire.ParseHelloVerifyRequest)},
	"NewSessionTicket12":  {iana.HandshakeNewSessionTicket, form(wire.ParseNewSessionTicket12)},
}

// form hides the type of one message's parser.
func form[T message](parse func([]byte) (T, error)) func([]byte) (message, error) {
	return func(body []byte) (message, error) {
		m, err := parse(body)
		if err != nil {
			return nil, err
		}
		return m, nil
	}
}

func parseRawKey12(body []byte) (wire.RawKey12, error) { return wire.ParseRawKey12(body) }

// unhex reads hexadecimal digits. White space and bars are for the eye.
func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.NewReplacer("|", "", " ", "", "\t", "", "\n", "").Replace(text))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// appended encodes a message that must encode.
func appended(t testing.TB, m message) []byte {
	t.Helper()
	b, err := m.AppendTo(nil)
	if err != nil {
		t.Fatalf("%T: %v", m, err)
	}
	return b
}

// refused demands a ParseError with the given alert and text.
func refused(t testing.TB, err error, alert iana.Alert, text string) {
	t.Helper()
	var parseError *wire.ParseError
	if !errors.As(err, &parseError) {
		t.Fatalf("error %v, want a ParseError %q", err, text)
	}
	if parseError.Alert != alert || err.Error() != text {
		t.Errorf("%s: %v\nwant %s: %s", parseError.Alert, err, alert, text)
	}
}
