package engine

import (
	"bytes"
	"crypto/hpke"
	"slices"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/keys"
	"github.com/sealsock/sealsock/internal/wire"
)

// A serverECH is what a server keeps of a client's encrypted_client_hello. Nil
// means that there was none, or that this server does not look at it.
type serverECH struct {
	first     *wire.ECHClientHello
	recipient *hpke.Recipient // nil unless it was decrypted here
	keys      []*ECHKey
	datagram  bool // the hellos are of DTLS
}

// openHello decides which ClientHello is used: the one received, or the one
// that is encrypted in it. RFC 9849, Section 7.
func openHello(cfg *Config, info *State, hello *wire.ClientHello, m message) (*serverECH, *wire.ClientHello, message, error) {
	if hello.ECH == nil || len(cfg.ECHKeys) == 0 && !cfg.ECHBackend {
		return nil, hello, m, nil
	}
	e := &serverECH{first: hello.ECH, keys: cfg.ECHKeys, datagram: info.datagram}
	if cfg.ECHBackend {
		if err := checkInner(hello); err != nil {
			return nil, nil, m, err
		}
		info.ECHAccepted = true
		return e, hello, m, nil
	}
	if hello.ECH.Inner {
		// RFC 9849, Section 7: "such a ClientHello should never be received
		// directly from the network".
		return nil, nil, m, illegal("an inner ClientHello without encryption")
	}
	encoded, err := e.decrypt(m)
	if e.recipient == nil || err != nil {
		return e, hello, m, err
	}
	hello, m, err = decodeHello(encoded, m, e.datagram)
	info.ECHAccepted = err == nil
	return e, hello, m, err
}

// decrypt tries the keys that the client may mean. There is no recipient if none
// fits: the client has an old configuration, or its extension is GREASE.
// RFC 9849, Section 7.1.
func (e *serverECH) decrypt(m message) ([]byte, error) {
	suite := wire.ECHSuite{KDF: e.first.KDF, AEAD: e.first.AEAD}
	for _, k := range e.keys {
		if k.config.ConfigID != e.first.ConfigID || !slices.Contains(k.config.Suites, suite) {
			continue
		}
		kdf, aead, err := suiteHPKE(suite)
		if err != nil {
			continue
		}
		recipient, err := hpke.NewRecipient(e.first.Enc, k.private, kdf, aead, echInfo(k.config.Raw))
		if err != nil {
			continue
		}
		aad, err := outerAAD(m, e.datagram)
		if err != nil {
			return nil, err
		}
		if encoded, err := recipient.Open(aad, e.first.Payload); err == nil {
			e.recipient = recipient
			return encoded, nil
		}
	}
	return nil, nil
}

// outerAAD returns the body of an outer hello with zeros for the payload.
// RFC 9849, Section 5.2.
func outerAAD(m message, datagram bool) ([]byte, error) {
	raw := bytes.Clone(m.raw)
	payload, err := echPayload(raw, datagram)
	clear(payload)
	return raw[wire.HeaderLen:], err
}

// decodeHello makes the inner ClientHello of what was encrypted in m.
// RFC 9849, Sections 5.1 and 7.1.
func decodeHello(encoded []byte, m message, datagram bool) (*wire.ClientHello, message, error) {
	raw, err := wire.DecodeInner(encoded, m.body, datagram)
	if err != nil {
		return nil, m, err
	}
	inner := newMessage(raw)
	hello, err := parseClientHello(inner.body, datagram)
	if err != nil {
		return nil, m, err
	}
	return hello, inner, checkInner(hello)
}

// checkInner checks what an inner ClientHello must have. RFC 9849, Section 7.1.
func checkInner(h *wire.ClientHello) error {
	switch {
	case h.ECH == nil || !h.ECH.Inner:
		return illegal("an inner ClientHello without the inner encrypted_client_hello extension")
	case slices.Contains(h.Present, iana.ExtECHOuterExtensions):
		return illegal("an inner ClientHello with ech_outer_extensions after decoding")
	case !slices.Contains(h.Present, iana.ExtSupportedVersions),
		slices.ContainsFunc(h.SupportedVersions, func(v iana.Version) bool { return v < iana.TLS13 }):
		return illegal("an inner ClientHello that offers TLS 1.2 or older")
	}
	return nil
}

// openSecond does for the second ClientHello what openHello did for the first,
// and under the same key. RFC 9849, Section 7.1.1.
func (f *flow13) openSecond(hello *wire.ClientHello, m message) (*wire.ClientHello, message, error) {
	e := f.ech
	if !f.info.ECHAccepted {
		return hello, m, f.checkECHType(hello)
	}
	if hello.ECH == nil {
		return nil, m, missing(iana.ExtECH)
	}
	if e.recipient == nil { // behind a client-facing server
		return hello, m, checkInner(hello)
	}
	second := hello.ECH
	if second.Inner || second.KDF != e.first.KDF || second.AEAD != e.first.AEAD || second.ConfigID != e.first.ConfigID || len(second.Enc) != 0 {
		return nil, m, illegal("the second ClientHello is encrypted with other parameters than the first")
	}
	aad, err := outerAAD(m, e.datagram)
	if err != nil {
		return nil, m, err
	}
	encoded, err := e.recipient.Open(aad, second.Payload)
	if err != nil {
		return nil, m, broken(iana.AlertDecryptError, "the second ClientHello cannot be decrypted")
	}
	return decodeHello(encoded, m, e.datagram)
}

// checkECHType refuses a second ClientHello that is for a server of another kind, where
// the first was not encrypted: an inner one that this server did not decrypt, and any
// behind a server that decrypts, where the first would have had the extension too.
// openHello does it for the first. RFC 9849, Section 7.
func (f *flow13) checkECHType(hello *wire.ClientHello) error {
	switch {
	case hello.ECH == nil:
	case f.cfg.ECHBackend:
		return illegal("the second ClientHello has encrypted_client_hello, unlike the first")
	case (f.ech != nil || len(f.cfg.ECHKeys) > 0) && hello.ECH.Inner:
		return illegal("an inner ClientHello without encryption")
	}
	return nil
}

// confirmHello writes into raw, the ServerHello, that the inner ClientHello was
// taken. RFC 9849, Section 7.2.
func (f *flow13) confirmHello(raw []byte) {
	if f.info.ECHAccepted {
		copy(raw[confirmationStart:confirmationEnd], f.helloConfirmation(raw))
	}
}

// promiseRetry makes room in a HelloRetryRequest for the confirmation, or, so
// that it cannot be told from one, fills that with random bytes. RFC 9849,
// Sections 7.1 and 7.2.1.
func (f *flow13) promiseRetry(hrr *wire.ServerHello) error {
	if f.ech == nil {
		return nil
	}
	hrr.ECHConfirmation = make([]byte, keys.ECHConfirmationLen)
	if f.info.ECHAccepted {
		return nil
	}
	return f.cfg.fill(hrr.ECHConfirmation)
}

// confirmRetry writes the confirmation over the zeros at the end of raw, the
// HelloRetryRequest, where AppendTo puts the extension.
func (f *flow13) confirmRetry(raw []byte) {
	if f.info.ECHAccepted {
		copy(raw[len(raw)-keys.ECHConfirmationLen:], f.confirmation(keys.ECHAcceptRetry, f.transcript.clone(), raw))
	}
}

// retryConfigs returns the configurations for a client whose hello could not be
// decrypted. RFC 9849, Section 7.1.
func (f *flow13) retryConfigs() ([]byte, error) {
	if f.ech == nil || f.info.ECHAccepted {
		return nil, nil
	}
	return ECHConfigList(f.ech.keys...)
}
