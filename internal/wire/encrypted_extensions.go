package wire

import (
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/codec"
)

//	struct { Extension extensions<0..2^16-1>; } EncryptedExtensions;

// ParseEncryptedExtensions parses the body of an EncryptedExtensions message.
func ParseEncryptedExtensions(body []byte) (*EncryptedExtensions, error) {
	m, p := new(EncryptedExtensions), parse(iana.HandshakeEncryptedExtensions, body)
	m.Present, m.Unknown = p.extensions(m.parseExtension)
	if err := p.end(); err != nil {
		return nil, err
	}
	return m, nil
}

// AppendTo appends the whole message to b, Unknown last.
func (m *EncryptedExtensions) AppendTo(b []byte) ([]byte, error) {
	w, mark := begin(b, iana.HandshakeEncryptedExtensions)
	addExtensions(&w, encryptedExtensionsOrder, m.addExtension, m.Unknown)
	return end(&w, mark, iana.HandshakeEncryptedExtensions)
}

var encryptedExtensionsOrder = []iana.ExtensionType{
	iana.ExtSupportedGroups,
	iana.ExtMaxFragmentLength,
	iana.ExtRecordSizeLimit,
	iana.ExtServerName,
	iana.ExtALPN,
	iana.ExtClientCertType,
	iana.ExtServerCertType,
	iana.ExtTicketRequest,
	iana.ExtEarlyData,
	iana.ExtECH,
}

func (m *EncryptedExtensions) parseExtension(x *parser, typ iana.ExtensionType) bool {
	switch typ {
	case iana.ExtServerName:
		m.ServerNameAck = true
	case iana.ExtSupportedGroups:
		m.SupportedGroups = numbers16[iana.NamedGroup](x)
	case iana.ExtALPN:
		m.ALPN = x.alpnChoice()
	case iana.ExtEarlyData:
		m.EarlyData = true
	case iana.ExtRecordSizeLimit:
		m.RecordSizeLimit = x.recordSizeLimit()
	case iana.ExtMaxFragmentLength:
		m.MaxFragmentLength = x.maxFragmentLength()
	case iana.ExtClientCertType:
		m.ClientCertType = x.certType()
	case iana.ExtServerCertType:
		m.ServerCertType = x.certType()
	case iana.ExtTicketRequest:
		expected := x.uint8("expected_count")
		m.TicketRequest = &expected
	case iana.ExtECH:
		m.ECHRetryConfigs = x.echRetryConfigs()
	default:
		return false
	}
	return true
}

func (m *EncryptedExtensions) addExtension(b *codec.Builder, typ iana.ExtensionType) bool {
	switch typ {
	case iana.ExtServerName:
		return m.ServerNameAck
	case iana.ExtSupportedGroups:
		return addNumbers16(b, m.SupportedGroups)
	case iana.ExtALPN:
		return addALPNChoice(b, m.ALPN)
	case iana.ExtEarlyData:
		return m.EarlyData
	case iana.ExtRecordSizeLimit:
		return addUint16(b, m.RecordSizeLimit)
	case iana.ExtMaxFragmentLength:
		return addUint8(b, m.MaxFragmentLength)
	case iana.ExtClientCertType:
		return addCertType(b, m.ClientCertType)
	case iana.ExtServerCertType:
		return addCertType(b, m.ServerCertType)
	case iana.ExtTicketRequest:
		if m.TicketRequest != nil {
			b.AddUint8(*m.TicketRequest)
		}
		return m.TicketRequest != nil
	case iana.ExtECH:
		return addBytes(b, m.ECHRetryConfigs)
	}
	return false
}
