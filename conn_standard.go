package sealsock

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"reflect"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/stream"
	"github.com/sealsock/sealsock/trust"
)

// ConnectionState describes the connection in the standard library's type, so
// that net/http and others show it. Its ExportKeyingMaterial is Export.
func (c *Conn) ConnectionState() tls.ConnectionState {
	s := c.State()
	state := tls.ConnectionState{
		Version:                     uint16(s.Version),
		HandshakeComplete:           s.HandshakeDone,
		DidResume:                   s.Resumed,
		CipherSuite:                 uint16(s.CipherSuite),
		CurveID:                     tls.CurveID(s.Group),
		NegotiatedProtocol:          s.ALPN,
		ServerName:                  s.ServerName,
		SignedCertificateTimestamps: s.PeerSCTs,
		OCSPResponse:                s.PeerOCSP,
		HelloRetryRequest:           s.Retried,
		ECHAccepted:                 s.ECHAccepted,
	}
	state.NegotiatedProtocolIsMutual = true //lint:ignore SA1019 crypto/tls sets it too
	if s.Version == iana.TLS12 {            // TLS 1.3 has none
		if unique, err := s.Unique(); err == nil {
			state.TLSUnique = unique
		}
	}
	if p := c.Peer(); p != nil {
		state.PeerCertificates = p.Certificates
		state.VerifiedChains = p.Chains
	}
	setExporter(&state, c.Export)
	return state
}

// setExporter sets what the method ExportKeyingMaterial of a tls.ConnectionState calls.
// Package crypto/tls has no exported way to do that, and without it the method would
// panic. TestConnectionStateExports fails if the field is not there any more.
func setExporter(s *tls.ConnectionState, export exportFunc) {
	f := reflect.ValueOf(s).Elem().FieldByName("ekm")
	if f.IsValid() && f.Type() == reflect.TypeFor[exportFunc]() {
		*(*exportFunc)(f.Addr().UnsafePointer()) = export
	}
}

type exportFunc = func(label string, context []byte, length int) ([]byte, error)

// OCSPResponse returns the OCSP response that the server stapled, or nil.
func (c *Conn) OCSPResponse() []byte { return c.State().PeerOCSP }

// VerifyHostname returns an error unless c is a client's connection whose server has
// proved a certificate for host. Dial, and Client with Config.ServerName, have verified
// their name already.
func (c *Conn) VerifyHostname(host string) error {
	if !c.below().Made() {
		return stream.ErrNotMade
	}
	p := c.Peer()
	switch {
	case c.to == nil:
		return noHostname("it is a method for the client's side")
	case p == nil || !c.HandshakeDone():
		return noHostname("the handshake is not complete")
	case p.Leaf == nil:
		return noHostname("the server showed a raw public key, which has no name")
	}
	return trust.MatchName(p.Leaf, host)
}

func noHostname(why string) error {
	return &engine.Error{Fault: engine.FaultUsage, Reason: "no host name can be verified: " + why}
}

// An unverified is the error of a Verifier, with its counterpart in package crypto/tls.
type unverified struct {
	error
	chain [][]byte
}

// Unwrap returns the error of the Verifier.
func (u *unverified) Unwrap() error { return u.error }

// As finds the counterpart.
func (u *unverified) As(target any) bool {
	to, ok := target.(**tls.CertificateVerificationError)
	if !ok {
		return false
	}
	*to = &tls.CertificateVerificationError{Err: u.error, UnverifiedCertificates: u.certificates()}
	return true
}

// certificates returns those of the chain that can be parsed.
func (u *unverified) certificates() (certs []*x509.Certificate) {
	var own *trust.Error
	if errors.As(u.error, &own) && own != nil && own.Received != nil {
		return own.Received
	}
	for _, der := range u.chain {
		if cert, err := x509.ParseCertificate(der); err == nil {
			certs = append(certs, cert)
		}
	}
	return certs
}
