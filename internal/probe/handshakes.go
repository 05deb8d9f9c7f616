package probe

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/mldsa"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/certificate"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/certtext"
	"github.com/sealsock/sealsock/internal/wire"
	"github.com/sealsock/sealsock/trust"
)

// A Chain is what the server shows to clients that accept one kind of key.
type Chain struct {
	Key        string    `json:"key"` // such as "RSA 2048 bits"
	Names      []string  `json:"names"`
	Subject    string    `json:"subject"`
	Issuer     string    `json:"issuer"`
	NotBefore  time.Time `json:"not_before"`
	NotAfter   time.Time `json:"not_after"`
	Signature  string    `json:"signature"`
	Length     int       `json:"length"` // certificates that were sent
	Trusted    bool      `json:"trusted"`
	Refusal    string    `json:"refusal,omitempty"` // why it is not trusted
	Hint       string    `json:"hint,omitempty"`
	Staple     bool      `json:"ocsp_staple"`
	SCTs       int       `json:"scts"` // in the certificate and the handshake
	MustStaple bool      `json:"must_staple"`
	// Revocation is what is known about each certificate, the leaf first.
	Revocation []Revocation `json:"revocation,omitempty"`
	// Decoded is the chain as data, with what is wrong with each certificate.
	Decoded     []*certificate.Certificate `json:"chain"`
	DER         [][]byte                   `json:"-"`
	Certificate []*x509.Certificate        `json:"-"`

	paths [][]*x509.Certificate // that were verified
}

// A Revocation is what is known about a certificate.
type Revocation struct {
	Subject string `json:"subject"`
	Status  string `json:"status"` // "good", "revoked" or "unknown"
	Source  string `json:"source,omitempty"`
	Reason  string `json:"reason,omitempty"` // why it is unknown
}

// kinds are the kinds of keys that a server may have certificates for.
var kinds = [][]iana.SignatureScheme{
	{iana.ECDSAWithP256AndSHA256, iana.ECDSAWithP384AndSHA384, iana.ECDSAWithP521AndSHA512},
	{iana.RSAPSSRSAEWithSHA256, iana.RSAPSSRSAEWithSHA384, iana.RSAPSSRSAEWithSHA512,
		iana.RSAPKCS1WithSHA256, iana.RSAPKCS1WithSHA384, iana.RSAPKCS1WithSHA512},
	{iana.RSAPSSPSSWithSHA256, iana.RSAPSSPSSWithSHA384, iana.RSAPSSPSSWithSHA512},
	{iana.Ed25519},
	{iana.MLDSA44, iana.MLDSA65, iana.MLDSA87},
}

// handshakes asks the questions that need whole handshakes. Servers with nothing newer than
// TLS 1.1 are left out: package sealsock cannot connect to them.
func (p *prober) handshakes(ctx context.Context) {
	if !p.speaks(iana.TLS12) && !p.speaks(iana.TLS13) {
		if p.newestOld() != 0 {
			p.unknown("resumption, application protocols, tickets, renegotiation by the client", errOld)
			p.plainCertificates(ctx)
		}
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
	refused  error // the alert that came in place of data
	took     time.Duration
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
// wait: tickets arrive with the server's first data. What the server showed before a
// handshake failed is returned with the error. As askAnd does, it asks again if the server
// closed the connection without an alert.
func (p *prober) shake(ctx context.Context, cfg sealsock.Config,
	wait time.Duration) (*seen, error) {
	s, err := p.shakeOnce(ctx, cfg, wait)
	if s.peer == nil && broke(err) {
		s, err = p.shakeOnce(ctx, cfg, wait)
	}
	return s, err
}

func (p *prober) shakeOnce(ctx context.Context, cfg sealsock.Config,
	wait time.Duration) (*seen, error) {
	return p.shakeAnd(ctx, cfg, func(_ net.Conn, conn *sealsock.Conn, s *seen) error {
		if wait == 0 {
			return nil
		}
		// Tickets of a server far away come later than those of one that is near.
		end := time.Now().Add(max(wait, min(3*s.took, p.timeout)))
		for before := -1; time.Now().Before(end) && before < len(s.sessions); {
			if ctx.Err() != nil && len(s.sessions) == 0 {
				return context.Cause(ctx)
			}
			if before = len(s.sessions); before == 0 {
				before = -1
			}
			conn.SetReadDeadline(time.Now().Add(ticketStep))
			if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
				if alerted(err) {
					s.refused = err
				}
				break
			}
		}
		return nil
	})
}

// ticketStep is how long a further ticket is waited for after one, and ticketWait how long
// the first one, at least.
const (
	ticketStep = 20 * time.Millisecond
	ticketWait = 200 * time.Millisecond
)

// shakeAnd makes one handshake with cfg, and calls then while the connection is open.
func (p *prober) shakeAnd(scan context.Context, cfg sealsock.Config,
	then func(net.Conn, *sealsock.Conn, *seen) error) (*seen, error) {
	raw, done, err := p.open(scan)
	if err != nil { // and if a proxy or STARTTLS ended the connection, that is no refusal of TLS
		return new(seen), errors.New(err.Error())
	}
	defer done()
	ctx, cancel := context.WithTimeout(scan, p.timeout)
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
		return s, err
	}
	start := time.Now()
	err = conn.HandshakeContext(ctx)
	s.took = time.Since(start)
	if err == nil {
		err = then(raw, conn, s)
	} else if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) {
		err = ErrSilent
	}
	s.state, s.peer = conn.State(), verifier.peer
	conn.Close()
	if err != nil && scan.Err() != nil {
		err = context.Cause(scan)
	}
	return s, err
}

// certificates finds the chains, one for each kind of key.
func (p *prober) certificates(ctx context.Context) {
	chains := make([]*Chain, len(kinds))
	var questions []func()
	for i, schemes := range kinds {
		questions = append(questions, func() {
			var s *seen
			err := p.insist(ctx, func(ctx context.Context, _ int) (err error) {
				s, err = p.shake(ctx, sealsock.Config{SignatureSchemes: schemes}, 0)
				return err
			})
			switch {
			case s.peer != nil: // also if the server then refused a client without a certificate
				chains[i] = p.chain(ctx, s.peer)
			case err == errDropped:
				p.dropped("certificate for " + schemes[0].String())
			case err != nil && !refusal(err):
				p.leftOpen("certificate for "+schemes[0].String(), err, openCertificates)
			}
		})
	}
	p.together(questions...)
	p.addChains(chains)
	if p.newestOld() != 0 && !slices.ContainsFunc(chains, func(c *Chain) bool { return c != nil }) {
		p.plainCertificates(ctx)
	}
}

// addChains notes each chain once.
func (p *prober) addChains(chains []*Chain) {
	p.note(func(r *Report) {
		for _, c := range chains {
			same := func(x Chain) bool { return c != nil && string(x.DER[0]) == string(c.DER[0]) }
			if c != nil && !slices.ContainsFunc(r.Certificates, same) {
				r.Certificates = append(r.Certificates, *c)
				r.PostQuantumChain = r.PostQuantumChain || c.postQuantum()
			}
		}
	})
}

// postQuantum reports whether the key is of ML-DSA, which also signed each certificate.
func (c *Chain) postQuantum() bool {
	_, ok := c.Certificate[0].PublicKey.(*mldsa.PublicKey)
	return ok && !slices.ContainsFunc(c.Certificate, func(c *x509.Certificate) bool {
		switch c.SignatureAlgorithm {
		case x509.MLDSA44, x509.MLDSA65, x509.MLDSA87:
			return false
		}
		return true
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
		if cert, err := certificate.Parse(der); err == nil {
			c.Decoded = append(c.Decoded, cert)
			if len(c.Decoded) == 1 {
				c.SCTs += len(cert.SCTs)
			}
		}
	}
	leaf := c.Certificate[0]
	c.Key, c.Signature = keyText(leaf.PublicKey), leaf.SignatureAlgorithm.String()
	c.Subject, c.Issuer = leaf.Subject.String(), leaf.Issuer.String()
	c.NotBefore = certtext.Encodable(leaf.NotBefore)
	c.NotAfter = certtext.Encodable(leaf.NotAfter)
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
	result, err := policy.Verify(ctx, peer)
	c.Trusted = err == nil
	if result != nil {
		c.paths = result.Chains
		c.revocation(result)
	}
	if err != nil {
		c.Refusal = err.Error()
		var refused *trust.Error
		if errors.As(err, &refused) {
			c.Hint = refused.Hint
		}
	}
	return c
}

// revocation notes what the verification found out.
func (c *Chain) revocation(result *trust.Result) {
	for _, check := range result.Revocation {
		r := Revocation{
			Subject: check.Certificate.Subject.String(), Status: check.Status.String(),
			Source: check.Source,
		}
		if check.Err != nil {
			r.Reason = check.Err.Error()
		}
		c.Revocation = append(c.Revocation, r)
	}
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
	case *mldsa.PublicKey:
		return k.Parameters().String()
	}
	return strings.TrimPrefix(fmt.Sprintf("%T", key), "*")
}

// schemes finds the signature schemes that the server signs handshakes with: in TLS 1.3,
// where they are in an encrypted message, each is offered alone.
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
		questions = append(questions, func() { p.schemes12(ctx, add) })
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

// schemes12 finds those of TLS 1.2, where ServerKeyExchange names the scheme: it offers all
// that are left until the server refuses. It does so for each kind of certificate alone: a
// server that has both and prefers ECDSA refuses once no scheme for that is left.
func (p *prober) schemes12(ctx context.Context,
	add func(iana.Version, iana.SignatureScheme)) {
	for _, kind := range []string{"_ECDHE_ECDSA_", "_ECDHE_RSA_"} {
		p.keyExchanges(ctx, "signature schemes of TLS 1.2", []string{kind},
			func(o *offer, kx *wire.ServerKeyExchange12) bool {
				if kx == nil {
					return true
				}
				if !slices.Contains(o.schemes, kx.Algorithm) {
					return false
				}
				add(iana.TLS12, kx.Algorithm)
				o.schemes = without(o.schemes, kx.Algorithm)
				return len(o.schemes) > 0
			})
	}
}

// keyExchanges asks for key exchanges of TLS 1.2 with the suites that have one of the parts
// in their names. It passes each to next, which removes from the offer what it has seen, and
// reports whether to ask again; at first it passes nil, so that the offer can be set up.
func (p *prober) keyExchanges(ctx context.Context, what string, parts []string,
	next func(*offer, *wire.ServerKeyExchange12) bool, open ...string) {
	o := offerOf(iana.TLS12, slices.DeleteFunc(suitesOf(iana.TLS12), func(s iana.CipherSuite) bool {
		return !hasAny(s.String(), parts...)
	}))
	for again := next(o, nil); again; {
		a, err := p.ask(ctx, o)
		if err != nil {
			p.leftOpen(what, err, open...)
			return
		}
		if a.dropped {
			p.dropped(what)
		}
		if a.hello == nil || a.version != iana.TLS12 {
			return
		}
		body := a.messages[iana.HandshakeServerKeyExchange]
		kx, err := wire.ParseServerKeyExchange12(body, false, true)
		if err != nil {
			p.leftOpen(what, cmp.Or(a.cut, err), open...)
			return
		}
		again = next(o, kx)
	}
}

// commonALPN lists the protocols that are asked for.
var commonALPN = []string{
	"h2", "http/1.1", "http/1.0", "spdy/3.1", "acme-tls/1", "imap", "pop3", "ftp", "smtp",
	"xmpp-client", "xmpp-server", "mqtt", "postgresql", "dot", "nntp", "irc", "stun.turn",
	"webrtc", "h3",
}

// noProtocol reports whether a server refused the protocols of an offer, and nothing else. RFC
// 7301, Section 3.2.
func noProtocol(err error) bool {
	var protocol *engine.Error
	return alerted(err) && errors.As(err, &protocol) &&
		protocol.Alert == iana.AlertNoApplicationProtocol
}

// alerted reports whether an error is an alert of the server.
func alerted(err error) bool {
	var protocol *engine.Error
	return errors.As(err, &protocol) && protocol.Fault == engine.FaultAlert
}

// protocols finds the application protocols: it offers all that are left until the server
// chooses none.
func (p *prober) protocols(ctx context.Context) {
	var found []string
	for left := slices.Clone(commonALPN); len(left) > 0; {
		s, err := p.shake(ctx, sealsock.Config{ALPN: left}, 0)
		if s.state.ALPN == "" {
			if err != nil && !noProtocol(err) {
				p.unknown("application protocols", err)
			}
			break
		}
		found = append(found, s.state.ALPN)
		left = slices.DeleteFunc(left, func(name string) bool { return name == s.state.ALPN })
	}
	p.note(func(r *Report) { r.ALPN = found })
}
