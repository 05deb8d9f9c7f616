package wire

import "github.com/sealsock/sealsock/iana"

//	struct {
//	    ClientCertificateType certificate_types<1..2^8-1>;
//	    SignatureAndHashAlgorithm supported_signature_algorithms<2..2^16-2>;
//	    DistinguishedName certificate_authorities<0..2^16-1>;
//	} CertificateRequest;

// ParseCertificateRequest12 parses the body of a CertificateRequest of TLS 1.2.
func ParseCertificateRequest12(body []byte) (*CertificateRequest12, error) {
	m, p := new(CertificateRequest12), parse(iana.HandshakeCertificateRequest, body)
	m.CertificateTypes = p.vector8("certificate_types", 1, 255)
	m.SignatureAlgorithms = list16[iana.SignatureScheme](&p, "supported_signature_algorithms", p.vector16("supported_signature_algorithms", 2))
	m.CertAuthorities = p.blobs("certificate_authorities", p.vector16("certificate_authorities", 0), 2)
	return parsed(m, &p)
}

// AppendTo appends the whole message to b.
func (m *CertificateRequest12) AppendTo(b []byte) ([]byte, error) {
	w, mark := begin(b, iana.HandshakeCertificateRequest)
	w.AddVector(1, m.CertificateTypes)
	addNumbers16(&w, m.SignatureAlgorithms)
	addBlobs16(&w, m.CertAuthorities)
	return end(&w, mark, iana.HandshakeCertificateRequest)
}
