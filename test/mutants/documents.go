package main

// The documents that rows refer to.
const (
	rfc9846 = "RFC 9846" // TLS 1.3; its section numbers are RFC 8446's
	rfc5246 = "RFC 5246" // TLS 1.2
	rfc5280 = "RFC 5280"
	sp800   = "SP 800-38D" // GCM
	own     = "sealsock"   // a rule of this module; section names where it is written
)

// A document is a text with requirements.
type document struct {
	name, title string
}

var documents = []document{
	{rfc9846, "TLS 1.3"},
	{rfc5246, "TLS 1.2"},
	{"RFC 4279", "Pre-shared keys in TLS 1.2"},
	{"RFC 5077", "Session tickets of TLS 1.2"},
	{"RFC 5705", "Exporters"},
	{"RFC 5746", "Renegotiation indication"},
	{"RFC 7507", "Fallback signalling"},
	{"RFC 5288", "AES-GCM in TLS 1.2"},
	{"RFC 7627", "Extended master secret"},
	{"RFC 7905", "ChaCha20-Poly1305"},
	{"RFC 8422", "Elliptic curves in TLS 1.2"},
	{"RFC 6066", "TLS extensions"},
	{"RFC 7250", "Raw public keys"},
	{"RFC 7301", "Application protocols"},
	{"RFC 8449", "Record size limit"},
	{"RFC 8879", "Certificate compression"},
	{"RFC 9258", "Imported pre-shared keys"},
	{"RFC 9345", "Delegated credentials"},
	{"RFC 9849", "Encrypted ClientHello"},
	{rfc5280, "Certificates and revocation lists"},
	{"RFC 9525", "Names in certificates"},
	{"RFC 6960", "OCSP"},
	{"RFC 7292", "PKCS #12"},
	{"RFC 8555", "ACME"},
	{"draft-ietf-tls-ecdhe-mlkem", "Post-quantum hybrids"},
	{sp800, "GCM"},
	{own, "Rules of this module"},
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
