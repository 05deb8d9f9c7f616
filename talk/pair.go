package talk

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"math/bits"
	"net"
	"slices"
	"time"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/link"
	"github.com/sealsock/sealsock/internal/nickname"
	"github.com/sealsock/sealsock/internal/stream"
	"github.com/sealsock/sealsock/internal/words"
	"github.com/sealsock/sealsock/message"
	"github.com/sealsock/sealsock/relay"
	"github.com/sealsock/sealsock/trust"
)

// ErrForgedIdentity is in the error for a member that did not prove the key that it showed.
var ErrForgedIdentity = errors.New("the other member does not prove its key")

// ErrName is in the error for a member whose name has invisible characters.
var ErrName = errors.New("the other member's name has invisible characters")

// ErrNewNames is in the error for a member with a new name, when too many are remembered since this
// member has joined: else one with the invitation, who leaves and joins under other names, would
// fill the file of known peers.
var ErrNewNames = errors.New("too many new names in this room: join again to accept others")

// wordCount is how many words two members compare: 40 bits.
const wordCount = 5

// exports are the labels of what is exported from a TLS connection. RFC 5705.
const (
	exportIdentity = "EXPORTER-sealsock-talk-identity"
	exportWords    = "EXPORTER-sealsock-talk-words"
)

// pairConfig returns the configuration of both sides. It allows nothing but TLS 1.3 with the
// key of the pair and a key exchange: a side has no certificate and accepts none.
func pairConfig(psk *engine.PSK) *engine.Config {
	return &engine.Config{
		FindPSK: func(identity []byte) (*engine.PSK, error) {
			if !bytes.Equal(identity, psk.Identity) {
				return nil, nil
			}
			return psk, nil
		},
		Options: engine.Options{
			Now: time.Now, MinVersion: iana.TLS13, ALPN: []string{"sealsock-talk/1"},
			PSKs: []*engine.PSK{psk}, NumTickets: -1, Padding: padding, MaxRecordsPerKey: 1 << 16,
			CipherSuites: []iana.CipherSuite{
				iana.TLS_AES_128_GCM_SHA256, iana.TLS_CHACHA20_POLY1305_SHA256},
		},
	}
}

// startTLS starts a connection over l. It uses the engine itself, because the package above
// it needs sockets, and a browser has none.
func startTLS(l net.Conn, psk *engine.PSK, server bool) (*stream.Conn, error) {
	cfg := pairConfig(psk)
	var r *engine.Receiver
	var s *engine.Sender
	var err error
	if server {
		cfg.PSKs = nil // a server has FindPSK
		r, s, err = engine.Server(cfg)
	} else {
		cfg.FindPSK = nil
		r, s, err = engine.Client(cfg, engine.Target{})
	}
	if err != nil {
		return nil, err
	}
	return stream.New(l, r, s, stream.Options{}), nil
}

// padding makes the size of a record a power of two of at least 256 bytes.
func padding(n int) int {
	const least = 256
	if n <= least {
		return least - n
	}
	return 1<<bits.Len(uint(n-1)) - n
}

// A pairing is the connection to another member, before and after it is known who that is.
type pairing struct {
	conn     *stream.Conn
	messages *message.Conn
	server   bool
	other    *introduction
	name     string
	words    string
}

// pair makes an encrypted connection over l and exchanges introductions. It does not close l.
func pair(ctx context.Context, l *link.Conn, self relay.MemberID, o *Options) (*pairing, error) {
	other := l.Peer()
	p := &pairing{server: bytes.Compare(self[:], other[:]) < 0}
	server, client := self, other
	if !p.server {
		server, client = client, server
	}
	psk, err := o.Invitation.pairKey(server, client)
	if err != nil {
		return nil, err
	}
	if p.conn, err = startTLS(l, psk, p.server); err != nil {
		return nil, err
	}
	if err := p.conn.Handshake(ctx); err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { p.conn.GiveUp(ctx.Err()) })
	defer stop()
	p.messages = message.New(p.conn, message.Options{Limit: maxFrame})
	return p, p.introduce(o)
}

// introduce exchanges introductions and computes the words. The server promises its random
// number before it learns the client's, and the client sends its own before it learns the
// server's: so neither can choose one that leads to certain words.
func (p *pairing) introduce(o *Options) error {
	exported, err := p.conn.Export(exportIdentity, nil, 32)
	if err != nil {
		return err
	}
	var own, others [randomSize]byte
	rand.Read(own[:]) // never fails
	if p.server {
		if err := p.send(o, framePromise, sha256.Sum256(own[:]), exported); err != nil {
			return err
		}
		if err := p.receive(frameHello, exported); err != nil {
			return err
		}
		others = p.other.random
		err = p.messages.Send(append([]byte{frameReveal}, own[:]...))
	} else {
		if err := p.receive(framePromise, exported); err != nil {
			return err
		}
		if err := p.send(o, frameHello, own, exported); err != nil {
			return err
		}
		var b []byte
		if b, err = p.messages.Receive(nil); err == nil {
			others, err = parseReveal(b, p.other.random)
		}
	}
	if err != nil {
		return err
	}
	return p.agree(o.Identity.Public(), own, others)
}

// agree computes the words from what both sides have contributed, the server first.
func (p *pairing) agree(key ed25519.PublicKey, own, others [randomSize]byte) error {
	parts := [][]byte{own[:], key, others[:], p.other.key}
	if !p.server {
		parts = [][]byte{others[:], p.other.key, own[:], key}
	}
	b, err := p.conn.Export(exportWords, slices.Concat(parts...), wordCount)
	if err != nil {
		return err
	}
	p.words = words.Of(b, " ")
	return nil
}

// send sends this side's introduction.
func (p *pairing) send(o *Options, kind byte, random [randomSize]byte, exported []byte) error {
	i := &introduction{random: random, key: o.Identity.Public(), name: o.Name}
	i.signature = ed25519.Sign(o.Identity.private(), i.signed(kind, exported))
	return p.messages.Send(i.append(kind))
}

// receive receives and verifies the other side's introduction.
func (p *pairing) receive(kind byte, exported []byte) error {
	b, err := p.messages.Receive(nil)
	if err != nil {
		return err
	}
	i, err := parseIntroduction(b, kind)
	if err != nil {
		return err
	}
	if !ed25519.Verify(i.key, i.signed(kind, exported), i.signature) {
		return fmt.Errorf("talk: %w: another program may stand between the two", ErrForgedIdentity)
	}
	name, ok := nickname.Of(i.name)
	if !ok {
		return fmt.Errorf("talk: %w", ErrName)
	}
	p.other, p.name = i, name
	return nil
}

// recognize compares the other member's key with those that are remembered for its name and for
// names that look like it. What is new is remembered, if mayRemember allows it for lines of that
// many bytes. The error has a *trust.Error or ErrNewNames.
func (p *pairing) recognize(
	ctx context.Context, known *trust.KnownPeers, mayRemember func(size int) bool,
) (first bool, err error) {
	if known == nil {
		return true, nil
	}
	spki, err := x509.MarshalPKIXPublicKey(p.other.key)
	if err != nil {
		return false, err
	}
	// A name that is known comes first: nothing is remembered for a member that is refused.
	var old, anew []string
	size := 0
	for _, key := range slices.Compact(slices.Sorted(slices.Values(lookAlikes(p.name)))) {
		pins, err := known.Pins(key)
		if err == nil && len(pins) == 0 {
			anew = append(anew, key)
			size += len(known.Line(key, trust.Pin{})) + len(" first seen 2006-01-02 15:04\n")
		} else {
			old = append(old, key)
		}
	}
	policy := &trust.Policy{KnownPeers: known, Roots: new(trust.Roots)}
	if err := p.verify(ctx, policy, spki, old); err != nil {
		return false, err
	}
	// A known member can have any number of names with something in common: it is recognized, and
	// they count as others do.
	switch {
	case len(anew) == 0 || mayRemember(size):
	case len(old) == 0:
		return false, fmt.Errorf("talk: %s: %w", p.name, ErrNewNames)
	default:
		return false, nil
	}
	return len(old) == 0, p.verify(ctx, policy, spki, anew)
}

// verify compares the other member's key with that of each name, or remembers it.
func (p *pairing) verify(
	ctx context.Context, policy *trust.Policy, spki []byte, names []string,
) error {
	for _, name := range names {
		_, err := policy.Verify(ctx, &trust.Peer{Server: true, RawPublicKey: spki, Address: name})
		var refusal *trust.Error
		switch {
		case errors.As(err, &refusal) && refusal.Code == trust.CodePeerChanged:
			return fmt.Errorf("talk: %s shows another key than the one that is remembered: %w",
				p.name, err)
		case err != nil:
			return fmt.Errorf("talk: the key of %s was not accepted: %w", p.name, err)
		}
	}
	return nil
}

// lookAlikes returns the names under which the keys of a member are remembered, of which two
// names that look alike have one in common.
func lookAlikes(name string) []string {
	var all []string
	for _, key := range nickname.Keys(name) {
		all = append(all, "talk:"+key)
	}
	return all
}
