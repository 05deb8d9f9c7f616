package suites

import (
	"crypto/ecdh"
	"errors"
	"io"

	"github.com/sealsock/sealsock/iana"
)

// A Group is a key exchange in the shape of a key encapsulation: the client
// generates, the server encapsulates to the client's share, the client
// decapsulates the server's. Diffie-Hellman fits as well as ML-KEM does.
type Group struct {
	ID iana.NamedGroup
	// ClientLen and ServerLen are the exact lengths in bytes of the shares.
	ClientLen, ServerLen int
	exchange             exchange
}

// A Private is the client's secret between its ClientHello and the answer.
type Private interface {
	// Decapsulate returns the shared secret for the server's share.
	Decapsulate(share []byte) ([]byte, error)
}

// An exchange implements one group. Shares it is given have the right length. It appends its
// own share, and the secret, to dst, so that the parts of a hybrid are written in their place.
type exchange interface {
	generate(rand io.Reader, dst []byte) (Private, []byte, error)
	encapsulate(rand io.Reader, share []byte, dst answer) (answer, error)
}

// An answer is the server's share and the secret.
type answer struct{ share, secret []byte }

var errShare = errors.New("the peer's key share is not valid for its group")

// groups is in the order of preference: hybrids first, and within each kind the cheaper
// first. The groups that have to be asked for are last: the others are the first
// defaultGroups. See Cost.
var groups = []Group{
	{iana.X25519MLKEM768, 1184 + 32, 1088 + 32, hybrid{first: mlkem768Exchange, second: x25519Exchange, clientCut: 1184, serverCut: 1088}},
	{iana.SecP256r1MLKEM768, 65 + 1184, 65 + 1088, hybrid{first: curve{ecdh.P256()}, second: mlkem768Exchange, clientCut: 65, serverCut: 65}},
	{iana.SecP384r1MLKEM1024, 97 + 1568, 97 + 1568, hybrid{first: curve{ecdh.P384()}, second: mlkem1024Exchange, clientCut: 97, serverCut: 97}},
	{iana.X25519, 32, 32, x25519Exchange},
	{iana.SecP256r1, 65, 65, curve{ecdh.P256()}},
	{iana.SecP384r1, 97, 97, curve{ecdh.P384()}},
	{iana.SecP521r1, 133, 133, curve{ecdh.P521()}},
	{iana.MLKEM768, 1184, 1088, mlkem768Exchange},
	{iana.MLKEM1024, 1568, 1568, mlkem1024Exchange},
	{iana.X448, 56, 56, x448Exchange},
	{iana.FFDHE2048, 256, 256, ffdhe2048},
	{iana.FFDHE3072, 384, 384, ffdhe3072},
	{iana.FFDHE4096, 512, 512, ffdhe4096},
	{iana.FFDHE6144, 768, 768, ffdhe6144},
	{iana.FFDHE8192, 1024, 1024, ffdhe8192},
}

const defaultGroups = 7

// GroupByID returns the row of a group, or nil if there is none.
func GroupByID(id iana.NamedGroup) *Group {
	return find(groups, func(g *Group) bool { return g.ID == id })
}

// DefaultGroups lists the groups in the default order of preference. Not among them are
// ML-KEM alone, which is for those whose rules require it without a classical partner, such as
// CNSA 2.0 (draft-ietf-tls-mlkem), and X448 and the groups of RFC 7919, which cost more
// than X25519 and are for peers that have nothing else.
func DefaultGroups() []iana.NamedGroup {
	list := make([]iana.NamedGroup, defaultGroups)
	for i := range list {
		list[i] = groups[i].ID
	}
	return list
}

// Costly is the [Cost] from which a key exchange is not left to the choice of a client.
const Costly = 10

// Cost returns the work of a server for one key exchange of the group, in multiples of that
// of X25519 without the vector code of internal/x25519, rounded up. BenchmarkExchange measures it.
func Cost(id iana.NamedGroup) int {
	switch id {
	case iana.X448:
		return 5
	case iana.SecP384r1, iana.SecP384r1MLKEM1024, iana.FFDHE2048:
		return 15
	case iana.SecP521r1:
		return 36
	case iana.FFDHE3072:
		return 100
	case iana.FFDHE4096:
		return 200
	case iana.FFDHE6144:
		return 430
	case iana.FFDHE8192:
		return 880
	}
	return 2
}

// Classical reports whether the group has no part in ML-KEM.
func Classical(id iana.NamedGroup) bool { return ECDHE(id) || isFFDHE(id) }

// ECDHE reports whether the group is one for the ECDHE suites of TLS 1.2. RFC 8422, Section
// 5.1.1.
func ECDHE(id iana.NamedGroup) bool {
	switch id {
	case iana.X25519, iana.SecP256r1, iana.SecP384r1, iana.SecP521r1, iana.X448:
		return true
	}
	return false
}

// Generate makes the client's private value and share.
func (g *Group) Generate(rand io.Reader) (Private, []byte, error) {
	return g.exchange.generate(rand, make([]byte, 0, g.ClientLen))
}

// Encapsulate answers the client's share with the server's and the secret.
func (g *Group) Encapsulate(rand io.Reader, share []byte) (ours, secret []byte, err error) {
	return g.EncapsulateIn(nil, rand, share)
}

// EncapsulateIn is Encapsulate with its results in room, if there is enough of it.
func (g *Group) EncapsulateIn(
	room []byte, rand io.Reader, share []byte,
) (ours, secret []byte, err error) {
	if len(share) != g.ClientLen {
		return nil, nil, errShare
	}
	if len(room) < g.ServerLen+secretRoom {
		room = make([]byte, g.ServerLen+secretRoom)
	}
	dst := answer{room[:0:g.ServerLen], room[g.ServerLen:][:0]}
	a, err := g.exchange.encapsulate(rand, share, dst)
	if err != nil {
		return nil, nil, err
	}
	return a.share, a.secret, nil
}

// A ShareRoom suffices for EncapsulateIn in most groups.
type ShareRoom [1088 + 32 + secretRoom]byte

// secretRoom is the length of most secrets in bytes: that of a hybrid is the longer one.
const secretRoom = 64

// Decapsulate opens the server's share with the client's private value.
func (g *Group) Decapsulate(p Private, share []byte) ([]byte, error) {
	if len(share) != g.ServerLen {
		return nil, errShare
	}
	return p.Decapsulate(share)
}

// Reuse returns the classical half of a hybrid's private value and share, so
// that a client that offers a hybrid and its classical group pays for one key.
// ok is false if part is not a half of g.
func (g *Group) Reuse(p Private, share []byte, part iana.NamedGroup) (half Private, halfShare []byte, ok bool) {
	h, isHybrid := g.exchange.(hybrid)
	keys, isPair := p.(*hybridPrivate)
	if !isHybrid || !isPair {
		return nil, nil, false
	}
	switch {
	case part == iana.X25519 && g.ID == iana.X25519MLKEM768:
		return keys.second, share[h.clientCut:], true
	case part == iana.SecP256r1 && g.ID == iana.SecP256r1MLKEM768,
		part == iana.SecP384r1 && g.ID == iana.SecP384r1MLKEM1024:
		return keys.first, share[:h.clientCut], true
	}
	return nil, nil, false
}

// hybrid concatenates two exchanges; clientCut and serverCut are the lengths
// of the first one's shares. The secret is both secrets in the same order.
// draft-ietf-tls-ecdhe-mlkem, Section 4.
type hybrid struct {
	first, second        exchange
	clientCut, serverCut int
}

type hybridPrivate struct {
	first, second Private
	cut           int
}

func (h hybrid) generate(rand io.Reader, dst []byte) (Private, []byte, error) {
	p1, dst, err := h.first.generate(rand, dst)
	if err != nil {
		return nil, nil, err
	}
	p2, dst, err := h.second.generate(rand, dst)
	if err != nil {
		return nil, nil, err
	}
	return &hybridPrivate{p1, p2, h.serverCut}, dst, nil
}

func (h hybrid) encapsulate(rand io.Reader, share []byte, dst answer) (answer, error) {
	dst, err := h.first.encapsulate(rand, share[:h.clientCut], dst)
	if err != nil {
		return answer{}, err
	}
	return h.second.encapsulate(rand, share[h.clientCut:], dst)
}

func (p *hybridPrivate) Decapsulate(share []byte) ([]byte, error) {
	s1, err := p.first.Decapsulate(share[:p.cut])
	if err != nil {
		return nil, err
	}
	s2, err := p.second.Decapsulate(share[p.cut:])
	if err != nil {
		return nil, err
	}
	return append(s1, s2...), nil
}

// curve is ECDH over a NIST curve. RFC 9846, Section 7.4.2.
type curve struct{ ecdh.Curve }

type curvePrivate struct{ *ecdh.PrivateKey }

func (c curve) generate(rand io.Reader, dst []byte) (Private, []byte, error) {
	key, err := c.GenerateKey(rand)
	if err != nil {
		return nil, nil, err
	}
	return curvePrivate{key}, append(dst, key.PublicKey().Bytes()...), nil
}

func (c curve) encapsulate(rand io.Reader, share []byte, dst answer) (answer, error) {
	peer, err := c.NewPublicKey(share)
	if err != nil {
		return answer{}, errShare
	}
	key, err := c.GenerateKey(rand)
	if err != nil {
		return answer{}, err
	}
	secret, err := key.ECDH(peer)
	if err != nil {
		return answer{}, errShare
	}
	ours := key.PublicKey().Bytes()
	return answer{append(dst.share, ours...), append(dst.secret, secret...)}, nil
}

func (p curvePrivate) Decapsulate(share []byte) ([]byte, error) {
	peer, err := p.Curve().NewPublicKey(share)
	if err != nil {
		return nil, errShare
	}
	secret, err := p.ECDH(peer)
	if err != nil {
		return nil, errShare
	}
	return secret, nil
}
