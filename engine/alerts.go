package engine

import "github.com/sealsock/sealsock/iana"

// alertMeaning explains what a received alert means. It returns "" where the
// alert's name is enough.
func alertMeaning(a iana.Alert) string {
	switch a {
	case iana.AlertCloseNotify:
		return "it closed the connection before the handshake was complete"
	case iana.AlertHandshakeFailure:
		return "it found no acceptable set of parameters"
	case iana.AlertProtocolVersion:
		return "it does not support this version of TLS"
	case iana.AlertInsufficientSecurity:
		return "it requires stronger parameters"
	case iana.AlertUnknownCA:
		return "it does not know the authority that signed this side's certificate"
	case iana.AlertCertificateRequired:
		return "it requires a client certificate"
	case iana.AlertCertificateExpired:
		return "this side's certificate has expired or is not valid yet"
	case iana.AlertCertificateRevoked:
		return "this side's certificate was revoked"
	case iana.AlertBadCertificate, iana.AlertUnsupportedCertificate, iana.AlertCertificateUnknown:
		return "it does not accept this side's certificate"
	case iana.AlertUnrecognizedName:
		return "it does not serve the requested server name"
	case iana.AlertNoApplicationProtocol:
		return "it supports none of the application protocols offered"
	case iana.AlertUnknownPSKIdentity:
		return "it does not know the pre-shared key"
	case iana.AlertECHRequired:
		return "it requires Encrypted ClientHello, which this server rejected"
	case iana.AlertDecryptError:
		return "it could not verify a signature, binder or Finished message of this side"
	case iana.AlertBadRecordMAC:
		return "it could not decrypt a record of this side"
	}
	return ""
}

// A Remedy is a setting that may let a refused connection succeed. A program with settings
// of its own can tell its user which of them to change.
type Remedy uint8

// The remedies.
const (
	RemedyNone          Remedy = iota // no single setting
	RemedyLegacy                      // use package legacy, for an old peer
	RemedyPSKWithoutDHE               // set Config.PSKWithoutDHE
)

// legacyHint names the package that connects to peers that this engine refuses.
const legacyHint = "package legacy connects to a peer that has only TLS 1.0 or 1.1, CBC or RSA key exchange"

// alertRemedy returns the setting that alertHint is about.
func alertRemedy(a iana.Alert) Remedy {
	switch a {
	case iana.AlertHandshakeFailure, iana.AlertInsufficientSecurity, iana.AlertProtocolVersion:
		return RemedyLegacy
	}
	return RemedyNone
}

// alertHint returns what the user can do about a received alert, or "".
func alertHint(a iana.Alert) string {
	switch a {
	case iana.AlertHandshakeFailure, iana.AlertInsufficientSecurity:
		return "compare the cipher suites, groups, signature algorithms and PSK modes of both sides; " + legacyHint
	case iana.AlertProtocolVersion:
		return "compare the versions of both sides; " + legacyHint
	case iana.AlertUnknownCA, iana.AlertBadCertificate, iana.AlertCertificateUnknown:
		return "the peer must trust the authority of this side's certificate"
	case iana.AlertCertificateRequired:
		return "configure a certificate and its key"
	case iana.AlertUnknownPSKIdentity:
		return sameKeyHint
	case iana.AlertUnrecognizedName:
		return "check the server name"
	case iana.AlertNoApplicationProtocol:
		return "check the application protocols (ALPN)"
	case iana.AlertCertificateExpired:
		return "renew this side's certificate, or check both clocks"
	}
	return ""
}
