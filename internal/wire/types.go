// Package wire holds the handshake messages of TLS 1.2 and 1.3 and their
// extensions: one file a message, parse and append side by side.
//
// Parsing yields typed values and leaves no check for later: lengths, leftover bytes,
// duplicates and forbidden empty values are checked here, so the bytes are not parsed
// again. What a message means, and whether it may come now, is left to the engine.
//
// Every slice of a parsed message aliases the input. The engine hands each
// message over in a buffer that lives as long as the message does.
package wire

import "github.com/sealsock/sealsock/iana"

// An Extension is one extension as it stands on the wire.
type Extension struct {
	Type iana.ExtensionType
	Data []byte
}

// ClientHello is the client's first message.
// RFC 9846, Section 4.1.2; RFC 5246, Section 7.4.1.2.
type ClientHello struct {
	LegacyVersion      iana.Version
	Datagram           bool // it is one of DTLS, and its versions stand for those
	Random             [32]byte
	SessionID          []byte // legacy_session_id, at most 32 bytes
	LegacyCookie       []byte // in DTLS, at most 255 bytes
	CipherSuites       []iana.CipherSuite
	CompressionMethods []byte

	// Present lists the types of the extensions, unknown ones included, in the
	// order received. AppendTo sets it to what it appends.
	Present []iana.ExtensionType

	ServerName           string // "" if absent; without a dot at its end
	StatusRequest        bool   // status_request with status_type ocsp
	SupportedGroups      []iana.NamedGroup
	ECPointFormats       []byte
	SignatureAlgorithms  []iana.SignatureScheme
	SignatureAlgsCert    []iana.SignatureScheme
	ALPN                 []string
	SCT                  bool
	Padding              int // bytes of padding to send, -1 for none; AppendTo adds the extension if > 0
	ExtendedMasterSecret bool
	CompressCertificate  []iana.CertificateCompression
	RecordSizeLimit      uint16 // 0 if absent
	MaxFragmentLength    uint8  // 0 if absent
	DelegatedCredential  []iana.SignatureScheme
	SessionTicket        []byte // non-nil, perhaps empty, if present
	SupportedVersions    []iana.Version
	Cookie               []byte
	PSKModes             []iana.PSKMode
	CertAuthorities      [][]byte
	PostHandshakeAuth    bool
	KeyShares            []KeyShare // non-nil, perhaps empty, if present
	ClientCertTypes      []iana.CertificateType
	ServerCertTypes      []iana.CertificateType
	EarlyData            bool
	TicketRequest        *TicketRequest
	CertWithExternPSK    bool
	// QUICTransportParameters is non-nil, perhaps empty, if present.
	QUICTransportParameters []byte
	RenegotiationInfo       []byte // non-nil, perhaps empty, if present
	ConnectionID            []byte // non-nil, perhaps empty, if present
	RRC                     bool
	SRTP                    *SRTP
	ECH                     *ECHClientHello
	ECHOuterExtensions      []iana.ExtensionType
	PSK                     *OfferedPSKs // always last
	Unknown                 []Extension  // every other extension received; AppendTo writes them before padding and PSK (GREASE)
}

// KeyShare is one KeyShareEntry. RFC 9846, Section 4.2.8.
type KeyShare struct {
	Group iana.NamedGroup
	Data  []byte
}

// TicketRequest is how many tickets a client asks for. RFC 9149, Section 3.
type TicketRequest struct{ NewSession, Resumption uint8 }

// SRTP is use_srtp: the profiles that a client offers, or the one that the server chose.
// RFC 5764, Section 4.1.1.
type SRTP struct {
	Profiles []iana.SRTPProfile
	MKI      []byte // at most 255 bytes
}

// OfferedPSKs is pre_shared_key in ClientHello. RFC 9846, Section 4.2.11.
type OfferedPSKs struct {
	Identities []PSKIdentity
	Binders    [][]byte
}

// PSKIdentity is one offered pre-shared key.
type PSKIdentity struct {
	Identity            []byte
	ObfuscatedTicketAge uint32
}

// ECHClientHello is encrypted_client_hello in ClientHello. RFC 9849, Section 5.
// Inner is true for the empty marker in ClientHelloInner.
type ECHClientHello struct {
	Inner    bool
	KDF      uint16
	AEAD     uint16
	ConfigID uint8
	Enc      []byte
	Payload  []byte
}

// ServerHello is the server's first message, in TLS 1.2 and 1.3, and with
// HelloRetryRequestRandom a HelloRetryRequest. RFC 9846, Section 4.1.3.
type ServerHello struct {
	LegacyVersion iana.Version
	Datagram      bool // as in ClientHello
	Random        [32]byte
	SessionID     []byte
	CipherSuite   iana.CipherSuite
	Compression   uint8

	Present []iana.ExtensionType // in the order received, unknown ones included

	SupportedVersion iana.Version // 0 if absent
	KeyShare         *KeyShare    // in HelloRetryRequest: Data is nil, Group selected_group
	SelectedPSK      *uint16
	Cookie           []byte // HelloRetryRequest only
	ECHConfirmation  []byte // HelloRetryRequest only: 8 bytes of encrypted_client_hello
	Certified        bool   // cert_with_extern_psk
	ConnectionID     []byte // in DTLS: non-nil, perhaps empty, if present
	RRC              bool   // in DTLS

	// TLS 1.2 only.
	ServerNameAck        bool
	StatusRequest        bool
	ECPointFormats       []byte
	ALPN                 string
	SCTs                 [][]byte // non-nil if present
	ExtendedMasterSecret bool
	SessionTicket        bool
	RecordSizeLimit      uint16
	MaxFragmentLength    uint8
	RenegotiationInfo    []byte // non-nil, perhaps empty, if present
	ClientCertType       *iana.CertificateType
	ServerCertType       *iana.CertificateType
	SRTP                 *SRTP
	Unknown              []Extension
}

// EncryptedExtensions carries the server's answers that need no clear text.
// RFC 9846, Section 4.3.1.
type EncryptedExtensions struct {
	Present           []iana.ExtensionType
	ServerNameAck     bool
	SupportedGroups   []iana.NamedGroup
	ALPN              string
	EarlyData         bool
	RecordSizeLimit   uint16
	MaxFragmentLength uint8
	ClientCertType    *iana.CertificateType
	ServerCertType    *iana.CertificateType
	TicketRequest     *uint8 // expected_count
	// QUICTransportParameters is non-nil, perhaps empty, if present.
	QUICTransportParameters []byte
	SRTP                    *SRTP
	ECHRetryConfigs         []byte // an ECHConfigList, nil if absent
	Unknown                 []Extension
}

// CertificateRequest asks the peer for a certificate in TLS 1.3.
// RFC 9846, Section 4.3.2.
type CertificateRequest struct {
	Context             []byte
	Present             []iana.ExtensionType
	SignatureAlgorithms []iana.SignatureScheme
	SignatureAlgsCert   []iana.SignatureScheme
	CertAuthorities     [][]byte
	StatusRequest       bool
	SCT                 bool
	CompressCertificate []iana.CertificateCompression
	DelegatedCredential []iana.SignatureScheme
	OIDFilters          []Extension // kept raw: one, as received
	Unknown             []Extension
}

// Certificate is the chain of TLS 1.3. RFC 9846, Section 4.4.2.
type Certificate struct {
	Context []byte
	Entries []CertificateEntry
}

// CertificateEntry is one certificate, or one raw public key, and what
// belongs to it.
type CertificateEntry struct {
	Data                []byte // DER
	Present             []iana.ExtensionType
	OCSPResponse        []byte
	SCTs                [][]byte
	DelegatedCredential []byte
	Unknown             []Extension
}

// CompressedCertificate is a Certificate message compressed. RFC 8879, Section 4.
type CompressedCertificate struct {
	Algorithm          iana.CertificateCompression
	UncompressedLength uint32
	Compressed         []byte
}

// CertificateVerify proves possession of the key; TLS 1.2 uses the same form.
// RFC 9846, Section 4.4.3; RFC 5246, Section 7.4.8.
type CertificateVerify struct {
	Algorithm iana.SignatureScheme
	Signature []byte
}

// Finished ends a flight; TLS 1.2 uses the same form with 12 bytes.
// RFC 9846, Section 4.4.4.
type Finished struct{ VerifyData []byte }

// NewSessionTicket gives the client a ticket for resumption.
// RFC 9846, Section 4.6.1.
type NewSessionTicket struct {
	Lifetime     uint32 // seconds
	AgeAdd       uint32
	Nonce        []byte
	Ticket       []byte
	MaxEarlyData *uint32 // bytes; nil if the ticket is not for early data
	Present      []iana.ExtensionType
	Unknown      []Extension
}

// KeyUpdate announces new keys. RFC 9846, Section 4.6.3.
type KeyUpdate struct{ RequestUpdate bool }

// Certificate12 is the chain of TLS 1.2. RFC 5246, Section 7.4.2.
// With a raw public key (RFC 7250) it is one SubjectPublicKeyInfo: see ParseRawKey12.
type Certificate12 struct{ Certificates [][]byte }

// CertificateStatus12 carries an OCSP response. RFC 6066, Section 8.
type CertificateStatus12 struct{ Response []byte }

// ServerKeyExchange12 is the signed ECDHE share, with a PSK identity hint in
// front for ECDHE_PSK, and only the hint for PSK. RFC 8422, Section 5.4; RFC 5489, Section 2.
type ServerKeyExchange12 struct {
	Hint      []byte // PSK suites only
	Params    []byte // the signed ServerECDHParams as received
	Group     iana.NamedGroup
	Public    []byte
	Algorithm iana.SignatureScheme
	Signature []byte
}

// CertificateRequest12 asks for a certificate in TLS 1.2. RFC 5246, Section 7.4.4.
type CertificateRequest12 struct {
	CertificateTypes    []byte
	SignatureAlgorithms []iana.SignatureScheme
	CertAuthorities     [][]byte
}

// ClientKeyExchange12 is the client's share, with the PSK identity in front
// for the PSK suites. RFC 8422, Section 5.7; RFC 5489, Section 2.
type ClientKeyExchange12 struct {
	Identity []byte // PSK suites only
	Public   []byte // nil for plain PSK
}

// NewSessionTicket12 is the ticket of TLS 1.2. RFC 5077, Section 3.3.
type NewSessionTicket12 struct {
	Lifetime uint32 // seconds, a hint
	Ticket   []byte
}
