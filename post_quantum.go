package sealsock

import (
	"crypto"
	"crypto/mldsa"
	"crypto/x509"
	"fmt"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/trust"
)

// A PostQuantum tells which parts of a connection resist an attacker with a quantum computer.
type PostQuantum struct {
	// KeyExchange is true if such an attacker cannot decrypt a recording of the connection:
	// the keys come from ML-KEM, or from an external pre-shared key, if that has enough
	// entropy. It is false for a session that is resumed without ML-KEM, whatever the
	// session began with.
	KeyExchange bool `json:"key_exchange"`
	// Authentication is true if such an attacker cannot pretend to be the peer, nor this
	// side: each of the two that showed a certificate or a raw key signed with ML-DSA, as
	// did all authorities of the verified chain, or the peer has the external pre-shared key.
	Authentication bool `json:"authentication"`
	// ToChange has a sentence, without a full stop, for each reason of a false value.
	ToChange []string `json:"to_change,omitempty"`
}

// PostQuantum tells which parts of the connection resist an attacker with a quantum computer,
// and what would change the answer. Like State, it is complete once the handshake is done.
func (c *Conn) PostQuantum() PostQuantum {
	if !c.HandshakeDone() {
		return PostQuantum{}
	}
	return postQuantum(c.State(), c.Peer())
}

func postQuantum(s engine.State, peer *trust.Result) PostQuantum {
	p := PostQuantum{KeyExchange: true, Authentication: true}
	shared := len(s.PSKIdentity) > 0
	switch {
	case shared, hasMLKEM(s.Group):
	case s.Version < iana.TLS13:
		p.lacksKeyExchange("use TLS 1.3 on both sides: TLS 1.2 has no ML-KEM")
	default:
		p.lacksKeyExchange("offer and accept a group with ML-KEM, such as X25519MLKEM768, on both sides")
	}
	if shared {
		return p
	}
	if peer == nil && len(s.OwnChain) == 0 && s.OwnScheme == 0 {
		p.lacksProof("have the peer prove itself with a certificate of ML-DSA")
	}
	if peer != nil {
		p.peer(s.PeerScheme, peer)
	}
	if len(s.OwnChain) > 0 || s.OwnScheme != 0 {
		p.own(s)
	}
	return p
}

func (p *PostQuantum) lacksKeyExchange(change string) {
	p.KeyExchange, p.ToChange = false, append(p.ToChange, change)
}

func (p *PostQuantum) lacksProof(change string) {
	p.Authentication, p.ToChange = false, append(p.ToChange, change)
}

// peer judges the peer's key and the best of its verified chains.
func (p *PostQuantum) peer(scheme iana.SignatureScheme, peer *trust.Result) {
	switch {
	case !isMLDSA(peer.PublicKey):
		p.lacksProof("give the peer a certificate with a key of ML-DSA")
	case scheme != 0 && !hasMLDSA(scheme): // a delegated key
		p.lacksProof(fmt.Sprintf("have the peer sign with ML-DSA instead of %v", scheme))
	}
	var signed *x509.Certificate
	for _, chain := range peer.Chains {
		if signed = classical(chain); signed == nil {
			return
		}
	}
	if signed != nil {
		p.lacksProof(fmt.Sprintf("have the certificate %q, in the peer's chain, signed with ML-DSA "+
			"instead of %v", signed.Subject, signed.SignatureAlgorithm))
	}
}

// own judges what this side showed. What the peer verifies is not known beyond that.
func (p *PostQuantum) own(s engine.State) {
	if s.OwnScheme != 0 && !hasMLDSA(s.OwnScheme) {
		p.lacksProof("use a certificate with a key of ML-DSA on this side")
	}
	var chain []*x509.Certificate
	for _, der := range s.OwnChain {
		if certificate, err := x509.ParseCertificate(der); err == nil {
			chain = append(chain, certificate)
		}
	}
	// Of the last one the issuer is not here, and its signature counts too.
	for _, certificate := range chain {
		if !signedMLDSA(certificate) {
			p.lacksProof(fmt.Sprintf("have this side's certificate %q signed with ML-DSA instead of %v",
				certificate.Subject, certificate.SignatureAlgorithm))
			return
		}
	}
}

// classical returns the first certificate of a verified chain that ML-DSA did not sign, or nil.
// The signature of the root proves nothing, but its key signed the one below.
func classical(chain []*x509.Certificate) *x509.Certificate {
	for _, certificate := range chain[:max(len(chain)-1, 0)] {
		if !signedMLDSA(certificate) {
			return certificate
		}
	}
	return nil
}

func signedMLDSA(c *x509.Certificate) bool {
	switch c.SignatureAlgorithm {
	case x509.MLDSA44, x509.MLDSA65, x509.MLDSA87:
		return true
	}
	return false
}

func isMLDSA(key crypto.PublicKey) bool {
	_, ok := key.(*mldsa.PublicKey)
	return ok
}

func hasMLDSA(id iana.SignatureScheme) bool {
	switch id {
	case iana.MLDSA44, iana.MLDSA65, iana.MLDSA87:
		return true
	}
	return false
}

func hasMLKEM(id iana.NamedGroup) bool {
	switch id {
	case iana.X25519MLKEM768, iana.SecP256r1MLKEM768, iana.SecP384r1MLKEM1024,
		iana.MLKEM512, iana.MLKEM768, iana.MLKEM1024:
		return true
	}
	return false
}
