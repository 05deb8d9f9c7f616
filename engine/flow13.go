package engine

import (
	"crypto"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/keys"
	"github.com/sealsock/sealsock/internal/suites"
	"github.com/sealsock/sealsock/internal/wire"
)

// flow13 is what both roles carry through a TLS 1.3 handshake.
type flow13 struct {
	baseFlow
	suite     *suites.Suite
	handshake keys.HandshakeSecret
	client    keys.TrafficSecret // the client's handshake traffic
	server    keys.TrafficSecret // the server's handshake traffic

	content  [signedLen]byte // of signedContent
	finished wire.Finished   // the latest, and its verify_data
	data     [48]byte
	proof    wire.CertificateVerify // of this side

	states   *clientStates     // on a client
	ech      *serverECH        // on a server that looks at the client's
	rejected *ECHRejectedError // on a client whose inner ClientHello was not taken
}

// enterHandshake derives the handshake secrets from the shared secret, once the
// transcript holds the ServerHello.
func (f *flow13) enterHandshake(early keys.EarlySecret, shared []byte) {
	if !early.Valid() {
		early = earlySecret(f.info.datagram, f.suite.Hash, nil)
	}
	f.handshake = early.Handshake(shared)
	sum := f.transcript.sum()
	f.client, f.server = f.handshake.Traffic(sum)
	f.log("CLIENT_HANDSHAKE_TRAFFIC_SECRET", f.client)
	f.log("SERVER_HANDSHAKE_TRAFFIC_SECRET", f.server)
}

// application is what comes out of the last stage of the key schedule.
type application struct {
	master         keys.MasterSecret
	client, server keys.TrafficSecret
	exporter       keys.Exporter
}

// enterApplication derives the application secrets, once the transcript holds
// the server's Finished.
func (f *flow13) enterApplication() (a application) {
	a.master = f.handshake.Master()
	sum := f.transcript.sum()
	a.client, a.server = a.master.Traffic(sum)
	a.exporter = a.master.Exporter(sum)
	f.log("CLIENT_TRAFFIC_SECRET_0", a.client)
	f.log("SERVER_TRAFFIC_SECRET_0", a.server)
	f.info.exporter = a.exporter
	if f.cfg.KeyLog != nil {
		f.cfg.KeyLog("EXPORTER_SECRET", f.random, a.exporter.Bytes())
	}
	return a
}

func (f *flow13) log(label string, secret keys.TrafficSecret) {
	if f.cfg.KeyLog != nil {
		f.cfg.KeyLog(label, f.random, secret.Bytes())
	}
}

// shown notes what this side shows of itself: a chain, unless it is a raw key.
func (f *flow13) shown(c *Credential) {
	if f.kinds.own != iana.CertTypeRawPublicKey {
		f.info.OwnChain = c.Chain
	}
}

// checkFinished compares a Finished with what it must be. RFC 9846, Section
// 4.4.4: "Recipients of Finished messages MUST verify that the contents are
// correct and if incorrect MUST terminate the connection with a
// "decrypt_error" alert."
func (f *flow13) checkFinished(m message, secret keys.TrafficSecret) error {
	if err := checkVerifyData(m, secret.Finished(f.data[:0], f.transcript.sum())); err != nil {
		return err
	}
	f.transcript.add(m.raw)
	return nil
}

// sendFinished sends this side's Finished.
func (f *flow13) sendFinished(secret keys.TrafficSecret, do *effects) error {
	f.finished.VerifyData = secret.Finished(f.data[:0], f.transcript.sum())
	return f.post(&f.finished, do)
}

// The context strings of CertificateVerify. RFC 9846, Section 4.4.3.
const (
	serverContext = "TLS 1.3, server CertificateVerify\x00"
	clientContext = "TLS 1.3, client CertificateVerify\x00"
)

// signedLen is the longest content that is signed: with SHA-384.
const signedLen = 64 + len(serverContext) + 48

// signedContent is what a CertificateVerify signs: 64 spaces, the context, the
// transcript hash. It is valid until the next one. Its two callers are smaller for it.
//
//go:noinline
func (f *flow13) signedContent(context string) []byte {
	return append(appendContext(f.content[:0], context), f.transcript.sum()...)
}

// spaces are 64: the octet 32 repeated.
const spaces = "                                                                "

var _ = [1]struct{}{}[len(spaces)-64]

// appendContext appends what stands in front of the signed hash.
func appendContext(b []byte, context string) []byte {
	return append(append(b, spaces...), context...)
}

// checkCertificateVerify checks the peer's signature. offered lists the schemes that
// this side offered. RFC 9846, Section 4.4.3.
func (f *flow13) checkCertificateVerify(m message, key crypto.PublicKey, context string,
	offered []iana.SignatureScheme) error {
	var cv wire.CertificateVerify
	if err := cv.Parse(m.body); err != nil {
		return err
	}
	content := f.signedContent(context)
	if err := f.checkSignature(iana.TLS13, cv.Algorithm, offered, key, content, cv.Signature); err != nil {
		return err
	}
	f.transcript.add(m.raw)
	return nil
}

// prove continues with the CertificateVerify that a credential has signed.
func (f *flow13) prove(c *Credential, scheme *suites.Scheme, context string, do *effects,
	then func(proof *wire.CertificateVerify, do *effects) (state, error)) (state, error) {
	content := f.signedContent(context)
	return f.sign(c, scheme, content, do, func(sig []byte, do *effects) (state, error) {
		f.proof = wire.CertificateVerify{Algorithm: scheme.ID, Signature: sig}
		return then(&f.proof, do)
	})
}

// post sends a message and adds it to the transcript.
func (f *flow13) post(m encoder, do *effects) error {
	raw, err := do.compose(m)
	if err != nil {
		return err
	}
	f.transcript.add(raw)
	return nil
}
