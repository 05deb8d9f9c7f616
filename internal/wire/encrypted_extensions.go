package wire

import "github.com/sealsock/sealsock/iana"

//	struct { Extension extensions<0..2^16-1>; } EncryptedExtensions;

// ParseEncryptedExtensions parses the body of an EncryptedExtensions message.
func ParseEncryptedExtensions(body []byte) (*EncryptedExtensions, error) {
	m := new(EncryptedExtensions)
	return orNone(m, m.Parse(body))
}

// Parse parses the body of an EncryptedExtensions message into m, which is zero.
func (m *EncryptedExtensions) Parse(body []byte) error {
	p := parse(iana.HandshakeEncryptedExtensions, body)
	m.Present, m.Unknown = encryptedExtensionsTable.parse(m, &p)
	return p.end()
}

// AppendTo appends the whole message to b, Unknown last.
func (m *EncryptedExtensions) AppendTo(b []byte) ([]byte, error) {
	w, mark := begin(b, iana.HandshakeEncryptedExtensions)
	encryptedExtensionsTable.append(m, &w, m.Unknown)
	return end(&w, mark, iana.HandshakeEncryptedExtensions)
}

// encryptedExtensionsTable lists the extensions of an EncryptedExtensions message.
var encryptedExtensionsTable = table[EncryptedExtensions]{
	field(iana.ExtSupportedGroups,
		func(m *EncryptedExtensions) *[]iana.NamedGroup { return &m.SupportedGroups },
		numbers16[iana.NamedGroup], addNumbers16),
	field(iana.ExtMaxFragmentLength,
		func(m *EncryptedExtensions) *uint8 { return &m.MaxFragmentLength },
		(*parser).maxFragmentLength, addUint8),
	field(iana.ExtRecordSizeLimit,
		func(m *EncryptedExtensions) *uint16 { return &m.RecordSizeLimit },
		(*parser).recordSizeLimit, addUint16),
	flag(iana.ExtServerName, func(m *EncryptedExtensions) *bool { return &m.ServerNameAck }),
	field(iana.ExtALPN, func(m *EncryptedExtensions) *string { return &m.ALPN },
		(*parser).alpnChoice, addALPNChoice),
	field(iana.ExtClientCertType,
		func(m *EncryptedExtensions) **iana.CertificateType { return &m.ClientCertType },
		(*parser).certType, addCertType),
	field(iana.ExtServerCertType,
		func(m *EncryptedExtensions) **iana.CertificateType { return &m.ServerCertType },
		(*parser).certType, addCertType),
	field(iana.ExtTicketRequest, func(m *EncryptedExtensions) **uint8 { return &m.TicketRequest },
		(*parser).expectedCount, addOptional8),
	field(iana.ExtQUICTransportParameters,
		func(m *EncryptedExtensions) *[]byte { return &m.QUICTransportParameters },
		(*parser).rest, addBytes),
	field(iana.ExtUseSRTP, func(m *EncryptedExtensions) **SRTP { return &m.SRTP },
		(*parser).srtp, addSRTP),
	flag(iana.ExtEarlyData, func(m *EncryptedExtensions) *bool { return &m.EarlyData }),
	field(iana.ExtECH, func(m *EncryptedExtensions) *[]byte { return &m.ECHRetryConfigs },
		(*parser).echRetryConfigs, addBytes),
}
