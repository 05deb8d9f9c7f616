package wire

import (
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/codec"
)

// DelegatedCredential is a short-lived key that a certificate's owner signed.
// RFC 9345, Section 4.
//
//	struct {
//	    uint32 valid_time;
//	    SignatureScheme dc_cert_verify_algorithm;
//	    opaque ASN1_subjectPublicKeyInfo<1..2^24-1>;
//	} Credential;
//	struct {
//	    Credential cred;
//	    SignatureScheme algorithm;
//	    opaque signature<1..2^16-1>;
//	} DelegatedCredential;
type DelegatedCredential struct {
	ValidTime  uint32               // seconds after the certificate's notBefore
	Scheme     iana.SignatureScheme // what CertificateVerify uses
	SPKI       []byte               // SubjectPublicKeyInfo in DER
	Credential []byte               // the three fields above as received; AppendTo ignores it
	Algorithm  iana.SignatureScheme // what Signature uses
	Signature  []byte
}

// ParseDelegatedCredential parses the content of a delegated_credential
// extension in a CertificateEntry. Its slices alias data.
func ParseDelegatedCredential(data []byte) (*DelegatedCredential, error) {
	m, p := new(DelegatedCredential), parse(iana.HandshakeCertificate, data)
	p.ext, p.inExt = iana.ExtDelegatedCredential, true
	before := p
	m.ValidTime = p.uint32("valid_time")
	m.Scheme = iana.SignatureScheme(p.uint16("dc_cert_verify_algorithm"))
	m.SPKI = p.vector24("ASN1_subjectPublicKeyInfo", 1)
	m.Credential, _ = before.Bytes(before.Len() - p.Len())
	m.Algorithm = iana.SignatureScheme(p.uint16("algorithm"))
	m.Signature = p.vector16("signature", 1)
	return parsed(m, &p)
}

// AppendTo appends the extension's content to b.
func (m *DelegatedCredential) AppendTo(b []byte) ([]byte, error) {
	w := codec.NewBuilder(b)
	m.addCredential(&w)
	w.AddUint16(uint16(m.Algorithm))
	w.AddVector(2, m.Signature)
	return w.Bytes()
}

// AppendCredential appends the Credential alone, which is what Signature signs
// beside the certificate and Algorithm.
func (m *DelegatedCredential) AppendCredential(b []byte) ([]byte, error) {
	w := codec.NewBuilder(b)
	m.addCredential(&w)
	return w.Bytes()
}

func (m *DelegatedCredential) addCredential(b *codec.Builder) {
	b.AddUint32(m.ValidTime)
	b.AddUint16(uint16(m.Scheme))
	b.AddVector(3, m.SPKI)
}
