package engine

import (
	"slices"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/wire"
)

// certKinds is what was agreed on for the two sides' certificates.
// RFC 7250, Section 4.
type certKinds struct {
	own, peer iana.CertificateType
}

// acceptedKinds lists the kinds that are accepted from the peer, in order of
// preference; nil if it is certificates alone, which needs no extension.
func (c *Config) acceptedKinds() []iana.CertificateType {
	switch {
	case c.OnlyRawKeys:
		return []iana.CertificateType{iana.CertTypeRawPublicKey}
	case c.AcceptRawKeys:
		return []iana.CertificateType{iana.CertTypeRawPublicKey, iana.CertTypeX509}
	}
	return nil
}

// shownKinds lists the kinds that this side can show, in the order of its
// credentials; nil if it is certificates alone. Of a credential that has both
// forms the raw key comes first, because it is shorter.
func (c *Config) shownKinds() []iana.CertificateType {
	var kinds []iana.CertificateType
	for _, cred := range c.Credentials {
		for _, k := range []iana.CertificateType{iana.CertTypeRawPublicKey, iana.CertTypeX509} {
			if cred.has(k == iana.CertTypeRawPublicKey) && !slices.Contains(kinds, k) {
				kinds = append(kinds, k)
			}
		}
	}
	if !slices.Contains(kinds, iana.CertTypeRawPublicKey) {
		return nil
	}
	return kinds
}

// chooseKind picks the first of this side's kinds that is in a client's list. An
// absent list means certificates. RFC 7250, Section 4.2.
func chooseKind(offered, ours []iana.CertificateType, what string) (iana.CertificateType, error) {
	if offered == nil {
		offered = []iana.CertificateType{iana.CertTypeX509}
	}
	if ours == nil {
		ours = []iana.CertificateType{iana.CertTypeX509}
	}
	for _, k := range ours {
		if slices.Contains(offered, k) {
			return k, nil
		}
	}
	return 0, nothingCommon(iana.AlertUnsupportedCertificate, "type of "+what+" certificate", ours, offered)
}

// chooseKinds chooses, on a server, the kinds of both sides' certificates.
func chooseKinds(cfg *Config, h *wire.ClientHello) (k certKinds, err error) {
	if k.own, err = chooseKind(h.ServerCertTypes, cfg.serverKinds(), "server"); err != nil {
		return k, err
	}
	if cfg.ClientAuth == NoClientCert {
		return k, nil
	}
	k.peer, err = chooseKind(h.ClientCertTypes, cfg.acceptedKinds(), "client")
	return k, err
}

// serverKinds is shownKinds, with X.509 added if a callback may choose a certificate.
func (c *Config) serverKinds() []iana.CertificateType {
	kinds := c.shownKinds()
	if kinds != nil && c.SelectCredential != nil && !slices.Contains(kinds, iana.CertTypeX509) {
		kinds = append(kinds, iana.CertTypeX509)
	}
	return kinds
}

// answerKinds returns the server's answers about certificates, nil for none. They point into k.
func answerKinds(h *wire.ClientHello, k *certKinds, asked bool) (client, server *iana.CertificateType) {
	if h.ServerCertTypes != nil {
		server = &k.own
	}
	if h.ClientCertTypes != nil && asked {
		client = &k.peer
	}
	return client, server
}

// takeKinds reads the server's answer on a client: it must be one that was
// offered. shows is whether the server will show a certificate. RFC 7250, Section 4.2.
func (o *offer) takeKinds(client, server *iana.CertificateType, shows bool) (k certKinds, err error) {
	for _, a := range []struct {
		answer  *iana.CertificateType
		offered []iana.CertificateType
		to      *iana.CertificateType
	}{{client, o.hello.ClientCertTypes, &k.own}, {server, o.hello.ServerCertTypes, &k.peer}} {
		if a.answer == nil {
			continue
		}
		if !slices.Contains(a.offered, *a.answer) {
			return k, illegal("the server chose certificate type %v, which was not offered", *a.answer)
		}
		*a.to = *a.answer
	}
	if shows && k.peer == iana.CertTypeX509 && o.cfg.OnlyRawKeys {
		return k, incompatible(iana.AlertUnsupportedCertificate, "the server has no raw public key",
			"configure a raw public key on the server, or accept certificates on this side")
	}
	return k, nil
}

// A certMessage is a certificate to be shown.
type certMessage struct {
	context      []byte
	kind         iana.CertificateType
	staple, scts bool
	delegated    bool
	compress     []iana.CertificateCompression // what the peer takes
}

// writeCertificate encodes a Certificate or, if both sides support it, a
// CompressedCertificate. A nil credential makes it empty.
func (f *flow13) writeCertificate(c *Credential, p certMessage) ([]byte, error) {
	room := certificates.Get()
	defer certificates.Put(room)
	raw, err := encode(room.show(c, p))
	if err != nil || c == nil {
		return raw, err
	}
	return f.compress(raw, p.compress)
}

// postCertificate is writeCertificate, and sends the message.
func (f *flow13) postCertificate(c *Credential, p certMessage, do *effects) error {
	if p.compress == nil || len(f.cfg.Compressors) == 0 {
		room := certificates.Get()
		defer certificates.Put(room)
		return f.post(room.show(c, p), do)
	}
	raw, err := f.writeCertificate(c, p)
	if err != nil {
		return err
	}
	f.transcript.add(raw)
	do.send(raw)
	return nil
}

// A certificateRoom has the memory of a Certificate message for most chains.
type certificateRoom struct {
	wire.Certificate
	entries [3]wire.CertificateEntry
}

// show returns the message that shows a credential, or nothing for nil. It is valid until
// room goes back to its pool.
func (room *certificateRoom) show(c *Credential, p certMessage) *wire.Certificate {
	cert := &room.Certificate
	cert.Context = p.context
	switch {
	case c == nil:
	case p.kind == iana.CertTypeRawPublicKey:
		cert.Entries = []wire.CertificateEntry{{Data: c.RawPublicKey}}
	default:
		cert.Entries = slices.Grow(room.entries[:0], len(c.Chain))[:len(c.Chain)]
		for i, der := range c.Chain {
			cert.Entries[i].Data = der
		}
		if p.staple {
			cert.Entries[0].OCSPResponse = c.OCSPStaple
		}
		if p.scts {
			cert.Entries[0].SCTs = c.SCTs
		}
		if p.delegated {
			cert.Entries[0].DelegatedCredential = c.Delegated.Raw
		}
	}
	return cert
}

// compress makes a CompressedCertificate of a Certificate, if there is an
// algorithm in common and it saves something. RFC 8879, Section 4.
func (f *flow13) compress(raw []byte, peer []iana.CertificateCompression) ([]byte, error) {
	for _, c := range f.cfg.Compressors {
		if !slices.Contains(peer, c.ID) {
			continue
		}
		body := raw[wire.HeaderLen:]
		packed, err := c.Compress(body)
		if err != nil {
			return nil, local("this side's certificate cannot be compressed", err)
		}
		if len(packed) >= len(body) {
			return raw, nil
		}
		m := wire.CompressedCertificate{Algorithm: c.ID, UncompressedLength: uint32(len(body)), Compressed: packed}
		return encode(&m)
	}
	return raw, nil
}

// offeredCompression lists the algorithms of the configuration.
func (c *Config) offeredCompression() []iana.CertificateCompression {
	var ids []iana.CertificateCompression
	for _, a := range c.Compressors {
		ids = append(ids, a.ID)
	}
	return ids
}

// certificates lists the forms in which a Certificate may come.
func (f *flow13) certificates() awaited {
	if len(f.cfg.Compressors) > 0 {
		return awaited{iana.HandshakeCertificate, iana.HandshakeCompressedCertificate}
	}
	return awaitedCertificate
}

// certificateBody returns the body of a Certificate in either form. What a
// compressed one may grow to is bounded like any message. RFC 8879, Section 4.
func (f *flow13) certificateBody(m message) ([]byte, error) {
	if m.typ == iana.HandshakeCertificate {
		return m.body, nil
	}
	packed, err := wire.ParseCompressedCertificate(m.body)
	if err != nil {
		return nil, err
	}
	n := int(packed.UncompressedLength)
	if n > f.cfg.maxMessage() {
		return nil, overLimit(iana.AlertBadCertificate, "a compressed certificate of %d bytes exceeds the limit of %d", n, f.cfg.maxMessage())
	}
	for _, c := range f.cfg.Compressors {
		if c.ID != packed.Algorithm {
			continue
		}
		body, err := c.Decompress(packed.Compressed, n)
		if err != nil || len(body) != n {
			return nil, &Error{Fault: FaultPeer, Alert: iana.AlertBadCertificate, Reason: "the peer's certificate cannot be decompressed", Err: err}
		}
		return body, nil
	}
	return nil, illegal("a certificate compressed with %v, which was not offered", packed.Algorithm)
}

// An asked is what this side requested along with the peer's certificate.
type asked struct {
	context      []byte
	kind         iana.CertificateType
	staple, scts bool
	delegated    []iana.SignatureScheme
}

// readCertificate reads a peer's Certificate in either form.
func (f *flow13) readCertificate(m message, a asked) (*PeerCertificate, error) {
	body, err := f.certificateBody(m)
	if err != nil {
		return nil, err
	}
	room := certificates.Get()
	defer certificates.Put(room)
	cert := &room.Certificate
	cert.Entries = room.entries[:0]
	if err := cert.Parse(body); err != nil {
		return nil, err
	}
	if string(cert.Context) != string(a.context) {
		return nil, illegal("a Certificate message with an unknown certificate_request_context")
	}
	peer := new(PeerCertificate) // apart from its chain, which alone an open connection keeps
	for i := range cert.Entries {
		e := &cert.Entries[i]
		if err := a.check(e.Present); err != nil {
			return nil, err
		}
		if i == 0 {
			peer.OCSPStaple, peer.SCTs = e.OCSPResponse, e.SCTs
			if e.DelegatedCredential != nil {
				if peer.Delegation, err = parseDelegation(e.DelegatedCredential, a.delegated); err != nil {
					return nil, err
				}
			}
		}
		peer.Chain = append(peer.Chain, e.Data)
	}
	if a.kind == iana.CertTypeRawPublicKey && len(peer.Chain) > 0 {
		switch {
		case len(peer.Chain) > 1:
			return nil, illegal("%d raw public keys, expected one", len(peer.Chain))
		case peer.Delegation != nil:
			return nil, illegal("a delegated credential with a raw public key, expected a certificate")
		}
		peer.RawPublicKey, peer.Chain = peer.Chain[0], nil
	}
	return peer, nil
}

// check checks a certificate's extensions. RFC 9846, Section 4.4.2: extensions
// "MUST correspond to ones from the ClientHello".
func (a *asked) check(present []iana.ExtensionType) error {
	for _, ext := range present {
		ok := ext == iana.ExtStatusRequest && a.staple ||
			ext == iana.ExtSCT && a.scts ||
			ext == iana.ExtDelegatedCredential && a.delegated != nil
		if !ok {
			return broken(iana.AlertUnsupportedExtension, "a certificate with the %v extension, which was not requested", ext)
		}
	}
	return nil
}

// empty reports whether the peer has shown nothing.
func (p *PeerCertificate) empty() bool { return len(p.Chain) == 0 && p.RawPublicKey == nil }
