package wire

import "github.com/sealsock/sealsock/iana"

//	struct {
//	    SignatureScheme algorithm;
//	    opaque signature<0..2^16-1>;
//	} CertificateVerify;

// ParseCertificateVerify parses the body of a CertificateVerify.
func ParseCertificateVerify(body []byte) (*CertificateVerify, error) {
	m := new(CertificateVerify)
	return orNone(m, m.Parse(body))
}

// Parse parses the body of a CertificateVerify into m, which is zero.
func (m *CertificateVerify) Parse(body []byte) error {
	p := parse(iana.HandshakeCertificateVerify, body)
	m.Algorithm = iana.SignatureScheme(p.uint16("algorithm"))
	m.Signature = p.vector16("signature", 0)
	return p.end()
}

// AppendTo appends the whole message to b.
func (m *CertificateVerify) AppendTo(b []byte) ([]byte, error) {
	w, mark := begin(b, iana.HandshakeCertificateVerify)
	w.AddUint16(uint16(m.Algorithm))
	w.AddVector(2, m.Signature)
	return end(&w, mark, iana.HandshakeCertificateVerify)
}
