package main

// The documents that rows refer to.
const (
	rfc9846 = "RFC 9846" // TLS 1.3; its section numbers are RFC 8446's
	rfc5246 = "RFC 5246" // TLS 1.2
	rfc9147 = "RFC 9147" // DTLS 1.3
	rfc6347 = "RFC 6347" // DTLS 1.2
	rfc9001 = "RFC 9001" // QUIC
	rfc5280 = "RFC 5280"
	sp800   = "SP 800-38D" // GCM
	rfc9149 = "RFC 9149"   // ticket requests
	rfc9146 = "RFC 9146"   // connection IDs
	rfc9853 = "RFC 9853"   // return routability checks
	rfc5764 = "RFC 5764"   // use_srtp
	rfc7748 = "RFC 7748"   // X25519
	own     = "sealsock"   // a rule of this module; section names where it is written
)

// A document is a text with requirements.
type document struct {
	name, title string
	// musts is how often MUST and MUST NOT stand in the text, without the paragraph
	// that defines them; 0 where they were not counted.
	musts int
}

var documents = []document{
	{rfc9846, "TLS 1.3", 343},
	{rfc5246, "TLS 1.2", 136},
	{rfc9147, "DTLS 1.3", 0},
	{rfc6347, "DTLS 1.2", 0},
	{rfc9001, "QUIC", 0},
	{"RFC 4279", "Pre-shared keys in TLS 1.2", 0},
	{"RFC 5077", "Session tickets of TLS 1.2", 16},
	{"RFC 5452", "DNS answers that are not forged", 0},
	{"RFC 5705", "Exporters", 0},
	{"RFC 5746", "Renegotiation indication", 39},
	{"RFC 7507", "Fallback signalling", 0},
	{"RFC 5288", "AES-GCM in TLS 1.2", 8},
	{"RFC 7627", "Extended master secret", 17},
	{rfc7748, "X25519 and X448", 0},
	{"RFC 7919", "Finite-field Diffie-Hellman", 0},
	{"RFC 7905", "ChaCha20-Poly1305", 0},
	{"RFC 8422", "Elliptic curves in TLS 1.2", 44},
	{"RFC 6066", "TLS extensions", 28},
	{"RFC 6455", "WebSocket", 0},
	{"RFC 7250", "Raw public keys", 8}, // in Section 4
	{"RFC 7301", "Application protocols", 3},
	{"RFC 8449", "Record size limit", 10},
	{"RFC 8879", "Certificate compression", 12},
	{rfc9149, "Ticket requests", 0},
	{rfc9146, "Connection IDs of DTLS 1.2", 0},
	{rfc9853, "Return routability checks", 0},
	{rfc5764, "SRTP keys from DTLS", 0},
	{"RFC 9258", "Imported pre-shared keys", 8},
	{"RFC 9345", "Delegated credentials", 19},
	{"RFC 9849", "Encrypted ClientHello", 72},
	{rfc5280, "Certificates and revocation lists", 302},
	{"RFC 9525", "Names in certificates", 0},
	{"RFC 9598", "Internationalized e-mail addresses in certificates", 0},
	{"RFC 6960", "OCSP", 0},
	{"RFC 9654", "The nonce of OCSP", 0},
	{"RFC 7292", "PKCS #12", 0},
	{"RFC 8555", "ACME", 0},
	{"draft-ietf-tls-ecdhe-mlkem", "Post-quantum hybrids", 0},
	{tlsMLDSA, "ML-DSA signatures", 0},
	{rfc9881, "ML-DSA keys", 0},
	{sp800, "GCM", 0},
	{own, "Rules of this module", 0},
}

// documentFor returns the document of a name, or nil.
func documentFor(name string) *document {
	for i := range documents {
		if documents[i].name == name {
			return &documents[i]
		}
	}
	return nil
}
