// Package inspect formats TLS messages as text for display.
package inspect

import (
	"cmp"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/printable"
	"github.com/sealsock/sealsock/internal/wire"
)

// Message formats a message or alert that was passed to an engine's Trace: a
// first line with direction, type and length, then one line for each field.
// Control characters in data from the peer are escaped.
func Message(t engine.Trace) string {
	d := &description{}
	arrow := "<"
	if t.Sent {
		arrow = ">"
	}
	switch t.Type {
	case iana.ContentAlert:
		d.alert(arrow, t.Data)
	case iana.ContentHandshake:
		d.handshake(arrow, t.Data)
	default:
		fmt.Fprintf(&d.b, "%s %v, %d bytes\n", arrow, t.Type, len(t.Data))
	}
	return d.b.String()
}

// A description accumulates the text.
type description struct{ b strings.Builder }

func (d *description) line(name string, value any) {
	fmt.Fprintf(&d.b, "    %-22s %s\n", name, printable.Line(fmt.Sprint(value)))
}

// mostBytes is the number of bytes of a long value that are shown.
const mostBytes = 40

func (d *description) bytes(name string, value []byte) {
	if len(value) <= mostBytes {
		d.line(name, hex.EncodeToString(value))
		return
	}
	d.line(name, fmt.Sprintf("%x… (%d bytes)", value[:mostBytes], len(value)))
}

func (d *description) alert(arrow string, data []byte) {
	if len(data) != 2 {
		fmt.Fprintf(&d.b, "%s alert, %d bytes\n", arrow, len(data))
		return
	}
	level := map[byte]string{1: "warning", 2: "fatal"}[data[0]]
	fmt.Fprintf(&d.b, "%s alert %v (%s)\n", arrow, iana.Alert(data[1]), level)
}

func (d *description) handshake(arrow string, data []byte) {
	typ, n, ok := wire.ParseHeader(data)
	if !ok || len(data) != wire.HeaderLen+n {
		fmt.Fprintf(&d.b, "%s a truncated handshake message, %d bytes\n", arrow, len(data))
		return
	}
	fmt.Fprintf(&d.b, "%s %v, %d bytes\n", arrow, typ, n)
	describe, known := messages[typ]
	if !known {
		d.bytes("content", data[wire.HeaderLen:])
		return
	}
	if err := describe(d, data[wire.HeaderLen:]); err != nil {
		d.line("unreadable", err)
		d.bytes("content", data[wire.HeaderLen:])
	}
}

// messages maps message types to the functions that describe them.
var messages = map[iana.HandshakeType]func(*description, []byte) error{
	iana.HandshakeClientHello:         (*description).clientHello,
	iana.HandshakeServerHello:         (*description).serverHello,
	iana.HandshakeEncryptedExtensions: (*description).encryptedExtensions,
	iana.HandshakeCertificateRequest:  (*description).certificateRequest,
	iana.HandshakeCertificate:         (*description).certificate,
	iana.HandshakeCertificateVerify:   (*description).certificateVerify,
	iana.HandshakeFinished:            (*description).finished,
	iana.HandshakeNewSessionTicket:    (*description).ticket,
	iana.HandshakeKeyUpdate:           (*description).keyUpdate,
	iana.HandshakeEndOfEarlyData:      (*description).nothing,

	iana.HandshakeCompressedCertificate: (*description).compressedCertificate,

	iana.HandshakeHelloRequest:      (*description).nothing,
	iana.HandshakeServerKeyExchange: (*description).serverKeyExchange,
	iana.HandshakeServerHelloDone:   (*description).nothing,
	iana.HandshakeClientKeyExchange: (*description).clientKeyExchange,
	iana.HandshakeCertificateStatus: (*description).certificateStatus,

	iana.HandshakeHelloVerifyRequest: (*description).helloVerifyRequest,
}

// nothing describes a message without content.
func (d *description) nothing(body []byte) error {
	if len(body) > 0 {
		return errors.New("it should be empty")
	}
	return nil
}

// ofDatagrams reports whether a hello is one of DTLS: its legacy_version is. RFC 9147, Section 5.3.
func ofDatagrams(body []byte) bool { return len(body) > 0 && body[0] == byte(iana.DTLS12>>8) }

// parseClientHello parses a ClientHello of TLS, or of DTLS with the versions that it has.
func parseClientHello(body []byte) (*wire.ClientHello, error) {
	if !ofDatagrams(body) {
		return wire.ParseClientHello(body)
	}
	m, err := wire.ParseDatagramClientHello(body)
	if err == nil {
		m.SwapVersions()
	}
	return m, err
}

// parseServerHello is parseClientHello for a ServerHello.
func parseServerHello(body []byte) (*wire.ServerHello, error) {
	if !ofDatagrams(body) {
		return wire.ParseServerHello(body)
	}
	m, err := wire.ParseDatagramServerHello(body)
	if err == nil {
		m.SwapVersions()
	}
	return m, err
}

func (d *description) helloVerifyRequest(body []byte) error {
	m, err := wire.ParseHelloVerifyRequest(body)
	if err != nil {
		return err
	}
	d.bytes("cookie", m.Cookie)
	return nil
}

func (d *description) clientHello(body []byte) error {
	m, err := parseClientHello(body)
	if err != nil {
		return err
	}
	d.line("legacy version", m.LegacyVersion)
	d.bytes("random", m.Random[:])
	d.bytes("session id", m.SessionID)
	if m.Datagram {
		d.bytes("cookie", m.LegacyCookie)
	}
	d.line("cipher suites", join(m.CipherSuites))
	d.line("extensions", join(m.Present))
	if m.ServerName != "" {
		d.line("server name", m.ServerName)
	}
	if m.SupportedVersions != nil {
		d.line("versions", join(m.SupportedVersions))
	}
	d.line("groups", join(m.SupportedGroups))
	some(d, "key share", m.KeyShares, func(s wire.KeyShare) {
		d.line("key share", fmt.Sprintf("%v, %d bytes", s.Group, len(s.Data)))
	})
	d.line("signature algorithms", join(m.SignatureAlgorithms))
	if m.ALPN != nil {
		d.line("application protocols", join(texts(m.ALPN)))
	}
	if m.PSK != nil {
		some(d, "pre-shared key", m.PSK.Identities, func(id wire.PSKIdentity) {
			d.bytes("pre-shared key", id.Identity)
		})
		d.line("psk modes", join(m.PSKModes))
	}
	if m.EarlyData {
		d.line("early data", "follows")
	}
	if m.ECH != nil && m.ECH.Payload != nil {
		d.line("encrypted hello", fmt.Sprintf("%d bytes", len(m.ECH.Payload)))
	}
	return nil
}

func (d *description) serverHello(body []byte) error {
	m, err := parseServerHello(body)
	if err != nil {
		return err
	}
	if m.IsHelloRetryRequest() {
		d.line("this is", "a HelloRetryRequest")
	} else {
		d.bytes("random", m.Random[:])
	}
	d.line("version", cmp.Or(m.SupportedVersion, m.LegacyVersion))
	d.line("cipher suite", m.CipherSuite)
	d.line("extensions", join(m.Present))
	if m.KeyShare != nil {
		d.line("group", m.KeyShare.Group)
	}
	if m.SelectedPSK != nil {
		d.line("pre-shared key", fmt.Sprintf("number %d", *m.SelectedPSK))
	}
	return nil
}

func (d *description) encryptedExtensions(body []byte) error {
	m, err := wire.ParseEncryptedExtensions(body)
	if err != nil {
		return err
	}
	d.line("extensions", join(m.Present))
	if m.ALPN != "" {
		d.line("application protocol", m.ALPN)
	}
	if m.EarlyData {
		d.line("early data", "accepted")
	}
	return nil
}

func (d *description) certificateRequest(body []byte) error {
	m, err := wire.ParseCertificateRequest(body)
	if err != nil {
		if d.certificateRequest12(body) == nil {
			return nil
		}
		return err
	}
	d.bytes("context", m.Context)
	d.line("signature algorithms", join(m.SignatureAlgorithms))
	d.line("authorities", len(m.CertAuthorities))
	return nil
}

func (d *description) certificate(body []byte) error {
	m, err := wire.ParseCertificate(body)
	if err != nil {
		if d.certificate12(body) == nil {
			return nil
		}
		return err
	}
	d.line("certificates", len(m.Entries))
	some(d, "certificate", m.Entries, func(e wire.CertificateEntry) {
		d.certificateLine(e.Data)
		if e.OCSPResponse != nil {
			d.bytes("ocsp response", e.OCSPResponse)
		}
	})
	return nil
}

// certificateLine summarizes a certificate. Data that is not a certificate,
// such as a raw public key, is shown in hexadecimal.
func (d *description) certificateLine(der []byte) {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		d.bytes("certificate", der)
		return
	}
	names := append([]string(nil), c.DNSNames...)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	text := c.Subject.String()
	if len(names) > mostNames {
		names = append(names[:mostNames], "…")
	}
	if len(names) > 0 {
		text += " for " + strings.Join(names, ", ")
	}
	d.line("certificate", fmt.Sprintf("%s, until %s, by %s, %d bytes",
		clip(text), c.NotAfter.UTC().Format("2006-01-02"), clip(c.Issuer.String()), len(der)))
}

// clip truncates long text from a peer.
func clip(text string) string {
	if len(text) <= mostText {
		return text
	}
	return strings.ToValidUTF8(text[:mostText], "") + "…"
}

// mostText is the number of bytes of a text that are shown.
const mostText = 200

// mostNames is the number of names of a certificate that are shown.
const mostNames = 8

func (d *description) compressedCertificate(body []byte) error {
	m, err := wire.ParseCompressedCertificate(body)
	if err != nil {
		return err
	}
	d.line("algorithm", m.Algorithm)
	d.line("length", fmt.Sprintf("%d bytes, compressed from %d", len(m.Compressed), m.UncompressedLength))
	return nil
}

func (d *description) certificateVerify(body []byte) error {
	m, err := wire.ParseCertificateVerify(body)
	if err != nil {
		return err
	}
	d.line("algorithm", m.Algorithm)
	d.bytes("signature", m.Signature)
	return nil
}

func (d *description) finished(body []byte) error {
	m, err := wire.ParseFinished(body)
	if err != nil {
		return err
	}
	d.bytes("verify data", m.VerifyData)
	return nil
}

func (d *description) ticket(body []byte) error {
	m, err := wire.ParseNewSessionTicket(body)
	if err != nil {
		if d.ticket12(body) == nil {
			return nil
		}
		return err
	}
	d.line("lifetime", fmt.Sprintf("%d s", m.Lifetime))
	d.bytes("ticket", m.Ticket)
	if m.MaxEarlyData != nil {
		d.line("early data", fmt.Sprintf("up to %d bytes", *m.MaxEarlyData))
	}
	return nil
}

func (d *description) keyUpdate(body []byte) error {
	m, err := wire.ParseKeyUpdate(body)
	if err != nil {
		return err
	}
	d.line("update requested", m.RequestUpdate)
	return nil
}

// mostItems is the number of entries of a long list that are shown.
const mostItems = 40

// some shows the entries of a list, and of a long one how many more there are.
func some[T any](d *description, name string, list []T, show func(T)) {
	for _, item := range list[:min(len(list), mostItems)] {
		show(item)
	}
	if n := len(list) - mostItems; n > 0 {
		d.line(name, fmt.Sprintf("and %d more", n))
	}
}

// A text is a string in a list for join.
type text string

func (t text) String() string { return string(t) }

func texts(list []string) []text {
	out := make([]text, len(list))
	for i, s := range list {
		out[i] = text(s)
	}
	return out
}

func join[T fmt.Stringer](list []T) string {
	var names []string
	for i, item := range list {
		if i == mostItems {
			names = append(names, fmt.Sprintf("and %d more", len(list)-mostItems))
			break
		}
		names = append(names, item.String())
	}
	return strings.Join(names, ", ")
}
