package engine

import (
	"bytes"
	"math"
	"slices"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/keys"
	"github.com/sealsock/sealsock/internal/wire"
)

// A flight13 is the server's answer to a ClientHello with TLS 1.3.
type flight13 struct {
	*flow13
	d     *decision
	hello *wire.ClientHello
	after *afterFlight13
}

// An afterFlight13 is the memory of what follows the flight.
type afterFlight13 struct {
	rest server13
	last awaitClientFinished
}

// newFlight13 continues after a HelloRetryRequest, or begins the transcript of the handshake.
func (s *decided) newFlight13() *flight13 {
	if s.flow != nil {
		return &flight13{flow13: s.flow, d: s.d, hello: s.hello, after: new(afterFlight13)}
	}
	room := new(struct {
		flow   flow13
		flight flight13
		after  afterFlight13
	})
	s.begin13(&room.flow)
	room.flight = flight13{flow13: &room.flow, d: s.d, hello: s.hello, after: &room.after}
	return &room.flight
}

// begin13 begins the transcript of the handshake in f, which is zero.
func (s *decided) begin13(f *flow13) {
	f.cfg, f.info, f.random = s.cfg, s.info, s.hello.Random[:]
	f.suite, f.ech = s.d.suite, s.ech
	f.transcript.choose(s.d.suite.Hash)
}

// answer13 answers with the server's whole flight.
func (s *decided) answer13(do *effects) (state, error) {
	f := s.newFlight13()
	f.kinds = f.d.kinds
	f.transcript.add(s.m.raw)
	var early keys.EarlySecret
	if k := f.d.key; k != nil {
		if early = k.schedule; !early.Valid() {
			// Nothing would prove that the client has the key.
			return nil, local("a pre-shared key was chosen without its binder", nil)
		}
		f.info.PSKIdentity = k.external()
	}
	helloSum, err := f.sendHello(early, do)
	if err != nil {
		return nil, err
	}
	if err := do.writeKeys(f.suite, f.server); err != nil {
		return nil, err
	}
	if err := f.readClient(early, helloSum, do); err != nil {
		return nil, err
	}
	f.info.EarlyData, do.room = f.d.early, f.room()
	if err := f.sendExtensions(do); err != nil {
		return nil, err
	}
	if f.d.proof != nil {
		return f.proves(do)
	}
	f.resume(f.d.key)
	return f.endFlight(do)
}

// room is how long a part of the flight is at most in most cases, in bytes.
func (f *flight13) room() int {
	const others = 384 // EncryptedExtensions, CertificateVerify, Finished
	n := others
	if p := f.d.proof; p != nil {
		for _, der := range p.cred.Chain {
			n += len(der)
		}
	}
	return n
}

// sendHello sends the ServerHello and derives the secrets of the handshake. It returns, for 0-RTT,
// the hash of the transcript before the ServerHello.
func (f *flight13) sendHello(early keys.EarlySecret, do *effects) (helloSum []byte, err error) {
	hello := serverHellos.Get()
	defer serverHellos.Put(hello)
	sh := &hello.ServerHello
	*sh = wire.ServerHello{
		LegacyVersion: iana.TLS12, SessionID: f.hello.SessionID, CipherSuite: f.d.suite.ID, SupportedVersion: iana.TLS13,
		Datagram: f.info.datagram,
	}
	if f.info.datagram {
		sh.SessionID = nil // RFC 9147, Section 5: it "MUST NOT echo" the client's
	}
	var shared []byte // of the key exchange, or nil without one
	if f.d.group != nil {
		room := shareRooms.Get()
		defer shareRooms.Put(room) // the secret is cleared
		ours, secret, err := f.d.group.EncapsulateIn(room[:], f.cfg.random(), f.d.share.Data)
		if err != nil {
			return nil, invalidShare("client", err)
		}
		f.info.Group, shared = f.d.group.ID, secret
		hello.share = wire.KeyShare{Group: f.d.group.ID, Data: ours}
		sh.KeyShare = &hello.share
	}
	if f.d.key != nil {
		sh.SelectedPSK = &f.d.index
	}
	if err := f.cfg.fill(sh.Random[:]); err != nil {
		return nil, err
	}
	if err := f.cfg.answerDatagrams(f.info, f.hello, sh); err != nil {
		return nil, err
	}
	raw, err := do.compose(sh)
	if err != nil {
		return nil, err
	}
	f.confirmHello(raw)
	if f.d.early {
		helloSum = bytes.Clone(f.transcript.sum())
	}
	f.transcript.add(raw)
	if len(f.hello.SessionID) > 0 && !f.info.Retried {
		do.changeCipherSpec()
	}
	f.enterHandshake(early, shared)
	return helloSum, nil
}

// readClient sets the key for what the client sends next: 0-RTT data if that is
// accepted, else handshake messages, with 0-RTT data passed over.
func (f *flight13) readClient(early keys.EarlySecret, helloSum []byte, do *effects) error {
	if !f.d.early {
		if f.hello.EarlyData {
			do.skip = f.cfg.skipLimit(f.d.key)
		}
		return do.readKeys(f.suite, f.client, phaseHandshake)
	}
	secret := early.ClientEarlyTraffic(helloSum)
	f.log("CLIENT_EARLY_TRAFFIC_SECRET", secret)
	f.info.earlyExporter = early.Exporter(helloSum)
	if err := do.readKeys(f.suite, secret, phaseEarly); err != nil {
		return err
	}
	do.keys[len(do.keys)-1].limit = int(min(f.d.key.maxEarly, math.MaxInt32))
	if !f.info.endsEarly() {
		return do.readKeys(f.suite, f.client, phaseHandshake) // beside the other
	}
	return nil
}

// skipLimit is how many bytes of refused 0-RTT records are passed over: as many as a Config that
// gave the ticket allowed.
func (c *Config) skipLimit(key *presharedKey) int {
	allowed := c.MaxEarlyData
	if key != nil {
		allowed = max(allowed, key.maxEarly)
	}
	return max(minSkip, int(min(allowed, math.MaxInt32/9*8)/8*9))
}

// minSkip lets clients send a first flight of some records even to servers that
// never take 0-RTT data, with a ticket from another server.
const minSkip = 32 << 10

// asksLater reports whether the client of a session may be asked for a certificate of
// another kind than X.509 later: the kind must be sent to it in each handshake.
func (f *flight13) asksLater() bool {
	return f.d.key != nil && f.d.late && f.cfg.ClientAuth != NoClientCert &&
		slices.Contains(f.hello.ClientCertTypes, f.kinds.peer)
}

// sendExtensions sends EncryptedExtensions and, if the configuration asks for
// one, the request for a client certificate. RFC 9846, Section 4.3.
func (f *flight13) sendExtensions(do *effects) error {
	f.info.asked = f.d.asks
	ee := extensions.Get()
	defer extensions.Put(ee)
	*ee = wire.EncryptedExtensions{
		ServerNameAck: f.hello.ServerName != "" && f.d.key == nil, ALPN: f.d.alpn,
		EarlyData: f.d.early,
	}
	if f.d.agreed {
		ee.ClientCertType, ee.ServerCertType = answerKinds(f.hello, &f.kinds, f.d.asks || f.asksLater())
	}
	if f.d.requested != nil && f.d.resumable && f.cfg.Tickets != nil {
		// RFC 9149, Section 3: expected_count is the number that the server expects to send.
		n := uint8(min(f.cfg.numTickets(f.d.requested), math.MaxUint8))
		ee.TicketRequest = &n
	}
	ee.QUICTransportParameters = f.cfg.quic.own()
	f.answerLimits(ee, f.hello, do)
	ee.SRTP = f.cfg.answerSRTP(f.info, f.hello)
	var err error
	if ee.ECHRetryConfigs, err = f.retryConfigs(); err != nil {
		return err
	}
	if err := f.post(ee, do); err != nil || !f.d.asks {
		return err
	}
	return f.post(&wire.CertificateRequest{
		SignatureAlgorithms: f.cfg.schemes(), CertAuthorities: f.cfg.ClientAuthorities,
		StatusRequest: true, SCT: true, CompressCertificate: f.cfg.offeredCompression(),
	}, do)
}

// proves sends the server's Certificate, CertificateVerify and Finished.
func (f *flight13) proves(do *effects) (state, error) {
	p := f.d.proof
	f.shown(p.cred)
	err := f.postCertificate(p.cred, certMessage{
		kind: f.kinds.own, staple: f.hello.StatusRequest, scts: f.hello.SCT,
		delegated: p.delegated, compress: f.hello.CompressCertificate,
	}, do)
	if err != nil {
		return nil, err
	}
	cred := p.cred
	if p.delegated {
		cred = &Credential{Signer: cred.Delegated.Signer}
	}
	return f.prove(cred, p.scheme, serverContext, do, func(
		proof *wire.CertificateVerify, do *effects,
	) (state, error) {
		if err := f.post(proof, do); err != nil {
			return nil, err
		}
		return f.endFlight(do)
	})
}

// endFlight sends the server's Finished, after which it may send data.
func (f *flight13) endFlight(do *effects) (state, error) {
	if err := f.sendFinished(f.server, do); err != nil {
		return nil, err
	}
	app := f.enterApplication()
	if err := do.writeKeys(f.suite, app.server); err != nil {
		return nil, err
	}
	do.ready()
	next := f.after
	next.rest = server13{flow13: f.flow13, d: f.d, app: app}
	next.last.server13 = &next.rest
	switch {
	case f.d.early:
		return next.rest.endOfEarly(), nil
	case f.d.asks:
		return &awaitClientCertificate{&next.rest}, nil
	}
	return &next.last, nil
}
