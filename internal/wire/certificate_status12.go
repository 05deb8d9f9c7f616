package wire

import "github.com/sealsock/sealsock/iana"

//	struct {
//	    CertificateStatusType status_type;  // ocsp(1)
//	    opaque OCSPResponse<1..2^24-1>;
//	} CertificateStatus;

// ParseCertificateStatus12 parses the body of a CertificateStatus.
func ParseCertificateStatus12(body []byte) (*CertificateStatus12, error) {
	p := parse(iana.HandshakeCertificateStatus, body)
	m := &CertificateStatus12{Response: p.status()}
	return parsed(m, &p)
}

// AppendTo appends the whole message to b.
func (m *CertificateStatus12) AppendTo(b []byte) ([]byte, error) {
	w, mark := begin(b, iana.HandshakeCertificateStatus)
	addStatus(&w, m.Response)
	return end(&w, mark, iana.HandshakeCertificateStatus)
}
