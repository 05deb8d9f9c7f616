package engine

import (
	"bytes"
	"crypto"
	"math"
	"slices"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/keys"
	"github.com/sealsock/sealsock/internal/suites"
	"github.com/sealsock/sealsock/internal/wire"
)

// A psks is what a client offers of pre-shared keys, in the order of
// OfferedPSKs.
type psks struct {
	keys  []*presharedKey
	early []keys.EarlySecret
}

// offerPSKs puts the sessions and external keys of the configuration into the
// hello. RFC 9846, Section 4.2.11.
func (o *offer) offerPSKs() {
	cfg, h := o.cfg, o.hello
	if !o.speaks(iana.TLS13) {
		return
	}
	if o.session != nil {
		if k := o.session.preshared(cfg.Now()); k != nil {
			o.add(k)
		}
	}
	for _, p := range cfg.PSKs {
		o.add(p.preshared())
	}
	h.EarlyData = cfg.EarlyData && len(o.psks.keys) > 0 && o.fitsEarly(o.psks.keys[0])
	if cfg.PSKWithoutDHE {
		h.PSKModes = append(h.PSKModes, iana.PSKKE)
	}
}

// offerable returns the session of the configuration if a client may offer it, with
// either version; nil if there is none.
func (c *clientConfig) offerable() *Session {
	s := c.Session
	if s == nil || c.Now == nil || s.ServerName != c.ServerName || s.Datagram != c.datagram ||
		s.QUIC != (c.quic != nil) || len(s.Ticket) > maxTicket || c.expired(s) || !c.proves(s) {
		return nil
	}
	return s
}

// reverify continues with whether the Verifier accepts what the peer of a session
// showed when the session was made. It may have expired or been revoked since then, or
// trust may have changed. This is decided before the session is used, so that one that
// is not accepted leads to a full handshake, in which the peer can show something new,
// and so that no 0-RTT data is sent to a server that would not be accepted.
func (c *Config) reverify(
	s *Session, then func(accepted bool, do *effects) (state, error), do *effects,
) (state, error) {
	peer := s.showed()
	switch {
	case peer == nil:
		return then(true, do)
	case c.Verifier == nil:
		return then(false, do)
	}
	return &wait[crypto.PublicKey]{
		what: "the verification of the peer of an earlier session",
		q:    peer,
		try:  func() (crypto.PublicKey, error) { return c.Verifier.VerifyPeer(peer) },
		then: func(key crypto.PublicKey, do *effects) (state, error) {
			if err := checkKey(key); err != nil {
				return nil, err
			}
			return then(true, do)
		},
		instead: func(do *effects) (state, error) { return then(false, do) },
	}, nil
}

// proves reports whether a session was made with a proof that this side would accept
// now: by a certificate or raw key, which the Verifier sees again, or by a
// pre-shared key.
func (c *Config) proves(s *Session) bool {
	switch {
	case c.Verifier == nil || !s.shows():
		return !s.shows() && c.hasPSK(s.PSKIdentity)
	case len(s.PeerDelegation) > 0:
		d, err := s.delegation()
		return err == nil && slices.Contains(c.DelegatedSchemes, d.Scheme) && c.takesKind(s)
	}
	return c.takesKind(s)
}

// hasPSK reports whether a client still has the key of an identity, or may have.
func (c *Config) hasPSK(identity []byte) bool {
	return c.SelectPSK != nil || slices.ContainsFunc(c.PSKs, func(p *PSK) bool { return bytes.Equal(p.Identity, identity) })
}

// takesKind reports whether what the peer of a session showed is of a kind that
// this side takes.
func (c *Config) takesKind(s *Session) bool {
	switch {
	case len(s.PeerRawKey) > 0:
		return c.AcceptRawKeys || c.OnlyRawKeys
	case len(s.PeerChain) > 0:
		return !c.OnlyRawKeys
	}
	return true
}

// add offers a key if a suite with its hash is offered.
func (o *offer) add(k *presharedKey) {
	for _, id := range o.hello.CipherSuites {
		if s := suites.TLS13(id); s != nil && s.Hash == k.hash {
			o.psks.keys = append(o.psks.keys, k)
			o.psks.early = append(o.psks.early, earlySecret(o.cfg.datagram, k.hash, k.secret))
			return
		}
	}
}

// fitsEarly reports whether 0-RTT data may go with the key: it is bound to a
// suite and an application protocol. RFC 9846, Section 4.2.10.
func (o *offer) fitsEarly(k *presharedKey) bool {
	return k.maxEarly > 0 && o.cfg.quic.remembers(k) &&
		slices.Contains(o.hello.CipherSuites, k.suite) &&
		(k.alpn == "" || slices.Contains(o.hello.ALPN, k.alpn))
}

// dropPSKs keeps the keys that go with the hash that the server chose by its
// HelloRetryRequest. RFC 9846, Section 4.1.4.
func (o *offer) dropPSKs(hash crypto.Hash) {
	var kept psks
	for i, k := range o.psks.keys {
		if k.hash == hash {
			kept.keys = append(kept.keys, k)
			kept.early = append(kept.early, o.psks.early[i])
		}
	}
	o.psks = kept
}

// write encodes the hello into o.raw, with binders over it and what went
// before. before is nil for the first one. RFC 9846, Section 4.2.11.2.
func (o *offer) write(before *transcript) error {
	o.hello.PSK = nil
	if len(o.psks.keys) > 0 {
		o.hello.PSK = new(wire.OfferedPSKs)
		for _, k := range o.psks.keys {
			o.hello.PSK.Identities = append(o.hello.PSK.Identities, wire.PSKIdentity{Identity: k.identity, ObfuscatedTicketAge: k.age})
			o.hello.PSK.Binders = append(o.hello.PSK.Binders, make([]byte, k.hash.Size()))
		}
	}
	var err error
	if o.raw, err = encode(o.hello); err != nil {
		return err
	}
	if o.hello.PSK == nil {
		return nil
	}
	partial := o.raw[:len(o.raw)-o.hello.BindersLen()]
	for i, k := range o.psks.keys {
		o.hello.PSK.Binders[i] = o.psks.early[i].Binder(k.label, binderHash(before, k.hash, partial))
	}
	if err := wire.PatchBinders(o.raw, o.hello.PSK.Binders); err != nil {
		return local("the binders cannot be written", err)
	}
	return nil
}

// binderHash is the transcript hash that a binder covers.
func binderHash(before *transcript, hash crypto.Hash, partial []byte) []byte {
	if before == nil || before.hash == nil {
		return keys.Hash(hash, partial)
	}
	t := before.clone()
	t.add(partial)
	return t.sum()
}

// startEarly begins 0-RTT behind the first ClientHello. RFC 9846, Section 4.2.10.
func (o *offer) startEarly(do *effects) error {
	if !o.hello.EarlyData {
		return nil
	}
	k := o.psks.keys[0]
	suite := suites.TLS13(k.suite)
	sum := keys.Hash(k.hash, o.raw)
	secret := o.psks.early[0].ClientEarlyTraffic(sum)
	if o.cfg.KeyLog != nil {
		o.cfg.KeyLog("CLIENT_EARLY_TRAFFIC_SECRET", o.hello.Random[:], secret.Bytes())
	}
	o.earlyExporter = o.psks.early[0].Exporter(sum)
	if o.cfg.compatible() {
		do.changeCipherSpec()
	}
	if err := do.writeKeys(suite, secret); err != nil {
		return err
	}
	if k.session != nil && k.session.limit > 0 {
		// RFC 8449, Section 4: "Records are subject to the limits that were
		// set in the handshake that produces the keys that are used to
		// protect those records."
		do.out = append(do.out, step{kind: stepLimit, limit: int(k.session.limit)})
	}
	do.early(int(min(k.maxEarly, math.MaxInt32)))
	o.early = true
	return nil
}

// refuseEarly reports that the server has refused the 0-RTT data. It does not have the keys that
// ExportEarly would derive.
func (s *State) refuseEarly(do *effects) {
	s.earlyExporter = keys.Exporter{}
	do.report(EventEarlyRejected)
}

// selected returns the key that the server chose, or nil. RFC 9846, Section
// 4.2.11: clients MUST verify that it was offered and goes with the suite.
func (o *offer) selected(
	f *flow13, sh *wire.ServerHello,
) (_ *presharedKey, none keys.EarlySecret, _ error) {
	if sh.SelectedPSK == nil {
		return nil, none, nil
	}
	i := int(*sh.SelectedPSK)
	if i >= len(o.psks.keys) {
		return nil, none, illegal("the server chose pre-shared key %d of %d", i, len(o.psks.keys))
	}
	if o.psks.keys[i].hash != f.suite.Hash {
		return nil, none, illegal("the server chose a pre-shared key that cipher suite %v does not allow", f.suite.ID)
	}
	return o.psks.keys[i], o.psks.early[i], nil
}

// usePSK continues with the pre-shared key that the server chose. The server of a
// session is verified once more where it refused 0-RTT data: what comes now is another
// use of the connection, for which the Verifier may have other rules than for data that
// can be replayed. A refusal ends the connection.
func (s *awaitEncryptedExtensions) usePSK() state {
	s.info.PSKIdentity = s.psk.external()
	s.resume(s.psk)
	next := &s.memory().finished
	*next = awaitServerFinished{flow13: s.flow13}
	if s.psk.session == nil || !s.early || s.info.EarlyData {
		return next
	}
	peer := s.psk.session.showed()
	if peer == nil {
		return next
	}
	return s.verify(peer, func(crypto.PublicKey, *effects) (state, error) { return next, nil })
}
