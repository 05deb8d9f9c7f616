package sealsock

import (
	"crypto"
	"crypto/x509"
	"fmt"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/internal/stream"
)

// ServerEndPoint returns the channel binding tls-server-end-point: the hash of
// the server's certificate, which is the same on both sides and on every
// connection with that certificate. RFC 5929, Section 4. It works once the
// handshake is done, where a certificate was shown; a server that resumes a
// session shows none. For a binding to the one connection take Export, with the
// label EXPORTER-Channel-Binding, no context and 32 bytes (RFC 9266).
func (c *Conn) ServerEndPoint() ([]byte, error) {
	if !c.below().Made() {
		return nil, stream.ErrNotMade
	}
	s := c.State()
	chain := s.PeerChain
	if c.to == nil {
		chain = s.OwnChain
	}
	switch {
	case !s.HandshakeDone:
		return nil, noEndPoint("the handshake is not complete")
	case len(chain) == 0:
		return nil, noEndPoint("the server sent no certificate")
	}
	leaf, err := x509.ParseCertificate(chain[0])
	if err != nil {
		return nil, noEndPoint("the server's certificate is malformed")
	}
	hash, ok := endPointHashes[leaf.SignatureAlgorithm]
	if !ok {
		return nil, noEndPoint(fmt.Sprintf("it is not defined for a certificate signed with %v", leaf.SignatureAlgorithm))
	}
	h := hash.New()
	h.Write(leaf.Raw)
	return h.Sum(nil), nil
}

// endPointHashes is by the signature in the certificate. RFC 5929, Section 4.1:
// SHA-256 stands in for MD5 and SHA-1, and signatures without one hash of their
// own, such as Ed25519 and ML-DSA, have no such binding.
var endPointHashes = map[x509.SignatureAlgorithm]crypto.Hash{
	x509.MD5WithRSA: crypto.SHA256, x509.SHA1WithRSA: crypto.SHA256, x509.ECDSAWithSHA1: crypto.SHA256,
	x509.SHA256WithRSA: crypto.SHA256, x509.SHA256WithRSAPSS: crypto.SHA256, x509.ECDSAWithSHA256: crypto.SHA256,
	x509.SHA384WithRSA: crypto.SHA384, x509.SHA384WithRSAPSS: crypto.SHA384, x509.ECDSAWithSHA384: crypto.SHA384,
	x509.SHA512WithRSA: crypto.SHA512, x509.SHA512WithRSAPSS: crypto.SHA512, x509.ECDSAWithSHA512: crypto.SHA512,
}

func noEndPoint(why string) error {
	return &engine.Error{
		Fault: engine.FaultUsage, Reason: "tls-server-end-point is not available: " + why,
		Hint: "use tls-exporter: Export(\"EXPORTER-Channel-Binding\", nil, 32)",
	}
}
