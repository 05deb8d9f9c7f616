package engine

import "github.com/sealsock/sealsock/iana"

// alertMeaning explains what a received alert means. It returns "" where the
// alert's name is enough.
func alertMeaning(a iana.Alert) string {
	switch a {
	case iana.AlertCloseNotify:
		return "it closed the connection before the handshake was done"
	case iana.AlertHandshakeFailure:
		return "it found no acceptable set of parameters"
	case iana.AlertProtocolVersion:
		return "it does not speak this version of TLS"
	case iana.AlertInsufficientSecurity:
		return "it wants stronger parameters"
	case iana.AlertUnknownCA:
		return "it does not know the authority that signed this side's certificate"
	case iana.AlertCertificateRequired:
		return "it wants a client certificate"
	case iana.AlertCertificateExpired:
		return "this side's certificate has expired or is not valid yet"
	case iana.AlertCertificateRevoked:
		return "this side's certificate was revoked"
	case iana.AlertBadCertificate, iana.AlertUnsupportedCertificate, iana.AlertCertificateUnknown:
		return "it does not accept this side's certificate"
	case iana.AlertUnrecognizedName:
		return "it does not serve the name asked for"
	case iana.AlertNoApplicationProtocol:
		return "it speaks none of the application protocols offered"
	case iana.AlertUnknownPSKIdentity:
		return "it does not know the pre-shared key"
	case iana.AlertECHRequired:
		return "it could not have its ClientHello decrypted, and comes back or gives up"
	case iana.AlertDecryptError:
		return "a signature or a Finished of this side did not verify there, or its pre-shared key is not the one there"
	case iana.AlertBadRecordMAC:
		return "a record of this side did not decrypt there"
	}
	return ""
}

// legacyHint names the package that connects to peers that this engine refuses.
const legacyHint = "an old peer with TLS 1.0 or 1.1, CBC or RSA key exchange alone can be reached through package legacy (--legacy)"

// alertHint returns what the user can do about a received alert, or "".
func alertHint(a iana.Alert) string {
	switch a {
	case iana.AlertHandshakeFailure, iana.AlertInsufficientSecurity:
		return "compare suites, groups, signature algorithms and ways of using pre-shared keys with what the peer allows; " + legacyHint
	case iana.AlertProtocolVersion:
		return "compare the versions that both sides allow; " + legacyHint
	case iana.AlertUnknownCA, iana.AlertBadCertificate, iana.AlertCertificateUnknown:
		return "the peer must trust the authority of this side's certificate"
	case iana.AlertCertificateRequired:
		return "give a certificate and its key"
	case iana.AlertUnknownPSKIdentity:
		return "both sides need the same key under the same identity"
	case iana.AlertUnrecognizedName:
		return "check the server name"
	case iana.AlertNoApplicationProtocol:
		return "check the application protocols (ALPN)"
	case iana.AlertCertificateExpired:
		return "renew this side's certificate, or check both clocks"
	}
	return ""
}
