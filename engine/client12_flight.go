package engine

import (
	"slices"
	"time"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/keys"
	"github.com/sealsock/sealsock/internal/suites"
	"github.com/sealsock/sealsock/internal/wire"
)

// The values of ClientCertificateType that are left. RFC 8422, Section 5.5.
const (
	certRSASign   = 1
	certECDSASign = 64
)

// answerRequest continues with the client's certificate, or an empty one, and the
// proof of it. RFC 5246, Sections 7.4.6 and 7.4.8.
func (c *client12) answerRequest(
	kx *wire.ServerKeyExchange12, r *wire.CertificateRequest12, do *effects,
) (state, error) {
	schemes := slices.DeleteFunc(schemes12(r.SignatureAlgorithms), func(id iana.SignatureScheme) bool {
		kind := byte(certRSASign)
		if suites.SchemeByID(id).Auth12() == suites.AuthECDSA {
			kind = certECDSASign
		}
		return !slices.Contains(r.CertificateTypes, kind)
	})
	req := &CredentialRequest{
		Version: iana.TLS12, ServerName: c.info.ServerName, RawKeys: c.kinds.own == iana.CertTypeRawPublicKey,
		SignatureSchemes: schemes, CertSchemes: r.SignatureAlgorithms, Authorities: r.CertAuthorities,
	}
	return c.cfg.credential(req, do, func(
		cred *Credential, scheme *suites.Scheme, do *effects,
	) (state, error) {
		if err := c.showCertificate(cred, do); err != nil {
			return nil, err
		}
		if cred == nil {
			c.forget()
			return c.keyExchange(kx, nil, do, c.finish)
		}
		return c.keyExchange(kx, nil, do, func(do *effects) (state, error) {
			return c.prove(cred, scheme, do)
		})
	})
}

// prove continues with CertificateVerify, which signs all messages so far.
func (c *client12) prove(cred *Credential, scheme *suites.Scheme, do *effects) (state, error) {
	content := c.messages
	c.forget()
	return c.sign(cred, scheme, content, do, func(sig []byte, do *effects) (state, error) {
		if err := c.post(&wire.CertificateVerify{Algorithm: scheme.ID, Signature: sig}, do); err != nil {
			return nil, err
		}
		return c.finish(do)
	})
}

// choosePSK continues with the key that SelectPSK chooses by the server's hint, or else
// with the first of Config.PSKs that fits TLS 1.2.
func (c *client12) choosePSK(kx *wire.ServerKeyExchange12, do *effects) (state, error) {
	cfg := c.cfg
	if cfg.SelectPSK == nil {
		var first *PSK
		if i := slices.IndexFunc(cfg.PSKs, (*PSK).fits12); i >= 0 {
			first = cfg.PSKs[i]
		}
		return c.usePSK(kx, first, do)
	}
	return &wait[*PSK]{
		what: "the choice of the pre-shared key",
		q:    &PSKQuery{Hint: kx.Hint},
		try:  func() (*PSK, error) { return cfg.SelectPSK(kx.Hint) },
		then: func(p *PSK, do *effects) (state, error) { return c.usePSK(kx, p, do) },
	}, nil
}

func (c *client12) usePSK(kx *wire.ServerKeyExchange12, p *PSK, do *effects) (state, error) {
	if p == nil || !p.fits12() {
		return nil, &Error{
			Fault: FaultIncompatible, Alert: iana.AlertHandshakeFailure, Reason: "there is no pre-shared key for the server's hint",
			Got: quoted([]string{string(kx.Hint)}),
		}
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	c.info.PSKIdentity = p.Identity
	return c.keyExchange(kx, p, do, c.finish)
}

// keyExchange sends ClientKeyExchange and derives the keys. psk is nil with
// certificates.
func (c *client12) keyExchange(kx *wire.ServerKeyExchange12, psk *PSK, do *effects, next func(*effects) (state, error)) (state, error) {
	var m wire.ClientKeyExchange12
	var secret []byte
	if c.suite.ECDHE {
		var err error
		m.Public, secret, err = suites.GroupByID(kx.Group).Encapsulate(c.cfg.random(), kx.Public)
		if err != nil {
			return nil, invalidShare("server", err)
		}
	}
	if psk != nil {
		m.Identity = append([]byte{}, psk.Identity...)
		secret = keys.PSKPremaster12(psk.secret.bytes(), secret)
	}
	if err := c.post(&m, do); err != nil {
		return nil, err
	}
	c.agree(secret)
	return next(do)
}

// finish ends the client's flight, of a full or of an abbreviated handshake.
func (c *client12) finish(do *effects) (state, error) {
	own, _ := c.directions()
	if err := c.sealWith(own, do); err != nil {
		return nil, err
	}
	if err := c.finished(c.master.ClientFinished(c.transcript.sum()), do); err != nil {
		return nil, err
	}
	if c.info.Resumed {
		return c.done(do), nil
	}
	return c.awaitEnd(), nil
}

// awaitEnd returns the state that waits for the end of the server's last flight.
func (c *client12) awaitEnd() state {
	if c.ticket {
		return &awaitNewSessionTicket12{c}
	}
	return &awaitServerCCS12{c}
}

// done reports the session and opens the connection.
func (c *client12) done(do *effects) state {
	if c.made == nil && len(c.id) > 0 && c.cfg.Now != nil && c.info.ExtendedMasterSecret {
		c.made = c.session()
		c.made.SessionID = c.id
	}
	next := c.open(true, do)
	if c.made != nil {
		do.events = append(do.events, Event{Kind: EventSession, Session: c.made})
	}
	return next
}

// awaitNewSessionTicket12 waits for the ticket that the server announced.
type awaitNewSessionTicket12 struct{ *client12 }

func (s *awaitNewSessionTicket12) awaits() awaited { return awaited{iana.HandshakeNewSessionTicket} }

func (s *awaitNewSessionTicket12) handle(m message, _ *effects) (state, error) {
	t, err := wire.ParseNewSessionTicket12(m.body)
	if err != nil {
		return nil, err
	}
	s.add(m.raw)
	// RFC 5077, Section 3.3: an empty ticket is none. RFC 7627, Section 5.3:
	// what has no extended master secret should not be resumed.
	if n := len(t.Ticket); n > 0 && n <= maxTicket && s.info.ExtendedMasterSecret {
		made := s.session()
		made.Ticket = t.Ticket
		if t.Lifetime > 0 {
			made.Lifetime = min(time.Duration(t.Lifetime)*time.Second, maxLifetime)
		}
		if s.made != nil {
			// The keys are as old as they were.
			made.Created, made.Authenticated = s.made.Created, s.made.Authenticated
		}
		s.made = made
	}
	return &awaitServerCCS12{s.client12}, nil
}

// awaitServerCCS12 waits for the server's change_cipher_spec.
type awaitServerCCS12 struct{ *client12 }

func (s *awaitServerCCS12) changeCipherSpec(do *effects) (state, error) {
	_, server := s.directions()
	return &awaitServerFinished12{s.client12}, s.openWith(server, do)
}

// awaitServerFinished12 waits for the server's Finished.
type awaitServerFinished12 struct{ *client12 }

func (s *awaitServerFinished12) awaits() awaited { return awaited{iana.HandshakeFinished} }

func (s *awaitServerFinished12) handle(m message, do *effects) (state, error) {
	if err := s.checkFinished(m, s.master.ServerFinished(s.transcript.sum())); err != nil {
		return nil, err
	}
	if s.info.Resumed {
		return s.finish(do)
	}
	return s.done(do), nil
}
