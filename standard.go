package sealsock

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"slices"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/pubkey"
	"github.com/sealsock/sealsock/trust"
)

// FromStandard returns a Config with the settings of a crypto/tls one, of which nil is the zero
// one, as in crypto/tls.
// Verification keeps to the standard's rules: RootCAs or ClientCAs,
// VerifyPeerCertificate, InsecureSkipVerify. A field that has no counterpart
// here is an error that names it, so that nothing is lost silently. A
// ClientSessionCache becomes a MemoryCache: crypto/tls's own cannot hold
// sessions of this package. The keys of SetSessionTicketKeys are used, also those that
// later calls set, if there was a call before FromStandard; tickets of crypto/tls itself
// are not accepted. Versions below TLS 1.2 and CBC suites are errors that name package
// legacy. PreferServerCipherSuites means nothing to crypto/tls either, and
// DynamicRecordSizingDisabled is the default here. Unlike crypto/tls, Read does not
// return io.EOF without a close_notify: set AllowTruncation for that.
func FromStandard(std *tls.Config) (*Config, error) {
	std = cmp.Or(std, new(tls.Config))
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
		//lint:ignore SA1019 a tls.Config that sets Rand keeps it
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
	c.standardSessions(std)
	c.standardCallbacks(std)
	if std.ClientCAs != nil && std.ClientAuth != tls.NoClientCert {
		//lint:ignore SA1019 crypto/tls sends these names too; a pool of the system's has none.
		c.ClientAuthorities = std.ClientCAs.Subjects()
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

// standard12 sets the suites. In crypto/tls a list of suites is for TLS 1.2 alone:
// those of TLS 1.3 are always enabled.
func (c *Config) standard12(std *tls.Config) error {
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
			return fmt.Errorf("sealsock: tls.Config.CipherSuites has %v, "+
				"which the engine refuses: leave it out, or use package legacy", suite)
		}
		c.CipherSuites = append(c.CipherSuites, suite)
	}
	return nil
}

// unsupported names the first field that cannot be kept.
func unsupported(std *tls.Config) error {
	for _, v := range []uint16{std.MinVersion, std.MaxVersion} {
		if v != 0 && v < tls.VersionTLS12 {
			return fmt.Errorf("sealsock: tls.Config has %s, which the engine does not support: "+
				"set MinVersion and MaxVersion to at least TLS 1.2, or use package legacy for old peers",
				tls.VersionName(v))
		}
	}
	for _, f := range []struct {
		name string
		set  bool
	}{
		{"GetEncryptedClientHelloKeys", std.GetEncryptedClientHelloKeys != nil},
		{"WrapSession", std.WrapSession != nil},
		{"UnwrapSession", std.UnwrapSession != nil},
		{"Renegotiation", std.Renegotiation != tls.RenegotiateNever},
		//lint:ignore SA1019 crypto/tls still chooses by it.
		{"NameToCertificate", std.NameToCertificate != nil},
	} {
		if f.set {
			return fmt.Errorf("sealsock: tls.Config.%s cannot be converted: use Config", f.name)
		}
	}
	return nil
}

// named is the first identity with a name, or the first of all.
func named(ids []*identity.Identity, name string) *identity.Identity {
	for _, id := range ids {
		if name != "" && matches(id.Leaf, name) {
			return id
		}
	}
	return ids[0]
}

// standardTrust verifies as crypto/tls does.
type standardTrust struct{ std *tls.Config }

// Verify implements Verifier.
func (t *standardTrust) Verify(_ context.Context, peer *trust.Peer) (*trust.Result, error) {
	if len(peer.Chain) == 0 {
		return nil, errBareKey
	}
	r := new(trust.Result)
	for _, der := range peer.Chain {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		if pubkey.TooCostly(cert.PublicKey) { // as crypto/tls refuses it, before any signature
			return nil, pubkey.Check(cert.PublicKey)
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
			return nil, &refusal{err}
		}
	}
	return r, nil
}

// A refusal is an error of VerifyPeerCertificate, which is no
// tls.CertificateVerificationError in crypto/tls either.
type refusal struct{ error }

// Unwrap returns the error of the callback.
func (r *refusal) Unwrap() error { return r.error }

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

// The reasons to refuse that are not crypto/x509's.
var (
	errBareKey = &engine.Error{
		Fault: engine.FaultCertificate, Alert: iana.AlertUnsupportedCertificate, Reason: "the peer sent a raw public key, but the rules of crypto/tls apply only to certificates",
		Hint: "set Config.Trust to a policy with pins",
	}
	errNameless = &engine.Error{
		Fault: engine.FaultUsage, Alert: iana.AlertInternalError, Reason: "no server name is set",
		Hint: "set ServerName, or InsecureSkipVerify and VerifyPeerCertificate",
	}
)

func (t *standardTrust) chains(peer *trust.Peer, r *trust.Result) error {
	if peer.Server && peer.Name == "" {
		return errNameless // crypto/x509 would take any name then
	}
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
