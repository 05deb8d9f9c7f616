package iana

// Version is a ProtocolVersion. RFC 9846, Section 4.1.2.
type Version uint16

// The versions that have a name. This module implements TLS12 and TLS13.
const (
	SSL20  Version = 0x0002
	SSL30  Version = 0x0300
	TLS10  Version = 0x0301
	TLS11  Version = 0x0302
	TLS12  Version = 0x0303
	TLS13  Version = 0x0304
	DTLS10 Version = 0xfeff
	DTLS12 Version = 0xfefd
	DTLS13 Version = 0xfefc
)

var versions = registry[Version]{"version", []name[Version]{
	{TLS13, "TLS 1.3", "TLSv1.3 TLS1.3 TLS13 1.3"},
	{TLS12, "TLS 1.2", "TLSv1.2 TLS1.2 TLS12 1.2"},
	{TLS11, "TLS 1.1", "TLSv1.1 TLS1.1 TLS11 1.1"},
	{TLS10, "TLS 1.0", "TLSv1 TLSv1.0 TLS1.0 TLS1 TLS10 1.0"},
	{SSL30, "SSL 3.0", "SSLv3 SSL3 SSL3.0 SSL30"},
	{SSL20, "SSL 2.0", "SSLv2 SSL2 SSL2.0 SSL20"},
	{DTLS13, "DTLS 1.3", "DTLSv1.3 DTLS1.3 DTLS13"},
	{DTLS12, "DTLS 1.2", "DTLSv1.2 DTLS1.2 DTLS12"},
	{DTLS10, "DTLS 1.0", "DTLSv1 DTLSv1.0 DTLS1.0 DTLS10"},
}}

// String returns "TLS 1.3" and the like, or "version 0x1234".
func (v Version) String() string { return versions.text(v) }

// ParseVersion accepts "TLS 1.3", "TLSv1.3", "tls1.3" and "1.3", and likewise
// for the other versions. The error lists them.
func ParseVersion(text string) (Version, error) { return versions.parse(text) }
