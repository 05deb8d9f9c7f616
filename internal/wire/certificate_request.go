package wire

import (
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/codec"
)

//	struct {
//	    opaque certificate_request_context<0..2^8-1>;
//	    Extension extensions<0..2^16-1>;
//	} CertificateRequest;

// ParseCertificateRequest parses the body of a CertificateRequest of TLS 1.3.
func ParseCertificateRequest(body []byte) (*CertificateRequest, error) {
	m, p := new(CertificateRequest), parse(iana.HandshakeCertificateRequest, body)
	m.Context = p.vector8("certificate_request_context", 0, 255)
	m.Present, m.Unknown = certificateRequestTable.parse(m, &p)
	return parsed(m, &p)
}

// AppendTo appends the whole message to b, Unknown last.
func (m *CertificateRequest) AppendTo(b []byte) ([]byte, error) {
	w, mark := begin(b, iana.HandshakeCertificateRequest)
	w.AddVector(1, m.Context)
	certificateRequestTable.append(m, &w, m.Unknown)
	return end(&w, mark, iana.HandshakeCertificateRequest)
}

// certificateRequestTable lists the extensions of a CertificateRequest.
var certificateRequestTable = table[CertificateRequest]{
	field(iana.ExtSignatureAlgorithms,
		func(m *CertificateRequest) *[]iana.SignatureScheme { return &m.SignatureAlgorithms },
		numbers16[iana.SignatureScheme], addNumbers16),
	field(iana.ExtSignatureAlgorithmsCert,
		func(m *CertificateRequest) *[]iana.SignatureScheme { return &m.SignatureAlgsCert },
		numbers16[iana.SignatureScheme], addNumbers16),
	field(iana.ExtDelegatedCredential,
		func(m *CertificateRequest) *[]iana.SignatureScheme { return &m.DelegatedCredential },
		numbers16[iana.SignatureScheme], addNumbers16),
	field(iana.ExtStatusRequest, func(m *CertificateRequest) *bool { return &m.StatusRequest },
		(*parser).statusRequestIn13, addFlag),
	flag(iana.ExtSCT, func(m *CertificateRequest) *bool { return &m.SCT }),
	field(iana.ExtCompressCertificate,
		func(m *CertificateRequest) *[]iana.CertificateCompression { return &m.CompressCertificate },
		(*parser).compressions, addNumbers16Short),
	field(iana.ExtCertificateAuthorities,
		func(m *CertificateRequest) *[][]byte { return &m.CertAuthorities },
		(*parser).authorities, addBlobs16),
	field(iana.ExtOIDFilters, func(m *CertificateRequest) *[]Extension { return &m.OIDFilters },
		(*parser).oidFilters, addOIDFilters),
}

// statusRequestIn13 is status_request in CertificateRequest: empty, by RFC 9846,
// Section 4.4.2.1. The content that ClientHello has asks for the same thing and is read as
// well.
func (p *parser) statusRequestIn13() bool { return p.Empty() || p.statusRequest() }

func addFlag(_ *codec.Builder, present bool) bool { return present }

// oidFilters checks oid_filters and returns it unchanged. RFC 9846, Section 4.2.5.
//
//	struct {
//	    opaque certificate_extension_oid<1..2^8-1>;
//	    opaque certificate_extension_values<0..2^16-1>;
//	} OIDFilter;
//	struct { OIDFilter filters<0..2^16-1>; } OIDFilterExtension;
func (p *parser) oidFilters() []Extension {
	whole := *p
	filters := p.within(p.vector16("filters", 0))
	for !filters.Empty() {
		filters.vector8("certificate_extension_oid", 1, 255)
		filters.vector16("certificate_extension_values", 0)
	}
	p.merge(&filters)
	return []Extension{{p.ext, whole.Rest()}}
}

func addOIDFilters(b *codec.Builder, list []Extension) bool {
	for _, one := range list {
		b.AddBytes(one.Data)
	}
	return len(list) > 0
}
