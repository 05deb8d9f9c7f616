// Package acme obtains certificates from an authority by RFC 8555, such as Let's Encrypt or
// the one of package authority, and renews them in time. It is apart from package identity
// because it links net/http.
package acme

import (
	"context"
	"crypto"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
	"golang.org/x/net/idna"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/identity"
)

// Protocol is the application protocol (ALPN) by which an authority asks
// for proof on the TLS port (RFC 8737). A server that uses ACME must offer it.
const Protocol = acme.ALPNProto

// LetsEncrypt is the directory of the public authority that is asked unless
// another is named.
const LetsEncrypt = acme.LetsEncryptURL

// A Manager obtains certificates from an authority by RFC 8555 and renews them in
// time. The names are proved on the TLS port (TLS-ALPN-01), or on port 80
// (HTTP-01) where HTTPHandler is served. A server has it as Config.Source: the
// client's name and protocols select what to show. Under it
// is golang.org/x/crypto/acme/autocert.
type Manager struct {
	manager *autocert.Manager
	names   []string

	mu    sync.Mutex
	known map[*byte]*identity.Identity // by the leaf's first byte, which each certificate has its own
	asked map[question]*answer         // under way
}

// Options name an authority and what to ask it for.
type Options struct {
	// Names are the DNS names to obtain certificates for; others are refused.
	Names []string
	// Directory is the URL of the authority's directory; empty means
	// LetsEncrypt. A local one is http://HOST:PORT/acme/directory.
	Directory string
	// Email is where the authority may write to; it may be empty.
	Email string
	// CacheDir keeps the account, keys and certificates, with mode 0700. It
	// must be set: an authority limits how often it issues.
	CacheDir string
	// AcceptTerms states that the user accepts the authority's terms of service.
	AcceptTerms bool
	// RenewBefore is how long before its end a certificate is renewed; zero
	// means 30 days, or a third of its life if that is shorter.
	RenewBefore time.Duration
	// HTTPClient reaches the authority; nil means http.DefaultClient. One
	// whose authority has a private root needs its own.
	HTTPClient *http.Client
}

// NewACME returns a source of certificates. It asks the authority for nothing
// yet; Obtain does.
func New(o Options) (*Manager, error) {
	switch {
	case len(o.Names) == 0:
		return nil, errors.New("ACME needs at least one name to obtain a certificate for")
	case o.CacheDir == "":
		return nil, errors.New("ACME needs a folder for its certificates, because authorities limit how often they issue")
	case !o.AcceptTerms:
		return nil, errors.New("the authority's terms of service must be accepted first")
	}
	directory := o.Directory
	if directory == "" {
		directory = LetsEncrypt
	}
	return &Manager{
		names: o.Names,
		known: make(map[*byte]*identity.Identity),
		asked: make(map[question]*answer),
		manager: &autocert.Manager{
			Prompt:      autocert.AcceptTOS,
			Cache:       autocert.DirCache(o.CacheDir),
			HostPolicy:  autocert.HostWhitelist(o.Names...),
			RenewBefore: o.RenewBefore,
			Email:       o.Email,
			Client:      &acme.Client{DirectoryURL: directory, HTTPClient: o.HTTPClient, UserAgent: "sealsock"},
		},
	}, nil
}

var errNotACME = fmt.Errorf("this Manager is nil or a zero value: use New: %w", os.ErrInvalid)

// Obtain gets a certificate for every name that has none, which takes seconds
// and needs the proofs to be answered meanwhile: by a server that asks Identity,
// or by HTTPHandler.
func (m *Manager) Obtain(ctx context.Context) error {
	if m == nil || m.manager == nil {
		return errNotACME
	}
	for _, name := range m.names {
		if _, err := m.Identity(ctx, name, nil, nil); err != nil {
			return fmt.Errorf("no certificate for %s: %w", name, err)
		}
	}
	return nil
}

// Identity returns the identity for a client that asks for a server name: a
// certificate, obtained now if there is none, or the proof that an authority
// asks for, if protocols (the client's ALPN) is Protocol alone.
func (m *Manager) Identity(ctx context.Context, serverName string, protocols []string, schemes []iana.SignatureScheme) (*identity.Identity, error) {
	if m == nil || m.manager == nil {
		return nil, errNotACME
	}
	hello := &tls.ClientHelloInfo{
		ServerName:      serverName,
		SupportedProtos: protocols,
		CipherSuites:    []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}, // a client that knows ECDSA
	}
	for _, s := range schemes {
		hello.SignatureSchemes = append(hello.SignatureSchemes, tls.SignatureScheme(s))
	}
	a, err := m.ask(hello)
	if err != nil {
		return nil, err
	}
	select {
	case <-a.done:
		if a.err != nil {
			return nil, a.err
		}
		return m.convert(a.cert)
	case <-ctx.Done():
		return nil, context.Cause(ctx) // the order continues, for the next client
	}
}

// A question is what the certificate for a client depends on.
type question struct {
	name         string
	proof, ecdsa bool
}

// An answer is a certificate, once done is closed.
type answer struct {
	done chan struct{}
	cert *tls.Certificate
	err  error
}

// ask returns the answer to come of a question. One call of autocert is under way for each: it may
// wait minutes for an authority, longer than the clients do.
func (m *Manager) ask(hello *tls.ClientHelloInfo) (*answer, error) {
	// As autocert does it: names that it takes for one have one order.
	name, err := idna.Lookup.ToASCII(hello.ServerName)
	if err != nil {
		return nil, errors.New("the server name has a character that is not allowed")
	}
	q := question{
		name:  name,
		proof: len(hello.SupportedProtos) == 1 && hello.SupportedProtos[0] == Protocol,
		ecdsa: hello.SignatureSchemes == nil || slices.ContainsFunc(hello.SignatureSchemes, isECDSA),
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	a := m.asked[q]
	if a == nil {
		a = &answer{done: make(chan struct{})}
		m.asked[q] = a
		go func() {
			a.cert, a.err = m.get(hello)
			m.mu.Lock()
			delete(m.asked, q)
			m.mu.Unlock()
			close(a.done)
		}()
	}
	return a, nil
}

// get asks autocert. A panic in it, such as one of Options.HTTPClient, is an error: it must not end
// the process.
func (m *Manager) get(hello *tls.ClientHelloInfo) (cert *tls.Certificate, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("the request of a certificate panicked: %v", v)
		}
	}()
	return m.manager.GetCertificate(hello)
}

// isECDSA reports whether autocert takes a client with a scheme for one that knows ECDSA.
func isECDSA(s tls.SignatureScheme) bool {
	switch s {
	case tls.ECDSAWithSHA1, tls.ECDSAWithP256AndSHA256, tls.ECDSAWithP384AndSHA384,
		tls.ECDSAWithP521AndSHA512:
		return true
	}
	return false
}

// HTTPHandler answers proofs on port 80, or on a port that a router leads port
// 80 to, and passes other requests to fallback; nil redirects them to HTTPS.
// Once it was called, HTTP-01 is tried where TLS-ALPN-01 fails.
func (m *Manager) HTTPHandler(fallback http.Handler) http.Handler {
	if m == nil || m.manager == nil {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, errNotACME.Error(), http.StatusInternalServerError)
		})
	}
	inner := m.manager.HTTPHandler(fallback)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if host, _, err := net.SplitHostPort(r.Host); err == nil {
			r = r.Clone(r.Context())
			r.Host = host // the list of names has no ports
		}
		inner.ServeHTTP(w, r)
	})
}

// maxKnown bounds the identities that are remembered.
const maxKnown = 1024

// convert makes an identity of a certificate, once.
func (m *Manager) convert(cert *tls.Certificate) (*identity.Identity, error) {
	if len(cert.Certificate) == 0 || len(cert.Certificate[0]) == 0 {
		return nil, errors.New("the authority sent no certificate")
	}
	key := &cert.Certificate[0][0]
	m.mu.Lock()
	defer m.mu.Unlock()
	if id := m.known[key]; id != nil {
		return id, nil
	}
	signer, ok := cert.PrivateKey.(crypto.Signer)
	if !ok {
		return nil, errors.New("the certificate's key cannot sign")
	}
	id, err := identity.New(cert.Certificate, signer)
	if err != nil {
		return nil, err
	}
	if len(m.known) >= maxKnown {
		clear(m.known)
	}
	m.known[key] = id
	return id, nil
}

// Select is Identity, which makes a Manager an identity.Selector.
func (m *Manager) Select(ctx context.Context, r *identity.Request) (*identity.Identity, error) {
	if r == nil {
		r = new(identity.Request)
	}
	return m.Identity(ctx, r.ServerName, r.Protocols, r.Schemes)
}

// ProofProtocols returns Protocol alone: what an authority offers if it asks for a proof. A
// server with Config.Source accepts it beside those of Config.ALPN.
func (m *Manager) ProofProtocols() []string { return []string{Protocol} }
