package engine

import (
	"crypto/subtle"
	"io"
	"slices"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/keys"
	"github.com/sealsock/sealsock/internal/suites"
	"github.com/sealsock/sealsock/internal/wire"
)

// clientStart begins a client: it composes the ClientHello.
type clientStart struct {
	cfg  *clientConfig
	info *State
}

// start offers the session of the configuration, if its server would still be accepted.
func (s *clientStart) start(do *effects) (state, error) {
	s.info.ServerName = s.cfg.ServerName
	old := s.cfg.offerable()
	if old == nil {
		if s.cfg.Session != nil {
			s.cfg = s.cfg.withoutSession() // even if the clock would allow it a moment later
		}
		return s.begin(do)
	}
	return s.cfg.reverify(old, func(accepted bool, do *effects) (state, error) {
		if !accepted {
			s.cfg = s.cfg.withoutSession()
		}
		return s.begin(do)
	}, do)
}

// withoutSession returns the configuration for a full handshake.
func (c *clientConfig) withoutSession() *clientConfig {
	bare := *c
	bare.Session = nil
	return &bare
}

// begin sends the first ClientHello.
func (s *clientStart) begin(do *effects) (state, error) {
	o, err := composeHello(s.cfg)
	if err != nil && s.cfg.offerable() != nil {
		// The server decides how long a ticket is. One that leaves no room for the
		// rest of the hello must not prevent the connection: without it there is room.
		o, err = composeHello(s.cfg.withoutSession())
	}
	if err != nil {
		return nil, err
	}
	do.send(o.sent())
	if err := o.startEarly(do); err != nil {
		return nil, err
	}
	s.info.earlyExporter = o.earlyExporter
	if o.early {
		s.info.EarlyALPN = o.psks.keys[0].alpn
	}
	return o.await(s.info), nil
}

// await is the state after the first ClientHello.
func (o *offer) await(info *State) state {
	if o.next == nil {
		o.next = new(awaitServerHello)
	}
	*o.next = awaitServerHello{offer: o, info: info}
	return o.next
}

// composeHello composes and encodes the first ClientHello.
func composeHello(cfg *clientConfig) (*offer, error) {
	o, err := newOffer(cfg)
	if err == nil {
		err = cfg.offerDatagrams(o.hello)
	}
	if err != nil {
		return nil, err
	}
	if err := o.startECH(); err != nil {
		return nil, err
	}
	o.offerPSKs()
	if err := o.write(nil); err != nil {
		return nil, err
	}
	return o, o.finishECH()
}

// An offer is what a client put into its ClientHello and the secrets that go
// with it.
type offer struct {
	cfg     *clientConfig
	hello   *wire.ClientHello
	raw     []byte // the latest hello, encoded
	shares  []ownShare
	psks    psks
	early   bool     // 0-RTT data was offered in the first hello
	session *Session // to be offered; nil for none
	old     *Session // of TLS 1.2, offered to be resumed
	ech     *clientECH
	next    *awaitServerHello // its memory; nil for none

	earlyExporter keys.Exporter
}

// An ownShare is a key share with its secret.
type ownShare struct {
	group   *suites.Group
	private suites.Private
}

// newOffer begins the first ClientHello. RFC 9846, Section 4.1.2.
func newOffer(cfg *clientConfig) (*offer, error) {
	room := new(struct { // of what most offers have, in one piece
		offer  offer
		hello  wire.ClientHello
		own    [2]ownShare
		shares [2]wire.KeyShare
		next   awaitServerHello
	})
	h := &room.hello
	*h = wire.ClientHello{
		LegacyVersion:       iana.TLS12,
		Datagram:            cfg.datagram,
		CipherSuites:        cfg.suitesOf(cfg.offeredVersions()),
		CompressionMethods:  []byte{0},
		ServerName:          cfg.ServerName,
		StatusRequest:       true,
		SCT:                 true,
		SupportedGroups:     cfg.groups(),
		SignatureAlgorithms: cfg.schemes(),
		ALPN:                cfg.ALPN,
		ServerCertTypes:     cfg.acceptedKinds(),
		ClientCertTypes:     cfg.shownKinds(),
		RecordSizeLimit:     cfg.ownRecordLimit(),
		MaxFragmentLength:   fragmentCode(cfg.MaxFragmentLength),
		Padding:             -1,

		QUICTransportParameters: cfg.quic.own(),
	}
	random := cfg.random()
	if err := fill(random, h.Random[:]); err != nil {
		return nil, err
	}
	o := &room.offer
	*o = offer{cfg: cfg, hello: h, session: cfg.offerable(), shares: room.own[:0], next: &room.next}
	if o.speaks(iana.TLS12) {
		if err := o.offer12(random); err != nil {
			return nil, err
		}
	}
	if !o.speaks(iana.TLS13) {
		h.SignatureAlgorithms = schemes12(h.SignatureAlgorithms)
		return o, nil
	}
	h.SupportedVersions = cfg.offeredVersions()
	h.PSKModes = []iana.PSKMode{iana.PSKDHEKE}
	h.PostHandshakeAuth = cfg.PostHandshakeAuth
	if r := cfg.TicketRequest; r != nil {
		h.TicketRequest = &wire.TicketRequest{NewSession: r.New, Resumption: r.Resumed}
	}
	h.CompressCertificate = cfg.offeredCompression()
	h.DelegatedCredential = cfg.DelegatedSchemes
	if cfg.compatible() && len(h.SessionID) == 0 {
		if err := o.newSessionID(random); err != nil {
			return nil, err
		}
	}
	h.KeyShares = room.shares[:0]
	return o, o.addShares(random)
}

// speaks reports whether a version is offered.
func (o *offer) speaks(v iana.Version) bool { return slices.Contains(o.cfg.offeredVersions(), v) }

// newSessionID fills the session ID with something new.
func (o *offer) newSessionID(random io.Reader) error {
	o.hello.SessionID = make([]byte, 32)
	return fill(random, o.hello.SessionID)
}

// addShares makes the key shares: those of Config.KeyShares, or one for the
// first group, and for a hybrid its classical half too, which costs nothing.
func (o *offer) addShares(random io.Reader) error {
	list := o.cfg.keyShares()
	if list == nil {
		list = defaultShares(o.hello.SupportedGroups)
	}
	o.hello.KeyShares = o.hello.KeyShares[:0]
	for _, id := range list {
		if !slices.Contains(o.hello.SupportedGroups, id) || o.reuse(id) {
			continue
		}
		if err := o.addShare(random, id); err != nil {
			return err
		}
	}
	o.sortShares()
	return nil
}

// sortShares puts the key shares in the order of the groups. RFC 9846, Section 4.2.8:
// they "MUST appear in the same order."
func (o *offer) sortShares() {
	place := func(id iana.NamedGroup) int { return slices.Index(o.hello.SupportedGroups, id) }
	sortShort(o.shares, func(s ownShare) int { return place(s.group.ID) })
	sortShort(o.hello.KeyShares, func(s wire.KeyShare) int { return place(s.Group) })
}

// sortShort sorts a list of a few elements by their places. slices.SortFunc would do so as
// well, but a program links some 20 KB of it for each type.
func sortShort[T any](list []T, place func(T) int) {
	for i := range list {
		for j := i; j > 0 && place(list[j]) < place(list[j-1]); j-- {
			list[j], list[j-1] = list[j-1], list[j]
		}
	}
}

func defaultShares(groups []iana.NamedGroup) []iana.NamedGroup {
	if len(groups) == 0 {
		return nil
	}
	list := groups[:1:1]
	half := iana.NamedGroup(0)
	switch groups[0] {
	case iana.X25519MLKEM768:
		half = iana.X25519
	case iana.SecP256r1MLKEM768:
		half = iana.SecP256r1
	case iana.SecP384r1MLKEM1024:
		half = iana.SecP384r1
	}
	if slices.Contains(groups, half) {
		list = append(list, half)
	}
	return list
}

// reuse adds a share for id that is half of a hybrid's, if there is one.
func (o *offer) reuse(id iana.NamedGroup) bool {
	for i, s := range o.shares {
		if half, share, ok := s.group.Reuse(s.private, o.hello.KeyShares[i].Data, id); ok {
			o.shares = append(o.shares, ownShare{suites.GroupByID(id), half})
			o.hello.KeyShares = append(o.hello.KeyShares, wire.KeyShare{Group: id, Data: share})
			return true
		}
	}
	return false
}

func (o *offer) addShare(random io.Reader, id iana.NamedGroup) error {
	group := suites.GroupByID(id)
	private, share, err := group.Generate(random)
	if err != nil {
		return local("a key share cannot be made", err)
	}
	o.shares = append(o.shares, ownShare{group, private})
	o.hello.KeyShares = append(o.hello.KeyShares, wire.KeyShare{Group: id, Data: share})
	return nil
}

// secret completes the key exchange with the server's share.
func (o *offer) secret(share *wire.KeyShare) ([]byte, error) {
	for _, s := range o.shares {
		if s.group.ID != share.Group {
			continue
		}
		secret, err := s.group.Decapsulate(s.private, share.Data)
		if err != nil {
			return nil, invalidShare("server", err)
		}
		return secret, nil
	}
	// RFC 9846, Section 4.2.8: the group must be one that a share was sent for.
	return nil, illegal("the server chose group %v, for which no key share was sent", share.Group)
}

// offered reports whether the hello that was written has an extension, so that the server
// may answer it. A HelloRetryRequest may carry a cookie that was not asked for.
// RFC 9846, Section 4.2.
func (o *offer) offered(ext iana.ExtensionType) bool {
	return ext == iana.ExtCookie || slices.Contains(o.hello.Present, ext)
}

// checkExtensions checks that the server answered only what was offered and
// only where it may. RFC 9846, Section 4.2.
func (o *offer) checkExtensions(in string, present []iana.ExtensionType, allowed ...iana.ExtensionType) error {
	for _, ext := range present {
		if !o.offered(ext) {
			return broken(iana.AlertUnsupportedExtension, "%s has the %v extension, which was not offered", in, ext)
		}
		if !slices.Contains(allowed, ext) {
			return illegal("%s has the %v extension, which is not allowed in it", in, ext)
		}
	}
	return nil
}

// sameSession reports whether the server echoed the session ID. RFC 9147, Section 5: one of
// DTLS 1.3 "MUST NOT echo" it.
func (o *offer) sameSession(id []byte) bool {
	if o.cfg.datagram {
		return len(id) == 0
	}
	return subtle.ConstantTimeCompare(o.hello.SessionID, id) == 1
}
