package wire

import "github.com/sealsock/sealsock/iana"

//	opaque ASN.1Cert<1..2^24-1>;
//	struct { ASN.1Cert certificate_list<0..2^24-1>; } Certificate;

// ParseCertificate12 parses the body of a Certificate of TLS 1.2.
func ParseCertificate12(body []byte) (*Certificate12, error) {
	m, p := new(Certificate12), parse(iana.HandshakeCertificate, body)
	m.Certificates = p.blobs("certificate_list", p.vector24("certificate_list", 0), 3)
	return parsed(m, &p)
}

// AppendTo appends the whole message to b.
func (m *Certificate12) AppendTo(b []byte) ([]byte, error) {
	w, mark := begin(b, iana.HandshakeCertificate)
	list := w.Begin(3)
	for _, cert := range m.Certificates {
		w.AddVector(3, cert)
	}
	w.End(list)
	return end(&w, mark, iana.HandshakeCertificate)
}

// ParseRawKey12 parses the body of a Certificate of TLS 1.2 whose type was
// negotiated to be a raw public key. It returns the SubjectPublicKeyInfo in
// DER, empty if the peer has none to show. RFC 7250, Section 3.
//
//	struct { opaque ASN.1_subjectPublicKeyInfo<1..2^24-1>; } Certificate;
func ParseRawKey12(body []byte) (RawKey12, error) {
	p := parse(iana.HandshakeCertificate, body)
	return parsed(RawKey12(p.vector24("subjectPublicKeyInfo", 0)), &p)
}

// A RawKey12 is a Certificate of TLS 1.2 that holds a raw public key: a
// SubjectPublicKeyInfo in DER.
type RawKey12 []byte

// AppendTo appends the whole message to b.
func (spki RawKey12) AppendTo(b []byte) ([]byte, error) {
	w, mark := begin(b, iana.HandshakeCertificate)
	w.AddVector(3, spki)
	return end(&w, mark, iana.HandshakeCertificate)
}
