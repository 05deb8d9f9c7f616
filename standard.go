package sealsock

import (
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"slices"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/trust"
)

// FromStandard makes a Config of a crypto/tls one, for people who switch.
// Verification keeps to the standard's rules: RootCAs or ClientCAs,
// VerifyPeerCertificate, InsecureSkipVerify. A field that has no counterpart
// here is an error that names it, so that nothing is lost silently.
func FromStandard(std *tls.Config) (*Config, error) {
	if err := unsupported(std); err != nil {
		return nil, err
	}
	c := &Config{
		Trust:      &standardTrust{std: std},
		ServerName: std.ServerName,
		ALPN:       std.NextProtos,
		MinVersion: iana.Version(std.MinVersion),
		MaxVersion: iana.Version(std.MaxVersion),
		Now:        std.Time,
		Rand:       std.Rand,
		KeyLog:     std.KeyLogWriter,
		ECHConfigs: std.EncryptedClientHelloConfigList,
	}
	for _, k := range std.EncryptedClientHelloKeys {
		key, err := engine.ParseECHKey(k.Config, k.PrivateKey)
		if err != nil {
			return nil, err
		}
		key.Retired = !k.SendAsRetry
		c.ECHKeys = append(c.ECHKeys, key)
	}
	if err := c.standard12(std); err != nil {
		return nil, err
	}
	for _, g := range std.CurvePreferences {
		c.Groups = append(c.Groups, iana.NamedGroup(g))
	}
	switch std.ClientAuth {
	case tls.NoClientCert:
	case tls.RequestClientCert, tls.VerifyClientCertIfGiven:
		c.ClientAuth = RequestClientCert
	default:
		c.ClientAuth = RequireClientCert
	}
	for _, cert := range std.Certificates {
		id, err := fromCertificate(&cert)
		if err != nil {
			return nil, err
		}
		c.Identities = append(c.Identities, id)
	}
	if std.GetCertificate != nil || std.GetClientCertificate != nil {
		c.SelectIdentity = selector(std, c.Identities)
	}
	return c, nil
}

// standard12 takes over tickets and suites. A list of suites crypto/tls means for
// TLS 1.2 alone: those of TLS 1.3 are always there.
func (c *Config) standard12(std *tls.Config) error {
	if std.SessionTicketsDisabled {
		c.NumTickets, c.NoTickets = -1, true
	}
	if std.CipherSuites == nil {
		return nil
	}
	c.CipherSuites = []iana.CipherSuite{iana.TLS_AES_128_GCM_SHA256, iana.TLS_AES_256_GCM_SHA384, iana.TLS_CHACHA20_POLY1305_SHA256}
	for _, id := range std.CipherSuites {
		suite := iana.CipherSuite(id)
		if slices.Contains(c.CipherSuites, suite) {
			continue
		}
		if !engine.Implements(suite) {
			return fmt.Errorf("sealsock: tls.Config.CipherSuites has %v, which the engine refuses: leave it out, or use package legacy", suite)
		}
		c.CipherSuites = append(c.CipherSuites, suite)
	}
	return nil
}

// unsupported names the first field that cannot be kept.
func unsupported(std *tls.Config) error {
	for _, f := range []struct {
		name string
		set  bool
	}{
		{"GetConfigForClient", std.GetConfigForClient != nil},
		{"VerifyConnection", std.VerifyConnection != nil},
		{"GetEncryptedClientHelloKeys", std.GetEncryptedClientHelloKeys != nil},
		{"WrapSession", std.WrapSession != nil},
		{"UnwrapSession", std.UnwrapSession != nil},
	} {
		if f.set {
			return fmt.Errorf("sealsock: tls.Config.%s has no counterpart that FromStandard can set: use Config", f.name)
		}
	}
	return nil
}

func fromCertificate(cert *tls.Certificate) (*identity.Identity, error) {
	signer, ok := cert.PrivateKey.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("sealsock: the private key of a tls.Certificate is a %T, which cannot sign", cert.PrivateKey)
	}
	id, err := identity.New(cert.Certificate, signer)
	if err != nil {
		return nil, err
	}
	id.OCSPStaple, id.SCTs = cert.OCSPStaple, cert.SignedCertificateTimestamps
	return id, nil
}

// selector asks GetCertificate or GetClientCertificate.
func selector(std *tls.Config, rest []*identity.Identity) func(context.Context, *engine.CredentialRequest) (*identity.Identity, error) {
	return func(ctx context.Context, req *engine.CredentialRequest) (*identity.Identity, error) {
		schemes := make([]tls.SignatureScheme, len(req.SignatureSchemes))
		for i, s := range req.SignatureSchemes {
			schemes[i] = tls.SignatureScheme(s)
		}
		var cert *tls.Certificate
		var err error
		switch {
		case req.Server && std.GetCertificate != nil:
			cert, err = std.GetCertificate(&tls.ClientHelloInfo{
				ServerName: req.ServerName, SignatureSchemes: schemes, SupportedVersions: []uint16{uint16(req.Version)},
			})
		case !req.Server && std.GetClientCertificate != nil:
			cert, err = std.GetClientCertificate(&tls.CertificateRequestInfo{
				AcceptableCAs: req.Authorities, SignatureSchemes: schemes, Version: uint16(req.Version),
			})
		}
		switch {
		case err != nil:
			return nil, err
		case cert != nil && len(cert.Certificate) > 0:
			return fromCertificate(cert)
		case len(rest) > 0:
			return rest[0], nil
		}
		return nil, nil
	}
}

// standardTrust verifies as crypto/tls does.
type standardTrust struct{ std *tls.Config }

// Verify implements Verifier.
func (t *standardTrust) Verify(_ context.Context, peer *trust.Peer) (*trust.Result, error) {
	r := new(trust.Result)
	for _, der := range peer.Chain {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		r.Certificates = append(r.Certificates, cert)
	}
	r.Leaf = r.Certificates[0]
	r.PublicKey = r.Leaf.PublicKey
	if peer.ECHRejected {
		return r, t.publicName(peer, r)
	}
	if t.mustVerify(peer.Server) {
		if err := t.chains(peer, r); err != nil {
			return nil, err
		}
	}
	if t.std.VerifyPeerCertificate != nil {
		if err := t.std.VerifyPeerCertificate(peer.Chain, r.Chains); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// publicName verifies a server that could not decrypt the ClientHello.
func (t *standardTrust) publicName(peer *trust.Peer, r *trust.Result) error {
	if verify := t.std.EncryptedClientHelloRejectionVerify; verify != nil {
		return verify(tls.ConnectionState{Version: tls.VersionTLS13, ServerName: peer.Name, PeerCertificates: r.Certificates})
	}
	return t.chains(peer, r)
}

func (t *standardTrust) mustVerify(server bool) bool {
	if server {
		return !t.std.InsecureSkipVerify
	}
	return t.std.ClientAuth == tls.VerifyClientCertIfGiven || t.std.ClientAuth == tls.RequireAndVerifyClientCert
}

func (t *standardTrust) chains(peer *trust.Peer, r *trust.Result) error {
	opts := x509.VerifyOptions{
		Roots: t.std.RootCAs, CurrentTime: peer.Now, DNSName: peer.Name,
		Intermediates: x509.NewCertPool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if !peer.Server {
		opts.Roots, opts.KeyUsages = t.std.ClientCAs, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	}
	for _, cert := range r.Certificates[1:] {
		opts.Intermediates.AddCert(cert)
	}
	var err error
	r.Chains, err = r.Leaf.Verify(opts)
	return err
}
