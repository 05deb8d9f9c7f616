package iana

// ContentType is the type of a record. RFC 9846, Section 5.1.
type ContentType uint8

// The content types of TLS and DTLS.
const (
	ContentInvalid          ContentType = 0
	ContentChangeCipherSpec ContentType = 20
	ContentAlert            ContentType = 21
	ContentHandshake        ContentType = 22
	ContentApplicationData  ContentType = 23
	ContentTLS12CID         ContentType = 25 // DTLS 1.2, RFC 9146
	ContentACK              ContentType = 26 // DTLS 1.3
	ContentRRC              ContentType = 27 // return_routability_check, RFC 9853
)

var contentTypes = registry[ContentType]{"content type", []name[ContentType]{
	{ContentInvalid, "invalid", ""},
	{ContentChangeCipherSpec, "change_cipher_spec", ""},
	{ContentAlert, "alert", ""},
	{ContentHandshake, "handshake", ""},
	{ContentApplicationData, "application_data", ""},
	{24, "heartbeat", ""},
	{ContentTLS12CID, "tls12_cid", ""},
	{ContentACK, "ack", ""},
	{ContentRRC, "return_routability_check", "rrc"},
}}

// String returns the registry's name, such as "application_data".
func (c ContentType) String() string { return contentTypes.text(c) }

// ParseContentType accepts the registry's names. The error lists them.
func ParseContentType(text string) (ContentType, error) { return contentTypes.parse(text) }

// PSKMode is a PskKeyExchangeMode. RFC 9846, Section 4.2.9.
type PSKMode uint8

// The modes use a pre-shared key alone, or together with an ephemeral key
// agreement, which provides forward secrecy.
const (
	PSKKE    PSKMode = 0
	PSKDHEKE PSKMode = 1
)

var pskModes = registry[PSKMode]{"PSK mode", []name[PSKMode]{
	{PSKDHEKE, "psk_dhe_ke", ""},
	{PSKKE, "psk_ke", ""},
}}

// String returns "psk_ke" or "psk_dhe_ke".
func (m PSKMode) String() string { return pskModes.text(m) }

// ParsePSKMode accepts the registry's names. The error lists them.
func ParsePSKMode(text string) (PSKMode, error) { return pskModes.parse(text) }

// CertificateType is the form in which a public key is sent. RFC 7250, Section
// 3.
type CertificateType uint8

// A certificate, or a bare SubjectPublicKeyInfo.
const (
	CertTypeX509         CertificateType = 0
	CertTypeRawPublicKey CertificateType = 2
)

var certificateTypes = registry[CertificateType]{"certificate type", []name[CertificateType]{
	{CertTypeX509, "X509", "X.509"},
	{CertTypeRawPublicKey, "RawPublicKey", "raw_public_key rpk"},
	{1, "OpenPGP", ""},
	{3, "1609Dot2", ""},
}}

// String returns "X509" or "RawPublicKey".
func (c CertificateType) String() string { return certificateTypes.text(c) }

// ParseCertificateType accepts the registry's names. The error lists them.
func ParseCertificateType(text string) (CertificateType, error) {
	return certificateTypes.parse(text)
}

// CertificateCompression is a compression algorithm. RFC 8879, Section 7.3.
type CertificateCompression uint16

// The algorithms of RFC 8879.
const (
	CompressionZlib   CertificateCompression = 1
	CompressionBrotli CertificateCompression = 2
	CompressionZstd   CertificateCompression = 3
)

var compressions = registry[CertificateCompression]{"certificate compression", []name[CertificateCompression]{
	{CompressionZlib, "zlib", ""},
	{CompressionBrotli, "brotli", ""},
	{CompressionZstd, "zstd", ""},
}}

// String returns "zlib", "brotli" or "zstd".
func (c CertificateCompression) String() string { return compressions.text(c) }

// ParseCertificateCompression accepts the registry's names. The error lists
// them.
func ParseCertificateCompression(text string) (CertificateCompression, error) {
	return compressions.parse(text)
}
