package probe

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/certcompress"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/wire"
	"github.com/sealsock/sealsock/trust"
)

// A Chain is what the server shows to clients that accept one kind of key.
type Chain struct {
	Key         string              `json:"key"` // such as "RSA 2048 bits"
	Names       []string            `json:"names"`
	Subject     string              `json:"subject"`
	Issuer      string              `json:"issuer"`
	NotBefore   time.Time           `json:"not_before"`
	NotAfter    time.Time           `json:"not_after"`
	Signature   string              `json:"signature"`
	Length      int                 `json:"length"` // certificates that were sent
	Trusted     bool                `json:"trusted"`
	Refusal     string              `json:"refusal,omitempty"` // why it is not trusted
	Hint        string              `json:"hint,omitempty"`
	Staple      bool                `json:"ocsp_staple"`
	SCTs        int                 `json:"scts"`
	MustStaple  bool                `json:"must_staple"`
	DER         [][]byte            `json:"-"`
	Certificate []*x509.Certificate `json:"-"`
}

// kinds are the kinds of keys that a server may have certificates for.
var kinds = [][]iana.SignatureScheme{
	{iana.ECDSAWithP256AndSHA256, iana.ECDSAWithP384AndSHA384, iana.ECDSAWithP521AndSHA512},
	{iana.RSAPSSRSAEWithSHA256, iana.RSAPSSRSAEWithSHA384, iana.RSAPSSRSAEWithSHA512,
		iana.RSAPKCS1WithSHA256, iana.RSAPKCS1WithSHA384, iana.RSAPKCS1WithSHA512},
	{iana.RSAPSSPSSWithSHA256, iana.RSAPSSPSSWithSHA384, iana.RSAPSSPSSWithSHA512},
	{iana.Ed25519},
}

// handshakes asks the questions that need whole handshakes. Servers with nothing newer than
// TLS 1.1 are left out: package sealsock cannot connect to them.
func (p *prober) handshakes(ctx context.Context) {
	if !p.speaks(iana.TLS12) && !p.speaks(iana.TLS13) {
		return
	}
	p.together(
		func() { p.certificates(ctx) },
		func() { p.schemes(ctx) },
		func() { p.protocols(ctx) },
		func() { p.sessions(ctx) },
	)
}

// A seen is what one handshake showed.
type seen struct {
	state    engine.State
	peer     *trust.Peer
	sessions []*engine.Session
}

// collect is a Verifier that accepts every peer, because it is the peer that is examined,
// and keeps what it showed.
type collect struct{ peer *trust.Peer }

func (c *collect) Verify(_ context.Context, peer *trust.Peer) (*trust.Result, error) {
	if len(peer.Chain) == 0 {
		return nil, errors.New("no certificate")
	}
	leaf, err := x509.ParseCertificate(peer.Chain[0])
	if err != nil {
		return nil, err
	}
	kept := *peer
	kept.Chain = slices.Clone(peer.Chain)
	c.peer = &kept
	return &trust.Result{PublicKey: leaf.PublicKey, Leaf: leaf}, nil
}

// shake makes one handshake with cfg, whose Trust it sets, and then reads for as long as
// wait: tickets arrive with the server's first data.
func (p *prober) shake(ctx context.Context, cfg sealsock.Config,
	wait time.Duration) (*seen, error) {
	raw, done, err := p.open(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	verifier := new(collect)
	s := new(seen)
	cfg.Trust, cfg.ServerName = verifier, p.target.ServerName
	if cfg.ServerName == "" {
		cfg.ServerName = "localhost"
	}
	cfg.OnSession = func(session *engine.Session) { s.sessions = append(s.sessions, session) }
	conn, err := sealsock.Client(raw, &cfg)
	if err != nil {
		return nil, err
	}
	if err := conn.Handshake(ctx); err != nil {
		return nil, err
	}
	if wait > 0 {
		conn.SetReadDeadline(time.Now().Add(wait))
		conn.Read(make([]byte, 1))
	}
	s.state, s.peer = conn.State(), verifier.peer
	conn.Close()
	return s, nil
}

// silent reports whether an error means that there was no answer, neither yes nor no.
func silent(err error) bool {
	var protocol *engine.Error
	if errors.As(err, &protocol) {
		return protocol.Fault == engine.FaultTransport && errors.Is(err, context.DeadlineExceeded)
	}
	_, noAnswer := refusedBy(err)
	return noAnswer != nil
}

// certificates finds the chains, one for each kind of key.
func (p *prober) certificates(ctx context.Context) {
	chains := make([]*Chain, len(kinds))
	var questions []func()
	for i, schemes := range kinds {
		questions = append(questions, func() {
			s, err := p.shake(ctx, sealsock.Config{SignatureSchemes: schemes}, 0)
			switch {
			case err == nil && s.peer != nil:
				chains[i] = p.chain(ctx, s.peer)
			case err != nil && silent(err):
				p.unknown("certificate for "+schemes[0].String(), err)
			}
		})
	}
	p.together(questions...)
	p.note(func(r *Report) {
		for _, c := range chains {
			same := func(x Chain) bool { return c != nil && string(x.DER[0]) == string(c.DER[0]) }
			if c != nil && !slices.ContainsFunc(r.Certificates, same) {
				r.Certificates = append(r.Certificates, *c)
			}
		}
	})
}

// chain describes a chain and verifies it.
func (p *prober) chain(ctx context.Context, peer *trust.Peer) *Chain {
	c := &Chain{
		Length: len(peer.Chain), DER: peer.Chain,
		Staple: len(peer.OCSPStaple) > 0, SCTs: len(peer.SCTs),
	}
	for _, der := range peer.Chain {
		if cert, err := x509.ParseCertificate(der); err == nil {
			c.Certificate = append(c.Certificate, cert)
		}
	}
	leaf := c.Certificate[0]
	c.Key, c.Signature = keyText(leaf.PublicKey), leaf.SignatureAlgorithm.String()
	c.Subject, c.Issuer = leaf.Subject.String(), leaf.Issuer.String()
	c.NotBefore, c.NotAfter = leaf.NotBefore, leaf.NotAfter
	c.Names = slices.Clone(leaf.DNSNames)
	for _, ip := range leaf.IPAddresses {
		c.Names = append(c.Names, ip.String())
	}
	for _, e := range leaf.Extensions {
		c.MustStaple = c.MustStaple || e.Id.String() == "1.3.6.1.5.5.7.1.24" // RFC 7633
	}
	policy := p.target.Trust
	if policy == nil {
		policy = new(trust.Policy)
	}
	_, err := policy.Verify(ctx, peer)
	c.Trusted = err == nil
	if err != nil {
		c.Refusal = err.Error()
		var refused *trust.Error
		if errors.As(err, &refused) {
			c.Hint = refused.Hint
		}
	}
	return c
}

// keyText names a key's kind and size.
func keyText(key any) string {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d bits", k.N.BitLen())
	case *ecdsa.PublicKey:
		return "ECDSA " + k.Curve.Params().Name
	case ed25519.PublicKey:
		return "Ed25519"
	}
	return strings.TrimPrefix(fmt.Sprintf("%T", key), "*")
}

// schemes finds the signature schemes that the server signs handshakes with. Each is offered
// alone: in TLS 1.2 ServerKeyExchange names it, in TLS 1.3 it is in an encrypted message.
func (p *prober) schemes(ctx context.Context) {
	var mu sync.Mutex
	var found []Scheme
	add := func(v iana.Version, id iana.SignatureScheme) {
		mu.Lock()
		defer mu.Unlock()
		found = append(found, Scheme{Version: v, ID: id, Name: id.String(), In: v.String()})
	}
	var questions []func()
	if p.speaks(iana.TLS13) {
		for _, id := range slices.Concat(kinds...) {
			if hasAny(id.String(), "pkcs1") {
				continue // not for TLS 1.3
			}
			questions = append(questions, func() {
				cfg := sealsock.Config{SignatureSchemes: []iana.SignatureScheme{id}, MinVersion: iana.TLS13}
				s, err := p.shake(ctx, cfg, 0)
				if err == nil && s.state.PeerScheme == id {
					add(iana.TLS13, id)
				}
				if err != nil && silent(err) {
					p.unknown("signature scheme "+id.String(), err)
				}
			})
		}
	}
	if p.speaks(iana.TLS12) {
		for _, id := range iana.SignatureSchemes() {
			questions = append(questions, func() { p.scheme12(ctx, id, add) })
		}
	}
	p.together(questions...)
	slices.SortFunc(found, func(a, b Scheme) int {
		if a.Version != b.Version {
			return int(b.Version) - int(a.Version)
		}
		return int(a.ID) - int(b.ID)
	})
	p.note(func(r *Report) { r.Schemes = found })
}

// scheme12 offers one scheme in TLS 1.2.
func (p *prober) scheme12(ctx context.Context, id iana.SignatureScheme,
	add func(iana.Version, iana.SignatureScheme)) {
	o := offerOf(iana.TLS12, slices.DeleteFunc(suitesOf(iana.TLS12), func(s iana.CipherSuite) bool {
		return !hasAny(s.String(), "_ECDHE_ECDSA_", "_ECDHE_RSA_")
	}))
	o.schemes = []iana.SignatureScheme{id}
	a, err := p.ask(ctx, o)
	if err != nil {
		p.unknown("signature scheme "+id.String(), err)
		return
	}
	if a.hello == nil {
		return
	}
	kx, err := wire.ParseServerKeyExchange12(a.messages[iana.HandshakeServerKeyExchange], false, true)
	if err == nil && kx.Algorithm == id {
		add(iana.TLS12, id)
	}
}

// commonALPN lists the protocols that are asked for.
var commonALPN = []string{
	"h2", "http/1.1", "http/1.0", "spdy/3.1", "acme-tls/1", "imap", "pop3", "ftp", "smtp",
	"xmpp-client", "xmpp-server", "mqtt", "postgresql", "dot", "nntp", "irc", "stun.turn",
	"webrtc", "h3",
}

// protocols finds the application protocols: it offers all that are left until the server
// chooses none.
func (p *prober) protocols(ctx context.Context) {
	var found []string
	for left := slices.Clone(commonALPN); len(left) > 0; {
		s, err := p.shake(ctx, sealsock.Config{ALPN: left}, 0)
		if err != nil {
			if silent(err) {
				p.unknown("application protocols", err)
			}
			break
		}
		if s.state.ALPN == "" {
			break
		}
		found = append(found, s.state.ALPN)
		left = slices.DeleteFunc(left, func(name string) bool { return name == s.state.ALPN })
	}
	p.note(func(r *Report) { r.ALPN = found })
}

// ticketWait is how long tickets are waited for after a handshake.
const ticketWait = 200 * time.Millisecond

// sessions finds out about resumption, 0-RTT data, and what EncryptedExtensions and
// Certificate have.
func (p *prober) sessions(ctx context.Context) {
	var compression []string
	retry := false
	cfg := sealsock.Config{
		ECHGREASE: true, Compressors: certcompress.All(),
		Trace: func(t engine.Trace) {
			if !t.Sent && t.Type == iana.ContentHandshake {
				retry = retry || sendsECHRetry(t.Data)
				compression = append(compression, compressedWith(t.Data)...)
			}
		},
	}
	s, err := p.shake(ctx, cfg, ticketWait)
	if err != nil {
		p.unknown("resumption", err)
		return
	}
	p.note(func(r *Report) {
		r.ECHRetry, r.Compression = retry, compression
		if s.state.Version == iana.TLS13 {
			r.Tickets = len(s.sessions)
		}
		for _, session := range s.sessions {
			r.EarlyData = max(r.EarlyData, session.MaxEarlyData)
		}
	})
	if len(s.sessions) == 0 {
		return
	}
	again, err := p.shake(ctx, sealsock.Config{Session: s.sessions[0]}, 0)
	if err != nil {
		p.unknown("resumption", err)
		return
	}
	p.note(func(r *Report) { r.Resumes = again.state.Resumed })
}

// sendsECHRetry reports whether a message is an EncryptedExtensions with configurations of
// Encrypted ClientHello. RFC 9849, Section 5.
func sendsECHRetry(message []byte) bool {
	typ, _, ok := wire.ParseHeader(message)
	if !ok || typ != iana.HandshakeEncryptedExtensions {
		return false
	}
	m, err := wire.ParseEncryptedExtensions(message[wire.HeaderLen:])
	return err == nil && len(m.ECHRetryConfigs) > 0
}

// compressedWith returns the algorithm of a CompressedCertificate. RFC 8879, Section 4.
func compressedWith(message []byte) []string {
	typ, _, ok := wire.ParseHeader(message)
	if !ok || typ != iana.HandshakeCompressedCertificate {
		return nil
	}
	m, err := wire.ParseCompressedCertificate(message[wire.HeaderLen:])
	if err != nil {
		return nil
	}
	return []string{m.Algorithm.String()}
}
