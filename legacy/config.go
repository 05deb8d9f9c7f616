package legacy

import (
	"context"
	"crypto/tls"
	"fmt"
	"slices"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/trust"
)

// standard converts a Config to a tls.Config that calls verify for the peer's
// certificate.
func standard(cfg *sealsock.Config, verify func(tls.ConnectionState) error) (*tls.Config, error) {
	if err := check(cfg); err != nil {
		return nil, err
	}
	suites, err := cipherSuites(cfg.CipherSuites)
	if err != nil {
		return nil, err
	}
	std := &tls.Config{
		//lint:ignore SA1019 Config.Rand is passed on; it is nil in production
		Rand:         cfg.Rand,
		Time:         cfg.Now,
		ServerName:   asciiName(cfg.ServerName),
		NextProtos:   cfg.ALPN,
		MinVersion:   tls.VersionTLS10,
		MaxVersion:   uint16(cfg.MaxVersion),
		CipherSuites: suites,
		KeyLogWriter: cfg.KeyLog,
		// Trust decides, in verify. Tickets are disabled because a resumed
		// session would reuse an earlier decision.
		InsecureSkipVerify:     true,
		VerifyConnection:       verify,
		SessionTicketsDisabled: true,
	}
	if cfg.MinVersion != 0 {
		std.MinVersion = uint16(cfg.MinVersion)
	}
	switch cfg.ClientAuth {
	case sealsock.RequestClientCert:
		std.ClientAuth = tls.RequestClientCert
	case sealsock.RequireClientCert:
		std.ClientAuth = tls.RequireAnyClientCert
	}
	for _, g := range cfg.Groups {
		std.CurvePreferences = append(std.CurvePreferences, tls.CurveID(g))
	}
	for _, id := range cfg.Identities {
		std.Certificates = append(std.Certificates, *certificate(id))
	}
	if cfg.SelectIdentity != nil || cfg.Source != nil {
		selectIdentity(std, cfg)
	}
	return std, nil
}

// asciiName returns the form of a DNS name that a ClientHello has (RFC 6066, Section 3), and an
// address as it is, which crypto/tls does not send.
func asciiName(name string) string {
	if ascii, err := trust.ASCIIName(name); err == nil {
		return ascii
	}
	return name
}

// check returns an error for fields that crypto/tls cannot honor if ignoring
// them would weaken the connection.
func check(cfg *sealsock.Config) error {
	for _, f := range []struct {
		name string
		set  bool
	}{
		{"PSKOnly", cfg.PSKOnly},
		{"PSKs", cfg.PSKs != nil},
		{"FindPSK", cfg.FindPSK != nil},
		{"SelectPSK", cfg.SelectPSK != nil},
		{"OnlyRawKeys", cfg.OnlyRawKeys},
		{"ECHConfigs", cfg.ECHConfigs != nil},
		{"ForClient", cfg.ForClient != nil},
		{"VerifyConnection", cfg.VerifyConnection != nil},
		{"Padding", cfg.Padding != nil},
		{"SignatureSchemes", cfg.SignatureSchemes != nil},
		{"Profile", cfg.Profile != ""},
		{"RequireExtendedMasterSecret", cfg.RequireExtendedMasterSecret},
	} {
		if f.set {
			return usage("Config.%s is not supported by package legacy", f.name)
		}
	}
	if cfg.MinVersion != 0 && cfg.MaxVersion != 0 && cfg.MinVersion > cfg.MaxVersion {
		return usage("MinVersion %v is above MaxVersion %v", cfg.MinVersion, cfg.MaxVersion)
	}
	return nil
}

func usage(format string, args ...any) error {
	return &engine.Error{Fault: engine.FaultUsage, Reason: fmt.Sprintf(format, args...)}
}

// cipherSuites returns the suites to offer. crypto/tls determines their order.
func cipherSuites(wanted []iana.CipherSuite) ([]uint16, error) {
	var all []uint16
	for _, s := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		if !isRC4(iana.CipherSuite(s.ID)) {
			all = append(all, s.ID)
		}
	}
	if wanted == nil {
		return all, nil
	}
	var list []uint16
	for _, id := range wanted {
		if !slices.Contains(all, uint16(id)) {
			return nil, usage("cipher suite %v is implemented neither by the engine nor by package legacy", id)
		}
		list = append(list, uint16(id))
	}
	return list, nil
}

// certificate converts an identity to a tls.Certificate. RSA key exchange works
// only if the key can decrypt.
func certificate(id *identity.Identity) *tls.Certificate {
	if id == nil {
		return new(tls.Certificate)
	}
	return &tls.Certificate{
		Certificate: id.Chain, PrivateKey: id.Signer.Key(), Leaf: id.Leaf,
		OCSPStaple: id.OCSPStaple, SignedCertificateTimestamps: id.SCTs,
	}
}

// selectIdentity makes crypto/tls call Config.SelectIdentity.
func selectIdentity(std *tls.Config, cfg *sealsock.Config) {
	answer := func(ctx context.Context, req *engine.CredentialRequest, schemes []tls.SignatureScheme) (*tls.Certificate, error) {
		for _, s := range schemes {
			req.SignatureSchemes = append(req.SignatureSchemes, iana.SignatureScheme(s))
		}
		id, err := selected(ctx, cfg, req)
		if err != nil {
			return nil, err
		}
		return certificate(id), nil
	}
	std.GetCertificate = func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
		req := &engine.CredentialRequest{Server: true, ServerName: h.ServerName, Version: version(h.SupportedVersions)}
		return answer(h.Context(), req, h.SignatureSchemes)
	}
	std.GetClientCertificate = func(r *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		req := &engine.CredentialRequest{ServerName: cfg.ServerName, Version: iana.Version(r.Version), Authorities: r.AcceptableCAs}
		return answer(r.Context(), req, r.SignatureSchemes)
	}
}

// selected asks SelectIdentity or Source.
func selected(ctx context.Context, cfg *sealsock.Config, req *engine.CredentialRequest) (
	*identity.Identity, error) {
	if cfg.SelectIdentity != nil {
		return cfg.SelectIdentity(ctx, req)
	}
	r := &identity.Request{Schemes: req.SignatureSchemes}
	if req.Server {
		r.ServerName = req.ServerName
	}
	return cfg.Source.Select(ctx, r)
}

// version is the highest of a list.
func version(list []uint16) iana.Version {
	if len(list) == 0 {
		return 0
	}
	return iana.Version(slices.Max(list))
}
