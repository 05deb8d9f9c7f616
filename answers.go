package sealsock

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"sync/atomic"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/trust"
)

// answers decides for one connection what its engine asks, with a Config.
type answers struct {
	cfg    *Config
	conn   *Conn         // whose answers they are, or nil
	to     *target       // on a client
	claims *trust.Result // what the peer has shown and not proved yet
	former *trust.Result // what it showed in the session that it may resume
	// resumes is what Server has in place of Tickets and AntiReplay of cfg, or nil.
	resumes *resumption
	peer    atomic.Pointer[trust.Result]

	tracing struct{ sent, received bool } // a call of Config.Trace is under way
}

// A target is the server that a client connects to.
type target struct {
	name    string // that it must prove
	address string // as dialled, or empty
	knownAs string // see trust.Peer.Address
	ech     []byte // its ECHConfigList
}

// sessionKey is what a session is kept under: the server's name, the address if it is known,
// because two services may share a name, and what this side has to prove itself with. The server
// takes a client that resumes for the one that the session began with.
func (a *answers) sessionKey() string {
	key := a.to.name + " " + a.to.address
	if len(a.cfg.Identities) == 0 && len(a.cfg.PSKs) == 0 {
		return key
	}
	own := sha256.New()
	for _, id := range a.cfg.Identities {
		leaf := sha256.Sum256(id.Chain[0])
		own.Write(leaf[:])
	}
	for _, psk := range a.cfg.PSKs {
		name := sha256.Sum256(psk.Identity)
		own.Write(name[:])
	}
	return key + " " + hex.EncodeToString(own.Sum(nil)[:16])
}

// startClient makes the halves of a client's connection.
func (a *answers) startClient(e *engine.Config) (*engine.Receiver, *engine.Sender, error) {
	return engine.Client(a.traced(e), a.target())
}

// target returns the server for the engine, with a session to resume.
func (a *answers) target() engine.Target {
	session := a.cfg.Session
	if session == nil && a.cfg.Sessions != nil && a.to.name != "" {
		session = a.cfg.Sessions.Take(a.sessionKey())
	}
	return engine.Target{
		ServerName: sniName(a.to.name), Session: session, ECHConfigs: a.to.ech,
	}
}

// keepSession is called with each session that the server offers.
func (a *answers) keepSession(s *engine.Session) {
	if a.cfg.Sessions != nil && a.to.name != "" {
		a.cfg.Sessions.Put(a.sessionKey(), s)
	}
	if a.cfg.OnSession != nil {
		a.cfg.OnSession(s)
	}
}

// traced returns e with a Trace for one connection alone. After Config.Trace has panicked it is not
// called again, so that the alert can be sent. Each direction has one goroutine at a time.
func (a *answers) traced(e *engine.Config) *engine.Config {
	see := e.Trace
	if see == nil {
		return e
	}
	own := *e
	own.Trace = func(t engine.Trace) {
		busy := &a.tracing.received
		if t.Sent {
			busy = &a.tracing.sent
		}
		if !*busy {
			*busy = true
			see(t)
			*busy = false
		}
	}
	return &own
}

// answer answers what the engine asks.
func (a *answers) answer(ctx context.Context, q engine.Question) (engine.Answer, error) {
	switch q := q.(type) {
	case *engine.PeerCertificate:
		key, err := a.verify(ctx, q)
		return q.Accept(key), err
	case *engine.ClientHelloInfo:
		cfg, err := a.forClient(context.WithValue(ctx, connKey{}, a.conn), q)
		return q.Configure(cfg), err
	case *engine.PSKQuery:
		if a.to != nil {
			key, err := a.cfg.SelectPSK(ctx, q.Hint)
			return q.Use(key), err
		}
		key, err := a.cfg.FindPSK(ctx, q.Identity)
		return q.Use(key), err
	case *engine.CredentialRequest:
		id, err := a.cfg.selectIdentity(context.WithValue(ctx, connKey{}, a.conn), q)
		return q.Show(credential(id)), err
	}
	return engine.Answer{}, &engine.Error{
		Fault: engine.FaultUsage, Reason: "an unknown request from the engine",
	}
}

// connKey is the key of the *Conn in the context of Config.SelectIdentity and ForClient.
type connKey struct{}

// forClient returns the configuration that ForClient chooses. That Config's own
// ForClient is not called.
func (a *answers) forClient(
	ctx context.Context, hello *engine.ClientHelloInfo,
) (*engine.Config, error) {
	cfg, err := a.cfg.configFor(ctx, hello)
	if cfg == nil || err != nil {
		return nil, err
	}
	p, err := prepare(cfg, true)
	if err != nil {
		return nil, err
	}
	p.engine.ForClient = nil
	if cfg.Tickets == nil && cfg.NumTickets >= 0 {
		// A session stays bound to its server name, and its client is verified again by
		// this Config.
		p.engine.Tickets = a.resumption().tickets
		p.engine.TicketsWithData = cfg.TicketsWithData || a.resumes != nil
	}
	if cfg.AntiReplay == nil {
		p.engine.AntiReplay = a.resumption().memoryFor(cfg)
	}
	a.cfg = p.Config
	return a.traced(p.engine), p.engine.CheckServer()
}

// resumption returns what the connection resumes with.
func (a *answers) resumption() resumption {
	if a.resumes != nil {
		return *a.resumes
	}
	return resumption{a.cfg.Tickets, a.cfg.AntiReplay}
}

func (a *answers) verify(ctx context.Context, q *engine.PeerCertificate) (crypto.PublicKey, error) {
	peer := &trust.Peer{
		Server: q.Server, Chain: q.Chain, RawPublicKey: q.RawPublicKey, OCSPStaple: q.OCSPStaple, SCTs: q.SCTs, Now: a.cfg.now(),
		StapleAsked: q.Server, // a client always asks for one
	}
	switch {
	case q.ECHRejected:
		peer.Name, peer.ECHRejected = q.ServerName, true
	case q.Server:
		peer.Name, peer.Address = a.to.name, a.to.knownAs
	}
	var v Verifier = a.cfg.Trust
	if v == nil {
		v = defaultTrust
	}
	result, err := v.Verify(ctx, peer)
	switch e := err.(type) {
	case nil:
	case *refusal:
		return nil, e.error
	default:
		return nil, &unverified{err, q.Chain}
	}
	if q.Delegation != nil {
		if err := checkDelegation(q.Delegation, result, a.cfg.now()); err != nil {
			return nil, err
		}
	}
	if q.Resumed {
		a.former = result
		return result.PublicKey, nil
	}
	share(q.Chain, result) // of a session others may be using it
	a.claims = result
	return result.PublicKey, nil
}

// share lets a chain use the memory of the certificates that were parsed, which connections
// to one peer have in common. Its own is that of the whole flight.
func share(chain [][]byte, r *trust.Result) {
	if r == nil {
		return
	}
	for i, der := range chain {
		for _, c := range r.Certificates {
			if bytes.Equal(c.Raw, der) {
				chain[i] = c.Raw
			}
		}
	}
}

// proved is called once the peer has proved that it holds the key of what it has shown or, if
// resumed, the secret of the session. Before that, neither a.claims nor a.former is authenticated.
// A session that was offered and not resumed tells nothing about the peer.
func (a *answers) proved(resumed bool) {
	switch {
	case a.claims != nil:
		a.peer.Store(a.claims)
	case resumed && a.former != nil:
		a.peer.Store(a.former)
	}
	a.claims, a.former = nil, nil
}

// defaultTrust is shared, so that its memory of verified chains is too.
var defaultTrust = new(trust.Policy)
