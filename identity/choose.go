package identity

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/mldsa"
	"crypto/rsa"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/pss"
)

// Source gives an identity, which may change from time to time. *Identity and
// *Reloader are sources.
type Source interface {
	Identity() *Identity
}

// Identity returns id, which makes it a Source that never changes.
func (id *Identity) Identity() *Identity { return id }

// Choose returns the identity that suits a peer best: the first whose key can
// sign in one of the schemes the peer takes and whose certificate has the
// server name; else, since a peer that asks for another name reports that
// better than an error here, the first whose key suits; nil if none does. An empty
// name and nil schemes suit everything. A client's identities are chosen the
// same way, with an empty name.
func Choose(sources []Source, serverName string, schemes []iana.SignatureScheme) *Identity {
	var fallback *Identity
	for _, s := range sources {
		id := s.Identity()
		if id == nil || !id.Signs(schemes) {
			continue
		}
		if serverName == "" || id.Leaf != nil && id.Leaf.VerifyHostname(serverName) == nil {
			return id
		}
		if fallback == nil {
			fallback = id
		}
	}
	return fallback
}

// Signs reports whether the key can sign in one of the schemes; nil means any.
func (id *Identity) Signs(schemes []iana.SignatureScheme) bool {
	if schemes == nil {
		return true
	}
	if id == nil || id.Signer == nil {
		return false
	}
	for _, scheme := range schemes {
		if signs(id.Signer.Public(), scheme) {
			return true
		}
	}
	return false
}

// signs pairs keys and schemes (RFC 9846, Section 4.2.3). TLS 1.2 lets an ECDSA
// key on any curve sign with any hash; the pairs of TLS 1.3 are among those.
func signs(key any, scheme iana.SignatureScheme) bool {
	switch key := key.(type) {
	case *rsa.PublicKey:
		switch scheme {
		case iana.RSAPSSRSAEWithSHA256, iana.RSAPSSRSAEWithSHA384, iana.RSAPSSRSAEWithSHA512,
			iana.RSAPKCS1WithSHA256, iana.RSAPKCS1WithSHA384, iana.RSAPKCS1WithSHA512:
			return true
		}
	case pss.PublicKey:
		return scheme == iana.RSAPSSPSSWithSHA256 || scheme == iana.RSAPSSPSSWithSHA384 || scheme == iana.RSAPSSPSSWithSHA512
	case *ecdsa.PublicKey:
		switch key.Curve {
		case elliptic.P256():
			return scheme == iana.ECDSAWithP256AndSHA256
		case elliptic.P384():
			return scheme == iana.ECDSAWithP384AndSHA384
		case elliptic.P521():
			return scheme == iana.ECDSAWithP521AndSHA512
		}
	case ed25519.PublicKey:
		return scheme == iana.Ed25519
	case *mldsa.PublicKey:
		return mldsaSchemes[key.Parameters()] == scheme
	}
	return false
}

// mldsaSchemes has the scheme of each parameter set.
var mldsaSchemes = map[mldsa.Parameters]iana.SignatureScheme{
	mldsa.MLDSA44(): iana.MLDSA44, mldsa.MLDSA65(): iana.MLDSA65, mldsa.MLDSA87(): iana.MLDSA87,
}
