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
	m.Present, m.Unknown = p.extensions(m.parseExtension)
	if err := p.end(); err != nil {
		return nil, err
	}
	return m, nil
}

// AppendTo appends the whole message to b, Unknown last.
func (m *CertificateRequest) AppendTo(b []byte) ([]byte, error) {
	w, mark := begin(b, iana.HandshakeCertificateRequest)
	w.AddVector8(m.Context)
	addExtensions(&w, certificateRequestOrder, m.addExtension, m.Unknown)
	return end(&w, mark, iana.HandshakeCertificateRequest)
}

var certificateRequestOrder = []iana.ExtensionType{
	iana.ExtSignatureAlgorithms,
	iana.ExtSignatureAlgorithmsCert,
	iana.ExtDelegatedCredential,
	iana.ExtStatusRequest,
	iana.ExtSCT,
	iana.ExtCompressCertificate,
	iana.ExtCertificateAuthorities,
	iana.ExtOIDFilters,
}

func (m *CertificateRequest) parseExtension(x *parser, typ iana.ExtensionType) bool {
	switch typ {
	case iana.ExtSignatureAlgorithms:
		m.SignatureAlgorithms = numbers16[iana.SignatureScheme](x)
	case iana.ExtSignatureAlgorithmsCert:
		m.SignatureAlgsCert = numbers16[iana.SignatureScheme](x)
	case iana.ExtDelegatedCredential:
		m.DelegatedCredential = numbers16[iana.SignatureScheme](x)
	case iana.ExtStatusRequest:
		// RFC 9846, Section 4.4.2.1: empty here. The form that ClientHello has
		// asks for the same thing and is read as well.
		m.StatusRequest = x.Empty() || x.statusRequest()
	case iana.ExtSCT:
		m.SCT = true
	case iana.ExtCompressCertificate:
		m.CompressCertificate = x.compressions()
	case iana.ExtCertificateAuthorities:
		m.CertAuthorities = x.authorities()
	case iana.ExtOIDFilters:
		m.OIDFilters = []Extension{{typ, x.oidFilters()}}
	default:
		return false
	}
	return true
}

func (m *CertificateRequest) addExtension(b *codec.Builder, typ iana.ExtensionType) bool {
	switch typ {
	case iana.ExtSignatureAlgorithms:
		return addNumbers16(b, m.SignatureAlgorithms)
	case iana.ExtSignatureAlgorithmsCert:
		return addNumbers16(b, m.SignatureAlgsCert)
	case iana.ExtDelegatedCredential:
		return addNumbers16(b, m.DelegatedCredential)
	case iana.ExtStatusRequest:
		return m.StatusRequest
	case iana.ExtSCT:
		return m.SCT
	case iana.ExtCompressCertificate:
		return addNumbers16Short(b, m.CompressCertificate)
	case iana.ExtCertificateAuthorities:
		return addBlobs16(b, m.CertAuthorities)
	case iana.ExtOIDFilters:
		for _, one := range m.OIDFilters {
			b.AddBytes(one.Data)
		}
		return len(m.OIDFilters) > 0
	}
	return false
}

// oidFilters checks oid_filters and returns it as it is. RFC 9846, Section 4.2.5.
//
//	struct {
//	    opaque certificate_extension_oid<1..2^8-1>;
//	    opaque certificate_extension_values<0..2^16-1>;
//	} OIDFilter;
//	struct { OIDFilter filters<0..2^16-1>; } OIDFilterExtension;
func (p *parser) oidFilters() []byte {
	whole := *p
	filters := p.within(p.vector16("filters", 0))
	for !filters.Empty() {
		filters.vector8("certificate_extension_oid", 1, 255)
		filters.vector16("certificate_extension_values", 0)
	}
	p.merge(&filters)
	return whole.Rest()
}
