package main

import (
	"bytes"
	"slices"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
)

// checkHandshake compares the connection with the flags after the handshake.
func (c *connection) checkHandshake() error {
	state := c.state()
	for _, check := range []func(*engine.State) error{c.checkParameters, c.checkSession, c.checkPeer} {
		if err := check(&state); err != nil {
			return err
		}
	}
	return nil
}

// differs returns the error for an unexpected value.
func differs(what string, got, want any) error {
	return mismatch("%s is %v, and not %v", what, got, want)
}

// checkParameters checks the negotiated parameters.
func (c *connection) checkParameters(state *engine.State) error {
	s, want := c.settings, c.settings.expect
	alpn := want.alpn
	if s.server {
		alpn = s.selectALPN
	}
	switch {
	case want.neverDone:
		return mismatch("the handshake is done, which was not expected")
	case want.version != 0 && stream(want.version) != state.Version:
		return differs("the version", state.Version, want.version)
	case want.cipher != 0 && want.cipher != uint16(state.CipherSuite):
		return differs("the cipher suite", state.CipherSuite, want.cipher)
	case want.cipherAES != 0 && want.cipherAES != uint16(state.CipherSuite):
		return differs("the cipher suite", state.CipherSuite, want.cipherAES)
	case want.group != 0 && want.group != uint16(state.Group):
		return differs("the group", state.Group, want.group)
	case want.encrypted != state.ECHAccepted:
		return differs("Encrypted ClientHello", state.ECHAccepted, want.encrypted)
	case alpn != state.ALPN:
		return differs("the application protocol", state.ALPN, alpn)
	case want.serverName != "" && want.serverName != state.ServerName:
		return differs("the server name", state.ServerName, want.serverName)
	case want.retry && !state.Retried, want.noRetry && state.Retried:
		return differs("HelloRetryRequest", state.Retried, want.retry)
	}
	return nil
}

// checkSession checks resumption and 0-RTT data.
func (c *connection) checkSession(state *engine.State) error {
	want := c.settings.expect
	resumed := c.resuming && !want.sessionMiss
	switch {
	case resumed != state.Resumed:
		return differs("resumption", state.Resumed, resumed)
	case want.accepted && !state.EarlyData, want.rejected && state.EarlyData:
		return differs("0-RTT data", state.EarlyData, want.accepted)
	case want.storedSession && !c.memory.stored, want.noStoredSession && c.memory.stored:
		return differs("a session stored by its ID", c.memory.stored, want.storedSession)
	case want.extendedMaster && !state.ExtendedMasterSecret && state.Version < iana.TLS13:
		return differs("extended master secret", false, true)
	case want.earlyReason != "" && (want.earlyReason == "accept") != state.EarlyData:
		// The engine does not record the reason, only the result.
		return differs("0-RTT data", state.EarlyData, want.earlyReason)
	}
	return nil
}

// checkPeer checks the credentials of both sides.
func (c *connection) checkPeer(state *engine.State) error {
	s, want := c.settings, c.settings.expect
	external := s.psk != "" || len(state.PSKIdentity) > 0 && !state.Resumed || len(state.PeerRawKey) > 0 || want.rawKeyHash != nil
	switch {
	case (want.noPeerCert || external) && len(state.PeerChain) > 0:
		return mismatch("the peer shows a certificate, which was not expected")
	case !want.noPeerCert && !external && (!s.server || s.requireClientCert) && len(state.PeerChain) == 0:
		return mismatch("the peer shows no certificate")
	case want.hasKind && !state.Resumed && (want.kind == iana.CertTypeRawPublicKey) != (len(state.PeerRawKey) > 0):
		return differs("a raw public key", len(state.PeerRawKey) > 0, want.kind)
	case want.ocsp != nil && !bytes.Equal(want.ocsp, state.PeerOCSP):
		return differs("the OCSP response", state.PeerOCSP, want.ocsp)
	case want.peerScheme != 0 && !state.Resumed && want.peerScheme != uint16(state.PeerScheme):
		return differs("the signature scheme", state.PeerScheme, want.peerScheme)
	case want.hasCredential && c.credential(state) != want.credential:
		return differs("the credential", c.credential(state), want.credential)
	}
	scts, err := splitSCTs(want.scts)
	if err != nil {
		return err
	}
	if len(scts) > 0 && !slices.EqualFunc(scts, state.PeerSCTs, bytes.Equal) {
		return differs("the certificate timestamps", state.PeerSCTs, scts)
	}
	chain, err := readPEM(want.peerCert)
	if err != nil {
		return err
	}
	if chain != nil && !slices.EqualFunc(chain, state.PeerChain, bytes.Equal) {
		return mismatch("the peer shows another chain than expected")
	}
	return nil
}

// checkNewSession checks the new session of a client after all data was read.
func (c *connection) checkNewSession() error {
	s, state := c.settings, c.state()
	if state.Version < iana.TLS13 {
		// A resumed connection reports its session again, and one without
		// extended master secret reports none.
		if s.expect.noSession && c.newSession != nil || s.expect.renewal && c.newSession == nil {
			return differs("a new session", c.newSession != nil, s.expect.renewal)
		}
		return nil
	}
	expected := !s.expect.noSession && !s.shimShutsDown // tickets come after the handshake
	switch {
	case expected != (c.newSession != nil):
		return differs("a new session", c.newSession != nil, expected)
	case expected && s.expect.earlyTicket != (c.newSession.MaxEarlyData > 0):
		return differs("a new session for 0-RTT data", c.newSession.MaxEarlyData > 0, s.expect.earlyTicket)
	}
	return nil
}

// checkMessages checks the messages that were sent and received.
func (c *connection) checkMessages() error {
	if want, got := c.settings.expect.messages, c.messages.String(); want != "" && got != want {
		return differs("the list of messages", got, want)
	}
	return nil
}

// credential returns the credential that was used: the selected certificate or
// pre-shared key.
func (c *connection) credential(state *engine.State) int {
	for i, p := range c.psks {
		if !state.Resumed && bytes.Equal(p.Identity, state.PSKIdentity) {
			return c.pskOwner[i]
		}
	}
	return c.chosen
}
