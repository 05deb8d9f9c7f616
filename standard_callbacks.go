package sealsock

import (
	"cmp"
	"context"
	"crypto"
	"crypto/tls"
	"fmt"
	"reflect"
	"slices"
	"sync/atomic"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/identity"
)

// standardCallbacks sets the callbacks for whole connections.
func (c *Config) standardCallbacks(std *tls.Config) {
	c.VerifyConnection = standardVerify(std)
	choose := func(context.Context, *engine.ClientHelloInfo) (*Config, error) { return nil, nil }
	switch {
	case std.GetConfigForClient != nil:
		choose = forStandardClient(std.GetConfigForClient)
	case !slices.Contains(std.NextProtos, "h2"):
		return
	}
	c.ForClient = func(ctx context.Context, hello *engine.ClientHelloInfo) (*Config, error) {
		chosen, err := choose(ctx, hello)
		if err != nil {
			return nil, err
		}
		if own := cmp.Or(chosen, c); fallsBack(own.ALPN, hello.ALPN) {
			without := *own
			without.ALPN = nil
			return &without, nil
		}
		return chosen, nil
	}
}

// standardVerify returns what is called at the end of each handshake, or nil for nothing. Where
// a client need not have a certificate, crypto/tls calls VerifyPeerCertificate also for one that
// shows none, about which a Verifier is not asked: a server may refuse it there.
func standardVerify(std *tls.Config) func(*Conn) error {
	verify, peer := std.VerifyConnection, std.VerifyPeerCertificate
	switch std.ClientAuth {
	case tls.RequestClientCert, tls.VerifyClientCertIfGiven:
	default:
		peer = nil
	}
	if verify == nil && peer == nil {
		return nil
	}
	return func(conn *Conn) error {
		if peer != nil && conn.to == nil && conn.Peer() == nil {
			if err := peer(nil, nil); err != nil {
				return &engine.Error{
					Fault: engine.FaultCertificate, Alert: iana.AlertBadCertificate,
					Reason: "VerifyPeerCertificate refuses a client without a certificate", Err: err,
				}
			}
		}
		if verify == nil {
			return nil
		}
		return verify(conn.ConnectionState())
	}
}

// fallsBack reports whether a client that supports HTTP/1.1 has no protocol in common with
// a server of HTTP/2. In crypto/tls their connection then has no application protocol.
func fallsBack(server, client []string) bool {
	common := func(name string) bool { return slices.Contains(client, name) }
	return slices.Contains(server, "h2") && common("http/1.1") && !slices.ContainsFunc(server, common)
}

// forStandardClient returns what GetConfigForClient chooses.
func forStandardClient(get func(*tls.ClientHelloInfo) (*tls.Config, error)) func(context.Context, *engine.ClientHelloInfo) (*Config, error) {
	type converted struct {
		from *tls.Config
		cfg  *Config
	}
	var latest atomic.Pointer[converted] // most servers return the same one each time
	return func(ctx context.Context, hello *engine.ClientHelloInfo) (*Config, error) {
		chosen, err := get(standardInfo(ctx, hello))
		if chosen == nil || err != nil {
			return nil, err
		}
		if known := latest.Load(); known != nil && known.from == chosen {
			return known.cfg, nil
		}
		cfg, err := FromStandard(chosen)
		if err == nil {
			latest.Store(&converted{chosen, cfg})
		}
		return cfg, err
	}
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
		var cert *tls.Certificate
		var err error
		switch {
		case req.Server && std.GetCertificate != nil:
			cert, err = std.GetCertificate(standardHello(ctx, req))
		case !req.Server && std.GetClientCertificate != nil:
			info := &tls.CertificateRequestInfo{
				AcceptableCAs:    req.Authorities,
				SignatureSchemes: numbers[tls.SignatureScheme](req.SignatureSchemes),
				Version:          uint16(req.Version),
			}
			setContext(info, ctx)
			cert, err = std.GetClientCertificate(info)
		}
		switch {
		case err != nil:
			return nil, err
		case cert != nil && len(cert.Certificate) > 0:
			return fromCertificate(cert)
		case len(rest) > 0:
			return named(rest, req.ServerName), nil
		}
		return nil, nil
	}
}

// setContext sets what the method Context of info, a *tls.ClientHelloInfo or a
// *tls.CertificateRequestInfo, returns. Package crypto/tls has no exported way to do
// that, and a nil context would make callers panic. TestStandardContext fails if the
// field is not there any more.
func setContext(info any, ctx context.Context) {
	f := reflect.ValueOf(info).Elem().FieldByName("ctx")
	if f.IsValid() && f.Type() == reflect.TypeFor[context.Context]() {
		*(*context.Context)(f.Addr().UnsafePointer()) = ctx
	}
}

// standardHello returns what GetCertificate receives about a client.
func standardHello(ctx context.Context, req *engine.CredentialRequest) *tls.ClientHelloInfo {
	hello := req.Hello
	if hello == nil {
		hello = &engine.ClientHelloInfo{
			SupportedVersions: []iana.Version{req.Version}, SignatureSchemes: req.SignatureSchemes,
		}
	}
	info := standardInfo(ctx, hello)
	info.ServerName = req.ServerName
	return info
}

// standardInfo returns a ClientHello in the type of crypto/tls.
func standardInfo(ctx context.Context, hello *engine.ClientHelloInfo) *tls.ClientHelloInfo {
	info := &tls.ClientHelloInfo{
		ServerName: hello.ServerName, SupportedProtos: hello.ALPN,
		CipherSuites:      numbers[uint16](hello.CipherSuites),
		SupportedCurves:   numbers[tls.CurveID](hello.Groups),
		SignatureSchemes:  numbers[tls.SignatureScheme](hello.SignatureSchemes),
		SupportedVersions: numbers[uint16](hello.SupportedVersions),
		Extensions:        numbers[uint16](hello.Extensions),
	}
	if c, ok := ctx.Value(connKey{}).(*Conn); ok && c != nil {
		info.Conn = c.NetConn()
	}
	setContext(info, ctx)
	return info
}

// numbers gives the registry's numbers the types of crypto/tls.
func numbers[To, From ~uint16](list []From) []To {
	all := make([]To, len(list))
	for i, n := range list {
		all[i] = To(n)
	}
	return all
}
