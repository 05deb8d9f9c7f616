package engine

import (
	"bytes"
	"crypto"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/codec"
	"github.com/sealsock/sealsock/internal/keys"
	"github.com/sealsock/sealsock/internal/suites"
	"github.com/sealsock/sealsock/internal/wire"
)

// A Session holds what is needed to resume with a peer without a full handshake.
// It contains a secret: protect it like a key. It is not changed once it is
// made.
type Session struct {
	Version iana.Version
	// Datagram is true for a session of DTLS, which is not resumed over TLS, nor one of TLS
	// over DTLS. QUIC is true for one of QUIC, which is resumed over QUIC alone.
	Datagram, QUIC bool

	CipherSuite iana.CipherSuite
	Group       iana.NamedGroup // of the key exchange, in TLS 1.2, where it is not repeated
	Created     time.Time
	Lifetime    time.Duration // at most seven days
	// Authenticated is when the peer proved itself last, by a signature or a
	// pre-shared key. A session that was made on a resumed connection has it from the
	// session before. RFC 9846, Section 4.6.1.
	Authenticated time.Time
	ServerName    string
	ALPN          string
	// MaxEarlyData is how many bytes of 0-RTT data the server takes; 0 for none.
	MaxEarlyData uint32
	// PeerChain, PeerRawKey, PeerOCSP and PeerSCTs are what the peer showed, in DER.
	PeerChain  [][]byte
	PeerRawKey []byte
	PeerOCSP   []byte
	PeerSCTs   [][]byte
	// PeerDelegation is the delegated credential that a server proved itself with, as
	// it came over the wire. RFC 9345.
	PeerDelegation []byte
	// PSKIdentity names the external pre-shared key that the session began
	// with, if it did.
	PSKIdentity []byte
	// Extra is data of the application. A server has it from QUICTicket; a client may set it
	// before it stores the session.
	Extra []byte
	// Ticket is the server's name for the session, or in TLS 1.2 perhaps
	// SessionID is. A server's own copy has neither.
	Ticket    []byte
	SessionID []byte

	asked  bool   // on a server: the client was asked for a certificate
	secret hidden // in TLS 1.2 the extended master secret: there are no sessions without it
	ageAdd uint32
	limit  uint32 // bytes of data in a record of 0-RTT data; 0 for the protocol's own limit
}

// hidden holds a secret behind a function, of which package fmt prints the address: it
// calls no method on unexported fields, and prints their slices.
type hidden func() []byte

func hide(secret []byte) hidden { return func() []byte { return secret } }

func (h hidden) bytes() []byte {
	if h == nil {
		return nil
	}
	return h()
}

// maxLifetime is RFC 9846's bound, Section 4.6.1.
const maxLifetime = 7 * 24 * time.Hour

// maxTicket bounds a ticket in bytes, so that the ClientHello that returns it has room
// for the rest: its extensions hold 65535 bytes, twice the ticket with Encrypted
// ClientHello, whose outer hello has an identity of the same length in its place.
const maxTicket = 24 << 10

// String describes the session, with nothing secret.
func (s Session) String() string {
	return fmt.Sprintf("%v session with %q, made %v", s.Version, s.ServerName, s.Created.UTC().Format(time.RFC3339))
}

// Format keeps the secret out of every print and log, for every verb.
func (s Session) Format(f fmt.State, _ rune) { io.WriteString(f, s.String()) }

// Expired reports whether the session is too old at a time, or from the future. It is
// too old at the end of its lifetime, and seven days after the peer proved itself, in
// however many sessions since.
func (s *Session) Expired(now time.Time) bool {
	if s == nil {
		return true
	}
	return now.Before(s.Created.Add(-clockSkew)) || now.Sub(s.Created) >= min(s.Lifetime, maxLifetime) ||
		s.Authenticated.After(s.Created.Add(clockSkew)) || now.Sub(s.Authenticated) >= maxResumption
}

// expired is Expired, with the limit of the configuration.
func (c *Config) expired(s *Session) bool {
	now := c.Now()
	return s.Expired(now) || now.Sub(s.Authenticated) >= c.resumptionLimit()
}

// resumptionLimit is how long after the peer proved itself sessions may be resumed.
func (c *Config) resumptionLimit() time.Duration {
	if c.ResumptionLimit <= 0 {
		return maxResumption
	}
	return min(c.ResumptionLimit, maxResumption)
}

// lifetime is the lifetime of a session that is made now; it is 0 if that would be
// less than a second, which is the unit on the wire.
func (c *Config) lifetime(authenticated, now time.Time) time.Duration {
	left := authenticated.Add(c.resumptionLimit()).Sub(now)
	return max(0, min(c.ticketLifetime(), left)).Truncate(time.Second)
}

// maxResumption bounds resumption after resumption. RFC 9846, Section 4.6.1:
// "It is RECOMMENDED that implementations place limits on the total lifetime of such
// keying material".
const maxResumption = 7 * 24 * time.Hour

// clockSkew is the largest difference between clocks that is accepted.
const clockSkew = 10 * time.Second

// sessionFormat is the version of the encoding below.
const sessionFormat = 5

// sessionHead is the length of what an encoded session begins with, in bytes. All numbers are
// big-endian.
//
//	struct {
//	    uint8 format, flags;
//	    uint16 version, cipher_suite, group;
//	    uint64 created, authenticated;    /* milliseconds */
//	    uint32 lifetime;                  /* seconds */
//	    uint32 max_early_data, age_add, limit;
//	} SessionHead;
const sessionHead = 2 + 3*2 + 2*8 + 4*4

// The flags of a session.
const (
	sessionAsked = 1 << iota
	sessionDatagram
	sessionQUIC
	sessionExtra // Extra is at the end
	sessionFlags // all others
)

// fields lists what follows the head of an encoded session, as vectors with a length of
// three bytes. Two lists of such vectors come behind them: see lists.
func (s *Session) fields(name, alpn, secret *[]byte) []*[]byte {
	return []*[]byte{
		name, alpn, secret, &s.Ticket, &s.SessionID, &s.PeerRawKey, &s.PeerOCSP, &s.PSKIdentity,
		&s.PeerDelegation,
	}
}

func (s *Session) lists() []*[][]byte { return []*[][]byte{&s.PeerChain, &s.PeerSCTs} }

// flags returns the flags of the session.
func (s *Session) flags() (flags uint8) {
	if s.asked {
		flags |= sessionAsked
	}
	if s.Datagram {
		flags |= sessionDatagram
	}
	if s.QUIC {
		flags |= sessionQUIC
	}
	if len(s.Extra) > 0 {
		flags |= sessionExtra
	}
	return flags
}

// room returns how long the session is when it is encoded, in bytes.
func (s *Session) room(name, alpn, secret *[]byte) int {
	n := sessionHead + 3 + len(s.Extra)
	for _, field := range s.fields(name, alpn, secret) {
		n += 3 + len(*field)
	}
	for _, list := range s.lists() {
		n += 3
		for _, item := range *list {
			n += 3 + len(item)
		}
	}
	return n
}

// Marshal encodes the session, its secret included.
func (s *Session) Marshal() ([]byte, error) {
	if s == nil {
		return nil, usage("there is no session to encode")
	}
	name, alpn, secret := []byte(s.ServerName), []byte(s.ALPN), s.secret.bytes()
	start := append(make([]byte, 0, s.room(&name, &alpn, &secret)), sessionFormat, s.flags())
	for _, v := range []uint16{uint16(s.Version), uint16(s.CipherSuite), uint16(s.Group)} {
		start = binary.BigEndian.AppendUint16(start, v)
	}
	start = binary.BigEndian.AppendUint64(start, uint64(s.Created.UnixMilli()))
	start = binary.BigEndian.AppendUint64(start, uint64(s.Authenticated.UnixMilli()))
	lifetime := uint32(s.Lifetime / time.Second)
	for _, v := range []uint32{lifetime, s.MaxEarlyData, s.ageAdd, s.limit} {
		start = binary.BigEndian.AppendUint32(start, v)
	}
	b := codec.NewBuilder(start)
	for _, field := range s.fields(&name, &alpn, &secret) {
		b.AddVector(3, *field)
	}
	for _, list := range s.lists() {
		m := b.Begin(3)
		for _, item := range *list {
			b.AddVector(3, item)
		}
		b.End(m)
	}
	if len(s.Extra) > 0 {
		b.AddVector(3, s.Extra)
	}
	return b.Bytes()
}

// ParseSession decodes what Marshal wrote. It does not keep data.
func ParseSession(data []byte) (*Session, error) {
	if len(data) < sessionHead || data[0] != sessionFormat {
		return nil, usage("a session of an unknown format")
	}
	flags, head := data[1], data[2:sessionHead]
	millis := func(at int) time.Time {
		return time.UnixMilli(int64(binary.BigEndian.Uint64(head[at:])))
	}
	s := &Session{
		Version:       iana.Version(binary.BigEndian.Uint16(head)),
		CipherSuite:   iana.CipherSuite(binary.BigEndian.Uint16(head[2:])),
		Group:         iana.NamedGroup(binary.BigEndian.Uint16(head[4:])),
		Created:       millis(6),
		Authenticated: millis(14),
		Lifetime:      time.Duration(binary.BigEndian.Uint32(head[22:])) * time.Second,
		MaxEarlyData:  binary.BigEndian.Uint32(head[26:]),
		ageAdd:        binary.BigEndian.Uint32(head[30:]),
		limit:         binary.BigEndian.Uint32(head[34:]),
		Datagram:      flags&sessionDatagram != 0,
		QUIC:          flags&sessionQUIC != 0,
		asked:         flags&sessionAsked != 0,
	}
	r := codec.NewReader(bytes.Clone(data[sessionHead:]))
	ok := flags < sessionFlags
	var name, alpn, secret []byte
	for _, field := range s.fields(&name, &alpn, &secret) {
		var got bool
		*field, got = r.Vector(3)
		ok = ok && got
	}
	s.ServerName, s.ALPN, s.secret = string(name), string(alpn), hide(secret)
	for _, list := range s.lists() {
		ok = ok && readList(&r, list)
	}
	if ok = ok && s.readExtra(&r, flags); !ok || !r.Empty() || unset(secret) {
		return nil, usage("a truncated or damaged session")
	}
	return s, nil
}

// readExtra reads Extra, if a flag announces it.
func (s *Session) readExtra(r *codec.Reader, flags uint8) (ok bool) {
	if flags&sessionExtra == 0 {
		return true
	}
	s.Extra, ok = r.Vector(3)
	return ok && len(s.Extra) > 0
}

func readList(r *codec.Reader, list *[][]byte) bool {
	all, ok := r.Vector(3)
	for items := codec.NewReader(all); ok && !items.Empty(); {
		var item []byte
		item, ok = items.Vector(3)
		*list = append(*list, item)
	}
	return ok
}

// A PSK is a key that both sides have from elsewhere; NewPSK makes one. Its zero value
// holds no key and is refused. RFC 9846, Section 4.2.11.
type PSK struct {
	Identity []byte // public: it is sent in the clear
	Hash     crypto.Hash
	// MaxEarlyData is how many bytes of 0-RTT data may go with it; both
	// sides must agree, as on ALPN and CipherSuite then.
	MaxEarlyData uint32
	ALPN         string
	CipherSuite  iana.CipherSuite

	imported bool
	secret   hidden
}

// NewPSK returns a pre-shared key of 1 to 65,535 bytes with its identity, which has as
// many and is sent in the clear. It keeps identity and a copy of key. The key stays
// inside: no field, and no form of printing or encoding, shows it.
func NewPSK(identity, key []byte) *PSK {
	return &PSK{Identity: identity, secret: hide(slices.Clone(key))}
}

// KeyLen is the length of the key in bytes, for a program that refuses short ones. It is 0
// for nil.
func (p *PSK) KeyLen() int {
	if p == nil {
		return 0
	}
	return len(p.secret.bytes())
}

// Equal reports whether p and x are the same key with the same identity and hash. It
// compares the keys in constant time. Nil equals nil alone.
func (p *PSK) Equal(x *PSK) bool {
	if p == nil || x == nil {
		return p == x
	}
	same := keys.Equal(p.secret.bytes(), x.secret.bytes())
	return same && bytes.Equal(p.Identity, x.Identity) && p.Hash == x.Hash
}

// check finds mistakes in a client's key.
func (p *PSK) check() error {
	if len(p.Identity) == 0 || len(p.Identity) >= 1<<16 {
		return usage("the identity of a pre-shared key has %d bytes: it must have 1 to 65535", len(p.Identity))
	}
	return p.checkKey(p.Identity)
}

// checkKey finds a key that is of a wrong length, or was never set. A server's own PSK
// may leave out the identity, so the one that was asked for is given.
func (p *PSK) checkKey(identity []byte) error {
	switch {
	case p.KeyLen() == 0 || p.KeyLen() >= 1<<16:
		return usage("pre-shared key %q has %d bytes: it must have 1 to 65535", identity, p.KeyLen())
	case unset(p.secret.bytes()):
		return usage("pre-shared key %q is all zeros: it was never set", identity)
	}
	return nil
}

// unset reports whether a secret is empty or all zeros, like a variable that was never set.
// The time it takes depends on the length alone.
func unset(secret []byte) bool {
	var any byte
	for _, b := range secret {
		any |= b
	}
	return any == 0
}

// fits12 reports whether TLS 1.2 may use the key: an imported one is for the
// versions it was imported for. RFC 9258, Section 3.
func (p *PSK) fits12() bool { return !p.imported }

// String returns the identity, without the key.
func (p PSK) String() string { return fmt.Sprintf("pre-shared key %q", p.Identity) }

// Format keeps the key out of every print, for every verb.
func (p PSK) Format(f fmt.State, _ rune) { io.WriteString(f, p.String()) }

// MarshalText keeps the key out of logs in JSON.
func (p PSK) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// GobEncode refuses: a key must not be sent by accident.
func (p PSK) GobEncode() ([]byte, error) {
	return nil, usage("a pre-shared key is not encoded")
}

// Import makes of a key without a fixed hash the one for a TLS 1.3 hash, SHA-256
// or SHA-384. context may be empty. RFC 9258, Section 5.1.
func (p *PSK) Import(context []byte, target crypto.Hash) (*PSK, error) {
	return p.importFor(iana.TLS13, context, target)
}

// ImportDatagram is Import for DTLS 1.3, which has other keys than TLS 1.3.
func (p *PSK) ImportDatagram(context []byte, target crypto.Hash) (*PSK, error) {
	return p.importFor(iana.DTLS13, context, target)
}

func (p *PSK) importFor(v iana.Version, context []byte, target crypto.Hash) (*PSK, error) {
	kdf, ok := map[crypto.Hash]uint16{crypto.SHA256: 1, crypto.SHA384: 2}[target]
	if !ok {
		return nil, usage("a pre-shared key can be imported for SHA-256 and SHA-384 only")
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	var b codec.Builder
	for _, field := range [][]byte{p.Identity, context} {
		b.AddVector(2, field)
	}
	b.AddUint16(uint16(v))
	b.AddUint16(kdf)
	identity, err := b.Bytes()
	if err != nil {
		return nil, usage("the identity or context of a pre-shared key is too long")
	}
	source := p.Hash
	if source == 0 {
		source = crypto.SHA256 // RFC 9258, Section 5.1: the default
	}
	imported := *p
	imported.Identity, imported.Hash, imported.imported = identity, target, true
	imported.secret = hide(keys.ImportPSK(source, p.secret.bytes(), identity, target.Size(), v == iana.DTLS13))
	return &imported, nil
}

// shows reports whether the peer showed anything when the session was made.
func (s *Session) shows() bool { return len(s.PeerChain) > 0 || len(s.PeerRawKey) > 0 }

// showed returns what the peer showed when the session was made, or nil.
func (s *Session) showed() *PeerCertificate {
	if !s.shows() {
		return nil
	}
	p := &PeerCertificate{
		Server: len(s.Ticket)+len(s.SessionID) > 0, ServerName: s.ServerName, Resumed: true,
		Chain: s.PeerChain, OCSPStaple: s.PeerOCSP, SCTs: s.PeerSCTs,
	}
	if len(s.PeerRawKey) > 0 {
		p.RawPublicKey = s.PeerRawKey
	}
	if len(s.PeerDelegation) > 0 {
		p.Delegation, _ = s.delegation() // one that cannot be read has been sorted out
	}
	return p
}

// delegation reads the delegated credential that the session began with.
func (s *Session) delegation() (*Delegation, error) {
	d, err := wire.ParseDelegatedCredential(s.PeerDelegation)
	if err != nil {
		return nil, err
	}
	return parseDelegation(s.PeerDelegation, []iana.SignatureScheme{d.Scheme})
}

// A presharedKey is a session's or an external key, ready for the key schedule.
type presharedKey struct {
	identity []byte
	secret   []byte
	schedule keys.EarlySecret // on a server, once the binder was checked
	hash     crypto.Hash
	label    keys.BinderLabel
	maxEarly uint32
	alpn     string
	suite    iana.CipherSuite // for early data
	session  *Session         // nil for an external key
	age      uint32           // obfuscated, milliseconds
}

// external returns the identity of the external key, or of the one that the
// session began with; nil if it began with none.
func (k *presharedKey) external() []byte {
	if k.session != nil {
		return k.session.PSKIdentity
	}
	return k.identity
}

func (s *Session) preshared(now time.Time) *presharedKey {
	suite := suites.TLS13(s.CipherSuite)
	if suite == nil || s.Version != iana.TLS13 || s.Expired(now) || unset(s.secret.bytes()) {
		return nil
	}
	return &presharedKey{
		identity: s.Ticket, secret: s.secret.bytes(), hash: suite.Hash, label: keys.BinderResumption,
		maxEarly: s.MaxEarlyData, alpn: s.ALPN, suite: s.CipherSuite, session: s,
		age: uint32(now.Sub(s.Created)/time.Millisecond) + s.ageAdd,
	}
}

func (p *PSK) preshared() *presharedKey {
	k := &presharedKey{
		identity: p.Identity, secret: p.secret.bytes(), hash: p.Hash, label: keys.BinderExternal,
		maxEarly: p.MaxEarlyData, alpn: p.ALPN, suite: p.CipherSuite,
	}
	if p.imported {
		k.label = keys.BinderImported
	}
	if k.hash == 0 {
		k.hash = crypto.SHA256 // RFC 9846, Section 4.2.11: the default
	}
	return k
}
