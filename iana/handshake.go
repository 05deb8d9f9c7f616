package iana

// HandshakeType is the type of a handshake message. RFC 9846, Section 4.
type HandshakeType uint8

// The messages of TLS 1.3 and 1.2.
const (
	HandshakeHelloRequest          HandshakeType = 0 // TLS 1.2
	HandshakeClientHello           HandshakeType = 1
	HandshakeServerHello           HandshakeType = 2 // HelloRetryRequest too
	HandshakeHelloVerifyRequest    HandshakeType = 3 // DTLS 1.2
	HandshakeNewSessionTicket      HandshakeType = 4
	HandshakeEndOfEarlyData        HandshakeType = 5
	HandshakeEncryptedExtensions   HandshakeType = 8
	HandshakeRequestConnectionID   HandshakeType = 9  // DTLS 1.3
	HandshakeNewConnectionID       HandshakeType = 10 // DTLS 1.3
	HandshakeCertificate           HandshakeType = 11
	HandshakeServerKeyExchange     HandshakeType = 12 // TLS 1.2
	HandshakeCertificateRequest    HandshakeType = 13
	HandshakeServerHelloDone       HandshakeType = 14 // TLS 1.2
	HandshakeCertificateVerify     HandshakeType = 15
	HandshakeClientKeyExchange     HandshakeType = 16 // TLS 1.2
	HandshakeFinished              HandshakeType = 20
	HandshakeCertificateStatus     HandshakeType = 22 // TLS 1.2
	HandshakeKeyUpdate             HandshakeType = 24
	HandshakeCompressedCertificate HandshakeType = 25
	HandshakeMessageHash           HandshakeType = 254 // never on the wire
)

var handshakeTypes = registry[HandshakeType]{"handshake message", []name[HandshakeType]{
	{HandshakeHelloRequest, "hello_request", ""},
	{HandshakeClientHello, "client_hello", ""},
	{HandshakeServerHello, "server_hello", ""},
	{HandshakeHelloVerifyRequest, "hello_verify_request", ""},
	{HandshakeNewSessionTicket, "new_session_ticket", ""},
	{HandshakeEndOfEarlyData, "end_of_early_data", ""},
	{6, "hello_retry_request", ""},
	{HandshakeEncryptedExtensions, "encrypted_extensions", ""},
	{HandshakeRequestConnectionID, "request_connection_id", ""},
	{HandshakeNewConnectionID, "new_connection_id", ""},
	{HandshakeCertificate, "certificate", ""},
	{HandshakeServerKeyExchange, "server_key_exchange", ""},
	{HandshakeCertificateRequest, "certificate_request", ""},
	{HandshakeServerHelloDone, "server_hello_done", ""},
	{HandshakeCertificateVerify, "certificate_verify", ""},
	{HandshakeClientKeyExchange, "client_key_exchange", ""},
	{17, "client_certificate_request", ""},
	{HandshakeFinished, "finished", ""},
	{21, "certificate_url", ""},
	{HandshakeCertificateStatus, "certificate_status", ""},
	{23, "supplemental_data", ""},
	{HandshakeKeyUpdate, "key_update", ""},
	{HandshakeCompressedCertificate, "compressed_certificate", ""},
	{26, "ekt_key", ""},
	{67, "next_protocol", ""},
	{HandshakeMessageHash, "message_hash", ""},
}}

// String returns the registry's name, such as "client_hello", or
// "handshake message 99".
func (h HandshakeType) String() string { return handshakeTypes.text(h) }

// ParseHandshakeType accepts the registry's names. The error suggests similar
// names.
func ParseHandshakeType(text string) (HandshakeType, error) { return handshakeTypes.parse(text) }
