// Package sealcaddy has the listener wrapper caddy.listeners.sealsock, with which the HTTP
// servers of Caddy encrypt by package sealsock in place of crypto/tls. A Caddy with it is a
// program that imports this package, as any other plugin of Caddy. In a Caddyfile it is an option
// of the servers, and the addresses of sites begin with http://, because Caddy itself encrypts
// nothing:
//
//	{
//		servers :443 {
//			listener_wrappers {
//				sealsock {
//					certificate server.pem server.key
//				}
//			}
//		}
//	}
//	http://example.com:443 {
//		respond "hello"
//	}
//
// HTTP/1.1 and HTTP/2 work, and the state of TLS is that of the connection: for handlers (the
// TLS field of a request), for matchers (protocol https, tls), in the placeholders of
// {http.request.tls}, and in access logs. Files of certificates and keys are read again when they
// change.
//
// What Caddy does with its own TLS is not available on such an address: certificates that it
// obtains, redirections of plain HTTP, its policies of connections, and HTTP/3. At the start it
// warns that TLS is disabled and that HTTP/2 is skipped, which is about its own. An address of
// http:// that the servers option does not name is served in plaintext, as without the wrapper.
//
// When Caddy loads another configuration, connections that are open finish their requests, and
// handshakes that are under way end with an alert: such a client has to connect again.
package sealcaddy

import (
	"errors"
	"fmt"
	"net"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/zap"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/trust"
)

func init() { caddy.RegisterModule(new(Wrapper)) }

// A Wrapper encrypts the connections of a listener of Caddy. Its fields are those of the
// configuration in JSON, and all but Certificates may be empty.
type Wrapper struct {
	// Certificates are files in PEM, in order of preference. A client gets the first that
	// has the name it asks for.
	Certificates []Files `json:"certificates,omitempty"`
	// ClientCA is a file of authorities, in PEM. With it each client must prove a
	// certificate of one of them.
	ClientCA string `json:"client_ca,omitempty"`
	// MinVersion is "TLS 1.2", which is the default, or "TLS 1.3".
	MinVersion string `json:"min_version,omitempty"`
	// Protocols are those of ALPN: "h2" and "http/1.1", which are the default.
	Protocols []string `json:"protocols,omitempty"`

	cfg    *sealsock.Config
	logger *zap.Logger
}

// Files are a certificate, with the chain to its authority, and its key.
type Files struct {
	Certificate string `json:"certificate"`
	Key         string `json:"key"`
}

var (
	_ caddy.Provisioner     = (*Wrapper)(nil)
	_ caddy.ListenerWrapper = (*Wrapper)(nil)
	_ caddyfile.Unmarshaler = (*Wrapper)(nil)
)

// CaddyModule describes the module to Caddy.
func (*Wrapper) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID: "caddy.listeners.sealsock", New: func() caddy.Module { return new(Wrapper) },
	}
}

// Provision loads the files. An error ends the start of Caddy, or leaves the configuration that
// is in use.
func (w *Wrapper) Provision(ctx caddy.Context) error {
	w.logger = ctx.Logger()
	cfg, err := w.config()
	if err != nil {
		return err
	}
	if _, err := sealsock.ServerEngine(cfg); err != nil {
		return err // which NewListener would return
	}
	w.cfg = cfg
	return nil
}

func (w *Wrapper) config() (*sealsock.Config, error) {
	if len(w.Certificates) == 0 {
		return nil, errors.New("sealsock: there is no certificate")
	}
	cfg := &sealsock.Config{OnHandshakeError: func(peer net.Addr, err error) {
		w.logger.Debug("handshake", zap.Stringer("remote", peer), zap.Error(err))
	}}
	var sources identity.Sources
	for _, f := range w.Certificates {
		files, err := identity.Watch(f.Certificate, f.Key)
		if err != nil {
			return nil, err
		}
		sources = append(sources, files)
	}
	cfg.Source = sources
	if w.ClientCA != "" {
		roots := new(trust.Roots)
		if _, err := roots.AddFile(w.ClientCA); err != nil {
			return nil, err
		}
		cfg.Trust, cfg.ClientAuth = &trust.Policy{Roots: roots}, sealsock.RequireClientCert
	}
	cfg.MinVersion = iana.TLS12
	if w.MinVersion != "" {
		if cfg.MinVersion, _ = iana.ParseVersion(w.MinVersion); cfg.MinVersion < iana.TLS12 {
			return nil, fmt.Errorf("sealsock: min_version %q is neither TLS 1.2 nor TLS 1.3", w.MinVersion)
		}
	}
	return cfg, w.protocols(cfg)
}

// protocols sets those of ALPN.
func (w *Wrapper) protocols(cfg *sealsock.Config) error {
	if cfg.ALPN = w.Protocols; len(cfg.ALPN) == 0 {
		cfg.ALPN = []string{"h2", "http/1.1"}
	}
	for _, p := range cfg.ALPN {
		if p != "h2" && p != "http/1.1" {
			return fmt.Errorf("sealsock: the servers of Caddy do not speak %q", p)
		}
	}
	return nil
}

// WrapListener returns a listener whose connections are encrypted.
func (w *Wrapper) WrapListener(inner net.Listener) net.Listener {
	if w == nil || w.cfg == nil {
		return refusing{inner, errors.New("sealsock: the wrapper was not provisioned")}
	}
	l, err := sealsock.NewListener(inner, w.cfg)
	if err != nil {
		return refusing{inner, err}
	}
	return l
}

// A refusing listener accepts nothing, so that nothing is served in plaintext.
type refusing struct {
	net.Listener
	err error
}

// Accept returns the error.
func (r refusing) Accept() (net.Conn, error) { return nil, r.err }

// UnmarshalCaddyfile reads the options of the wrapper:
//
//	sealsock {
//		certificate <file> <key file>
//		client_ca <file>
//		min_version <version>
//		protocols <names...>
//	}
//
// certificate may be repeated.
func (w *Wrapper) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	if d.NextArg() {
		return d.ArgErr()
	}
	for d.NextBlock(0) {
		name, args := d.Val(), d.RemainingArgs()
		switch {
		case name == "certificate" && len(args) == 2:
			w.Certificates = append(w.Certificates, Files{args[0], args[1]})
		case name == "client_ca" && len(args) == 1:
			w.ClientCA = args[0]
		case name == "min_version" && len(args) == 1:
			w.MinVersion = args[0]
		case name == "protocols" && len(args) > 0:
			w.Protocols = args
		default:
			return d.Errf("unknown option, or a wrong number of arguments: %s", name)
		}
	}
	return nil
}
