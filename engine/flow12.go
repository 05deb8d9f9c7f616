package engine

import (
	"crypto"
	"slices"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/keys"
	"github.com/sealsock/sealsock/internal/record"
	"github.com/sealsock/sealsock/internal/suites"
	"github.com/sealsock/sealsock/internal/wire"
)

// flow12 is what both roles carry through a TLS 1.2 handshake.
type flow12 struct {
	baseFlow
	suite  *suites.Suite12
	answer []byte // the server's random value
	// messages are the bytes behind the transcript, as long as a client's
	// signature over them may come: its hash may be another than the suite's.
	messages []byte
	keep     bool
	master   *keys.Master12
	numbers  numbers12 // of messages in DTLS
}

// add puts a whole message of the peer's into the transcript.
func (f *flow12) add(message []byte) { f.record(message, &f.numbers.peer) }

// record puts a whole message into the transcript.
func (f *flow12) record(message []byte, number *uint16) {
	if f.info.datagram {
		message = numbered12(message, *number)
		*number++
	}
	f.transcript.add(message)
	if f.keep {
		f.messages = append(f.messages, message...)
	}
}

// forget drops the messages once no signature over them will come.
func (f *flow12) forget() { f.messages, f.keep = nil, false }

// post sends a message and adds it to the transcript.
func (f *flow12) post(m encoder, do *effects) error {
	raw, err := do.compose(m)
	if err != nil {
		return err
	}
	f.record(raw, &f.numbers.own)
	return nil
}

func (f *flow12) postRaw(raw []byte, do *effects) {
	f.record(raw, &f.numbers.own)
	do.send(raw)
}

// agree derives the master secret, once the transcript holds ClientKeyExchange.
// RFC 5246, Section 8.1; RFC 7627, Section 4.
func (f *flow12) agree(premaster []byte) {
	if f.info.ExtendedMasterSecret {
		f.enter(keys.NewExtendedMaster12(f.suite.Hash, premaster, f.transcript.sum()))
	} else {
		f.enter(keys.NewMaster12(f.suite.Hash, premaster, f.random, f.answer))
	}
	clear(premaster)
}

// enter takes the master secret of this or of an earlier session.
func (f *flow12) enter(master *keys.Master12) {
	f.master = master
	if f.cfg.KeyLog != nil {
		f.cfg.KeyLog("CLIENT_RANDOM", f.random, master.Bytes())
	}
	f.info.master = master.Exporter(f.random, f.answer)
	if f.info.ExtendedMasterSecret {
		// RFC 7627, Section 5.4: without it, exporters must not be used.
		f.info.exporter = f.info.master
	}
}

// directions returns the keys of the client's and the server's records.
func (f *flow12) directions() (client, server keys.Keys12) {
	return f.master.Keys(f.random, f.answer, f.suite.KeyLen, f.suite.IVLen)
}

// sealWith sends change_cipher_spec and takes keys into use behind it.
func (f *flow12) sealWith(k keys.Keys12, do *effects) error {
	sealer, err := record.NewSealer12(f.suite, k)
	if err != nil {
		return local("the cipher cannot be set up", err)
	}
	do.out = append(do.out, step{kind: stepCCS, message: []byte{1}}, step{kind: stepKeys, sealer: sealer})
	return nil
}

// openWith takes keys into use behind the peer's change_cipher_spec.
func (f *flow12) openWith(k keys.Keys12, do *effects) error {
	opener, err := record.NewOpener12(f.suite, k)
	if err != nil {
		return local("the cipher cannot be set up", err)
	}
	do.keys = append(do.keys, readKey{opener: opener, phase: phaseApplication})
	return nil
}

// finished makes a Finished of this side. RFC 5246, Section 7.4.9.
func (f *flow12) finished(verifyData []byte, do *effects) error {
	f.first(verifyData)
	return f.post(&wire.Finished{VerifyData: verifyData}, do)
}

// checkFinished compares the peer's Finished with what it must be.
func (f *flow12) checkFinished(m message, want []byte) error {
	if err := checkVerifyData(m, want); err != nil {
		return err
	}
	f.first(want)
	f.add(m.raw)
	return nil
}

// first keeps the handshake's first Finished, of either side.
func (f *flow12) first(verifyData []byte) {
	if f.info.firstFinished == nil {
		f.info.firstFinished = slices.Clone(verifyData)
	}
}

// open ends the handshake.
func (f *flow12) open(client bool, do *effects) state {
	do.ready()
	do.report(EventHandshakeDone)
	do.turn = true // no bytes of another handshake may follow Finished
	f.info.HandshakeDone = true
	return &open12{client: client}
}

// open12 is an open TLS 1.2 connection. What may come after the handshake would lead to
// another one, which is refused.
type open12 struct{ client bool }

func (s *open12) awaits() awaited {
	if s.client {
		return awaited{iana.HandshakeHelloRequest}
	}
	return awaited{iana.HandshakeClientHello}
}

// handle refuses to renegotiate. RFC 5246, Section 7.2.2, has this alert as a warning, after
// which the connection may continue. A peer that renegotiates cannot use a connection that
// does not, and would wait; so the driver ends it after the warning.
func (s *open12) handle(message, *effects) (state, error) {
	return nil, incompatible(iana.AlertNoRenegotiation,
		"the peer requested renegotiation, which is not supported",
		"a server that renegotiates to request a client certificate must request it in the "+
			"handshake, or use TLS 1.3")
}

// signed is what a ServerKeyExchange signs. RFC 8422, Section 5.4.
func (f *flow12) signed(params []byte) []byte { return slices.Concat(f.random, f.answer, params) }

// verify waits for the Verifier's decision about the peer.
func (f *flow12) verify(peer *PeerCertificate, then func(key crypto.PublicKey, do *effects) (state, error)) state {
	f.info.shows(peer)
	return f.baseFlow.verify(peer, then)
}

// resume takes the keys of an earlier session, whose peer the Verifier has accepted
// again.
func (f *flow12) resume(old *Session) {
	f.info.Resumed = true
	f.info.Group, f.info.PSKIdentity, f.info.asked = old.Group, old.PSKIdentity, old.asked
	f.info.authenticated = old.Authenticated
	f.enter(keys.RestoreMaster12(f.suite.Hash, old.secret.bytes()))
	if peer := old.showed(); peer != nil {
		f.info.shows(peer)
	}
}

// session describes the session of this handshake.
func (f *flow12) session() *Session {
	f.info.prove(f.cfg)
	made := f.info.session()
	made.Group, made.Created = f.info.Group, f.cfg.Now()
	made.Lifetime = f.cfg.lifetime(made.Authenticated, made.Created)
	made.secret = hide(slices.Clone(f.master.Bytes()))
	return &made
}

// good12 reports whether the session may be resumed in TLS 1.2 at a time.
func (s *Session) good12(cfg *Config) bool {
	return s != nil && s.Version == iana.TLS12 && cfg.Now != nil && !cfg.expired(s) &&
		slices.Contains(cfg.suites(), s.CipherSuite) && !unset(s.secret.bytes())
}

// showCertificate sends a Certificate of the kind agreed on. A nil credential
// makes it empty. RFC 5246, Section 7.4.2; RFC 7250, Section 3.
func (f *flow12) showCertificate(c *Credential, do *effects) error {
	switch {
	case c == nil:
		return f.post(new(wire.Certificate12), do)
	case f.kinds.own == iana.CertTypeRawPublicKey:
		return f.post(wire.RawKey12(c.RawPublicKey), do)
	}
	f.info.OwnChain = c.Chain
	return f.post(&wire.Certificate12{Certificates: c.Chain}, do)
}

// readCertificate reads the peer's Certificate of the kind agreed on.
func (f *flow12) readCertificate(m message) (*PeerCertificate, error) {
	if f.kinds.peer == iana.CertTypeRawPublicKey {
		key, err := wire.ParseRawKey12(m.body)
		if err != nil || len(key) == 0 {
			return new(PeerCertificate), err
		}
		return &PeerCertificate{RawPublicKey: key}, nil
	}
	cert, err := wire.ParseCertificate12(m.body)
	if err != nil {
		return nil, err
	}
	return &PeerCertificate{Chain: cert.Certificates}, nil
}

// ecdheGroups lists those groups that TLS 1.2 has.
func ecdheGroups(list []iana.NamedGroup) []iana.NamedGroup {
	return slices.DeleteFunc(slices.Clone(list), func(g iana.NamedGroup) bool {
		return !suites.ECDHE(g)
	})
}
