package wire

import "github.com/sealsock/sealsock/iana"

//	struct {
//	    opaque cert_data<1..2^24-1>;        // or ASN1_subjectPublicKeyInfo
//	    Extension extensions<0..2^16-1>;
//	} CertificateEntry;
//	struct {
//	    opaque certificate_request_context<0..2^8-1>;
//	    CertificateEntry certificate_list<0..2^24-1>;
//	} Certificate;

// ParseCertificate parses the body of a Certificate of TLS 1.3.
func ParseCertificate(body []byte) (*Certificate, error) {
	m := new(Certificate)
	return orNone(m, m.Parse(body))
}

// Parse parses the body of a Certificate of TLS 1.3 into m, which is zero but for the memory of
// Entries: it has no elements, and if its capacity suffices, those of the message.
func (m *Certificate) Parse(body []byte) error {
	p := parse(iana.HandshakeCertificate, body)
	m.Context = p.vector8("certificate_request_context", 0, 255)
	list := p.within(p.vector24("certificate_list", 0))
	if n := count(list.Reader, 3, 2); m.Entries == nil || n > cap(m.Entries) {
		m.Entries = make([]CertificateEntry, 0, n)
	}
	for !list.Empty() {
		m.Entries = append(m.Entries, CertificateEntry{Data: list.vector24("cert_data", 1)})
		e := &m.Entries[len(m.Entries)-1]
		e.Present, e.Unknown = certificateEntryTable.parse(e, &list)
	}
	p.merge(&list)
	return p.end()
}

// AppendTo appends the whole message to b, each entry's Unknown last.
func (m *Certificate) AppendTo(b []byte) ([]byte, error) {
	w, mark := begin(b, iana.HandshakeCertificate)
	w.AddVector(1, m.Context)
	list := w.Begin(3)
	for i := range m.Entries {
		e := &m.Entries[i]
		w.AddVector(3, e.Data)
		certificateEntryTable.append(e, &w, e.Unknown)
	}
	w.End(list)
	return end(&w, mark, iana.HandshakeCertificate)
}

// certificateEntryTable lists the extensions of a CertificateEntry.
// ParseDelegatedCredential parses the content of delegated_credential.
var certificateEntryTable = table[CertificateEntry]{
	field(iana.ExtStatusRequest, func(e *CertificateEntry) *[]byte { return &e.OCSPResponse },
		(*parser).status, addStatus),
	field(iana.ExtSCT, func(e *CertificateEntry) *[][]byte { return &e.SCTs },
		(*parser).sctList, addBlobs16),
	field(iana.ExtDelegatedCredential,
		func(e *CertificateEntry) *[]byte { return &e.DelegatedCredential },
		(*parser).rest, addBytes),
}
