package engine

import (
	"crypto"
	"slices"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/keys"
	"github.com/sealsock/sealsock/internal/pubkey"
	"github.com/sealsock/sealsock/internal/suites"
	"github.com/sealsock/sealsock/internal/wire"
)

// flow13 is what both roles carry through a TLS 1.3 handshake.
type flow13 struct {
	cfg        *Config
	info       *State
	kinds      certKinds
	random     []byte // the client's, for the key log
	suite      *suites.Suite
	transcript transcript
	handshake  *keys.HandshakeSecret
	client     *keys.TrafficSecret // the client's handshake traffic
	server     *keys.TrafficSecret // the server's handshake traffic

	ech      *serverECH        // on a server that looks at the client's
	rejected *ECHRejectedError // on a client whose inner ClientHello was not taken
}

// enterHandshake derives the handshake secrets from the shared secret, once the
// transcript holds the ServerHello.
func (f *flow13) enterHandshake(early *keys.EarlySecret, shared []byte) {
	if early == nil {
		early = keys.NewEarlySecret(f.suite.Hash, nil)
	}
	f.handshake = early.Handshake(shared)
	sum := f.transcript.sum()
	f.client = f.handshake.ClientTraffic(sum)
	f.server = f.handshake.ServerTraffic(sum)
	f.log("CLIENT_HANDSHAKE_TRAFFIC_SECRET", f.client)
	f.log("SERVER_HANDSHAKE_TRAFFIC_SECRET", f.server)
}

// application is what comes out of the last stage of the key schedule.
type application struct {
	master         *keys.MasterSecret
	client, server *keys.TrafficSecret
	exporter       *keys.Exporter
}

// enterApplication derives the application secrets, once the transcript holds
// the server's Finished.
func (f *flow13) enterApplication() *application {
	master := f.handshake.Master()
	sum := f.transcript.sum()
	a := &application{
		master:   master,
		client:   master.ClientTraffic(sum),
		server:   master.ServerTraffic(sum),
		exporter: master.Exporter(sum),
	}
	f.log("CLIENT_TRAFFIC_SECRET_0", a.client)
	f.log("SERVER_TRAFFIC_SECRET_0", a.server)
	f.info.exporter = a.exporter
	if f.cfg.KeyLog != nil {
		f.cfg.KeyLog("EXPORTER_SECRET", f.random, a.exporter.Bytes())
	}
	return a
}

func (f *flow13) log(label string, secret *keys.TrafficSecret) {
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
func (f *flow13) checkFinished(m message, secret *keys.TrafficSecret) error {
	if err := checkVerifyData(m, secret.Finished(f.transcript.sum())); err != nil {
		return err
	}
	f.transcript.add(m.raw)
	return nil
}

// checkVerifyData compares a Finished with what it must be. One of another length than
// the hash's is not a Finished at all. RFC 9846, Section 6.2: decode_error is for a
// message whose length is incorrect.
func checkVerifyData(m message, want []byte) error {
	fin, err := wire.ParseFinished(m.body)
	switch {
	case err != nil:
		return err
	case len(fin.VerifyData) != len(want):
		return broken(iana.AlertDecodeError, "a Finished message of %d bytes, expected %d",
			len(fin.VerifyData), len(want))
	case !keys.Equal(fin.VerifyData, want):
		return broken(iana.AlertDecryptError, "Finished does not match the handshake messages")
	}
	return nil
}

// finished makes our Finished and adds it to the transcript.
func (f *flow13) finished(secret *keys.TrafficSecret) ([]byte, error) {
	raw, err := (&wire.Finished{VerifyData: secret.Finished(f.transcript.sum())}).AppendTo(nil)
	if err != nil {
		return nil, local("Finished cannot be written", err)
	}
	f.transcript.add(raw)
	return raw, nil
}

// The context strings of CertificateVerify. RFC 9846, Section 4.4.3.
const (
	serverContext = "TLS 1.3, server CertificateVerify\x00"
	clientContext = "TLS 1.3, client CertificateVerify\x00"
)

// signedContent is what a CertificateVerify signs: 64 spaces, the context, the
// transcript hash.
func signedContent(context string, sum []byte) []byte {
	b := make([]byte, 64, 64+len(context)+len(sum))
	for i := range b {
		b[i] = ' '
	}
	b = append(b, context...)
	return append(b, sum...)
}

// checkCertificateVerify checks the peer's signature. offered lists the schemes that
// this side offered. RFC 9846, Section 4.4.3.
func (f *flow13) checkCertificateVerify(m message, key crypto.PublicKey, context string, offered []iana.SignatureScheme) error {
	cv, err := wire.ParseCertificateVerify(m.body)
	if err != nil {
		return err
	}
	scheme := suites.SchemeByID(cv.Algorithm)
	if scheme == nil || !scheme.TLS13 || !slices.Contains(offered, cv.Algorithm) {
		return illegal("the peer signed with %v, which was not offered", cv.Algorithm)
	}
	if !scheme.Fits(key, iana.TLS13) {
		return illegal("the peer signed with %v, which does not match its %T", cv.Algorithm, key)
	}
	if err := scheme.Verify(key, iana.TLS13, signedContent(context, f.transcript.sum()), cv.Signature); err != nil {
		return &Error{Fault: FaultPeer, Alert: iana.AlertDecryptError, Reason: "the peer's signature does not verify with the key of its certificate", Err: err}
	}
	f.info.PeerScheme = cv.Algorithm
	f.transcript.add(m.raw)
	return nil
}

// sign waits for a signature with the credential and continues with the
// CertificateVerify that holds it.
func (f *flow13) sign(c *Credential, scheme *suites.Scheme, context string, then func(raw []byte, do *effects) (state, error)) state {
	content := signedContent(context, f.transcript.sum())
	request := &SignRequest{Scheme: scheme.ID, Message: content}
	return &wait[[]byte]{
		what: "this side's signature",
		q:    request,
		try: func() ([]byte, error) {
			if c.Sign != nil {
				return c.Sign(request)
			}
			sig, err := scheme.Sign(f.cfg.random(), c.Signer, content)
			if err != nil {
				return nil, local("this side's key cannot sign", err)
			}
			return sig, nil
		},
		then: func(sig []byte, do *effects) (state, error) {
			if len(sig) == 0 {
				return nil, usage("this side's signature is empty")
			}
			raw, err := (&wire.CertificateVerify{Algorithm: scheme.ID, Signature: sig}).AppendTo(nil)
			if err != nil {
				return nil, local("CertificateVerify cannot be written", err)
			}
			f.info.OwnScheme = scheme.ID
			f.transcript.add(raw)
			return then(raw, do)
		},
	}
}

// withKey continues only with a key that is accepted and that a signature can be
// checked with: that of a resumed peer is not used, but an answer without one does not
// accept the peer. The key is checked here because the next message may be a signature,
// and verifying one with a key of any size would let an unauthenticated peer occupy a
// processor for seconds.
func withKey(then func(crypto.PublicKey, *effects) (state, error)) func(crypto.PublicKey, *effects) (state, error) {
	return func(key crypto.PublicKey, do *effects) (state, error) {
		if key == nil {
			return nil, &Error{
				Fault: FaultCertificate, Alert: iana.AlertUnsupportedCertificate,
				Reason: "the peer's key has an unknown type, or the Verifier returned no key",
			}
		}
		if err := pubkey.Check(key); err != nil {
			return nil, &Error{
				Fault: FaultCertificate, Alert: iana.AlertUnsupportedCertificate,
				Reason: "the peer's key is not accepted: " + err.Error(),
				Hint:   "the peer needs a certificate with another key: ECDSA on P-256, or RSA of 2048 bits",
			}
		}
		return then(key, do)
	}
}

// verify waits for the Verifier's decision about the peer.
func (f *flow13) verify(peer *PeerCertificate, then func(key crypto.PublicKey, do *effects) (state, error)) state {
	return &wait[crypto.PublicKey]{
		what:   "the verification of the peer",
		q:      peer,
		try:    func() (crypto.PublicKey, error) { return f.cfg.Verifier.VerifyPeer(peer) },
		then:   withKey(then),
		refuse: certificateError,
	}
}
