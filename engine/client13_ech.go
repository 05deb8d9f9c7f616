package engine

import (
	"bytes"
	"crypto/hpke"
	"encoding/binary"
	"io"
	"slices"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/keys"
	"github.com/sealsock/sealsock/internal/suites"
	"github.com/sealsock/sealsock/internal/wire"
)

// A clientECH is a client's offer of Encrypted ClientHello: what wraps each
// inner ClientHello into an outer one. RFC 9849, Section 6.1.
type clientECH struct {
	config *wire.ECHConfig
	kdf    uint16
	aead   uint16
	enc    []byte // for the first outer hello only
	sender *hpke.Sender
	random [32]byte // of the outer hellos

	outer *wire.ClientHello // the latest
	raw   []byte            // the same as sent
}

// checkECH finds mistakes in a client's settings for Encrypted ClientHello. A list
// without a usable configuration is an error: to continue would send in the clear
// what was to be encrypted.
func (c *clientConfig) checkECH() error {
	if c.ECHConfigs == nil {
		return nil
	}
	if !slices.Contains(c.versions(), iana.TLS13) {
		return usage("Encrypted ClientHello needs TLS 1.3")
	}
	configs, err := ParseECHConfigs(c.ECHConfigs)
	if err != nil {
		return err
	}
	why := "none has a supported version"
	for _, d := range configs {
		if why = d.Unusable; why == "" {
			return nil
		}
	}
	return usage("no configuration of Encrypted ClientHello can be used: %s", why)
}

// offeredVersions returns the versions that a client offers, highest first. An
// inner ClientHello must not offer less than TLS 1.3, and the outer one offers
// the same. RFC 9849, Section 6.1. Nor is TLS 1.2 of use to a client that accepts
// no certificate and has no key for it.
func (c *clientConfig) offeredVersions() []iana.Version {
	list := c.versions()
	if c.ECHConfigs != nil || c.Verifier == nil && !c.hasPSK12() {
		if old := slices.IndexFunc(list, func(v iana.Version) bool { return v < iana.TLS13 }); old >= 0 {
			return list[:old:old]
		}
	}
	return list
}

// startECH makes the hello an inner one if Target.ECHConfigs is set.
func (o *offer) startECH() error {
	if o.cfg.ECHConfigs == nil {
		return nil
	}
	configs, err := wire.ParseECHConfigList(o.cfg.ECHConfigs)
	if err != nil {
		return err
	}
	for i := range configs {
		setup, err := newHPKE(&configs[i])
		if err != nil {
			continue
		}
		// HPKE takes its randomness from crypto/rand, even if Config.Rand is set.
		e := &clientECH{config: &configs[i], kdf: setup.kdf.ID(), aead: setup.aead.ID()}
		if e.enc, e.sender, err = hpke.NewSender(setup.public, setup.kdf, setup.aead, echInfo(e.config.Raw)); err != nil {
			return local("Encrypted ClientHello cannot be set up", err)
		}
		if err := o.cfg.fill(e.random[:]); err != nil {
			return err
		}
		o.ech, o.hello.ECH = e, &wire.ECHClientHello{Inner: true}
		return nil
	}
	return usage("no configuration of Encrypted ClientHello can be used")
}

// finishECH wraps the first hello, once it is written, or gives it an extension
// that looks as if it did.
func (o *offer) finishECH() error {
	switch {
	case o.ech != nil:
		return o.wrap()
	case o.cfg.ECHGREASE && slices.Contains(o.hello.SupportedVersions, iana.TLS13):
		return o.grease()
	}
	return nil
}

// sent returns the latest hello as it goes over the wire.
func (o *offer) sent() []byte {
	if o.ech != nil {
		return o.ech.raw
	}
	return o.raw
}

// wrap encrypts the hello into an outer one, which has the same extensions except
// those that reveal the server that the client connects to: the names of the server
// and, but for QUIC, of protocols, and pre-shared keys. RFC 9849, Section 6.1.
func (o *offer) wrap() error {
	e := o.ech
	encoded, err := encodeInner(o.hello, e.config.MaxNameLen)
	if err != nil {
		return err
	}
	outer := *o.hello
	outer.Random = e.random
	outer.ServerName, outer.ALPN = e.config.PublicName, nil
	if o.cfg.quic != nil {
		// Without a protocol a server that cannot decrypt the inner hello would end the
		// connection, and the client could not get its present keys. RFC 9001, Section 8.1.
		outer.ALPN = o.hello.ALPN
	}
	if outer.PSK, err = greasePSK(o.cfg.random(), o.hello.PSK); err != nil {
		return err
	}
	return e.seal(&outer, encoded)
}

// seal puts an encoded inner hello into an outer one. RFC 9849, Section 6.1.1.
func (e *clientECH) seal(outer *wire.ClientHello, encoded []byte) error {
	outer.ECH = &wire.ECHClientHello{
		KDF: e.kdf, AEAD: e.aead, ConfigID: e.config.ConfigID, Enc: e.enc,
		Payload: make([]byte, len(encoded)+tagLen),
	}
	raw, err := encode(outer)
	if err != nil {
		return err
	}
	payload, err := echPayload(raw, outer.Datagram)
	if err != nil {
		return err
	}
	// RFC 9849, Section 5.2: the hello with zeros for the payload is
	// authenticated along with it.
	sealed, err := e.sender.Seal(raw[wire.HeaderLen:], encoded)
	if err != nil {
		return local("the inner ClientHello cannot be encrypted", err)
	}
	copy(payload, sealed)
	outer.ECH.Payload = sealed
	e.outer, e.raw, e.enc = outer, raw, nil
	return nil
}

// encodeInner encodes an inner hello and pads it so that its length reveals
// little about the server's name. RFC 9849, Sections 5.1 and 6.1.3.
func encodeInner(h *wire.ClientHello, maxNameLen uint8) ([]byte, error) {
	encoded, err := wire.EncodeInner(h, wire.OuterExtensions(), 0)
	if err != nil {
		return nil, local("the inner ClientHello cannot be written", err)
	}
	pad := max(0, int(maxNameLen)-len(h.ServerName))
	if h.ServerName == "" {
		pad = int(maxNameLen) + 9 // as long as the extension would be
	}
	pad += 31 - (len(encoded)+pad-1)%32
	return append(encoded, make([]byte, pad)...), nil
}

// greasePSK makes random bytes that look like the pre-shared keys of the inner
// hello, so that a server's answer to those looks plausible to an observer.
// RFC 9849, Section 6.1.2.
func greasePSK(random io.Reader, inner *wire.OfferedPSKs) (*wire.OfferedPSKs, error) {
	if inner == nil {
		return nil, nil
	}
	p := new(wire.OfferedPSKs)
	for i, id := range inner.Identities {
		buf := make([]byte, len(id.Identity)+4+len(inner.Binders[i]))
		if err := fill(random, buf); err != nil {
			return nil, err
		}
		identity, rest := buf[:len(id.Identity)], buf[len(id.Identity):]
		p.Identities = append(p.Identities, wire.PSKIdentity{Identity: identity, ObfuscatedTicketAge: binary.BigEndian.Uint32(rest)})
		p.Binders = append(p.Binders, rest[4:])
	}
	return p, nil
}

// grease gives a hello that is sent in the clear an encrypted_client_hello of
// random bytes, as long as a true one. RFC 9849, Section 6.2.1.
func (o *offer) grease() error {
	random := o.cfg.random()
	inner := *o.hello
	drop12(&inner)
	inner.ECH = &wire.ECHClientHello{Inner: true}
	encoded, err := encodeInner(&inner, 0)
	if err != nil {
		return err
	}
	_, share, err := suites.GroupByID(iana.X25519).Generate(random)
	if err != nil {
		return local("a key cannot be made", err)
	}
	buf := make([]byte, 2+len(encoded)+tagLen)
	if err := fill(random, buf); err != nil {
		return err
	}
	aeads := []hpke.AEAD{hpke.AES128GCM(), hpke.AES256GCM(), hpke.ChaCha20Poly1305()}
	o.hello.ECH = &wire.ECHClientHello{
		KDF: hpke.HKDFSHA256().ID(), AEAD: aeads[int(buf[0])%len(aeads)].ID(),
		ConfigID: buf[1], Enc: share, Payload: buf[2:],
	}
	return o.write(nil)
}

// judgeECH determines from the server's first message which hello it accepted, and
// continues with that one. RFC 9849, Section 6.1.4.
func (o *offer) judgeECH(f *flow13, sh *wire.ServerHello, m message) error {
	switch {
	case o.ech == nil:
		return nil
	case sh.IsHelloRetryRequest():
		confirmed, err := f.retryConfirmed(sh, m)
		if err != nil || confirmed {
			f.info.ECHAccepted = confirmed
			return err
		}
	case f.helloConfirmed(sh, m):
		f.info.ECHAccepted = true
		return nil
	}
	return o.fallBack(f)
}

func (f *flow13) helloConfirmed(sh *wire.ServerHello, m message) bool {
	return keys.Equal(sh.Random[32-keys.ECHConfirmationLen:], f.helloConfirmation(m.raw))
}

// retryConfirmed looks for the confirmation in a HelloRetryRequest.
// RFC 9849, Section 7.2.1.
func (f *flow13) retryConfirmed(hrr *wire.ServerHello, m message) (bool, error) {
	if hrr.ECHConfirmation == nil {
		return false, nil
	}
	zeroed := bytes.Clone(m.raw)
	again, err := parseServerHello(newMessage(zeroed).body, hrr.Datagram)
	if err != nil {
		return false, err
	}
	clear(again.ECHConfirmation) // which aliases zeroed
	t := f.transcript.clone()
	t.retry()
	return keys.Equal(hrr.ECHConfirmation, f.confirmation(keys.ECHAcceptRetry, t, zeroed)), nil
}

// fallBack continues with the outer hello, which the server accepted. The handshake
// then only authenticates the server's public name. RFC 9849, Section 6.1.6.
func (o *offer) fallBack(f *flow13) error {
	e := o.ech
	f.rejected = &ECHRejectedError{PublicName: e.config.PublicName}
	if f.cfg.Verifier == nil {
		return incompatible(iana.AlertHandshakeFailure,
			"the server rejected Encrypted ClientHello, and so the pre-shared key",
			"both sides need the same configuration of Encrypted ClientHello")
	}
	o.ech, o.hello, o.raw, o.psks = nil, e.outer, e.raw, psks{}
	f.random = o.hello.Random[:]
	f.transcript = transcript{}
	f.transcript.add(o.raw)
	f.transcript.choose(f.suite.Hash)
	return nil
}

// takeRetryConfigs keeps the configurations that a server sends after it accepted the
// outer hello. They are ignored after GREASE. RFC 9849, Sections 5 and 6.2.1.
func (f *flow13) takeRetryConfigs(ee *wire.EncryptedExtensions) error {
	if ee.ECHRetryConfigs == nil {
		return nil
	}
	if f.info.ECHAccepted {
		return broken(iana.AlertUnsupportedExtension, "the server accepted Encrypted ClientHello and also sent retry configurations")
	}
	if f.rejected == nil {
		return nil
	}
	configs, err := wire.ParseECHConfigList(ee.ECHRetryConfigs)
	if err != nil {
		return err
	}
	if len(configs) > 0 { // of a version that is known here
		f.rejected.RetryConfigs = bytes.Clone(ee.ECHRetryConfigs)
	}
	return nil
}

// declineRequest answers a request for the client's certificate with none. After a rejection
// of Encrypted ClientHello the server has not proved the name that the certificate is for: RFC
// 9849, Section 6.1.7. And with an external pre-shared key another server that has the key could
// use the signature: RFC 9846, Appendix E.1: "implementations MUST NOT combine external PSKs
// with certificate-based authentication of either the client or server."
func (f *flow13) declineRequest(r *wire.CertificateRequest, do *effects, end func(*effects) (state, error)) (state, error) {
	raw, err := f.writeCertificate(nil, certMessage{context: r.Context})
	if err != nil {
		return nil, err
	}
	f.transcript.add(raw)
	do.send(raw)
	return end(do)
}

// endRejected is where a handshake with the outer hello ends. It is a state of
// its own so that Finished goes out before the alert, which is then encrypted.
type endRejected struct{ why *ECHRejectedError }

func (s *endRejected) question() Question                          { return nil }
func (s *endRejected) resume(_ Answer, do *effects) (state, error) { return s.ask(do) }

// ask ends the connection. RFC 9849, Section 6.1.6: "abort the connection with
// an "ech_required" alert before sending any application data to the server."
func (s *endRejected) ask(*effects) (state, error) {
	e := &Error{Fault: FaultIncompatible, Alert: iana.AlertECHRequired, Reason: "the server rejected Encrypted ClientHello", Err: s.why}
	e.Hint = "connect again with the retry configurations of the server"
	if s.why.RetryConfigs == nil {
		e.Hint = "connect again without Encrypted ClientHello, if the server name may be visible"
	}
	return nil, e
}
