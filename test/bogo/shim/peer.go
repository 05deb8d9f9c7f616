package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/suites"
	"github.com/sealsock/sealsock/trust"
)

// A refusal is an error of a callback that selects an alert.
type refusal iana.Alert

func (r refusal) Error() string {
	return fmt.Sprintf("the flags request a rejection with %v", iana.Alert(r))
}
func (r refusal) Alert() iana.Alert { return iana.Alert(r) }

// A verifier accepts any certificate that it can parse, unless a flag requests
// otherwise: the tests cover the protocol, not verification.
type verifier struct{ *connection }

// VerifyPeer implements engine.Verifier.
func (v verifier) VerifyPeer(peer *engine.PeerCertificate) (crypto.PublicKey, error) {
	s := v.settings
	if v.offeredEarly && !v.state().EarlyData {
		s = v.retry
	}
	if s.async && !v.answering {
		return nil, engine.ErrPending
	}
	if err := s.checkECHName(peer); err != nil {
		return nil, err
	}
	policy := trust.Policy{Insecure: true}
	result, err := policy.Verify(context.Background(), &trust.Peer{
		Server: peer.Server, Name: peer.ServerName, Chain: peer.Chain, RawPublicKey: peer.RawPublicKey, Now: v.memory.now(),
	})
	sum := sha256.Sum256(peer.RawPublicKey)
	switch {
	case err != nil:
		return nil, err
	case peer.Resumed && !s.reverify:
	case s.verifyFail && s.customVerify:
		return nil, refusal(iana.AlertCertificateUnknown)
	case s.verifyFail && (s.verifyPeer || s.requireClientCert):
		return nil, refusal(iana.AlertHandshakeFailure)
	case s.ocspCallback && s.ocspFail && peer.Server && !peer.Resumed:
		return nil, refusal(iana.AlertBadCertificateStatusResponse)
	case peer.RawPublicKey != nil && !bytes.Equal(sum[:], s.expect.rawKeyHash):
		return nil, refusal(iana.AlertCertificateUnknown)
	}
	return result.PublicKey, nil
}

// loadCredentials reads the certificates and keys that the flags name. Those
// of the -new flags come first, as in BoringSSL.
func (c *connection) loadCredentials(cfg *engine.Config) error {
	for _, from := range c.settings.credentials {
		if from.kind == kindPSK {
			if err := c.addPSK(from); err != nil {
				return err
			}
			c.credentials = append(c.credentials, nil)
			continue
		}
		loaded, err := from.load(c.settings)
		if err != nil {
			return err
		}
		c.credentials = append(c.credentials, loaded)
	}
	if c.settings.psk != "" {
		c.psks = append(c.psks, engine.NewPSK([]byte(c.settings.pskIdentity), []byte(c.settings.psk)))
		c.pskOwner = append(c.pskOwner, -1)
	}
	if c.settings.usual.certFile != "" {
		loaded, err := c.settings.usual.load(c.settings)
		if err != nil {
			return err
		}
		c.usual = loaded
	}
	cfg.PSKs = c.psks
	if !c.settings.server && len(c.psks) > 0 && !c.settings.verifyPeer && !c.settings.customVerify {
		cfg.Verifier = nil // certificates will not do
	}
	if c.settings.server && len(c.psks) > 0 {
		cfg.PSKs, cfg.FindPSK = nil, c.findPSK
	}
	if c.usual != nil || slices.ContainsFunc(c.credentials, func(o *engine.Credential) bool { return o != nil }) || c.settings.failCertificate {
		cfg.SelectCredential = c.selectCredential
	}
	var err error
	cfg.Credentials, err = c.byKind()
	return err
}

// byKind lists the credentials by their kind: those of the requested kinds, in
// their order. The engine offers the kinds that it finds among them.
func (c *connection) byKind() ([]*engine.Credential, error) {
	all := slices.DeleteFunc(append(slices.Clone(c.credentials), c.usual), func(o *engine.Credential) bool { return o == nil })
	if len(c.settings.shownKinds) == 0 {
		return all, nil
	}
	var sorted []*engine.Credential
	for _, kind := range c.settings.shownKinds {
		n := len(sorted)
		for _, own := range all {
			if (kind == iana.CertTypeRawPublicKey) == (own.RawPublicKey != nil) {
				sorted = append(sorted, own)
			}
		}
		if len(sorted) == n && kind != iana.CertTypeX509 {
			return nil, unimplemented("-available-client-cert-types with a kind that there is no credential of")
		}
	}
	return sorted, nil
}

func (from *credential) load(s *settings) (*engine.Credential, error) {
	to := &engine.Credential{Schemes: known(from.signingPrefs), OCSPStaple: from.ocsp}
	switch {
	case len(from.signingPrefs) > 0:
	case profiles[s.policy].schemes != nil:
		to.Schemes = profiles[s.policy].schemes
	default:
		to.Schemes = suites.DefaultSchemes() // -verify-prefs are for the peer alone
	}
	if s.server && s.ocspCallback && s.ocspDecline {
		to.OCSPStaple = nil
	}
	var err error
	if to.SCTs, err = splitSCTs(from.scts); err != nil {
		return nil, err
	}
	if to.Chain, err = readPEM(from.certFile); err != nil {
		return nil, err
	}
	signer, err := readKey(from.keyFile)
	if err != nil {
		return nil, err
	}
	switch from.kind {
	case kindRawKey:
		if to.RawPublicKey, err = x509.MarshalPKIXPublicKey(signer.Public()); err != nil {
			return nil, err
		}
		to.Signer = engine.NewSigner(signer)
	case kindDelegated:
		if len(from.delegated) < 6 {
			return nil, errors.New("a delegated credential that is cut")
		}
		scheme := iana.SignatureScheme(from.delegated[4])<<8 | iana.SignatureScheme(from.delegated[5])
		to.Delegated = &engine.Delegated{Raw: from.delegated, Signer: engine.NewSigner(signer), Scheme: scheme}
	default:
		to.Signer = engine.NewSigner(signer)
	}
	if s.async {
		waited := false
		to.Sign = func(r *engine.SignRequest) ([]byte, error) {
			if !waited {
				waited = true
				return nil, engine.ErrPending
			}
			return suites.SchemeByID(r.Scheme).Sign(rand.Reader, signer, r.Message)
		}
	}
	return to, nil
}

// readKey reads a private key in PKCS #8.
func readKey(name string) (crypto.Signer, error) {
	blocks, err := readPEM(name)
	if err != nil || len(blocks) == 0 {
		return nil, errors.Join(err, errors.New("no private key"))
	}
	parsed, err := x509.ParsePKCS8PrivateKey(blocks[0])
	if err != nil {
		return nil, unimplemented("a private key of this kind: %v", err)
	}
	signer, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, unimplemented("a private key of type %T", parsed)
	}
	return signer, nil
}

// readPEM reads the blocks of a file; "" is a file without any.
func readPEM(name string) (blocks [][]byte, err error) {
	if name == "" {
		return nil, nil
	}
	rest, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return blocks, nil
		}
		blocks = append(blocks, block.Bytes)
	}
}

// splitSCTs parses a SignedCertificateTimestampList. RFC 6962, Section 3.3.
func splitSCTs(list []byte) (scts [][]byte, err error) {
	bad := errors.New("a list of certificate timestamps that is cut")
	if len(list) == 0 {
		return nil, nil
	}
	if len(list) < 3 || int(list[0])<<8|int(list[1]) != len(list)-2 {
		return nil, bad
	}
	for list = list[2:]; len(list) > 0; {
		if len(list) < 2 {
			return nil, bad
		}
		n := int(list[0])<<8 | int(list[1])
		if len(list) < 2+n {
			return nil, bad
		}
		scts, list = append(scts, list[2:2+n]), list[2+n:]
	}
	return scts, nil
}

// selectCredential selects the first credential that fits, as BoringSSL does.
// If there are credentials and none fits, the connection fails, even for a
// client that could continue without one.
func (c *connection) selectCredential(req *engine.CredentialRequest) (*engine.Credential, error) {
	s := c.settings
	if s.async && !c.answering {
		return nil, engine.ErrPending
	}
	if err := c.checkRequest(req); err != nil {
		return nil, err
	}
	if s.failCertificate {
		return nil, refusal(iana.AlertInternalError)
	}
	if s.server && s.ocspCallback && s.ocspFail {
		return nil, refusal(iana.AlertInternalError)
	}
	c.chosen = -1
	for i, own := range c.credentials {
		if own == nil || !req.Fits(own) || s.credentials[i].mustMatchIssuer && !issuedBy(own.Chain, req.Authorities) {
			continue
		}
		c.chosen, c.using = i, own
		return own, nil
	}
	if c.usual != nil && req.Fits(c.usual) {
		c.using = c.usual
		return c.usual, nil
	}
	return nil, refusal(iana.AlertHandshakeFailure)
}

// checkRequest compares the peer's certificate request with the flags.
func (c *connection) checkRequest(req *engine.CredentialRequest) error {
	want := c.settings.expect
	if want.peerPrefs != nil {
		var got []uint16
		for _, id := range req.SignatureSchemes {
			got = append(got, uint16(id))
		}
		if !slices.Equal(got, want.peerPrefs) {
			return mismatch("the peer verifies %v, and not %v", got, want.peerPrefs)
		}
	}
	if want.clientCAs != "" && !req.Server {
		names, err := splitHex(want.clientCAs)
		if err != nil || !slices.EqualFunc(names, req.Authorities, bytes.Equal) {
			return mismatch("the peer names %d authorities, and not the %d expected", len(req.Authorities), len(names))
		}
	}
	return nil
}

// issuedBy reports whether a certificate of the chain names one of the issuers.
func issuedBy(chain, issuers [][]byte) bool {
	for _, der := range chain {
		c, err := x509.ParseCertificate(der)
		if err == nil && slices.ContainsFunc(issuers, func(name []byte) bool { return bytes.Equal(name, c.RawIssuer) }) {
			return true
		}
	}
	return false
}

// addPSK imports a pre-shared key for both hashes. RFC 9258, Section 5.
func (c *connection) addPSK(from *credential) error {
	source := engine.NewPSK(from.pskIdentity, from.pskKey)
	if from.pskHash == 384 {
		source.Hash = crypto.SHA384
	}
	for _, target := range []crypto.Hash{crypto.SHA256, crypto.SHA384} {
		load := source.Import
		if c.settings.dtls {
			load = source.ImportDatagram
		}
		p, err := load(from.pskContext, target)
		if err != nil {
			return err
		}
		c.psks = append(c.psks, p)
		c.pskOwner = append(c.pskOwner, len(c.credentials))
	}
	return nil
}

// findPSK looks up a key by its identity.
func (c *connection) findPSK(identity []byte) (*engine.PSK, error) {
	for _, p := range c.psks {
		if bytes.Equal(p.Identity, identity) {
			return p, nil
		}
	}
	return nil, nil
}
