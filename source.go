package sealsock

import (
	"context"
	"slices"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/identity"
)

// selectIdentity asks SelectIdentity or Source.
func (c *Config) selectIdentity(
	ctx context.Context, q *engine.CredentialRequest,
) (*identity.Identity, error) {
	if c.SelectIdentity != nil {
		return c.SelectIdentity(ctx, q)
	}
	r := &identity.Request{Schemes: q.SignatureSchemes}
	if q.Server {
		r.ServerName = q.ServerName
	}
	if q.Hello != nil {
		r.Protocols = q.Hello.ALPN
	}
	return c.Source.Select(ctx, r)
}

// selects reports whether an identity is selected for each connection.
func (c *Config) selects() bool { return c.SelectIdentity != nil || c.Source != nil }

// proofProtocols are those by which an authority asks Source for a proof (RFC 8737).
func (c *Config) proofProtocols() []string {
	if p, ok := c.Source.(interface{ ProofProtocols() []string }); ok && c.SelectIdentity == nil {
		return p.ProofProtocols()
	}
	return nil
}

// configFor returns what ForClient does, or, for an authority that asks Source for a proof,
// the Config with its protocol. All else stays as it is: a client that is no authority
// must not avoid a requirement in this way.
func (c *Config) configFor(ctx context.Context, hello *engine.ClientHelloInfo) (*Config, error) {
	proofs := c.proofProtocols()
	foreign := func(p string) bool { return !slices.Contains(proofs, p) }
	if len(proofs) > 0 && len(hello.ALPN) > 0 && !slices.ContainsFunc(hello.ALPN, foreign) {
		own := *c
		own.ALPN = proofs
		return &own, nil
	}
	if c.ForClient == nil {
		return nil, nil
	}
	return c.ForClient(ctx, hello)
}
